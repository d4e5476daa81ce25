"""Joining banks and leaving concepts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcbm.backbones import check_same_backbone
from pcbm.concepts.bank import ConceptBank
from pcbm.concepts.similar import similar_pairs
from pcbm.errors import InputError, quoted


def merge_banks(banks: Sequence[ConceptBank]) -> ConceptBank:
    """Return one bank with the concepts of all, in order.

    Banks must be of one backbone (where recorded) and have no name in common. The result has a
    ``text_mean`` only if all banks are from text with the same templates: the mean over the words
    of all.

    Raises
    ------
    InputError
        No banks, other dimensions, other fingerprints, or a name in two banks.
    """
    if not banks:
        raise InputError("no banks were given to merge: give two or more")
    first = banks[0]
    record = next((bank.record for bank in banks if bank.record is not None), None)
    names: dict[str, None] = {}
    for number, bank in enumerate(banks, start=1):
        if bank.dim != first.dim:
            raise InputError(
                f"bank {number} has {bank.dim} dimensions and bank 1 has {first.dim}: "
                "merge banks of one backbone, layer and pooling"
            )
        check_same_backbone(record, bank.record, f"bank {number}")
        shared = [name for name in bank.names if name in names]
        if shared:
            raise InputError(
                f"bank {number} repeats {quoted(shared)} of an earlier bank: "
                "leave them out of one with  bank filter"
            )
        names |= dict.fromkeys(bank.names)
    extra: dict[str, Any] = {
        "parts": [bank.extra for bank in banks],
        "notes": [note for bank in banks for note in bank.notes],
    }
    return ConceptBank(
        list(names),
        np.concatenate([bank.vectors for bank in banks]),
        np.concatenate([bank.intercepts for bank in banks]),
        source=[source for bank in banks for source in bank.sources],
        stats={name: stats for bank in banks for name, stats in bank.stats.items()},
        record=record,
        text_mean=_joint_text_mean(banks, extra),
        extra=extra,
    )


def _joint_text_mean(banks: Sequence[ConceptBank], extra: dict[str, Any]) -> np.ndarray | None:
    """Return the mean over all words, and write templates and words into ``extra``."""
    means = [bank.text_mean for bank in banks if bank.text_mean is not None]
    templates = [bank.extra.get("templates") for bank in banks]
    if len(means) < len(banks) or templates[0] is None or any(t != templates[0] for t in templates):
        return None
    words = [bank.extra["words"] for bank in banks]
    extra["templates"] = templates[0]
    extra["words"] = [word for listed in words for word in listed]
    return np.average(means, axis=0, weights=[len(listed) for listed in words])


def filter_bank(
    bank: ConceptBank,
    *,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    min_auc: float | None = None,
    max_cosine: float | None = None,
) -> tuple[ConceptBank, list[str]]:
    """Return the bank without some concepts, and a note for each that went; order is kept.

    Parameters
    ----------
    bank : ConceptBank
    keep, drop : sequence of str
        Names to keep (default: all) and to leave out.
    min_auc : float, optional
        Leave out concepts whose held-out AUC is below; every concept kept so far must have one.
    max_cosine : float, optional
        Leave out a concept when the absolute cosine of its direction with an earlier one that
        stays is above: for a linear head a direction and its opposite are the same column.

    Raises
    ------
    InputError
        An unknown name, a bound out of range, ``min_auc`` on concepts without AUC, or nothing left.
    """
    wanted = set(bank.names) if keep is None else _known(bank, keep)
    wanted -= _known(bank, drop)
    staying = [name for name in bank.names if name in wanted]
    notes = []
    if min_auc is not None:
        if not 0 <= min_auc <= 1:
            raise InputError(f"min_auc is {min_auc}: give a number from 0 to 1")
        without = [name for name in staying if "auc" not in bank.stats.get(name, {})]
        if without:
            raise InputError(
                f"min_auc needs a held-out AUC, which {quoted(without)} has not (text and imported "
                "concepts have none): drop them, or filter before merging"
            )
        aucs = {name: bank.stats[name]["auc"] for name in staying}
        notes += [
            f"{name!r} dropped: held-out AUC {auc:.3f} < {min_auc}"
            for name, auc in aucs.items()
            if auc < min_auc
        ]
        staying = [name for name in staying if aucs[name] >= min_auc]
    if max_cosine is not None:
        staying, dropped = _without_near_copies(bank, staying, max_cosine)
        notes += dropped
    if not staying:
        raise InputError("the filter leaves no concept: loosen it")
    return bank.select(staying), notes


def _known(bank: ConceptBank, names: Sequence[str]) -> set[str]:
    return {bank.names[bank.index(name)] for name in names}


def _without_near_copies(
    bank: ConceptBank, names: list[str], limit: float
) -> tuple[list[str], list[str]]:
    if not 0 < limit < 1:
        raise InputError(f"max_cosine is {limit}: give a number between 0 and 1")
    if not names:
        return names, []
    vectors = bank.select(names).vectors
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gone: set[int] = set()
    notes = []
    for i, j in similar_pairs(units, limit, signed=False):
        if i not in gone and j not in gone:
            gone.add(j)
            notes.append(
                f"{names[j]!r} dropped: cosine {units[i] @ units[j]:.3f} with {names[i]!r}"
            )
    return [name for row, name in enumerate(names) if row not in gone], notes
