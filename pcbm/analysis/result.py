"""What every comparison returns: a value, or the reason why there is none, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["similarity", "distance"]
SYMMETRIC = "symmetric"

# Maps of one side, or of both sides by maps of their own, that leave a value as it is.
ORTHOGONAL = "orthogonal"
ISOTROPIC = "isotropic scaling"
INVERTIBLE = "invertible linear"
TRANSLATION = "translation"
RIGID = (ORTHOGONAL, ISOTROPIC, TRANSLATION)
LINEAR = (ORTHOGONAL, ISOTROPIC, INVERTIBLE, TRANSLATION)


@dataclass(frozen=True)
class Comparison:
    """One comparison of two representations of the same rows.

    Attributes
    ----------
    metric : str
        Name, as ``pcbm compare --metric`` has it.
    value : float or None
        None where the number would mean nothing; `reason` says why.
    kind : {"similarity", "distance"}
        Whether more means more alike, or less alike.
    direction : str
        ``"symmetric"``, or what each side does.
    invariances : tuple of str
        Maps of a side that leave the value as it is: ``orthogonal``, ``isotropic scaling``,
        ``invertible linear``, ``translation``; an entry that holds for less says so.
    n : int
        Rows that were compared.
    reason : str or None
        Why there is no value.
    warnings : tuple of str
        What limits the value, one sentence each.
    details : mapping
        Further figures of this metric, such as the dimensions that were kept.
    """

    metric: str
    value: float | None
    kind: Kind
    direction: str
    invariances: tuple[str, ...]
    n: int
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "value": self.value,
            "kind": self.kind,
            "direction": self.direction,
            "invariances": list(self.invariances),
            "n": self.n,
            "reason": self.reason,
            "warnings": list(self.warnings),
            **self.details,
        }
