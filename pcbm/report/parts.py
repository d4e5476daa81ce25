"""What a page may run and hold: scripts and styles by hash, JSON as data, parts from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

# What UTF-8 or HTML cannot hold: control characters and single surrogates.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What would end or change an element that a browser reads as raw text, or change its hash.
UNFIT = re.compile(r"</(?:script|style)|<!--|\r", re.IGNORECASE)
# Inside JSON strings, where alone these characters occur, each may be written as its code.
ESCAPED = re.compile("[<>&\u2028\u2029\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Part:
    """Something that a page shows beside what the report itself holds, such as an editor.

    The policy of the page lets run and apply only what is in ``scripts`` and ``styles``: elements
    in ``markup`` must have no ``style`` attribute and no event handler (a script may set
    ``element.style`` and add listeners).

    Attributes
    ----------
    markup : Markup
        The body of its section; whatever comes from outside must be escaped in it.
    data : dict
        JSON values by the id of the element that a script reads them from, see `json_block`.
    scripts : sequence of str
        JavaScript, run in this order after the page was read.
    styles : sequence of str
        Style sheets, after that of the report.
    connect : str, optional
        What scripts may talk to, as a source of the policy (``'self'`` for a page that is served
        by its own server). Default: nothing.
    """

    markup: Markup
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: Sequence[str] = ()
    styles: Sequence[str] = ()
    connect: str | None = None


def json_block(name: str | None, value: Any) -> Markup:
    r"""Return a JSON value as an element that scripts can read and that no browser runs.

    Parameters
    ----------
    name : str or None
        The element's id: ``JSON.parse(document.getElementById(name).textContent)`` gives the value.
    value : JSON value
        Any text in it is safe and comes back as it was: ``<``, ``>``, ``&``, U+2028/9 and what HTML
        or UTF-8 cannot hold are written as codes.

    Examples
    --------
    >>> print(json_block("names", ["<b>"]))
    <script type="application/json" id="names">["\u003cb\u003e"]</script>
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    own = Markup("") if name is None else Markup(' id="{}"').format(name)
    escaped = ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    # Safe: no character of `escaped` can end the element.
    return Markup('<script type="application/json"{}>{}</script>').format(own, Markup(escaped))


def inline(text: str) -> Markup:
    """Return the text of a script or style sheet as it stands in the page.

    Raises
    ------
    ValueError
        It holds what would end its element, or what would not arrive as it was written.
    """
    unfit = UNFIT.search(text) or UNPRINTABLE.search(text)
    if unfit:
        raise ValueError(f"a script or style cannot hold {unfit.group()!r} at {unfit.start()}")
    return Markup(text)


def policy(scripts: Iterable[str], styles: Iterable[str], connect: str | None = None) -> str:
    """Return the Content-Security-Policy of a page: nothing but these scripts and styles.

    Parameters
    ----------
    scripts, styles : iterable of str
        The exact texts of the elements; the policy names their SHA-256.
    connect : str, optional
        See `Part`.
    """
    allowed = {
        "default-src": "'none'",
        "script-src": _hashes(scripts),
        "style-src": _hashes(styles),
        "img-src": "data:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items() if value)


def _hashes(texts: Iterable[str]) -> str:
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests) or "'none'"
