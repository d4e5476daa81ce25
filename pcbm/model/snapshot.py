"""What an edit replaced beyond coefficients, kept so that taking it back gives the same bytes.

A snapshot holds the arrays of the model before that the model after does not hold bit for bit, and
the facts (names, bank) in whole. Undoing the last edit overlays them on the model after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.concepts import ConceptBank
from pcbm.errors import InputError

_BANK = "bank."
_FACTS = ("names", "sources", "stats", "record", "extra")
_ARRAYS = ("vectors", "intercepts", "text_mean")


@dataclass(frozen=True)
class Snapshot:
    """The state of a model before an edit, as far as the state after it does not tell.

    Attributes
    ----------
    tensors : dict of str to ndarray
        The arrays that the model after lacks or holds otherwise.
    facts : dict
        ``model`` and ``bank``: the JSON values of the model before; ``arrays``: the names of all
        its arrays.
    """

    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]

    @classmethod
    def between(cls, before: Any, after: Any) -> Snapshot:
        """Return what is needed to come back from the model ``after`` to ``before``."""
        tensors, facts = _state(before)
        there, _ = _state(after)
        kept = {k: v for k, v in tensors.items() if not _same_bytes(v, there.get(k))}
        return cls(kept, {**facts, "arrays": sorted(tensors)})

    def restore(self, after: Any) -> Any:
        """Return the model before, as it was loaded from a RUN.

        Raises
        ------
        InputError
            ``after`` is not the model this snapshot was taken against.
        """
        from pcbm.model.load import restore_model

        there, _ = _state(after)
        there |= self.tensors
        absent = [name for name in self.facts["arrays"] if name not in there]
        if absent:
            raise InputError(
                f"the model does not hold {absent[0]!r}, which its history counts on: use the "
                "history of this very run"
            )
        tensors = {name: there[name] for name in self.facts["arrays"]}
        bank, facts = None, self.facts["bank"]
        if facts is not None:
            bank = ConceptBank(
                facts["names"],
                tensors[_BANK + "vectors"],
                tensors[_BANK + "intercepts"],
                source=facts["sources"],
                stats=facts["stats"],
                record=facts["record"],
                text_mean=tensors.get(_BANK + "text_mean"),
                extra=facts["extra"],
            )
        return restore_model(tensors, self.facts["model"], bank)


def packed(snapshots: Mapping[int, Snapshot]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the snapshots of a history, keyed by the position of their edit, as one file holds."""
    tensors = {
        f"{position}/{name}": value
        for position, snapshot in snapshots.items()
        for name, value in snapshot.tensors.items()
    }
    return tensors, {str(position): s.facts for position, s in snapshots.items()}


def unpacked(tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> dict[int, Snapshot]:
    """Return the snapshots that `packed` described; anything else raises InputError."""
    try:
        found = {int(key): Snapshot({}, value) for key, value in facts.items()}
        for name, value in tensors.items():
            position, _, own = name.partition("/")
            found[int(position)].tensors[own] = value
    except (AttributeError, KeyError, ValueError):
        raise InputError(
            "edits.safetensors of the run is not what pcbm edit wrote: use the file of this very "
            "run, or remove it, and no edit of names or scores can be undone"
        ) from None
    return found


def _state(model: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from pcbm.model.run import model_state

    tensors, facts = model_state(model)
    bank = model.bank
    if bank is None:
        return dict(tensors), {"model": facts, "bank": None}
    arrays = {name: getattr(bank, name) for name in _ARRAYS if getattr(bank, name) is not None}
    tensors = dict(tensors) | {_BANK + name: value for name, value in arrays.items()}
    return tensors, {"model": facts, "bank": {name: getattr(bank, name) for name in _FACTS}}


def _same_bytes(one: np.ndarray, other: np.ndarray | None) -> bool:
    if other is None or one.dtype != other.dtype or one.shape != other.shape:
        return False
    return one.tobytes() == other.tobytes()
