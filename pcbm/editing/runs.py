"""The run of an edited model: which figures still hold, and which must be measured anew."""

from __future__ import annotations

from typing import Any

from pcbm.editing.history import Step
from pcbm.model.run import Run

FIGURES = ("accuracy", "r2", "rmse")


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
    metrics = dict(run.metrics)
    kept = [name for name in (*FIGURES, "nec", "evaluation") if name in metrics]
    metrics.setdefault("as_fitted", {name: metrics[name] for name in kept})
    metrics |= {name: {"train": None, "test": None} for name in FIGURES if name in metrics}
    metrics["evaluation"] = None if step.evaluation is None else dict(step.evaluation)["after"]
    metrics["nec"] = float(model.nec_)
    return Run(model, run.config, metrics, [*run.edits, step.as_dict()])
