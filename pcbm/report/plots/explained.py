"""The charts of explained samples: the input beside what the concepts brought to its margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcbm.report.plots.chart import Absent, Chart, Drawn
from pcbm.report.sample_cards import contributions_of, label_text, rival
from pcbm.report.samples import KINDS, Sample


def samples(chosen: Sequence[Sample] | None) -> list[Drawn]:
    """Return a chart for every explained row."""
    title = "A decision, taken apart"
    if not chosen:
        return [Absent("sample", title, "no data was given: pcbm report RUN --data DATA")]
    return [_chart(f"sample-{i}-{sample.kind}", sample) for i, sample in enumerate(chosen, 1)]


def _chart(name: str, sample: Sample) -> Chart:
    record = sample.record
    label, other = label_text(record["label"]), rival(record)
    data: dict[str, Any] = {
        "id": str(record["id"]),
        "label": label,
        "truth": sample.truth,
        "toward": str(record["toward"]),
        "against": None if other is None else str(other),
        "margin": record["margin"],
        "bars": [
            {"name": part, "value": float(value), "kind": kind}
            for part, value, kind in contributions_of(record)
        ],
        "image": sample.image,
        "text": sample.text,
    }
    caption = f"{KINDS[sample.kind]}: predicted {label}"
    caption += f", given {sample.truth}" if sample.truth is not None else ""
    caption += (
        f". What each concept adds to the margin, {record['margin']:+.2f} in all; positive argues "
        f"for {record['toward']}"
    )
    caption += f", negative for {other}." if other is not None else "."
    return Chart(name, "A decision, taken apart", caption, "sample", data)
