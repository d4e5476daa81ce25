"""Evaluating a plan on all rows that a page's sample stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcbm.editing import EditPlan, evaluate_edit
from pcbm.errors import InputError
from pcbm.model.run import Run
from pcbm.report.editor.check import check_page
from pcbm.report.editor.pack import Cases


def evaluator(run: Run, cases: Cases) -> Callable[[str], dict[str, Any]]:
    """Return a function from the text of a plan to its figures on all rows.

    The function's result has ``n``; ``before``, ``after``, ``changed`` as
    `pcbm.editing.evaluate_edit` gives them; ``figures``: those of the plan's page beside those of
    all rows; ``notes`` and ``warnings`` of the edits. It refuses with InputError what is no plan,
    does not fit the model, or needs training data.
    """
    X = np.asarray(cases.acts.X[cases.chosen.rows])
    y, group = cases.labels, cases.group

    def answer(text: str) -> dict[str, Any]:
        plan = EditPlan.from_json(text)
        if plan.needs_data is not None:
            raise InputError(
                f"the plan has {plan.needs_data}, which needs training data: apply it with "
                "pcbm edit --plan"
            )
        edited, step = plan.step(run.model)
        found = evaluate_edit(run.model, edited, X, y, group)
        checked = [] if plan.page is None else check_page(plan.page, found, own_rows=True)
        return {
            "n": len(X),
            **{name: found[name] for name in ("before", "after", "changed")},
            "figures": [one.as_dict() for one in checked],
            "notes": list(step.notes),
            "warnings": list(step.warnings),
        }

    return answer
