"""Where a run comes from and how to repeat it: data, backbone, settings, commands, all figures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.figures import count, exact, percent, significant

SOURCES = {"text": "words", "cav": "example inputs (CAV)", "imported": "given vectors"}
OWN_TABLES = ("path", "confusion", "contributions", "geometry")
REPEATED = (
    "projection",
    "concepts_per_class",
    "lam",
    "select",
    "nec_rule",
    "group_folds",
    "l1_ratio",
    "solver",
    "residual",
    "task",
    "seed",
    "control_repeats",
)


def facts(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, list[tuple]]]:
    """Return what was fitted on what: groups of (label, value), None where not recorded."""
    data, backbone = config.get("data") or {}, config.get("backbone") or {}
    bank, settings = config.get("bank") or {}, config.get("settings") or {}
    return [
        (
            "Data",
            [
                ("Source", data.get("source")),
                ("Content, SHA-256", short_hash(data.get("content"))),
                ("Test data", _test_data(data)),
                ("Training rows", _whole(metrics["n_train"])),
                ("Test rows", _whole(metrics["n_test"])),
                ("Task", config["task"]),
                ("Classes", _listed(config.get("classes"))),
            ],
        ),
        (
            "Backbone",
            [
                ("Model", backbone.get("spec")),
                ("Layer", backbone.get("layer") or ("the model's output" if backbone else None)),
                ("Pooling", backbone.get("pooling")),
                ("Dimensions", _whole(backbone.get("dim"))),
                ("Weights, SHA-256", short_hash(backbone.get("weights_sha256"))),
                ("Fingerprint", short_hash(config.get("fingerprint"))),
            ],
        ),
        (
            "Concepts and head",
            [
                ("Concepts", _whole(metrics["n_concepts"])),
                ("Given as", data.get("concepts")),
                ("Bank made from", SOURCES.get(str(bank.get("source")), bank.get("source"))),
                ("Projection", settings.get("projection")),
                ("Head chosen as", (metrics.get("selection") or {}).get("text")),
                ("Solver", (metrics.get("solver") or {}).get("text")),
                ("Penalty λ", significant(metrics["lam"])),
                ("L1 share", _number(settings.get("l1_ratio"))),
                ("Residual", settings.get("residual")),
            ],
        ),
    ]


def short_hash(value: str | None) -> str | None:
    """Return the head of a hash that is too long to read; Provenance has it in full."""
    return value if value is None or len(value) <= 16 else value[:12] + "…"


def hashes(config: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Return the fingerprints in full, with what they are of."""
    backbone = config.get("backbone") or {}
    rows = [
        ("Data, SHA-256 of the contents", (config.get("data") or {}).get("content")),
        ("Backbone, SHA-256 of the weights", backbone.get("weights_sha256")),
        ("Fingerprint of backbone, layer, pooling and preprocessing", config.get("fingerprint")),
    ]
    return [(label, value) for label, value in rows if value]


def commands(config: Mapping[str, Any], edits: Sequence[Any]) -> list[str]:
    """Return the command lines that repeat the run, as far as they are known."""
    data, backbone = config.get("data") or {}, config.get("backbone") or {}
    if data.get("source") is None:
        return []
    words = ["pcbm", "fit", str(data["source"])]
    options = {
        "test": data.get("test"),
        "test-size": data.get("test_size"),
        "backbone": backbone.get("spec"),
        "layer": backbone.get("layer"),
        "concepts": data.get("concepts") or "RUN/bank.safetensors",
        **{
            name.replace("_", "-"): value
            for name, value in (config.get("settings") or {}).items()
            if name in REPEATED
        },
        "out": "RUN",
    }
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words += [f"--{name}", str(value)]
    lines = [shlex.join(words)]
    if edits:
        lines.append("pcbm edit RUN --plan plan.json --out RUN2    # edits.json holds the plans")
    return lines


def all_figures(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers of metrics.json in full precision, by their dotted places.

    Left out is what has tables of its own, which would fill the page: see `OWN_TABLES`.
    """
    rows: list[tuple[str, str]] = []

    def walk(place: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if key not in OWN_TABLES:
                    walk(f"{place}.{key}" if place else str(key), inner)
        elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
            for i, inner in enumerate(value):
                walk(f"{place}[{i}]", inner)
        elif isinstance(value, list | tuple):
            rows.append((place, ", ".join(exact(v) for v in value)))
        else:
            rows.append((place, exact(value)))

    walk("", metrics)
    return rows


def _listed(names: Sequence[str] | None) -> str | None:
    if names is None:
        return None
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown}, … ({count(len(names))} in all)"


def _test_data(data: Mapping[str, Any]) -> str | None:
    """Return where the test rows came from."""
    if data.get("test") or not data:
        return data.get("test")
    size = data.get("test_size")
    return "a split in the data" if size is None else f"{percent(size)} of the rows, stratified"


def _whole(value: int | None) -> str | None:
    return None if value is None else count(value)


def _number(value: float | None) -> str | None:
    return None if value is None else significant(value)
