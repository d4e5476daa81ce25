"""Were the figures right that a page showed of a plan? ``pcbm edit --plan`` asks all rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcbm.cli.editing_page import cases_of
from pcbm.cli.inputs import activations_like, read
from pcbm.cli.options import BackboneChoice, Common
from pcbm.errors import InputError


def page_check(
    plan: Any,
    before: Any,
    after: Any,
    run: Path,
    judged: str | None,
    evaluation: Mapping[str, Any] | None,
    choice: BackboneChoice,
    common: Common,
) -> tuple[dict[str, Any] | None, list[str], list[str]]:
    """Compare the figures of a plan's page with all rows.

    Parameters
    ----------
    plan : EditPlan
    before : Run
    after : PostHocCBM or PostHocCBMRegressor
        Edited by the plan.
    run : Path
        The folder of ``before``.
    judged : str or None
        The DATA of ``--eval``.
    evaluation : dict or None
        What was measured on it.
    choice : BackboneChoice
    common : Common

    Returns
    -------
    record, notes, warnings
        The record is None where nothing could be compared, and a note or warning says why.
    """
    from pcbm.files import sha256_file
    from pcbm.model.run import MODEL

    page = plan.page
    if page is None:
        return None, [], []
    own = sha256_file(run / MODEL)
    if page.run != own:
        text = (
            f"the plan's figures were seen in a page of another run (model {page.run[:12]}, this "
            f"one is {own[:12]}): they say nothing of this one and were not compared"
        )
        return None, [], [text]
    further = _beyond_the_page(plan)
    if further:
        text = (
            f"the page's figures are of the edits alone, not of {further}: they were not compared"
        )
        return None, [text], []
    if judged is None or evaluation is None:
        return None, ["the plan holds figures that a page showed: --eval DATA compares them"], []
    return _compared(plan, before, after, run, judged, evaluation, choice, common)


def _beyond_the_page(plan: Any) -> str:
    """Return what is done beside the edits, which no page can show; empty for nothing."""
    words = [word for word in ("orthogonalise", "renormalise", "refit") if getattr(plan, word)]
    words += map(str, plan.guards)
    return " and ".join(words) or plan.needs_data or ""


def _compared(
    plan: Any,
    before: Any,
    after: Any,
    run: Path,
    judged: str,
    evaluation: Mapping[str, Any],
    choice: BackboneChoice,
    common: Common,
) -> tuple[dict[str, Any], list[str], list[str]]:
    from pcbm.report.editor import check_page, verdict

    found = _on_own_rows(plan, before, after, run, judged, choice, common)
    if found is None:
        record, rows = evaluation, f"the rows of {judged} that were judged"
    else:
        record, rows = found
    checked = check_page(plan.page, record, own_rows=found is not None)
    said, warning = verdict(checked, rows)
    document = {
        "own_rows": found is not None,
        "n": record["after"]["n"],
        "figures": [one.as_dict() for one in checked],
    }
    return document, [said], [] if warning is None else [warning]


def _on_own_rows(
    plan: Any,
    before: Any,
    after: Any,
    run: Path,
    judged: str,
    choice: BackboneChoice,
    common: Common,
) -> tuple[dict[str, Any], str] | None:
    """Evaluate on the rows that the page's sample was drawn from; None where DATA lacks them."""
    import numpy as np

    from pcbm.editing import evaluate_edit

    source = plan.chosen_on
    data = read(judged, common)
    if source is None or source.content != data.content_hash():
        return None
    acts = activations_like(before, run, data, choice, common)
    try:
        cases = cases_of(before, run, data, acts)
    except InputError:
        return None
    if (cases.source.rows, cases.source.n) != (source.rows, source.n):
        return None
    X = np.asarray(cases.acts.X[cases.chosen.rows])
    found = evaluate_edit(before.model, after, X, cases.labels, cases.group)
    return found, f"all {len(cases):,} rows ({source.rows}) that the page's sample stands for"
