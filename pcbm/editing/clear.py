"""Clearing the other concepts' scores of what they share with the removed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pcbm.editing.apply import Edited
from pcbm.editing.changes import changes_between
from pcbm.editing.edit import Edit, zeroed
from pcbm.editing.head import LinearHead
from pcbm.editing.structure import ScoreMoments, orthogonalise
from pcbm.errors import InputError, quoted

MUCH_SHARED = 0.5


def clear_removed(edited: Edited, edits: Sequence[Edit], moments: ScoreMoments) -> Edited:
    """Clear the other scores of what they share with the concepts that the edits removed.

    See `pcbm.editing.structure.orthogonalise` for the map. A coefficient follows its score's new
    deviation, w * scale_new / scale_old, so that the logits lose the cleared component and nothing
    else; coefficients that edits gave a value keep it. Means follow the map; deviations are those
    of the training rows.

    Parameters
    ----------
    edited : Edited
    edits : sequence of Edit
        Those that made ``edited``; of them ``zero`` removes.
    moments : ScoreMoments
        Of the scores before the edits, on train.

    Raises
    ------
    InputError
        No concept was zeroed for all classes, or none is left.
    """
    head = edited.head
    moments = moments if edited.mix is None else moments.mixed(edited.mix)
    removed = removed_columns(edited, edits)
    cleared = orthogonalise(removed, head.scale, moments)
    variance = np.diag(moments.mixed(cleared.mix).cov)
    changed = (cleared.mix != np.eye(len(variance))).any(axis=0)
    scale = np.where(changed & (variance > 0), np.sqrt(np.maximum(variance, 0.0)), head.scale)
    ratio = scale / head.scale
    coef = np.where(edited.touched, head.coef, head.coef * ratio)
    coef[:, cleared.copies] = 0.0
    mean = np.where(changed, head.mean @ cleared.mix, head.mean)
    after = replace(head, coef=coef, mean=mean, scale=scale)
    against = [head.concept_names[j] for j in removed]
    others = [j for j in range(len(variance)) if j not in removed]
    shared = {head.concept_names[j]: float(cleared.shared[j]) for j in others}
    return replace(
        edited,
        head=after,
        changes=edited.changes + changes_between("orthogonalise", head, after),
        touched=edited.touched | cleared.copies,
        signs=np.where(cleared.copies, 0, edited.signs),
        mix=cleared.mix if edited.mix is None else edited.mix @ cleared.mix,
        carry=np.diag(ratio) if edited.carry is None else edited.carry @ np.diag(ratio),
        structure=(
            *edited.structure,
            {"op": "orthogonalise", "against": against, "shared": shared},
        ),
        warnings=(*edited.warnings, *_much_shared(shared, head, cleared.copies, against)),
    )


def removed_columns(edited: Edited, edits: Sequence[Edit]) -> list[int]:
    """Return the columns of the zeroed concepts; InputError unless some are, for all classes."""
    head = edited.head
    zero = [name for name, _ in zeroed(edits) if name in head.concept_names]
    removed = [head.column(name) for name in zero]
    if not removed:
        raise InputError(
            "orthogonalise clears the other scores of removed concepts, and the plan zeroes none: "
            "add --zero CONCEPT"
        )
    used = [name for name, j in zip(zero, removed, strict=True) if head.coef[:, j].any()]
    if used:
        raise InputError(
            f"orthogonalise serves all classes, but some still use {quoted(used)}: "
            "zero it without naming classes"
        )
    if len(removed) == len(head.concept_names):
        raise InputError("orthogonalise has no other concept to clear: zero fewer concepts")
    return removed


def _much_shared(
    shared: dict[str, float], head: LinearHead, copies: np.ndarray, against: list[str]
) -> list[str]:
    """Name concepts of which little is left; they no longer mean what their names say."""
    texts = []
    gone = [head.concept_names[j] for j in np.flatnonzero(copies)]
    if gone:
        texts.append(
            f"{quoted(gone)} says within the classes nothing but {quoted(against)}, so it was "
            "removed too"
        )
    little = [name for name, part in shared.items() if part >= MUCH_SHARED and name not in gone]
    if little:
        texts.append(
            f"{quoted(little)} shared half or more of its variance within the classes with "
            f"{quoted(against)}: what is left of it may no longer mean what its name says"
        )
    return texts
