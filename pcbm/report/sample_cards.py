"""What the report shows of explained samples: their bars, and which way they point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcbm.report.figures import percent, signed, significant
from pcbm.report.samples import Sample
from pcbm.report.weights import bar

CONCEPTS_AT_ONCE = 6


def sample_cards(samples: Sequence[Sample] | None) -> list[dict[str, Any]]:
    """Return the samples as the template wants them."""
    return [_card(sample) for sample in samples or ()]


def _card(sample: Sample) -> dict[str, Any]:
    record = sample.record
    parts = contributions_of(record)
    longest = max(abs(value) for _, value, _ in parts) or 1.0
    label = label_text(record["label"])
    return {
        "kind": sample.kind,
        "id": record["id"],
        "label": label,
        "truth": sample.truth,
        "right": sample.truth == label,
        "proba": _probability(record),
        "toward": record["toward"],
        "rival": rival(record),
        "bars": [{**bar(name, value, longest, 2), "kind": kind} for name, value, kind in parts],
        "margin": signed(record["margin"], 2),
        "image": sample.image,
        "text": sample.text,
    }


def contributions_of(record: dict[str, Any]) -> list[tuple[str, float, str]]:
    """Return (name, contribution, kind) of the largest concepts and of all that is left."""
    shown, hidden = record["concepts"][:CONCEPTS_AT_ONCE], record["concepts"][CONCEPTS_AT_ONCE:]
    parts = [(c["name"], c["contribution"], "concept") for c in shown]
    if hidden or record["other"]:
        rest = record["other"] + sum(c["contribution"] for c in hidden)
        parts.append(("all other concepts", rest, "rest"))
    parts.append(("intercept", record["intercept"], "rest"))
    if record["residual"] is not None:
        parts.append(("residual model", record["residual"], "rest"))
    return parts


def label_text(label: Any) -> str:
    """Return a predicted label in words: a name, names, or a number."""
    if isinstance(label, float):
        return significant(label, 4)
    return ("; ".join(map(str, label)) or "none") if isinstance(label, list) else str(label)


def _probability(record: dict[str, Any]) -> str | None:
    if record["proba"] is None or not isinstance(record["label"], str):
        return None
    return percent(record["proba"][record["label"]])


def rival(record: dict[str, Any]) -> str | None:
    """Return the class that negative contributions argue for."""
    return record["label"] if record["toward"] == record["against"] else record["against"]
