"""Every number that the page shows is one of the run's files, or follows from it as stated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.concepts import ConceptBank
from pcbm.model import Run, save_run
from pcbm.report import render_report
from pcbm.report.figures import count, decimal, effective, percent, points, signed, significant

from .conftest import run_of
from .test_page import Page

NUMBER = re.compile(r"(?<![\w.])[+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+−]\d+)?%?(?!\w)")
# The level of intervals; 0 and 1 of explanations; what the words of a command ask for.
SAID = {"95", "95%", "0", "1", "20", "0%", "100%"}
SHOWN_IN_FULL = re.compile(r"Figures of metrics.json in full precision.*?Written by", re.DOTALL)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield len(value)
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        yield len(value)
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield from NUMBER.findall(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def derived(metrics: Mapping[str, Any], edits: list[dict[str, Any]]) -> Iterator[float]:
    """Give what the page works out: shares of confusions, sums, differences of an edit."""
    for record in [metrics.get("evaluation"), (metrics.get("as_fitted") or {}).get("evaluation")]:
        rows = (record or {}).get("confusion") or {}
        if "label_accuracy" in (record or {}):
            continue  # four counts a label, shown as they are
        for row in rows.values():
            for n in row.values():
                yield n / sum(row.values())
        wrong = [n for given, row in rows.items() for said, n in row.items() if said != given]
        yield from (sum(wrong), len(wrong))
    for record in (evaluation for step in edits for evaluation in _sets(step["evaluation"])):
        before, after = record["before"], record["after"]
        for key in ("accuracy", "balanced_accuracy", "worst_group", "auc", "rmse", "r2"):
            if before.get(key) is not None:
                yield after[key] - before[key]
        for part in ("per_class", "per_group"):
            for name, row in (before.get(part) or {}).items():
                yield after[part][name]["accuracy"] - row["accuracy"]


def _sets(record: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [] if record is None else [record, *record.get("also", [])]


def in_words(value: float | int) -> set[str]:
    if isinstance(value, int):
        return {count(value), str(value), percent(float(value)), signed(float(value))}
    writers = (percent, points, decimal, signed, significant, effective)
    found = {write(value) for write in writers}
    found |= {decimal(value, 1), decimal(value, 2), signed(value, 2), significant(value, 2)}
    return found | {percent(value).rstrip("%"), significant(value, 4)}


def known(folder: Path) -> set[str]:
    """Collect every number of the files of a RUN, in every way that the page may write it."""
    read = {name: json.loads((folder / name).read_text()) for name in FILES}
    bank = ConceptBank.load(folder / "bank.safetensors")
    weights = [float(w) for line in WEIGHTS(folder) for w in line]
    found = set(SAID)
    everything = (*read.values(), bank.stats, bank.notes, weights)
    numbers = [v for part in everything for v in leaves(part)]
    numbers += derived(read["metrics.json"], read["edits.json"])
    for value in numbers:
        found |= {value} if isinstance(value, str) else in_words(value)
    return found


FILES = ("metrics.json", "edits.json", "config.json")


def WEIGHTS(folder: Path) -> list[list[str]]:
    lines = (folder / "weights.csv").read_text().splitlines()[1:]
    return [line.rsplit(",", 3)[1:] for line in lines]


def unknown(run: Run, folder: Path) -> list[str]:
    save_run(run, folder)
    text = SHOWN_IN_FULL.sub("", Page(render_report(run)).text).replace("SHA-256", "")
    allowed = known(folder)
    allowed |= {str(n) for n in counted(run)}
    intercepts = np.atleast_1d(run.model.intercept_)
    allowed |= {word for value in intercepts for word in in_words(float(value))}
    return [
        text[max(0, m.start() - 40) : m.end() + 10]
        for m in NUMBER.finditer(text)
        if m.group() not in allowed
    ]


def counted(run: Run) -> set[int]:
    """Count what the page counts: concepts of a class, classes of a concept, rows of a table."""
    used = np.atleast_2d(run.model.coef_) != 0
    totals = {*used.sum(axis=0), *used.sum(axis=1), int(used.any(axis=0).sum()), len(used)}
    pairs = len(((run.metrics.get("geometry") or {}).get("closest")) or [])
    unmoved = [
        sum(change["coef"]["before"] == change["coef"]["after"] for change in step["changes"])
        for step in run.edits
    ]
    return {int(n) for n in totals} | {pairs - 10, *unmoved}


def test_every_number_of_the_page_is_in_the_files_of_the_run(run: Run, tmp_path: Path) -> None:
    assert unknown(run, tmp_path / "run") == []


def test_every_number_of_an_edited_run_is_in_its_files(edited_zoo: Run, tmp_path: Path) -> None:
    assert unknown(edited_zoo, tmp_path / "run") == []


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_every_number_of_every_task_is_in_its_files(task: str, tmp_path: Path) -> None:
    assert unknown(run_of(task), tmp_path / "run") == []


def test_a_number_from_nowhere_is_found(run: Run, tmp_path: Path) -> None:
    controls = {**run.metrics["controls"], "full_probe": 0.123456}
    forged = Run(run.model, run.config, {**run.metrics, "controls": controls})
    save_run(run, tmp_path / "run")
    allowed = known(tmp_path / "run")
    text = Page(render_report(forged)).text
    assert "12.3%" in text
    assert "12.3%" not in allowed
