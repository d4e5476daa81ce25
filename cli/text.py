"""Names and messages that came from outside, made safe to print."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"  # part of the spelling of Persian, of Indic scripts and of emoji


def shown(value: object) -> str:
    r"""Return text that cannot steer a terminal: control and direction characters are escaped.

    Lone surrogates (from file names that are not UTF-8) are escaped too, so that the text can be
    written in any encoding that knows Unicode.

    >>> shown("a\x1b[31mred")
    'a\\x1b[31mred'
    >>> shown("naïve")
    'naïve'
    """
    return "".join(_escape(c) for c in str(value))


def _escape(character: str) -> str:
    steers = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    if not steers or character in JOINERS:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def one_line(message: object) -> str:
    r"""Return a message on one line: line ends become one blank, the rest is `shown`.

    >>> one_line("first\n   second")
    'first second'
    """
    return shown(re.sub(r"\s*[\r\n]\s*", " ", str(message).strip()))


def number(value: object, digits: int = 3) -> str:
    """Return a number for a table: 3 digits after the point, a dash for what was not measured.

    >>> number(0.98765), number(None), number(12), number(0.00012), number(True)
    ('0.988', '-', '12', '0.00012', 'True')
    """
    if value is None or value != value:
        return "-"
    if isinstance(value, float):
        small = 0 < abs(value) < 10**-digits
        return f"{value:.2g}" if small else f"{value:.{digits}f}"
    return shown(value)
