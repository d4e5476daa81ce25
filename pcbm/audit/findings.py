"""What an audit found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ALPHA = 0.05
PARTS = {"concepts": "the concept part", "residual": "the residual", "total": "the model"}
CLEAN = "no sign of {concept!r} was found in what could be measured"


def findings(record: Mapping[str, Any]) -> list[str]:
    """Return what the figures of an audit say, one sentence each; never nothing.

    A paired response counts when its p, times the number of margins (Bonferroni), is at most .05,
    so that many classes do not find one by chance; an AUC when that of all classes is.
    """
    found = [*_used(record), *_responses(record), *_leaks(record)]
    for gap in record["reliance"].values():
        found += gap.get("warnings", [])
    if not found and _measured(record):
        found = [CLEAN.format(concept=record["concept"])]
    return found or ["nothing could be measured: give pairs, concept labels or shifted data"]


def _measured(record: Mapping[str, Any]) -> bool:
    audits = [record["paired"], *record["reliance"].values()]
    within = record["within_class"]
    if within.get("now") is not None and 1 / (1 + within["now"]["total"]["repeats"]) <= ALPHA:
        audits.append(within)
    return any("not_measurable" not in audit for audit in audits)


def _used(record: Mapping[str, Any]) -> Iterator[str]:
    if any(record["coef"]["now"] or ()):
        yield f"the head has coefficients of {record['concept']!r}: it was not removed"


def _responses(record: Mapping[str, Any]) -> Iterator[str]:
    now, before = record["paired"].get("now"), record["paired"].get("before")
    if now is None:
        return
    many = len(now["toward"])
    for name, response in now["toward"].items():
        for part, words in PARTS.items():
            if response["residual"] is None and part == "concepts":
                continue  # the same as the total
            figure = response[part]
            if figure is None or not _clear(figure, many):
                continue
            low, high = figure["interval"]
            yield (
                f"{record['concept']!r} put into the same inputs moves {words} toward {name!r} by "
                f"{figure['mean']:+.3f} logits ({low:+.3f} to {high:+.3f})"
            )
        if before is None:
            continue
        old, new = before["toward"][name]["total"], response["total"]
        if old["mean"] * new["mean"] < 0 and _clear(old, many) and _clear(new, many):
            yield (
                f"over-correction: the response toward {name!r} turned from {old['mean']:+.3f} to "
                f"{new['mean']:+.3f} logits, so the model now goes against {record['concept']!r}"
            )
    flips = now["flips"]
    if flips is not None and flips["n"]:
        yield f"{flips['share']:.1%} of {now['pairs']:,} predictions change with it"


def _leaks(record: Mapping[str, Any]) -> Iterator[str]:
    now = record["within_class"].get("now")
    for part, words in PARTS.items():
        if now is None or (part == "concepts" and now["residual"] is None):
            continue
        figure = now[part]
        if figure is None or figure["p_value"] > ALPHA:
            continue
        name, most = max(figure["toward"].items(), key=lambda item: abs(item[1]["auc"] - 0.5))
        yield (
            f"among rows of one class {words} still orders by {record['concept']!r}: AUC "
            f"{most['auc']:.3f} toward {name!r}, p = {figure['p_value']:.3g}"
        )


def _clear(figure: Mapping[str, Any], many: int) -> bool:
    """Return whether a mean response is clear of zero, as one of so many."""
    return figure["p_value"] is not None and figure["p_value"] * many <= ALPHA
