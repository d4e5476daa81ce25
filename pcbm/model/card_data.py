"""The metadata at the head of a model card, in the form that the Hugging Face hub reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pcbm.model.markdown import one_line

TAGS = ("concept-bottleneck", "interpretability", "explainable-ai", "sparse-linear-model")
PIPELINES = {"image": "image-classification", "text": "text-classification"}
NOT_CLASSIFIED = "other"  # the hub's word for tasks that it has no name for
METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "r2": ("r_squared", "R2"),
    "rmse": ("rmse", "RMSE"),
}


def card_data(
    config: Mapping[str, Any], metrics: Mapping[str, Any], edits: Sequence[Any]
) -> dict[str, Any]:
    """Return the metadata of a run.

    The licence is left to whoever publishes the run. Figures stand there only where the run has
    measured them as it is now: after an edit those of its evaluation, not those of the fit.

    Parameters
    ----------
    config, metrics : dict
        Of the run.
    edits : sequence of dict
        Of edits.json.
    """
    pipeline = pipeline_tag(config)
    data: dict[str, Any] = {"library_name": "pcbm", "tags": list(TAGS)}
    if pipeline is not None:
        data["pipeline_tag"] = pipeline
    evaluation = metrics["evaluation"] or {}
    found = [
        {"type": kind, "value": evaluation[key], "name": name}
        for key, (kind, name) in METRICS.items()
        if evaluation.get(key) is not None
    ]
    judged = judged_on(config, edits)
    if found and judged is not None:
        result = {
            "task": {"type": pipeline or NOT_CLASSIFIED},
            "dataset": {"type": judged, "name": judged},
            "metrics": found,
        }
        data["metrics"] = [metric["type"] for metric in found]
        data["model-index"] = [{"name": run_title(config), "results": [result]}]
    return data


def pipeline_tag(config: Mapping[str, Any]) -> str | None:
    """Return the hub's name of what the run does; None where it has none."""
    kind = (config["backbone"] or {}).get("kind")
    return None if config["task"] == "regression" else PIPELINES.get(str(kind))


def data_name(config: Mapping[str, Any], key: str = "source") -> str | None:
    """Return the name of the data, without the folders it lies in; None where not recorded."""
    source = (config["data"] or {}).get(key)
    return None if source is None else one_line(PurePath(str(source)).name or source)


def judged_on(config: Mapping[str, Any], edits: Sequence[Any]) -> str | None:
    """Return the name of the data that the evaluation is of."""
    fitted = data_name(config, "test") or data_name(config)
    later = (edits[-1].get("evaluation") or {}).get("data") if edits else None
    if later is None:
        return fitted
    told = one_line(PurePath(str(later)).name or later)
    return told if fitted is None else f"{fitted} ({told})"


def run_title(config: Mapping[str, Any]) -> str:
    """Return what the run is, with the name of its data where that was recorded."""
    name = data_name(config)
    return "Concept-bottleneck model" if name is None else f"Concept-bottleneck model of {name}"


def front_matter(data: Mapping[str, Any]) -> list[str]:
    """Return metadata as the YAML block that opens a card."""
    return ["---", *yaml_lines(data), "---"]


def yaml_lines(value: Mapping[str, Any], indent: int = 0) -> list[str]:
    """Return nested mappings, lists and plain values as YAML; every text is quoted.

    >>> yaml_lines({"a": ["b: c", {"d": 1}]})
    ['a:', '- "b: c"', '- d: 1']
    """
    margin = " " * indent
    lines: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            lines += [f"{margin}{key}:", *yaml_lines(inner, indent + 2)]
        elif isinstance(inner, list):
            lines.append(f"{margin}{key}:")
            for item in inner:
                if isinstance(item, Mapping):
                    first, *rest = yaml_lines(item, indent + 2)
                    lines += [f"{margin}- {first.lstrip()}", *rest]
                else:
                    lines.append(f"{margin}- {_scalar(item)}")
        else:
            lines.append(f"{margin}{key}: {_scalar(inner)}")
    return lines


def _scalar(value: Any) -> str:
    """Return a plain value; what YAML would not take as it is becomes an escape."""
    if not isinstance(value, str):
        return json.dumps(value)
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)
