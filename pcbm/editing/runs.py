"""The run of an edited model: which figures still hold, and which must be measured anew."""

from __future__ import annotations

from typing import Any

from pcbm.editing.history import Step, undone_model
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
    metrics["n_concepts"] = len(model.concept_names_)
    if step.evaluation is not None:
        metrics["evaluation"] = dict(step.evaluation)["after"]
    return Run(model, _config(run.config, model), metrics, [*run.edits, step.as_dict()])


def undone_run(run: Run, count: int = 1) -> Run:
    """Return the run as it was before its last edits.

    The arrays of model and bank come back bit for bit. With no edit left, so do the figures of
    the fit; else the evaluation is that of the last edit that is left.

    Parameters
    ----------
    run : Run
        It stays as it is.
    count : int
        How many edits to take back.

    Raises
    ------
    InputError
        The run has fewer edits, or lacks what its history counts on.
    """
    model = undone_model(run.model, count)
    left = run.edits[: len(run.edits) - count]
    metrics = dict(run.metrics)
    if not left:
        metrics |= metrics.pop("as_fitted", {})
    else:
        evaluation = left[-1]["evaluation"]
        metrics |= {
            "evaluation": None if evaluation is None else evaluation["after"],
            "nec": float(model.nec_),
        }
    metrics["n_concepts"] = len(model.concept_names_)
    return Run(model, _config(run.config, model), metrics, left)


def _config(config: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return a run's config with what an edit can change: the concepts and their source."""
    bank = None if model.bank is None else {"source": model.bank.source}
    return config | {"concepts": len(model.concept_names_), "bank": bank}
