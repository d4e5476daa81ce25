"""The record as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Line, certainty, lines

COLUMNS = (
    "solver",
    "seconds",
    "range",
    "runs",
    "cpu s",
    "stolen s",
    "gap",
    "kkt / lam",
    "points",
    "memory / data",
    "time / floor",
    "times ours",
    "at equal gap",
)


def problem_section(name: str, entry: Mapping[str, Any]) -> str:
    """Return a problem's heading, what it is, and the table of its solvers."""
    rows = lines(dict(entry))
    rates = ", ".join(f"{rate:.0f} on {count}" for count, rate in entry["gflops"].items())
    known = f"{certainty(dict(entry)):.1e}" if entry["answers"] else "-"
    return "\n".join(
        [
            f"### {name}: n={entry['n']:,}, K={entry['K']}, C={entry['C']}, {entry['family']}",
            "",
            f"{len(entry['lams'])} strengths, training accuracy {entry['accuracy']:.2f}, "
            f"{entry['bytes'] / 1e6:.0f} MB; optimum known to {known}; products at {rates} "
            f"GFLOP/s (threads); load {entry['load_before']} before, "
            f"{entry.get('load_after', '-')} after.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|" + "---|" * len(COLUMNS),
            *(f"| {' | '.join(_cells(row))} |" for row in rows),
            "",
        ]
    )


def peers_section(about: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the solvers with their versions, or why they are not there."""
    rows = []
    for name, found in about.items():
        versions = found.get("versions", {})
        shown = ", ".join(f"{key} {value}" for key, value in versions.items())
        rows.append(f"| {name} | {shown or found.get('missing', '-')} | {found['about']} |")
    return "\n".join(["| solver | versions | how it is called |", "|---|---|---|", *rows, ""])


def machine_section(about: Mapping[str, Any]) -> str:
    """Return the machine in one line."""
    return (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, "
        f"{about['system']}, Python {about['python']}, {about['time']}.\n"
    )


def _cells(row: Line) -> list[str]:
    if row.seconds is None:
        return [row.contender, row.error or "-", *[""] * (len(COLUMNS) - 2)]
    fair = "" if row.fair is None or row.match is None else f"{row.fair:.2f} ({_tol(row.match)})"
    return [
        row.contender,
        f"{row.seconds:.3g}",
        f"{row.fastest:.3g}-{row.slowest:.3g}",
        str(row.runs),
        _short(row.cpu),
        _short(row.stolen),
        "-" if row.gap is None else f"{row.gap:.1e}",
        "-" if row.kkt is None else f"{row.kkt:.1e}",
        str(row.points),
        _short(row.memory),
        _short(row.floor),
        _short(row.ratio),
        fair,
    ]


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _tol(label: str) -> str:
    return label.removeprefix("ours ").partition(",")[0]
