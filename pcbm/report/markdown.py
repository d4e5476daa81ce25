"""A run in Markdown: the summary that a pull request or a note wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcbm.model.markdown import block, code, plain, table
from pcbm.model.run import Run, row_names, strongest
from pcbm.report import provenance
from pcbm.report.edits import edit_steps
from pcbm.report.figures import count, signed
from pcbm.report.opening import all_warnings, key_figures, run_name, subtitle
from pcbm.report.summary import sentences, verdict

ROWS = 20  # of the head that are listed
EACH = 5
GROUPS = 12


def render_markdown(run: Run, *, title: str | None = None) -> str:
    """Return the summary of a run as GitHub-flavoured Markdown, the same for the same run.

    Warnings first, then what the model is, its figures beside what they are set against, every edit
    with what it did, the strongest concepts, and the commands that repeat the run. Names stand
    between backticks and nothing in them is active.

    Parameters
    ----------
    run : Run
    title : str, optional
        Default: the name of the run's folder.
    """
    metrics, config = run.metrics, run.config
    steps = edit_steps(run.edits)
    _, answer = verdict(metrics)
    lines = [f"## {_text(title or run_name(metrics.get('run')))}", ""]
    lines += [_text(subtitle(config)), ""] if subtitle(config) else []
    warnings = all_warnings(metrics, steps)
    if warnings:
        lines += ["> **Read first**", *(f"> - {_text(text)}" for text in warnings), ""]
    lines += [_text(" ".join(sentences(metrics, run.edits))), "", f"**{_text(answer)}**", ""]
    figures = [[_text(cell) for cell in row] for row in key_figures(metrics, run.edits)]
    lines += [*table(["figure", "value", "beside"], figures), ""]
    for step in steps:
        lines += [*_step(step), ""]
    lines += [*_concepts(run.model), ""]
    commands = provenance.commands(config, run.edits)
    if commands:
        lines += ["### Repeat it", "", *block(commands, "bash"), ""]
    return "\n".join(lines)


def _step(step: Mapping[str, Any]) -> list[str]:
    by = " ".join(
        f"{word} {_text(step[key])}"
        for word, key in (("by", "author"), ("on", "when"))
        if step[key]
    )
    lines = [f"### Edit {step['number']}", "", *(f"- {code(edit)}" for edit in step["edits"])]
    if step["reason"] or by:
        said = f": {_text(step['reason'])}" if step["reason"] else ""
        lines += ["", f"{(by[:1].upper() + by[1:]) or 'Reason'}{said}"]
    if step["follow_up"]:
        lines += ["", step["follow_up"]]
    if not step["evaluations"]:
        return [*lines, "", "What it did to the predictions was not measured."]
    for record in step["evaluations"]:
        where = f" ({_text(record['data'])})" if record["data"] else ""
        lines += ["", f"On {record['n']} rows{where}:", ""]
        groups = record["groups"][:GROUPS]
        rows = [_row(_text(row["name"]), row) for row in record["overall"]]
        rows += [_row(f"group {code(row['name'])}", row) for row in groups]
        lines += table(["figure", "before", "after", "change"], rows)
        if len(record["groups"]) > len(groups):
            lines += ["", f"{len(record['groups']) - len(groups)} more groups are in the report."]
        if record["certainty"]:
            lines += ["", _text(record["certainty"])]
    return lines


def _row(name: str, row: Mapping[str, Any]) -> list[str]:
    return [name, row["before"], row["after"], row["difference"]]


def _concepts(model: Any) -> list[str]:
    names = row_names(model)
    rows = []
    for name, row in list(zip(names, model.coef_, strict=True))[:ROWS]:
        used = strongest(row)
        said = [f"{code(model.concept_names_[j])} {signed(float(row[j]), 2)}" for j in used[:EACH]]
        more = f" and {count(len(used) - EACH)} more" if len(used) > EACH else ""
        rows.append([code(name), (", ".join(said) or "none") + more])
    lines = ["### Strongest concepts", "", *table(["class", "concepts"], rows)]
    if len(names) == 1 and hasattr(model, "classes_"):
        lines += ["", f"Negative weights argue for {code(model.classes_[0])}."]
    if len(names) > ROWS:
        lines += ["", f"{count(len(names) - ROWS)} more classes are in weights.csv."]
    return lines


def _text(text: object) -> str:
    """Return text in which GitHub finds no mention of a person and no number of an issue."""
    return plain(text).replace("@", "@<!-- -->").replace("\\#", "\\#<!-- -->")
