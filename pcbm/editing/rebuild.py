"""From an edited head back to a model: coefficients alone, or other names and other scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from pcbm.concepts import ConceptBank
from pcbm.concepts.checks import about
from pcbm.editing.apply import Edited
from pcbm.editing.history import with_arrays
from pcbm.errors import InputError
from pcbm.heads import Path as LambdaPath
from pcbm.heads.solutions import NEC_THRESHOLD
from pcbm.projection import Projection


def rebuilt(model: Any, edited: Edited) -> Any:
    """Return a copy of ``model`` with an edited head; ``model`` itself stays as it is.

    Where the concepts themselves changed, so do names, projection, bank, standardisation and the
    path's coefficients. Scores keep the projection's form: a changed direction has unit length.
    """
    head = edited.head
    names = list(head.concept_names)
    if names == list(model.concept_names_) and edited.mix is None:
        return with_arrays(model, head)
    projection, bank, stretch = model.projection_, model.bank, np.ones(len(names))
    if edited.mix is not None:
        changed = _changed_columns(edited.mix)
        projection, stretch = _mixed_projection(model, edited.mix, changed)
        if bank is not None:
            bank = _mixed_bank(bank, projection, names, edited, changed)
    elif bank is not None:
        pairs = zip(model.concept_names_, names, strict=True)
        bank = renamed_bank(bank, {old: new for old, new in pairs if old != new})
    carry = np.eye(len(names)) if edited.carry is None else edited.carry
    path = model.head_.path_ if edited.carry is None else carried_path(model.head_.path_, carry)
    return model.with_concepts(
        names,
        bank=bank,
        projection=projection,
        coef=head.coef.reshape(*model.head_.coef_.shape[:-1], len(names)),
        intercept=head.intercept.reshape(model.head_.intercept_.shape),
        mean=head.mean * stretch,
        scale=head.scale * stretch,
        path=path,
    )


def check_can_mix(model: Any) -> None:
    """Refuse projections whose scores are not one direction each."""
    kind = getattr(model.projection_, "kind", "margin")
    if kind == "least_squares":
        raise InputError(
            "merge and orthogonalise work on scores that are one direction each, but projection "
            "'least_squares' divides them among all concepts: fit with --projection margin"
        )


def carried_path(path: LambdaPath, carry: np.ndarray) -> LambdaPath:
    """Return a path with the coefficients ``coef @ carry``; its figures stay those of the fit.

    Only the number of effective concepts is counted again.
    """
    points, rows, width = path.shape
    flat = path.sparse.reshape((points * rows, width)).tocsr() @ csr_array(carry)
    used = (abs(flat) > NEC_THRESHOLD).sum(axis=1).reshape(points, rows).sum(axis=1)
    flat.eliminate_zeros()
    sparse = csr_array(flat.reshape((points, rows * carry.shape[1])))
    return replace(path, sparse=sparse, nec=np.asarray(used, dtype=float) / rows)


def renamed_bank(bank: ConceptBank, names: dict[str, str]) -> ConceptBank:
    """Return the bank with other names, in its figures and notes too."""
    return ConceptBank(
        [names.get(name, name) for name in bank.names],
        bank.vectors,
        bank.intercepts,
        source=bank.sources,
        stats={names.get(name, name): row for name, row in bank.stats.items()},
        record=bank.record,
        text_mean=bank.text_mean,
        extra=_renamed_extra(bank.extra, names),
    )


def _renamed_extra(extra: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a bank's further facts with other names in notes and in lists of classes."""
    facts = dict(extra)
    if "notes" in facts:
        facts["notes"] = [_renamed_note(note, names) for note in facts["notes"]]
    if "classes" in facts:
        facts["classes"] = {
            key: list(dict.fromkeys(names.get(name, name) for name in listed))
            for key, listed in facts["classes"].items()
        }
    return facts


def _renamed_note(note: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        if note.startswith(about(old, "")):
            return about(new, note.removeprefix(about(old, "")))
    return note


def _changed_columns(mix: np.ndarray) -> np.ndarray:
    """Return which new scores are not simply an old one, shape (K',)."""
    return ((mix != 0).sum(axis=0) != 1) | (mix.max(axis=0) != 1.0)


def _mixed_projection(
    model: Any, mix: np.ndarray, changed: np.ndarray
) -> tuple[Projection, np.ndarray]:
    """Return the projection to the mixed scores, and what each score was multiplied by."""
    old = model.projection_
    if old is None:
        old = Projection("margin", np.eye(len(mix)), np.zeros(len(mix)))
    matrix, offset = old.matrix @ mix, old.offset @ mix
    kept = mix[:, ~changed].argmax(axis=0)
    matrix[:, ~changed], offset[~changed] = old.matrix[:, kept], old.offset[kept]
    stretch = np.ones(mix.shape[1])
    stretch[changed] = 1 / np.linalg.norm(matrix[:, changed], axis=0)
    return replace(old, matrix=matrix * stretch, offset=offset * stretch), stretch


def _mixed_bank(
    bank: ConceptBank,
    projection: Projection,
    names: Sequence[str],
    edited: Edited,
    changed: np.ndarray,
) -> ConceptBank:
    """Return the bank whose projection this is; unchanged concepts keep their rows and figures."""
    assert edited.mix is not None and edited.carry is not None
    columns = projection.matrix.T
    if projection.kind == "centred" and bank.text_mean is not None:
        columns = _with_mean(columns, bank.text_mean)
    old = np.abs(edited.mix).argmax(axis=0)  # of an unchanged score the one it was
    becomes = np.abs(edited.carry).argmax(axis=1)  # a concept's coefficients went to one other
    same = [j for j, k in enumerate(becomes) if not changed[k]]
    sources = [
        bank.sources[j] if not moved else "merged" if (becomes == k).sum() > 1 else "orthogonalised"
        for k, (j, moved) in enumerate(zip(old, changed, strict=True))
    ]
    standing = bank.select([bank.names[j] for j in same]) if same else None
    names_of = {name: names[k] for name, k in zip(bank.names, becomes, strict=True)}
    extra = dict(bank.extra)
    if "notes" in extra:
        extra["notes"] = [] if standing is None else standing.notes
    return ConceptBank(
        names,
        np.where(changed[:, None], columns, bank.vectors[old]),
        np.where(changed, projection.offset, bank.intercepts[old]),
        source=sources,
        stats={} if standing is None else {names_of[n]: row for n, row in standing.stats.items()},
        record=bank.record,
        text_mean=bank.text_mean,
        extra=_renamed_extra(extra, names_of),
    )


def _with_mean(columns: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return unit vectors u with u - mean along each unit column, as ``centred`` reads them."""
    along = columns @ mean
    reach = np.sqrt(np.maximum(along**2 + 1 - mean @ mean, 0.0)) - along
    return mean + reach[:, None] * columns
