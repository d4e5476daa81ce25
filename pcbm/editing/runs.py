"""The run of an edited model: which figures still hold, and which must be measured anew."""

from __future__ import annotations

from typing import Any

from pcbm.editing.history import Step
from pcbm.model.run import Run, without_fit_figures


def edited_run(run: Run, model: Any, step: Step) -> Run:
    """Return the run of an edited model, its history one step longer.

    Parameters
    ----------
    run : Run
        The run that was edited; it stays as it is.
    model : PostHocCBM or PostHocCBMRegressor
        The edited model.
    step : Step
        What was done; with its evaluation where there is one.

    Returns
    -------
    Run
        Its ``accuracy`` (``r2``, ``rmse``) is null, because the figures of the fit say nothing of
        other coefficients; ``evaluation`` is the one after the edit. What the fit measured stays
        under ``as_fitted``. Controls and path belong to the data and the bank and stay.
    """
    metrics = without_fit_figures(run.metrics, model)
    if step.evaluation is not None:
        metrics["evaluation"] = dict(step.evaluation)["after"]
    return Run(model, run.config, metrics, [*run.edits, step.as_dict()])
