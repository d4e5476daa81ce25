"""All checks on every kind of task, and the reasons why some cannot be made."""

from __future__ import annotations

import json
from typing import Any

import faithful_problems as problems
import numpy as np
import pytest

from pcbm.errors import InputError
from pcbm.faithfulness import run_checks
from pcbm.model import PostHocCBM, PostHocCBMRegressor
from pcbm.model.controls import Sample

X, LABELS = problems.problem(n=240)
NUMBERS = 2 * X[:, 0] - X[:, 4]
COLUMNS = np.column_stack([LABELS == "ant", X[:, 5] > 0.5]).astype(int)
TASKS: dict[str, tuple[Any, np.ndarray]] = {
    "softmax": (PostHocCBM(lam=0.05, n_lams=5), LABELS),
    "grouped": (PostHocCBM(lam=0.05, n_lams=5, grouped=True), LABELS),
    "hybrid": (PostHocCBM(lam=0.05, n_lams=5, residual="linear"), LABELS),
    "multilabel": (PostHocCBM(lam=0.05, n_lams=5), COLUMNS),
    "regression": (PostHocCBMRegressor(lam=0.2, n_lams=5), NUMBERS),
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_checked_and_the_run_s_own_figure_is_the_model_s(task: str) -> None:
    estimator, y = TASKS[task]
    model = estimator.fit(X[:160], y[:160])
    parts = Sample(X[160:], y[160:]), Sample(X[:160], y[:160])
    found = run_checks(model, *parts, repeats=2, only=["nec", "share", "hard", "stability"])
    assert json.loads(json.dumps(found))["not_measurable"] == {}
    plain = model.without_residual()
    own = found["checks"]["nec"]["own"]
    hits = plain.predict(X[160:]) == y[160:]
    expected = (
        plain.score(X[160:], y[160:])
        if task == "regression"
        else np.mean(hits if hits.ndim == 1 else hits.all(axis=1))
    )
    assert own == pytest.approx(expected)


def test_reasons_stand_where_figures_cannot() -> None:
    model = PostHocCBM(lam=10.0, n_lams=5).fit(X, LABELS)
    found = run_checks(model, Sample(X, LABELS), only=["share", "stability", "leakage"])
    assert found["checks"] == {"share": None, "stability": None, "leakage": None}
    assert found["not_measurable"]["share"] == "the head uses no concept"
    assert found["not_measurable"]["leakage"] == "no concept labels were given"
    with pytest.raises(InputError, match="there is no check 'shares': did you mean 'share'"):
        run_checks(model, Sample(X, LABELS), only=["shares"])
    with pytest.raises(InputError, match="at least 2 bootstraps"):
        run_checks(model, Sample(X, LABELS), repeats=1)
