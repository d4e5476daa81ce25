"""How numbers are written in a report: one function a kind, so that equal figures read alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

MINUS = "\u2212"
ABSENT = "not measured"


def percent(value: float | None) -> str:
    """Return a share as a percentage with one decimal; halves go up.

    >>> percent(0.8404), percent(0.9425), percent((0.825 + 0.89) / 2), percent(None)
    ('84.0%', '94.3%', '85.8%', 'not measured')
    """
    return ABSENT if value is None else _sign(f"{_hundredfold(value):.1f}%")


def span(bounds: Sequence[float] | None) -> str:
    """Return an interval of shares; a dash where there is none.

    >>> span([0.832, 0.875]), span(None)
    ('83.2 to 87.5%', '–')
    """
    return "–" if bounds is None else f"{percent(bounds[0]).rstrip('%')} to {percent(bounds[1])}"


def points(value: float | None) -> str:
    """Return a difference of shares in percentage points, always with a sign.

    >>> points(0.0312), points(-0.2)
    ('+3.1', '−20.0')
    """
    if value is None:
        return ABSENT
    text = f"{_hundredfold(value):+.1f}"
    return "0.0" if float(text) == 0 else _sign(text)


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals.

    >>> decimal(0.84), decimal(-2.5, 1)
    ('0.840', '−2.5')
    """
    return ABSENT if value is None else _sign(f"{value:.{digits}f}")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign; what rounds to zero has none, an exact zero no decimals.

    >>> signed(0.5), signed(-0.25, 2), signed(-0.001, 2), signed(0.0)
    ('+0.500', '−0.25', '0.00', '0')
    """
    if value is None or value == 0:
        return ABSENT if value is None else "0"
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else _sign(text)


def significant(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits, without trailing zeros.

    >>> significant(0.0021345), significant(6.5), significant(12345.0)
    ('0.00213', '6.5', '12,300')
    """
    if value is None:
        return ABSENT
    if value == 0 or not math.isfinite(value):
        return _sign(f"{value:g}")
    rounded = float(f"{value:.{digits}g}")
    return _sign(f"{rounded:,.0f}" if abs(rounded) >= 10**digits else f"{rounded:.{digits}g}")


def effective(value: float | None) -> str:
    """Return a number of effective concepts: a mean over classes, so at most two decimals.

    >>> effective(11.25), effective(5.0), effective(20 / 3)
    ('11.25', '5', '6.67')
    """
    return ABSENT if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")


def count(value: int | None) -> str:
    """Return a whole number with thousands marked.

    >>> count(120000)
    '120,000'
    """
    return ABSENT if value is None else f"{value:,}"


def plural(number: float, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    >>> plural(1, "class", "classes"), plural(2, "edit"), plural(6.5, "concept")
    ('1 class', '2 edits', '6.5 concepts')
    """
    text = f"{number:,}" if isinstance(number, int) else significant(number)
    return f"{text} {one if number == 1 else many or one + 's'}"


def exact(value: Any) -> str:
    """Return a JSON value as metrics.json has it, for the table of all figures."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _hundredfold(value: float) -> Decimal:
    # Twelve decimals hide what float arithmetic adds, so that equal shares are rounded alike.
    return 100 * Decimal(f"{value:.12f}").quantize(Decimal("0.001"), ROUND_HALF_UP)


def _sign(text: str) -> str:
    return text.replace("-", MINUS)
