"""Reports in a real browser, as fixtures, which tests/report/conftest.py hands on.

A page may load nothing, tell no error or warning, and break no rule of its own policy; that is
asked of every page that a test opens.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The browser's own errands (updates, field trials) have no place in a test.
FLAGS = """
--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync
""".split()  # noqa: SIM905
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation",
    e => window.broken.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));
"""
ALL_DRAWN = """
() => document.querySelectorAll("figure.chart").length
    === document.querySelectorAll("figure.drawn, figure.failed").length
"""
PICTURES = "PCBM_SCREENSHOTS"  # a folder to keep screenshots in
Open = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: install the package chromium")
    with sync.sync_playwright() as play:
        found = play.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def open_report(chromium: Any, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens a page's text: ``open_report(html, **options of the context)``.

    Its list ``faults`` must be empty in the end; a test that provokes some takes them out.
    """
    faults: list[str] = []
    contexts: list[Any] = []

    def open_page(html: str, **options: Any) -> Any:
        file = tmp_path / f"page-{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        context = chromium.new_context(**{"viewport": DESK, **options})
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("console", lambda m: faults.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        own = (file.as_uri(), "data:")
        page.on("request", lambda r: None if r.url.startswith(own) else faults.append(r.url))
        page.goto(file.as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_function(ALL_DRAWN)
            faults.extend(page.evaluate("window.broken"))
        return page

    open_page.faults = faults  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def picture_file(tmp_path: Path) -> Callable[[str], Path]:
    """Return where a screenshot of that name goes: the folder that is asked for, or away."""
    folder = Path(os.environ.get(PICTURES) or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: folder / f"{name}.png"
