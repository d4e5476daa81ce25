"""All audits of one concept in one model, as one JSON value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.audit.findings import ALPHA, findings
from pcbm.audit.leaks import REPEATS, within_class_auc
from pcbm.audit.margins import margins
from pcbm.audit.pairs import paired_response
from pcbm.audit.reliance import accuracy_gap, group_gap
from pcbm.editing.evaluate import over_correction
from pcbm.errors import InputError, near
from pcbm.model.run import class_names, task_of

ADDITIVE = (
    "this is a hybrid: residual and concept part are added, so an edit changes the hybrid's logits "
    "by exactly what it changes in the concept model; that change is no evidence that the residual "
    "does not bring the concept back"
)
TOO_FEW = (
    "with {repeats} permutations p is {least:.2g} at least, so the AUC within the classes can find "
    "nothing: give 19 or more"
)
OWN_SCORE = (
    "the concept's own score, for lack of labels: other content that goes with the score counts too"
)


@dataclass(frozen=True)
class Evidence:
    """What a model is audited on; what is None leaves the audits that need it unmeasured.

    Attributes
    ----------
    X : array-like, shape (n, d)
        Activations in distribution.
    y : ndarray, shape (n,)
        True labels as the model reads them.
    present : ndarray of bool, shape (n,), or None
        Which rows have the concept.
    present_from : str
        Where ``present`` comes from, for the record.
    pairs : (having, lacking, y or None), or None
        Activations of the same inputs with and without the concept, and their true classes.
    shifted : (X, y), or None
        Rows in which the concept points to a wrong class.
    """

    X: Any
    y: NDArray
    present: NDArray | None = None
    present_from: str = "labels"
    pairs: tuple[Any, Any, NDArray | None] | None = None
    shifted: tuple[Any, NDArray] | None = None


def audit_model(
    model: Any,
    concept: str,
    evidence: Evidence,
    *,
    before: Any = None,
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, Any]:
    """Audit what a model does with a concept, and what it did before its edits.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    concept : str
        A concept of the model, or of the one before.
    evidence : Evidence
    before : PostHocCBM or PostHocCBMRegressor, optional
        The model as it was before its edits.
    repeats : int
        Permutations of the within-class audit.
    seed : int

    Returns
    -------
    dict
        ``concept``, ``model`` (``hybrid`` or ``concept model``), ``paired``, ``within_class`` and
        ``reliance`` (``shifted`` and ``groups``), ``findings`` (sentences), ``notes``. Each audit
        holds ``now`` and ``before`` (None without one), or ``not_measurable`` with the reason.

    Raises
    ------
    InputError
        Neither model knows the concept, or shapes do not fit.
    """
    sides = {"before": before, "now": model}
    names = _names(concept, before, model)
    # Told by the model before its edits where it knows the concept: an edit may change scores.
    side = "before" if names["before"] is not None else "now"
    source, own = sides[side], str(names[side])
    notes = [ADDITIVE] if any(_hybrid(side) for side in sides.values()) else []
    if before is not None and names["now"] != names["before"]:
        notes.append(_renamed(names))
    if 1 / (1 + repeats) > ALPHA:
        notes.append(TOO_FEW.format(repeats=repeats, least=1 / (1 + repeats)))
    record: dict[str, Any] = {
        "concept": concept,
        "model": "hybrid" if _hybrid(model) else "concept model",
        "coef": {key: _coef(each, names[key]) for key, each in sides.items()},
        "paired": _paired(evidence, sides),
        "within_class": _within(evidence, sides, source, own, repeats, seed),
        "reliance": {
            "shifted": _shifted(evidence, sides),
            "groups": _groups(evidence, sides, source, own),
        },
    }
    return {**record, "findings": findings(record), "notes": notes}


def _names(concept: str, before: Any, model: Any) -> dict[str, str | None]:
    """Return what a concept is called in each model; None where it is no concept of its own.

    A name of the model now is followed back through its edits, any other one forward.
    """
    now = list(model.concept_names_)
    old = [] if before is None else list(before.concept_names_)
    past = getattr(model, "edits_", None) or []
    past = past[len(getattr(before, "edits_", None) or []) :]
    made = [record for step in past for record in step.get("structure", ())]
    if concept in now:
        first = _followed(concept, reversed(made), back=True)
        return {"before": first if first in old else None, "now": concept}
    if concept in old:
        last = _followed(concept, made)
        return {"before": concept, "now": last if last in now else None}
    raise InputError(f"the model has no concept {concept!r}: {near(concept, [*old, *now])}")


def _followed(
    name: str | None, made: Iterable[Mapping[str, Any]], *, back: bool = False
) -> str | None:
    """Follow a name through renames and merges; back through a merge there is no one name."""
    for record in made:
        if record["op"] == "rename":
            old, new = record["concept"], record["to"]
            old, new = (new, old) if back else (old, new)
            name = new if name == old else name
        elif record["op"] == "merge" and back:
            name = None if name == record["into"] else name
        elif record["op"] == "merge":
            name = record["into"] if name in record["concepts"] else name
    return name


def _renamed(names: Mapping[str, str | None]) -> str:
    if names["before"] is None:
        return f"{names['now']!r} was no concept of its own before the edits"
    if names["now"] is None:
        return f"{names['before']!r} is no concept of its own after the edits"
    return f"{names['before']!r} is called, or is part of, {names['now']!r} after the edits"


def _paired(evidence: Evidence, sides: dict[str, Any]) -> dict[str, Any]:
    if evidence.pairs is None:
        return _not("no pairs were given: give the same inputs with and without the concept")
    having, lacking, y = evidence.pairs
    return _both(sides, lambda model: paired_response(model, having, lacking, y))


def _within(
    evidence: Evidence, sides: dict[str, Any], source: Any, concept: str, repeats: int, seed: int
) -> dict[str, Any]:
    if task_of(source) not in ("binary", "multiclass"):
        return _not(f"a {task_of(source)} model has no true class to hold fixed")
    if evidence.present is None:
        column = list(source.concept_names_).index(concept)
        values, told = source.transform(np.asarray(evidence.X))[:, column], OWN_SCORE
    else:
        values, told = evidence.present, evidence.present_from

    def measure(model: Any) -> dict[str, Any]:
        parts = margins(model, evidence.X)
        return {
            part: None
            if table is None
            else within_class_auc(
                table, values, evidence.y, names=parts.names, repeats=repeats, seed=seed
            )
            for part, table in parts.parts().items()
        }

    try:
        return {"of": told, **_both(sides, measure)}
    except InputError as error:
        return _not(str(error))


def _shifted(evidence: Evidence, sides: dict[str, Any]) -> dict[str, Any]:
    task = task_of(sides["now"])
    if evidence.shifted is None:
        return _not("no shifted data was given: rows in which the concept points to a wrong class")
    if task not in ("binary", "multiclass"):
        return _not(f"accuracy against accuracy is measured for classes, not for {task}")
    shifted, own = evidence.shifted, (evidence.X, evidence.y)
    gaps = _both(sides, lambda model: accuracy_gap(model, own, shifted))
    return _turned(gaps, "accuracy in distribution minus shifted")


def _groups(evidence: Evidence, sides: dict[str, Any], source: Any, concept: str) -> dict[str, Any]:
    task = task_of(sides["now"])
    if evidence.present is None:
        return _not("nothing says which rows have the concept")
    if task not in ("binary", "multiclass"):
        return _not(f"accuracy against accuracy is measured for classes, not for {task}")
    favoured = _favoured(source, concept)
    if favoured is None:
        return _not("the head never used the concept, so nothing says which class it favours")
    present = np.asarray(evidence.present, dtype=bool)
    try:
        gaps = _both(
            sides, lambda model: group_gap(model, evidence.X, evidence.y, present, favoured)
        )
    except InputError as error:
        return _not(str(error))
    return _turned(gaps, "accuracy on rows the concept helps minus rows it misleads")


def _turned(record: dict[str, Any], what: str) -> dict[str, Any]:
    """Add the warning of a gap that an edit clearly turned round."""
    if record["before"] is None:
        return {**record, "warnings": []}
    before, now = (float(record[side]["value"]) for side in ("before", "now"))
    found = over_correction(before, now, what, record["now"]["interval"])
    return {**record, "warnings": found}


def _favoured(model: Any, concept: str) -> str | None:
    """Return the class that a head's coefficients of a concept argue for most."""
    coef = model.coef_[:, list(model.concept_names_).index(concept)]
    if not np.ptp(np.append(coef, 0.0) if len(coef) == 1 else coef):
        return None
    names = class_names(model)
    assert names is not None
    return names[int(coef[0] > 0)] if len(coef) == 1 else names[int(coef.argmax())]


def _coef(model: Any, concept: str | None) -> list[float] | None:
    if model is None or concept is None:
        return None
    return [float(w) for w in model.coef_[:, list(model.concept_names_).index(concept)]]


def _hybrid(model: Any) -> bool:
    return model is not None and model.residual_ is not None


def _both(sides: dict[str, Any], measure: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: None if model is None else measure(model) for name, model in sides.items()}


def _not(reason: str) -> dict[str, Any]:
    return {"not_measurable": reason}
