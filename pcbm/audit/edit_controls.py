"""Controls of an edit: what edits without its meaning would have done.

An edit that helps is evidence for its concept only if edits of equal size that know nothing of the
concept help less: other coefficients, other names, random directions, or the intercepts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from pcbm.audit.bias import best_shift, shift_to_shares
from pcbm.audit.judged import Judged, Scored, figures, logits, predictions, primary, scored
from pcbm.audit.prune import PLAIN, followed, random_prune
from pcbm.concepts import ConceptBank
from pcbm.editing import EditPlan, TrainingData, head_of
from pcbm.errors import InputError
from pcbm.heads import held_out_rows
from pcbm.model.controls import random_bank
from pcbm.model.logits import two_sided
from pcbm.model.run import task_of

ROUNDING = 1e-12
TRAIN_ROWS = 4000  # random banks are fitted on so many training rows at most
USUAL = 0.05
MOVED_CLASSES = 20  # the best intercepts are searched for the classes whose shares moved most
WHAT = {
    "random_prune": "the same factors on as many other coefficients of each row",
    "random_prune_l1": "other coefficients zeroed until each row lost the same L1 norm",
    "shuffled_names": "the same plan, guards too, on other concepts that the head uses",
    "random_bank": "the same plan, guards too, on the concepts of equal rank in heads of random "
    "directions",
}
NO_PAIRS = (
    "pairs are of the edited concept: the controls take the direction of guard silent from the "
    "scores of the concept they remove"
)
SAME_GROUPS = (
    "the controls know the groups that the plan uses, so they tell what naming the concept adds to "
    "that"
)

Progress = Callable[[str, int, int], None]


def edit_controls(
    model: Any,
    edited: Any,
    plan: EditPlan,
    sets: Mapping[str, Judged],
    *,
    train: TrainingData | tuple[Any, ...] | None = None,
    repeats: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Set an edit beside edits that know nothing of its concept.

    Parameters
    ----------
    model, edited : PostHocCBM or PostHocCBMRegressor
        Before and after ``plan``.
    plan : EditPlan
    sets : dict of Judged
        The rows to judge on by name, in distribution first.
    train : TrainingData, (X, y) or (X, y, sample_weight), optional
        Activations and labels of the fit: random banks are fitted on them (4,000 rows at most),
        and plans that learn from data learn from them.
    repeats : int
        Random edits of each kind; fewer where there are not so many other concepts.
    seed : int
    progress : callable (stage, done, total), optional

    Returns
    -------
    dict
        ``primary``, the figure that decides (see `pcbm.audit.judged.figures`); ``edit``: figure ->
        ``before``, ``after``, ``gain``; each control in `WHAT` with ``what``, ``repeats`` and
        ``figures``: figure -> ``mean``, ``std``, ``values`` (gains) and ``p_value`` = (1 +
        #{gain >= that of the edit}) / (1 + repeats), or None where it does not apply;
        ``bias_only`` with ``class_shares`` and ``best``; ``notes`` (what a control leaves out of
        the plan, how many of its draws the plan refused) and ``warnings``.
    """
    tell = progress or (lambda stage, done, total: None)
    found = {name: scored(model, rows) for name, rows in sets.items()}
    base = figures(model, sets, predictions(model, found, model.coef_, model.intercept_))
    predicted = {name: np.asarray(edited.predict(rows.X)) for name, rows in sets.items()}
    after = figures(model, sets, predicted)
    gains = {name: after[name] - base[name] for name in base}
    record: dict[str, Any] = {
        "primary": primary(list(base)),
        "repeats": repeats,
        "seed": seed,
        "edit": {
            name: {"before": base[name], "after": after[name], "gain": gains[name]} for name in base
        },
    }
    notes: list[str] = []
    data, other = TrainingData.of(train), _without_pairs(plan, notes)
    makers = {
        "random_prune": _pruned(model, plan, found, data, notes, by_mass=False),
        "random_prune_l1": _pruned(model, plan, found, data, [], by_mass=True),
        "shuffled_names": _shuffled(model, other, sets, data, notes),
        "random_bank": _random_banks(model, other, sets, data, notes),
    }
    for number, (kind, make) in enumerate(makers.items()):
        record[kind] = None
        if make is None:
            continue
        rng = np.random.default_rng([seed, number])
        values: list[dict[str, float]] = []
        for start, result in make(rng, repeats):
            values.append({name: result[name] - (start or base)[name] for name in base})
            tell(kind.replace("_", " "), len(values), repeats)
        if values:
            record[kind] = _summary(WHAT[kind], values, gains)
    record["bias_only"] = _bias_only(model, found, sets, predicted, base, record["primary"])
    return {**record, "notes": notes, "warnings": _warnings(record)}


Maker = Callable[
    [np.random.Generator, int], Iterator[tuple[dict[str, float] | None, dict[str, float]]]
]


def _pruned(
    model: Any,
    plan: EditPlan,
    found: Mapping[str, Scored],
    train: TrainingData | None,
    notes: list[str],
    *,
    by_mass: bool,
) -> Maker | None:
    """Return a maker of random edits of the same size in the same head."""
    if any(edit.op not in PLAIN for edit in plan.edits):
        notes.append("random prunes do not apply to a plan that renames or merges")
        return None
    left_out = [str(guard) for guard in plan.guards]
    left_out = [*(["orthogonalise"] if plan.orthogonalise else []), *left_out]
    if left_out:
        notes.append(
            f"random prunes stand without {', '.join(left_out)}, for which a removed concept is "
            "needed; the other controls have it"
        )
    head, follow = head_of(model), followed(model, plan, train)
    sets = {name: one.rows for name, one in found.items()}

    def make(rng: np.random.Generator, repeats: int) -> Any:
        for _ in range(repeats):
            other = follow(head, random_prune(head, plan.edits, rng, by_mass=by_mass))
            predicted = predictions(model, found, other.coef, other.intercept)
            yield None, figures(model, sets, predicted)

    return make


def _renamed(plan: EditPlan, names: Mapping[str, str]) -> EditPlan:
    """Return a plan that speaks of other concepts."""
    edits = tuple(
        replace(edit, concept=names.get(edit.concept, edit.concept)) for edit in plan.edits
    )
    return replace(plan, edits=edits)


def _without_pairs(plan: EditPlan, notes: list[str]) -> EditPlan:
    """Return a plan that other concepts can have, for which there are no pairs."""
    if "groups" in plan.needs:
        notes.append(SAME_GROUPS)
    if "pairs" not in plan.needs:
        return plan
    notes.append(NO_PAIRS)
    guards = tuple(
        replace(guard, direction="scores") if guard.direction == "pairs" else guard
        for guard in plan.guards
    )
    return replace(plan, guards=guards)


def _after(
    model: Any, plan: EditPlan, sets: Mapping[str, Judged], train: TrainingData | None
) -> dict[str, float]:
    """Return the figures of a model after a plan."""
    result, _ = plan.step(model, train=None if plan.needs_data is None else train)
    return figures(model, sets, {name: result.predict(rows.X) for name, rows in sets.items()})


class _Refused:
    """Counts the draws on which a plan cannot be made, and says so in the end."""

    def __init__(self, kind: str, notes: list[str]) -> None:
        self.kind, self.notes, self.count = kind, notes, 0
        self.reason = ""

    def add(self, error: InputError) -> None:
        self.count += 1
        self.reason = self.reason or str(error)

    def tell(self) -> None:
        if self.count:
            self.notes.append(f"{self.kind}: {self.count} draws were refused ({self.reason})")


def _shuffled(
    model: Any,
    plan: EditPlan,
    sets: Mapping[str, Judged],
    train: TrainingData | None,
    notes: list[str],
) -> Maker | None:
    """Return a maker of the same edits under other names of the same bank."""
    wanted = list(dict.fromkeys(edit.concept for edit in plan.edits))
    if any(edit.op not in PLAIN for edit in plan.edits):
        notes.append("shuffled names do not apply to a plan that renames or merges")
        return None
    if plan.needs_data is not None and train is None:
        notes.append(f"shuffled names need training data, because the plan has {plan.needs_data}")
        return None
    used = np.abs(np.atleast_2d(model.coef_)).sum(axis=0) > 0
    others = [
        str(name)
        for name, is_used in zip(model.concept_names_, used, strict=True)
        if is_used and name not in wanted
    ]
    if len(others) < len(wanted):
        notes.append("shuffled names do not apply: the head uses too few other concepts")
        return None
    alone = len(wanted) == 1
    refused = _Refused("shuffled names", notes)

    def make(rng: np.random.Generator, repeats: int) -> Any:
        order = rng.permutation(len(others))
        for i in range(min(repeats, len(others)) if alone else repeats):
            drawn = order[i : i + 1] if alone else rng.permutation(len(others))[: len(wanted)]
            names = dict(zip(wanted, (others[j] for j in drawn), strict=True))
            try:
                yield None, _after(model, _renamed(plan, names), sets, train)
            except InputError as error:
                refused.add(error)
        refused.tell()

    return make


def _random_banks(
    model: Any,
    plan: EditPlan,
    sets: Mapping[str, Judged],
    train: TrainingData | None,
    notes: list[str],
) -> Maker | None:
    """Return a maker of the same edits, by rank, in heads of random directions."""
    plain = all(edit.op in PLAIN for edit in plan.edits)
    if train is None or not plain or model.head_.path_.solver == "sgd":
        notes.append(
            "random banks were not edited: give the training data of the fit (--train)"
            if train is None
            else "random banks do not apply to this plan or solver"
        )
        return None
    data = _some_rows(model, train, notes)
    named = clone(model).set_params(
        residual="none" if model.residual_ is None else model.residual_.kind,
        nec_rule="path",
        lam=None,
        concepts_per_class=max(float(model.nec_), 1.0),
    )
    refused = _Refused("random banks", notes)

    def ranked(fitted: Any) -> list[str]:
        size = np.abs(np.atleast_2d(fitted.coef_)).sum(axis=0)
        return [str(fitted.concept_names_[j]) for j in np.argsort(-size, kind="stable")]

    def make(rng: np.random.Generator, repeats: int) -> Any:
        for _ in range(repeats):
            bank = random_bank(model.bank, data.X.shape[1], rng)
            if plan.balanced == "scores":  # a score of one sign on all rows tells nothing
                middle = -bank.vectors @ data.X.mean(axis=0)
                bank = ConceptBank(bank.names, bank.vectors, middle, source="random")
            try:
                fitted = clone(named).set_params(bank=bank).fit(data.X, data.y)
                predicted = {name: fitted.predict(rows.X) for name, rows in sets.items()}
                names = dict(zip(ranked(model), ranked(fitted), strict=True))
                start = figures(model, sets, predicted)
                yield start, _after(fitted, _renamed(plan, names), sets, data)
            except InputError as error:
                refused.add(error)
        refused.tell()

    return make


def _some_rows(model: Any, train: TrainingData, notes: list[str]) -> TrainingData:
    """Return training rows in memory, a stratified draw of them where they are many."""
    X, y = np.asarray(train.X), np.asarray(train.y)
    if len(y) <= TRAIN_ROWS:
        return replace(train, X=X, y=y)
    strata = y if task_of(model) in ("binary", "multiclass") else len(y)
    rows = held_out_rows(strata, TRAIN_ROWS / len(y), 0)
    notes.append(f"random banks were fitted on {len(rows):,} training rows")
    group, weight = (None if v is None else v[rows] for v in (train.group, train.weight))
    return TrainingData(X[rows], y[rows], group, weight)


def _bias_only(
    model: Any,
    found: Mapping[str, Scored],
    sets: Mapping[str, Judged],
    predicted: Mapping[str, np.ndarray],
    base: Mapping[str, float],
    wanted: str,
) -> dict[str, Any] | None:
    """Return what moving the intercepts alone gives; None unless each row has one class."""
    if task_of(model) not in ("binary", "multiclass"):
        return None
    parts = [two_sided(logits(one, model.coef_, model.intercept_)) for one in found.values()]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    together = np.concatenate(parts)

    def figures_of(places: np.ndarray) -> dict[str, float]:
        pieces = dict(zip(found, np.split(model.classes_[places], ends), strict=True))
        return figures(model, sets, pieces)

    after = np.concatenate([predicted[name] for name in found])
    counts = np.array([(after == name).sum() for name in model.classes_])
    start = np.bincount(together.argmax(axis=1), minlength=len(counts))
    moved = np.argsort(-np.abs(counts - start), kind="stable")[:MOVED_CLASSES]
    shifts = {
        "class_shares": shift_to_shares(together, counts),
        "best": best_shift(together, lambda places: figures_of(places)[wanted], sorted(moved)),
    }
    record: dict[str, Any] = {
        "what": "intercepts moved alone: to the class shares after the edit, and to the best "
        f"{wanted} on these very rows"
    }
    for kind, shift in shifts.items():
        result = figures_of((together + shift).argmax(axis=1))
        record[kind] = {
            "shift": [float(value) for value in shift],
            "figures": {
                name: {"after": result[name], "gain": result[name] - base[name]} for name in base
            },
        }
    return record


def _summary(
    what: str, values: Sequence[Mapping[str, float]], gains: Mapping[str, float]
) -> dict[str, Any]:
    rows = {}
    for name, gain in gains.items():
        drawn = np.array([value[name] for value in values])
        rows[name] = {
            "mean": float(drawn.mean()),
            "std": float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0,
            "values": [float(value) for value in drawn],
            "p_value": float((1 + np.sum(drawn >= gain - ROUNDING)) / (1 + len(drawn))),
        }
    return {"what": what, "repeats": len(values), "figures": rows}


def _warnings(record: Mapping[str, Any]) -> list[str]:
    """Say where an edit without meaning does as well."""
    name = record["primary"]
    gain, told = record["edit"][name]["gain"], []
    for kind in WHAT:
        control = record[kind]
        if control is None or control["figures"][name]["p_value"] <= USUAL:
            continue
        row = control["figures"][name]
        if 1 / (1 + control["repeats"]) > USUAL and row["p_value"] <= 1 / (1 + control["repeats"]):
            continue  # beaten by the edit every time, but too few others to say more
        told.append(
            f"the edit's gain ({gain:+.3f}, {name}) is not clearly beyond chance: "
            f"{kind.replace('_', ' ')} gains {row['mean']:+.3f} on average, at most "
            f"{max(row['values']):+.3f}, p = {row['p_value']:.2g}"
        )
    bias = record["bias_only"]
    if bias is not None and bias["best"]["figures"][name]["gain"] >= gain - ROUNDING:
        best = bias["best"]["figures"][name]["gain"]
        told.append(
            f"moving the intercepts alone, chosen on these rows, gains {best:+.3f} ({name}), no "
            f"less than the edit ({gain:+.3f}): the edit may only move class shares"
        )
    return told
