"""The editor in a real browser: anybody can use it, and its plan arrives as it was seen."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import editing_page
import numpy as np
import pytest
from editor_browser import Open, numbers, put

from pcbm import PostHocCBM
from pcbm.concepts import ConceptBank
from pcbm.editing import EditPlan
from pcbm.model import Run
from pcbm.model.pipeline import evaluate_model
from pcbm.report import render_report
from pcbm.report.editor import Cases, ReportServer, editor_part, evaluator

pytestmark = pytest.mark.browser


def status(page: Any) -> str:
    page.wait_for_timeout(350)  # the line waits for a slider to rest
    return page.inner_text("#ed-status")


def edits(page: Any) -> list[dict[str, Any]]:
    return page.evaluate("pcbmEditor.edits")


def test_the_mouse_can_group_edit_slide_undo_and_reset(show: Open) -> None:
    run, cases = editing_page.example("multiclass")
    page = show(run, cases)
    start = status(page)
    assert "0 of 300 rows changed" in start
    page.click("#ed-zero")
    assert page.inner_text("#ed-told") == "Choose at least one concept first."
    page.fill("#ed-search", "CONCÉPT 1")
    page.click("#ed-all")
    page.fill("#ed-search", "concept 2")
    page.click("#ed-all")
    assert page.inner_text("#ed-chosen") == "2 chosen"
    page.click("summary:has-text('Groups of concepts')")
    page.fill("#ed-group-name", "pair")
    page.click("#ed-group-keep")
    page.click("#ed-none")
    page.click("#ed-groups button >> nth=0")
    page.click("#ed-zero")
    both = [
        {"op": "zero", "concept": f"concept {k}", "classes": None, "at": "mean"} for k in (1, 2)
    ]
    assert edits(page) == both
    assert status(page) != start
    page.select_option("#ed-at", "boundary")
    page.check("input[name=ed-scope][value=some]")
    page.click("#ed-zero")
    assert page.inner_text("#ed-told") == "Choose at least one class, or all classes."
    page.check("#ed-classes input[value='1']")
    page.click("#ed-none")
    page.fill("#ed-search", "concept 0")
    page.click("#ed-all")
    page.click("#ed-zero")
    name = str(run.model.classes_[1])
    assert edits(page)[2] == {
        "op": "zero", "concept": "concept 0", "classes": [name], "at": "boundary",
    }  # fmt: skip
    assert "softmax compares the classes" in page.inner_text("#ed-warnings")
    page.click("#ed-undo")
    assert edits(page) == both
    for factor in ("1.5", "1.2", "0.3"):
        page.evaluate(
            """value => { const slide = document.getElementById("ed-slide"); slide.value = value;
            slide.dispatchEvent(new Event("input")); }""",
            factor,
        )
    assert [edit.get("factor") for edit in edits(page)] == [None, None, 0.3]
    page.click("#ed-undo")
    assert edits(page) == both
    page.click("#ed-redo")
    assert edits(page)[-1]["factor"] == 0.3
    page.click("#ed-edits button >> nth=0")
    assert [edit["concept"] for edit in edits(page)] == ["concept 2", "concept 0"]
    page.click("#ed-reset")
    assert edits(page) == []
    assert status(page) == start
    page.click("#ed-undo")
    assert len(edits(page)) == 2


def test_the_keyboard_alone_is_enough(show: Open) -> None:
    run, cases = editing_page.example("multiclass")
    page = show(run, cases)
    keys = page.keyboard

    def tab_to(selector: str, most: int = 40) -> None:
        for _ in range(most):
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            keys.press("Tab")
        raise AssertionError(f"no way to {selector}")

    page.evaluate("document.getElementById('ed-search').focus()")
    keys.type("concept")
    tab_to("#ed-concepts input")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Space")
    keys.press("End")
    keys.press("Space")
    assert page.inner_text("#ed-chosen") == "2 chosen"
    tab_to("#ed-factor")
    keys.press("Control+A")
    keys.type("0.25")
    keys.press("Enter")
    assert [edit["factor"] for edit in edits(page)] == [0.25, 0.25]
    tab_to("#ed-slide")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    assert len(edits(page)) == 4
    keys.press("Control+z")
    assert len(edits(page)) == 2
    keys.press("Control+y")
    assert len(edits(page)) == 4
    tab_to("#ed-which")
    tab_to("#ed-rows input", 6)
    first = page.inner_text("#ed-case h4")
    keys.press("ArrowDown")
    assert page.inner_text("#ed-case h4") != first
    tab_to("#ed-reason")
    keys.type("a cue & <more>")
    assert json.loads(page.input_value("#ed-plan"))["reason"] == "a cue & <more>"
    tab_to("#ed-undo")
    keys.press("Enter")
    keys.press("Enter")
    assert edits(page) == []
    assert page.evaluate("document.activeElement.id") == "ed-undo"  # focus stays where it was


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    show: Open, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    run, cases = editing_page.example("multiclass", "linear")
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = show(run, cases, **options)
    put(page, EditPlan().zero("concept 0", ["ant"]).scale("concept 1", 0.5))
    page.check("input[name=ed-scope][value=some]")
    page.click("summary:has-text('Groups of concepts')")
    found = axe.Axe().run(page, context="#editor")
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for target in page.query_selector_all("#ed button:visible, #ed select:visible"):
        assert target.bounding_box()["height"] >= 24  # WCAG 2.2, 2.5.8


HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(2)>' onmouseover='alert(3)",
    "emoji 🦓 and right-to-left \u202e\u05d0\u05d1\u05d2 \u2069 \u0627",
    "long " + "x" * 500,
    "controls \x01\x1b\x7f &amp; <b>bold</b> line\nbreak\u2028end",
    "Straße",
    "STRASSE",
    "${alert(4)} {{ 7 * 7 }} `",
)


def hostile_example() -> tuple[Run, Cases]:
    """Return a run and rows in which every name from outside tries to break the page."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(240, 12))
    y = np.array(HOSTILE[:4])[X[:, :4].argmax(axis=1)]
    bank = ConceptBank(list(HOSTILE), np.eye(len(HOSTILE), 12))
    model = PostHocCBM(bank, lam=0.01, n_lams=3).fit(X, y)
    run = Run.of_model(model)
    run.metrics["run"] = "runs/'; alert(5) #"
    group = np.array(HOSTILE[2:6])[rng.integers(0, 4, 240)]
    data = editing_page.dataset(X, y, group)
    ids = np.array([f"{name} {i}" for i, name in enumerate(np.resize(HOSTILE, 240))])
    found = editing_page.cases(run, replace(data, ids=ids, source=HOSTILE[0]), y)
    return run, found


def test_names_from_outside_stay_text_and_come_back_whole(show: Open, tmp_path: Path) -> None:
    run, cases = hostile_example()
    page = show(run, cases)
    assert page.evaluate("pcbmEditor.model.concepts") == list(HOSTILE)
    page.fill("#ed-search", "strasse")
    page.click("#ed-all")
    assert page.inner_text("#ed-chosen") == "2 chosen"  # two names that differ in case alone
    page.fill("#ed-search", "")
    page.click("#ed-all")
    page.click("summary:has-text('Groups of concepts')")
    page.fill("#ed-group-name", HOSTILE[0])
    page.click("#ed-group-keep")
    page.check("input[name=ed-scope][value=some]")
    for box in page.query_selector_all("#ed-classes input")[:3]:
        box.check()
    page.click("#ed-zero")
    page.fill("#ed-author", HOSTILE[1])
    page.fill("#ed-row-search", "zebra")
    page.select_option("#ed-which", "wrong")
    page.fill("#ed-row-search", "")
    added = page.evaluate(
        "[...document.querySelectorAll('#ed img, #ed b, #ed script, #ed svg [onload]')].length"
    )
    assert added == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    with page.expect_download() as download:
        page.click("#ed-save")
    download.value.save_as(tmp_path / "plan.json")
    plan = EditPlan.load(tmp_path / "plan.json")
    assert [edit.concept for edit in plan.edits] == list(HOSTILE)
    assert {edit.classes for edit in plan.edits} == {tuple(map(str, run.model.classes_[:3]))}
    assert plan.author == HOSTILE[1]
    text = (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert json.loads(text) == plan.as_dict()
    assert text.split('"chosen_on"')[0] == plan.to_json().split('"chosen_on"')[0]
    plan.check(run.model)
    assert page.inner_text("#ed-command") == (
        "pcbm edit 'runs/'\\''; alert(5) #' --plan plan.json --out RUN2 --eval DATA"
    )


def test_the_surest_changes_stand_first(show: Open) -> None:
    run, cases = editing_page.example("multiclass")
    page = show(run, cases)
    put(page, EditPlan().scale("concept 0", 0.3))
    lines = page.eval_on_selector_all(
        "[aria-label='Class in group: before and after'] tbody tr",
        "rows => rows.map(r => [r.cells[0].innerText, r.cells[4].innerText])",
    )
    cells = page.evaluate("pcbmEditor.figures.cells")
    assert len(lines) == len(cells) == 9
    named = {" in ".join(cell["name"]): cell["change"] for cell in cells}
    found = [named[name.split("\n")[0]] for name, _ in lines]
    moved = [change for change in found if change["value"] != 0]
    assert len(moved) > 0
    assert found[: len(moved)] == moved
    sure = [max(change["low"], -change["high"]) for change in moved]
    assert sure == sorted(sure, reverse=True)


def test_any_label_of_a_row_can_be_explained(show: Open) -> None:
    run, cases = editing_page.example("multilabel")
    page = show(run, cases)
    for row, name in enumerate(map(str, run.model.classes_)):
        page.select_option("#ed-toward", str(row))
        assert f"after the edit, for {name};" in page.inner_text("#ed-case caption")
        shown = page.inner_text("#ed-case .sum .num").replace("\u2212", "-")
        logit = run.model.decision_function(np.asarray(cases.acts.X)[:1])[0, row]
        assert float(shown) == pytest.approx(logit, abs=6e-4)


def test_one_row_for_two_classes_offers_no_class(show: Open) -> None:
    run, cases = editing_page.example("binary")
    page = show(run, cases)
    assert not page.is_visible("input[name=ed-scope]")
    assert "positive speaks for yes, negative for no" in page.inner_text("#ed-one-row")
    page.click("#ed-all")
    page.click("#ed-zero")
    assert {edit["classes"] for edit in edits(page)} == {None}


def save_zoo(folder: Path) -> tuple[Path, Path]:
    """Fit a run with a cue in its data; return its folder and the data."""
    from pcbm.cli.main import run as pcbm

    rng = np.random.default_rng(8)
    y = rng.integers(0, 3, 900)
    group = rng.random(900) < 0.15
    X = rng.normal(size=(900, 10))
    X[np.arange(900), y] += 1.5
    X[:, 5] += np.where(group, y - 1.0, 1.0 - y)
    split = np.where(np.arange(900) < 700, "train", "test")
    data, bank, run = folder / "zoo.npz", folder / "bank.safetensors", folder / "run"
    names = np.array(["ant", "bee", "cat"])
    np.savez(data, X=X, y=names[y], split=split, group=np.where(group, "odd", "usual"))
    ConceptBank(["wings", "sting", "fur", "legs", "tail", "frame"], np.eye(6, 10)).save(bank)
    words = ["fit", data, "--concepts", bank, "--control-repeats", "0", "--select", "min"]
    assert pcbm([*map(str, words), "--out", str(run), "--quiet"]) == 0
    return run, data


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return save_zoo(tmp_path_factory.mktemp("zoo"))


def test_an_exported_plan_gives_the_same_figures_through_the_command_line(
    show: Open, zoo: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from pcbm.cli.editing_page import named_cases
    from pcbm.cli.main import run as pcbm
    from pcbm.cli.options import BackboneChoice, Common
    from pcbm.model import load_run

    folder, data = zoo
    run = load_run(folder)
    page = show(run, named_cases(run, folder, str(data), BackboneChoice(), Common(quiet=True)))
    page.fill("#ed-search", "frame")
    page.click("#ed-all")
    page.click("#ed-zero")
    page.fill("#ed-reason", "no frame in use")
    with page.expect_download() as download:
        page.click("#ed-save")
    plan = tmp_path / "plan.json"
    download.value.save_as(plan)
    figures = page.evaluate("pcbmEditor.figures")
    judge = ["--eval", str(data), "--control-repeats", "0", "--no-curve", "--json"]
    words = ["edit", str(folder), "--plan", str(plan), "--out", str(tmp_path / "edited")]
    capfd.readouterr()
    assert pcbm([*words, *judge]) == 0
    told = json.loads(capfd.readouterr().out)
    seen = told["evaluation"]["page"]
    assert seen["own_rows"] is True
    assert seen["n"] == page.evaluate("pcbmEditor.sample.n") == 140
    assert [one["inside"] for one in seen["figures"]] == [True] * len(seen["figures"])
    rows = figures["overall"] + figures["groups"] + figures["classes"]
    after = {row["name"] or None: row["after"]["value"] for row in rows}
    assert {"all", "group", "class"} == {one["of"] for one in seen["figures"]}
    for one in seen["figures"]:
        assert one["all"] == pytest.approx(after[one["name"]], abs=1e-9)
        assert one["page"] == pytest.approx(one["all"], abs=1e-6)
    entry = told["edits"][-1]["plan"]
    assert entry["reason"] == "no frame in use"
    assert entry["chosen_on"]["rows"] == "val"
    edited = load_run(tmp_path / "edited").model
    assert edited.coef_.ravel().tolist() == numbers(page, "pcbmEditor.now.coef").tolist()


def test_a_served_page_shows_the_servers_figures_beside_its_own(
    chromium: Any, zoo: tuple[Path, Path]
) -> None:
    from pcbm.cli.editing_page import named_cases
    from pcbm.cli.options import BackboneChoice, Common
    from pcbm.model import load_run

    folder, data = zoo
    run = load_run(folder)
    cases = named_cases(run, folder, str(data), BackboneChoice(), Common(quiet=True))
    html = render_report(run, editor=editor_part(run, cases, served=True))
    server = ReportServer(html, evaluator(run, cases))
    thread = threading.Thread(target=server.run)
    thread.start()
    page = chromium.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        page.goto(server.url)
        page.click("#ed-ask")
        assert page.inner_text("#ed-answer") == "Make an edit first."
        page.fill("#ed-search", "frame")
        page.click("#ed-all")
        page.click("#ed-zero")
        page.click("#ed-ask")
        page.wait_for_selector("#ed-answer table")
        lines = page.inner_text("#ed-answer table tbody").split("\n")
        assert lines[0].startswith("Accuracy")
        assert "outside" not in page.inner_text("#ed-answer")
        found = [t.strip() for t in page.inner_text("#ed-answer tr:has-text('Accuracy')").split()]
        expected = evaluate_model(
            EditPlan().zero("frame").apply(run.model),
            np.asarray(cases.acts.X)[cases.chosen.rows],
            cases.labels,
        )
        shown = f"{100 * expected['accuracy']:.1f}%"
        assert found.count(shown) == 2  # the page's figure, and Python's
        assert page.request.get(server.url + "x").status == 403
        assert faults == []
        server.shutdown()
        thread.join()
        page.click("#ed-ask")
        page.wait_for_selector("#ed-answer:has-text('The server does not answer')")
    finally:
        server.shutdown()
        thread.join()
        page.close()
