"""The benchmark of comparisons: maps of layers and SVCCA, ours and others on the same batches."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import machine, tables
from benchmarks.launch import LOADING, ROOT, environment
from benchmarks.layers.judge import error, reference
from benchmarks.layers.loops import Loop, loops
from benchmarks.layers.problem import SPECS, Array, Layers, draw, write
from benchmarks.promises import SIMILARITY
from benchmarks.promises import table as verdicts
from benchmarks.record import Record

PACKAGES = ("pcbm", "numpy", "torch")
COLUMNS = ("loop", "seconds", "range", "runs", "cpu s", "error", "on top", "memory / data", "ratio")


@dataclass(frozen=True)
class Settings:
    """What is run: problems, runs of each loop, threads, seed, limit in s; the peers' Python."""

    problems: Sequence[str]
    repeats: int = 5
    threads: int = 1
    seed: int = 0
    limit: float = 900.0
    python: str = sys.executable


def run(settings: Settings, out: Path | None) -> dict[str, dict[str, Any]]:
    """Run the benchmark, print a table per problem and the verdicts, return the record."""
    described = machine.describe()
    about = {
        "benchmark": "similarity",
        "machine": described,
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
    agreed = {"repeats": settings.repeats, "threads": settings.threads, "seed": settings.seed}
    record = Record(out, about, agreed)
    print(tables.machine_section(described), flush=True)
    for name in settings.problems:
        if name not in record.problems:
            _one(draw(SPECS[name], settings.seed), settings, record)
        print(section(name, record.problems[name]), flush=True)
    found = {name: figures(entry) for name, entry in record.problems.items()}
    print(verdicts(SIMILARITY, found))
    return record.problems


def _one(layers: Layers, settings: Settings, record: Record) -> None:
    spec = layers.spec
    entry = record.begin(spec.name, {"runs": [], "peers": {}, "errors": {}})
    entry |= {"load_before": machine.load(), "bytes": layers.nbytes, "kind": spec.kind}
    entry |= {"rows": spec.rows, "batch": spec.batch, "threads": settings.threads}
    entry["widths"] = [list(spec.left), list(spec.right)]
    expected = reference(layers)
    here = {}
    for loop in loops(spec.kind).values():
        entry["peers"][loop.name] = _probe(loop, settings)
        if "missing" not in entry["peers"][loop.name]:
            here[loop.name] = loop
    work = Path(tempfile.mkdtemp(prefix="pcbm-layers-"))
    try:
        write(work / "problem", layers)
        del layers
        for _ in range(settings.repeats):
            for loop in here.values():
                result, answer = _solve(loop, work / "problem", settings)
                entry["runs"].append({"loop": loop.name, "load": machine.load(), **result})
                if answer is not None:
                    entry["errors"][loop.name] = error(answer, expected)
                record.save()
                told = result.get("error") or f"{result['seconds']:.3g} s"
                print(f"{spec.name}: {loop.name}: {told}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(work)
    entry |= {"load_after": machine.load(), "done": True}
    entry["figures"] = figures(entry)
    record.save()


def _command(loop: Loop, action: str, settings: Settings) -> list[str]:
    python = sys.executable if loop.package is None else settings.python
    return [python, "-m", "benchmarks.layers.child", action, loop.kind, loop.name]


def _probe(loop: Loop, settings: Settings) -> dict[str, str]:
    command = _command(loop, "probe", settings)
    if command[0] == sys.executable:
        return loop.probe()
    if shutil.which(command[0]) is None:
        return {"missing": f"{command[0]} is not here"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LOADING
    )
    return {"missing": _last(done.stderr)} if done.returncode else json.loads(done.stdout)


def _solve(loop: Loop, problem: Path, settings: Settings) -> tuple[dict[str, Any], Array | None]:
    """Return the figures of a run, or its error, and its answer."""
    with tempfile.TemporaryDirectory(prefix="pcbm-bench-") as folder:
        job = Path(folder)
        try:
            done = subprocess.run(
                [*_command(loop, "solve", settings), str(problem), folder],
                cwd=ROOT,
                env=environment(settings.threads),
                capture_output=True,
                text=True,
                check=False,
                timeout=settings.limit,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"> {settings.limit:.0f} s"}, None
        if done.returncode:
            return {"error": _last(done.stderr)}, None
        result = json.loads((job / "result.json").read_text())
        return result, np.load(job / "answer.npy", allow_pickle=False)


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:200]


def figures(entry: dict[str, Any]) -> dict[str, float | None]:
    """Return what the promises are about."""
    others = [name for name in loops(entry["kind"]) if name not in ("ours", "torch_cka")]
    fastest = [s for s in (_seconds(entry, name) for name in others) if s]
    ours, peer = _seconds(entry, "ours"), _seconds(entry, "torch_cka")
    mine, its = _memory(entry, "ours"), _memory(entry, "torch_cka")
    best = min(fastest) / ours if fastest and ours else None
    recipe = entry["kind"] == "svcca"
    return {
        "times torch_cka": peer / ours if peer and ours else None,
        "times the best other loop": None if recipe else best,
        "times the recipe": best if recipe else None,
        "largest error": entry["errors"].get("ours"),
        "memory over torch_cka's": mine / its if mine and its else None,
    }


def section(name: str, entry: dict[str, Any]) -> str:
    """Return a problem's heading and table as Markdown."""
    load = f"load {entry['load_before']} before, {entry.get('load_after', '-')} after"
    left, right = entry["widths"]
    if entry["kind"] == "svcca":
        what = f"one pair of {left[0]} and {right[0]} columns on {entry['rows']:,} rows"
    else:
        what = (
            f"{len(left)} x {len(right)} layers of {min(left)} to {max(left)} columns on "
            f"{entry['rows']:,} rows in batches of {entry['batch']}"
        )
    rows = [
        f"### {name}: {what}",
        "",
        f"{entry['bytes'] / 1e6:.0f} MB; {entry['threads']} thread(s); {load}.",
        "",
        f"| {' | '.join(COLUMNS)} | version | how |",
        "|" + "---|" * (len(COLUMNS) + 2),
    ]
    for loop in loops(entry["kind"]).values():
        version = entry["peers"].get(loop.name, {}).get("version", "")
        rows.append(f"| {' | '.join([*_cells(loop.name, entry), version, loop.about])} |")
    return "\n".join([*rows, ""])


def _cells(name: str, entry: dict[str, Any]) -> list[str]:
    runs = [run for run in entry["runs"] if run["loop"] == name]
    times = [run["seconds"] for run in runs if "seconds" in run]
    if not times:
        missing = entry["peers"].get(name, {}).get("missing", "-")
        return [name, next((run["error"] for run in runs), missing), *[""] * (len(COLUMNS) - 2)]
    ours = _seconds(entry, "ours")
    extra = _extra(entry, name)
    total = _memory(entry, name)
    return [
        name,
        f"{median(times):.3g}",
        f"{min(times):.3g}-{max(times):.3g}",
        str(len(times)),
        f"{median([run['cpu'] for run in runs if 'cpu' in run]):.3g}",
        f"{entry['errors'][name]:.1e}",
        "" if extra is None else f"{extra / 1e6:.1f} MB",
        "" if total is None else f"{total / entry['bytes']:.3g}",
        f"{median(times) / ours:.2f}" if ours else "",
    ]


def _seconds(entry: dict[str, Any], name: str) -> float | None:
    times = [run["seconds"] for run in entry["runs"] if run["loop"] == name and "seconds" in run]
    return median(times) if times else None


def _extra(entry: dict[str, Any], name: str) -> float | None:
    found = [run.get("extra_bytes") for run in entry["runs"] if run["loop"] == name]
    known = [value for value in found if value is not None]
    return float(max(known)) if known else None


def _memory(entry: dict[str, Any], name: str) -> float | None:
    """Return the data and what came on top of it at most, in bytes."""
    extra = _extra(entry, name)
    return None if extra is None else entry["bytes"] + extra
