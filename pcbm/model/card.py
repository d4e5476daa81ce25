"""The model card: the README.md of a RUN, for whoever finds the folder later."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcbm.model.card_data import card_data, data_name, front_matter, run_title
from pcbm.model.hybrid_text import residual_lines
from pcbm.model.markdown import plain, table

STRONGEST = 5


def model_card(run: Any, row_names: list[str]) -> str:
    """Return the model card of a run: metadata for the hub, then what a reader must know."""
    config, metrics = run.config, run.metrics
    lines = [
        *front_matter(card_data(config, metrics, run.edits)),
        "",
        f"# {plain(run_title(config))}",
        "",
        *_warnings(metrics),
        "A concept-bottleneck model: it scores every input on named concepts and decides by a",
        f"sparse linear head on these scores. Written by pcbm {config['pcbm']}.",
        "",
        "```python",
        "import pcbm",
        'model = pcbm.load("this folder")  # from the hub: PostHocCBM.from_pretrained("user/name")',
        "```",
        "",
        "On the command line: `pcbm predict`, `pcbm explain`, `pcbm edit` and `pcbm report`.",
        "",
        *_facts(config, metrics),
        "",
        "## What was measured",
        "",
        *_figures(metrics),
        *_evaluation(metrics),
        *_residual(metrics),
        "",
        "## What this does not prove",
        "",
        *_limits(metrics, len(run.edits)),
        "",
        "## Strongest concepts",
        "",
        *_strongest(run.model, row_names, config["positive_class"]),
        "",
        "## Edits",
        "",
        *_edits(run.edits),
    ]
    return "\n".join(lines) + "\n"


def _warnings(metrics: dict[str, Any]) -> list[str]:
    if not metrics["warnings"]:
        return []
    return ["> **Read first**", *(f"> - {plain(text)}" for text in metrics["warnings"]), ""]


def _facts(config: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    backbone = config["backbone"] or {}
    return [
        f"- task: {config['task']}",
        f"- backbone: {_text(backbone.get('spec'))}, layer {_text(backbone.get('layer'))}, "
        f"fingerprint {_text(config['fingerprint'])}",
        f"- data: {_text(data_name(config))}, "
        f"{_text(metrics['n_train'])} training rows, {_text(metrics['n_test'])} test rows",
        f"- concepts: {metrics['n_concepts']}, of which {metrics['nec']:.4g} are used a class "
        f"(NEC) at lam = {metrics['lam']:.4g}",
        f"- head chosen as: {_text((metrics.get('selection') or {}).get('text'))}",
        f"- solver: {_text((metrics.get('solver') or {}).get('text'))}",
    ]


def _figures(metrics: dict[str, Any]) -> list[str]:
    name = "r2" if metrics["task"] == "regression" else "accuracy"
    controls, fitted = metrics["controls"], metrics.get("as_fitted")
    random, which = controls["random_bank"], "as fitted" if fitted else "this model"
    figure = (fitted or metrics)[name]
    rows = [
        (f"{which}, train", figure["train"]),
        (f"{which}, test", figure["test"]),
        ("linear probe on all activations, test", controls["full_probe"]),
        ("majority class or mean, test", controls["majority"]),
        ("random directions at equal NEC, test", random and random["mean"]),
    ]
    return table(["what", name], [(what, _number(value)) for what, value in rows])


def _evaluation(metrics: dict[str, Any]) -> list[str]:
    """Return the figures of the model as it is now, where an edit came after the fit."""
    record = metrics["evaluation"]
    if "as_fitted" not in metrics:
        return []
    if record is None:
        return ["", "After the edits nothing was measured."]
    known = [
        (key.replace("_", " "), _number(record[key]))
        for key in ("accuracy", "balanced_accuracy", "r2", "rmse", "worst_group")
        if record.get(key) is not None
    ]
    return ["", f"After the edits, on {record['n']} rows:", "", *table(["what", "value"], known)]


def _limits(metrics: dict[str, Any], edits: int) -> list[str]:
    """Say what the figures above are no evidence for."""
    random = metrics["controls"]["random_bank"]
    lines = [
        "- Accuracy is no evidence that the concepts mean what their names say: random directions "
        "in a good activation space classify well too. "
        + (
            "They were not compared here."
            if random is None
            else f"Here the named concepts differ from them by {random['difference']:+.4f} "
            f"(95 % interval {random['interval'][0]:+.4f} to {random['interval'][1]:+.4f}), "
            f"which {'is' if random['beaten'] else 'is not'} clearly beyond chance."
        ),
        "- Figures are of the data named above. They promise nothing on other data, and a mean "
        "hides groups.",
        "- A concept that is not among the names can be carried by others.",
    ]
    if edits:
        lines.append(
            "- A better figure after an edit does not prove that a cue was removed for a good "
            "reason: `pcbm audit` and the controls of `pcbm edit --eval` say what else does it."
        )
    if metrics["residual"] is not None:
        lines.append(
            "- The residual reads the raw activations: it can use what no concept names, and bring "
            "back what an edit removed."
        )
    return lines


def _edits(edits: list[dict[str, Any]]) -> list[str]:
    """Return what was edited, oldest first, and what it did to the headline figure."""
    if not edits:
        return ["None."]
    lines = []
    for number, step in enumerate(edits, 1):
        plan, record = step["plan"], step.get("evaluation") or {}
        asked = ", ".join(_edit(edit) for edit in plan["edits"])
        lines.append(f"{number}. {asked}{_because(plan)}{_effect(record)}")
    return [*lines, "", "edits.json holds every changed coefficient."]


def _edit(edit: dict[str, Any]) -> str:
    names = [edit[key] for key in ("concept", "concepts") if edit.get(key)]
    told = [edit["op"], *(", ".join(n) if isinstance(n, list) else str(n) for n in names)]
    told += [f"into {edit['into']}"] if edit.get("into") else []
    told += [f"to {edit['to']}"] if edit.get("to") else []
    told += [f"{edit[key]:g}" for key in ("factor", "value") if edit.get(key) is not None]
    told += [f"for {', '.join(edit['classes'])}"] if edit.get("classes") else []
    return plain(" ".join(told))


def _because(plan: dict[str, Any]) -> str:
    return f" ({plain(plan['reason'])})" if plan.get("reason") else ""


def _effect(record: dict[str, Any]) -> str:
    """Return before and after on every set of rows that the edit was measured on."""
    if not record:
        return ": its effect was not measured"
    parts = []
    for each in (record, *record.get("also", ())):
        name = "r2" if "r2" in each["before"] else "accuracy"
        before, after = (_number(each[side][name]) for side in ("before", "after"))
        where = f" ({plain(each['data'])})" if each.get("data") else ""
        parts.append(f"{name} {before} → {after}{where}")
    return ": " + ", ".join(parts)


def _residual(metrics: dict[str, Any]) -> list[str]:
    if metrics["residual"] is None:
        return []
    lines = residual_lines(metrics["residual"], metrics["task"])
    told = [(plain(label), plain(text)) for label, text in lines]
    return ["", "## Residual", "", *table(["what", "value"], told)]


def _strongest(model: Any, row_names: list[str], positive: str | None) -> list[str]:
    lines = []
    if positive is not None:
        lines = [f"Positive coefficients argue for {plain(positive)}.", ""]
    for name, row in zip(row_names, model.coef_, strict=True):
        order = np.argsort(-np.abs(row), kind="stable")[:STRONGEST]
        parts = [f"{plain(model.concept_names_[j])} {row[j]:+.3f}" for j in order if row[j] != 0]
        lines.append(f"- {plain(name)}: {', '.join(parts) if parts else 'none'}")
    return lines


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"


def _text(value: Any) -> str:
    return "not recorded" if value is None else plain(str(value))
