"""The report in a real browser: charts are drawn, names stay names, everybody can read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_browser import DESK, PHONE, Open

from pcbm.activations import Dataset
from pcbm.model import PostHocCBM, Run
from pcbm.model.geometry import concept_geometry
from pcbm.model.pipeline import evaluate_model
from pcbm.report import choose_samples, render_report
from pcbm.report.figures import percent
from pcbm.report.page import SECTIONS

from .conftest import HOSTILE, fitted, run_of
from .test_page import ELEMENTS, with_samples

pytestmark = pytest.mark.browser

PARTS = [name for name in SECTIONS if name != "editor"]
# Every mark of a chart with the row of data behind it, as Vega binds them.
MARKS = """
figure => [...figure.querySelectorAll("g.role-mark > *")].map(mark => {
    const item = mark.__data__, box = mark.getBoundingClientRect();
    const row = item && !Array.isArray(item) && item.datum || {};
    return {kind: mark.parentElement.getAttribute("class").split(" ")[0], row,
            x: box.x + box.width / 2, y: box.y + box.height / 2,
            width: box.width, height: box.height};
})
"""
FOLDED = ("Café", "Cafe\u0301", "fish", "ﬁsh", "FISH", " fish")


def marks(page: Any, section: str, nth: int = 0) -> list[dict[str, Any]]:
    return page.locator(f"#{section} figure.chart").nth(nth).evaluate(MARKS)


def wide_run(classes: int = 200, concepts: int = 170) -> Run:
    """Return a run of many classes with everything measured that grows with them."""
    rng = np.random.default_rng(0)
    n = 4 * classes
    X = rng.normal(size=(n, concepts))
    y = np.array([f"class number {i % classes} of many" for i in range(n)])
    model = PostHocCBM(lam=0.004, n_lams=2, tol=0.5).fit(X, y)
    weights = rng.normal(size=model.coef_.shape) * (rng.random(model.coef_.shape) < 0.3)
    run = Run.of_model(model.with_head(weights, model.intercept_))
    run.metrics["evaluation"] = evaluate_model(run.model, X, y, y)
    run.metrics["geometry"] = concept_geometry(run.model, X)
    return run


@pytest.fixture(scope="module")
def wide() -> str:
    return render_report(wide_run())


def pages(run: Run, edited_zoo: Run, hostile_run: Run) -> dict[str, str]:
    found = {"fitted": with_samples(run), "edited": with_samples(edited_zoo)}
    found["hostile"] = with_samples(hostile_run)
    found |= {task: render_report(run_of(task)) for task in ("binary", "multilabel", "regression")}
    X = np.random.default_rng(0).normal(size=(60, 4))
    model = PostHocCBM(lam=0.05).fit(X, np.where(X[:, 1] > 0, "yes", "no"))
    return found | {"unmeasured": render_report(Run.of_model(model))}


@pytest.mark.parametrize("width", [DESK["width"], PHONE["width"]])
def test_every_page_is_whole_and_fits(
    run: Run, edited_zoo: Run, hostile_run: Run, open_report: Open, width: int
) -> None:
    for name, html in pages(run, edited_zoo, hostile_run).items():
        page = open_report(html, viewport={"width": width, "height": 900})
        ids = page.evaluate("[...document.querySelectorAll('section.part')].map(s => s.id)")
        assert ids == PARTS
        for part in PARTS:
            assert page.locator(f"#{part} .body").inner_text().strip(), (name, part)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.locator("figure.failed").count() == 0
        if name != "unmeasured":
            assert page.locator("figure.drawn").count() >= 4


def test_every_chart_has_marks_that_can_be_seen(edited_zoo: Run, open_report: Open) -> None:
    page = open_report(with_samples(edited_zoo))
    figures = page.locator("figure.chart")
    assert figures.count() >= 11
    for i in range(figures.count()):
        found = figures.nth(i).evaluate(MARKS)
        assert len(found) >= 2
        dots = [mark for mark in found if mark["kind"] != "mark-rule"]
        assert dots and all(mark["width"] > 0 and mark["height"] > 0 for mark in dots), dots
        frame = figures.nth(i).bounding_box()
        assert all(frame["x"] - 1 <= m["x"] <= frame["x"] + frame["width"] + 1 for m in found)


def test_dots_stand_where_the_figures_are(run: Run, open_report: Open) -> None:
    """Places on the screen are a straight line of the values of metrics.json."""
    page = open_report(render_report(run))
    large = [m for m in marks(page, "controls") if m["kind"] == "mark-symbol"]
    assert len(large) == 4 + len(run.metrics["controls"]["random_bank"]["values"])
    values = np.array([m["row"]["value"] for m in large])
    fit = np.polyfit(values, [m["x"] for m in large], 1)
    assert fit[0] > 0
    assert np.polyval(fit, values) == pytest.approx([m["x"] for m in large], abs=0.6)
    own = next(m for m in large if m["row"].get("role") == "model")
    assert own["row"]["value"] == pytest.approx(run.metrics["accuracy"]["test"], rel=1e-5)


def test_cells_of_the_confusion_stand_at_their_classes(run: Run, open_report: Open) -> None:
    page = open_report(render_report(run))
    cells = [m for m in marks(page, "confusion") if m["kind"] == "mark-rect"]
    counts = run.metrics["evaluation"]["confusion"]
    assert {(m["row"]["row"], m["row"]["column"]): int(m["row"]["shown"]) for m in cells} == {
        (given, said): n for given, row in counts.items() for said, n in row.items()
    }
    order = run.config["classes"]
    for axis, place in (("row", "y"), ("column", "x")):
        at = {m["row"][axis]: m[place] for m in cells}
        known = [name for name in order if name in at]
        assert [at[name] for name in known] == sorted(at.values())


def test_hostile_names_do_nothing_and_are_read_as_they_are(
    hostile_run: Run, open_report: Open
) -> None:
    page = open_report(with_samples(hostile_run))
    elements = set(
        page.evaluate(
            """[...document.querySelectorAll("*")].filter(e => !e.closest("figure svg"))
            .map(e => e.tagName.toLowerCase())"""
        )
    )
    assert elements <= {*ELEMENTS, "svg"}
    handlers = "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
    assert [name for name in page.evaluate(handlers) if name.startswith("on")] == []
    assert page.locator("img").count() == 0
    text = page.locator("main").inner_text()
    for name in (HOSTILE[0], HOSTILE[2], "x" * 500, "🦓"):
        assert name in text
    drawn = page.evaluate(
        "[...document.querySelectorAll('figure svg text')].map(t => t.textContent)"
    )
    assert any(words.startswith("</script><img") for words in drawn)


def test_names_that_fold_to_one_stay_apart(open_report: Open) -> None:
    page = open_report(render_report(fitted(FOLDED[:3], FOLDED)))
    cells = [m for m in marks(page, "weights") if m["kind"] == "mark-rect"]
    drawn = {m["row"]["column"] for m in cells}
    assert drawn <= set(FOLDED)
    places = {m["row"]["column"]: m["x"] for m in cells}
    assert len(set(places.values())) == len(drawn) > 3
    page.fill("#find-concepts", "FISH")
    assert page.locator("#bank tr.found:visible").count() == 4


def test_nothing_that_is_smuggled_in_can_run(run: Run, open_report: Open) -> None:
    page = open_report(render_report(run))
    outcome = page.evaluate(
        """() => new Promise(done => setTimeout(async () => {
            const script = document.createElement("script");
            script.textContent = "window.owned = 1";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend",
                "<p id=styled style='color:red'>x</p><img src=x onerror='window.owned = 2'>");
            const asked = await fetch("https://example.org/").then(() => "sent", () => "refused");
            let code;
            try { code = new Function("return 1")(); } catch { code = "refused"; }
            const colour = getComputedStyle(document.getElementById("styled")).color;
            setTimeout(() => done({owned: window.owned ?? null, asked, code, colour}), 100);
        }))"""
    )
    assert outcome.pop("colour") != "rgb(255, 0, 0)"
    assert outcome == {"owned": None, "asked": "refused", "code": "refused"}
    rules = {line.split(" ")[0] for line in page.evaluate("window.broken")}
    assert {"script-src-elem", "style-src-attr", "img-src", "connect-src", "script-src"} <= rules
    # The browser names the picture before it refuses it.
    others = [fault for fault in open_report.faults if "Content Security Policy" not in fault]
    assert all(fault.endswith("/x") for fault in others)
    open_report.faults.clear()


def test_search_finds_classes_and_concepts_by_keyboard(edited_zoo: Run, open_report: Open) -> None:
    page = open_report(render_report(edited_zoo))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached: set[str] = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if page.evaluate("document.activeElement === document.body"):
            break
    assert {"A", "SUMMARY", "find-weights", "find-concepts", "DIV"} <= reached
    page.locator("#find-weights").focus()
    page.keyboard.type("ZÉBRA"[:1])
    page.keyboard.type("ebra")
    assert page.locator("#weights .found:visible").count() == 1
    assert page.locator("#weights [role=status]").inner_text() == "1 of 3"
    page.locator("#find-weights").fill("")
    assert page.locator("#weights .found:visible").count() == 3
    page.locator("#path summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#path table").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_no_serious_accessibility_violation(
    edited_zoo: Run, hostile_run: Run, open_report: Open, scheme: str, screen: dict[str, int]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for html in (with_samples(edited_zoo), with_samples(hostile_run)):
        page = open_report(html, viewport=screen, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = axe.run(page).response["violations"]
        serious = [
            (rule["id"], [node["html"][:200] for node in rule["nodes"][:3]])
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_dark_and_light_pages_share_one_drawing(run: Run, open_report: Open) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = open_report(render_report(run), color_scheme=scheme)
        colours[scheme] = page.locator("#path svg text").first.evaluate(
            "t => getComputedStyle(t).fill"
        )
    assert colours["light"] != colours["dark"]
    page.emulate_media(color_scheme="light")
    assert (
        page.locator("#path svg text").first.evaluate("t => getComputedStyle(t).fill")
        == colours["light"]
    )


def test_it_prints_on_white_with_every_chart(edited_zoo: Run, open_report: Open) -> None:
    page = open_report(with_samples(edited_zoo), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 700, "height": 900})  # about A4
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_scripts_the_tables_remain(run: Run, open_report: Open) -> None:
    page = open_report(render_report(run), java_script_enabled=False)
    assert page.locator("figure.chart:visible").count() == 0
    assert page.locator("input:visible").count() == 0
    assert percent(run.metrics["accuracy"]["test"]) in page.locator("#controls table").inner_text()
    assert page.locator("#weights svg rect").count() > 5


def test_inputs_are_shown(run: Run, open_report: Open) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 12))
    inputs = [rng.integers(0, 255, (24, 24, 3), dtype=np.uint8) for _ in range(30)]
    data = Dataset("pictures", "image", np.array([f"p{i}" for i in range(30)]), inputs)
    page = open_report(render_report(run, samples=choose_samples(run.model, X, data)))
    sizes = page.evaluate(
        "[...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight])"
    )
    assert sizes and all(size == [True, 24, 24] for size in sizes)


@pytest.mark.parametrize("width", [DESK["width"], PHONE["width"]])
def test_two_hundred_classes_are_drawn_and_found(wide: str, open_report: Open, width: int) -> None:
    assert len(wide.encode()) < 3_000_000
    page = open_report(wide, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cells = [m for m in marks(page, "weights") if m["kind"] == "mark-rect"]
    assert len({m["row"]["column"] for m in cells}) == 40
    page.fill("#find-weights", "number 199 ")
    assert page.locator("#weights .found:visible").count() == 1
    assert page.locator("#weights .found:visible h3").inner_text() == "class number 199 of many"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_a_screenshot_of_every_section_is_kept(
    edited_zoo: Run,
    open_report: Open,
    picture_file: Callable[[str], Path],
    scheme: str,
    screen: dict[str, int],
) -> None:
    page = open_report(with_samples(edited_zoo), viewport=screen, color_scheme=scheme)
    for part in PARTS:
        file = picture_file(f"report-{part}-{screen['width']}-{scheme}")
        page.locator(f"#{part}").screenshot(path=file)
        assert file.stat().st_size > 1000


def test_specifications_stand_in_the_page_as_data(run: Run, open_report: Open) -> None:
    page = open_report(render_report(run))
    texts = page.evaluate(
        "[...document.querySelectorAll('figure.chart > script')].map(s => s.textContent)"
    )
    assert texts
    for text in texts:
        assert "layer" in json.loads(text)
