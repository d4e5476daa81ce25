"""What a page runs is named by its hash, and data in it stay data."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from pcbm.model import Run
from pcbm.report import render_report
from pcbm.report.parts import Part, inline, json_block, policy

from .test_page import Page

SCRIPT = "document.title = '<b>' + 1;"


@settings(max_examples=50)
@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_json_comes_back_and_holds_no_markup(value: object) -> None:
    block = json_block("data", value)
    text = block.removeprefix('<script type="application/json" id="data">').removesuffix(
        "</script>"
    )
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


@pytest.mark.parametrize(
    "text", ["a </SCRIPT> b", "a <!-- b", "a\r\nb", "\x00", "\ud800", "</style "]
)
def test_text_that_would_end_or_change_its_element_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        inline(text)


def test_the_policy_names_each_text_by_its_hash() -> None:
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy([SCRIPT], [])
    assert "script-src 'none'; style-src 'none'" in policy([], [])
    assert "connect-src" not in policy([], [])
    assert "connect-src 'self'" in policy([], [], "'self'")


def test_an_editor_is_shown_with_its_data_styles_and_scripts(run: Run) -> None:
    editor = Part(
        Markup('<p id="there">Here</p>'),
        {"cases": {"name": "</script>"}},
        [SCRIPT],
        [".x { color: red }"],
    )
    html = render_report(run, editor=editor)
    page = Page(html)
    assert ("section", "id", "editor") in page.attributes
    assert "Try an edit" in page.text
    assert '{"name":"\\u003c/script\\u003e"}' in html
    allowed = re.search(r"Content-Security-Policy\" content=\"([^\"]+)\"", html)
    assert allowed is not None
    for kind in ("script", "style"):
        for text in re.findall(rf"<{kind}>(.*?)</{kind}>", html, flags=re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in allowed.group(1)
    assert html.index("application/json") < html.index(SCRIPT)
    assert ("section", "id", "editor") not in Page(render_report(run)).attributes
