"""The page holds every figure, loads nothing, runs nothing, and is the same for the same run."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pcbm.activations import Dataset
from pcbm.model import PostHocCBM, PostHocCBMRegressor, Run, load_run, save_run
from pcbm.report import choose_samples, render_report
from pcbm.report.figures import effective, exact, percent, points, signed, significant
from pcbm.report.page import SECTIONS
from pcbm.report.provenance import all_figures, commands

PARTS = [name for name in SECTIONS if name != "editor"]
# The whole vocabulary of the page: an injected element would stand out.
ELEMENTS = """
html head meta title style script body header main section article aside nav footer div span p a
ul li dl dt dd h1 h2 h3 h4 table thead tbody tr th td details summary pre code blockquote bdi br
strong label input figure img svg line circle rect
""".split()  # noqa: SIM905


VOID = ("meta", "img", "br", "input")


class Page(HTMLParser):
    """What a browser would see: elements, attributes, and text outside of styles and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.elements.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)


def with_samples(run: Run) -> str:
    rng = np.random.default_rng(4)
    n = 30
    X = rng.normal(size=(n, 12))
    data = Dataset(
        source="notes.csv",
        kind="text",
        ids=np.array([f"id-{i}</p><script>" for i in range(n)]),
        inputs=[
            f"text {i} <img src=http://example.org/{i}.png onerror=alert(1)>" for i in range(n)
        ],
    )
    y = np.array(run.config["classes"])[rng.integers(0, len(run.config["classes"]), n)]
    return render_report(run, samples=choose_samples(run.model, X, data, y))


def test_every_section_is_there(run: Run, edited_zoo: Run) -> None:
    for one in (run, edited_zoo):
        found = Page(render_report(one)).attributes
        assert [value for tag, name, value in found if (tag, name) == ("section", "id")] == PARTS


def test_elements_are_closed_and_known(edited_zoo: Run, hostile_run: Run) -> None:
    for one in (edited_zoo, hostile_run):
        page = Page(with_samples(one))
        assert page.open == []
        assert page.elements <= set(ELEMENTS)


def test_the_figures_of_the_fit_are_on_the_page(run: Run) -> None:
    page, metrics = Page(render_report(run)).text, run.metrics
    random = metrics["controls"]["random_bank"]
    shown = [
        percent(metrics["accuracy"]["train"]),
        percent(metrics["accuracy"]["test"]),
        percent(metrics["controls"]["full_probe"]),
        percent(metrics["controls"]["majority"]),
        percent(random["mean"]),
        significant(random["p_value"]),
        effective(metrics["nec"]),
        significant(metrics["lam"]),
        *(percent(row["accuracy"]) for row in metrics["evaluation"]["per_class"].values()),
        *(percent(row["accuracy"]) for row in metrics["evaluation"]["per_group"].values()),
        *(percent(point["accuracy"]) for point in metrics["path"]),
        *(effective(point["nec"]) for point in metrics["path"]),
        *(signed(float(w)) for w in run.model.coef_.ravel() if w != 0),
    ]
    assert [figure for figure in shown if figure not in page] == []


def test_every_number_of_metrics_json_is_there_in_full(run: Run, edited_zoo: Run) -> None:
    for one in (run, edited_zoo):
        page = Page(render_report(one)).text
        rows = all_figures(one.metrics)
        assert len(rows) > 40
        assert [key for key, value in rows if f"{key} {value}" not in page] == []
        assert f"controls.full_probe {exact(one.metrics['controls']['full_probe'])}" in page


def test_edits_show_before_and_after(edited_zoo: Run) -> None:
    page = Page(render_report(edited_zoo)).text
    (step,) = edited_zoo.edits
    assert "zero 'stripes'" in page
    for change in step["changes"]:
        if change["coef"]["before"] != 0:
            assert f"stripes {change['class']} {signed(change['coef']['before'])} 0" in page
    for evaluation in (step["evaluation"], *step["evaluation"]["also"]):
        before, after = (percent(evaluation[side]["accuracy"]) for side in ("before", "after"))
        assert f"Accuracy {before} {after}" in page
        changed = evaluation["changed"]
        assert f"changed {changed['n']} of {changed['of']} predictions" in page


def test_controls_reliance_and_the_curve_of_an_edit_are_shown(edited_zoo: Run) -> None:
    page = Page(render_report(edited_zoo)).text
    found = edited_zoo.edits[-1]["evaluation"]
    assert "Edits that know nothing of the concept" in page
    assert "As many other coefficients" in page
    assert f"The curve as a table, {len(found['curve']['points'])} points" in page
    assert f"before {points(found['reliance']['before'])} " in page
    assert "McNemar p = " in page


def test_what_was_not_measured_of_an_edit_names_the_command(edited_zoo: Run) -> None:
    (step,) = edited_zoo.edits
    left = {"controls", "curve", "reliance"}
    record = {key: value for key, value in step["evaluation"].items() if key not in left}
    bare = Run(
        edited_zoo.model, edited_zoo.config, edited_zoo.metrics, [{**step, "evaluation": record}]
    )
    page = Page(render_report(bare)).text
    for option in ("--shifted DATA2", "--control-repeats 20", "--curve"):
        assert f"{option} measures" in page


def test_an_edited_run_says_which_figures_are_older(edited_zoo: Run) -> None:
    page = Page(render_report(edited_zoo)).text
    assert "Before the edits, on 80 test rows, it was right for" in page
    assert percent(edited_zoo.metrics["as_fitted"]["accuracy"]["test"]) in page


def test_warnings_come_first(run: Run) -> None:
    warned = Run(run.model, run.config, {**run.metrics, "warnings": ["mind <this>"]})
    page = Page(render_report(warned)).text
    assert page.index("Mind <this>") < page.index("The model tells 3 classes apart")


def test_the_verdict_follows_the_interval(run: Run) -> None:
    controls = run.metrics["controls"]
    for beaten, words in ((True, "do better than random"), (False, "Accuracy is no evidence")):
        random = {**controls["random_bank"], "beaten": beaten}
        metrics = {**run.metrics, "controls": {**controls, "random_bank": random}}
        assert words in Page(render_report(Run(run.model, run.config, metrics))).text


def test_nothing_is_loaded_and_nothing_can_run(edited_zoo: Run, hostile_run: Run) -> None:
    for one in (edited_zoo, hostile_run):
        html = with_samples(one)
        page = Page(html)
        assert {name for tag, name, _ in page.attributes if tag == "script"} <= {"type"}
        assert "default-src 'none'" in html
        for tag, name, value in page.attributes:
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in ("src", "href", "srcset", "xlink:href", "action", "data"):
                assert re.match(r"data:image/(png|jpeg);base64,|#\w+$", value or ""), value
        assert "unsafe" not in html[: html.index("<style>")]
        style = html[html.index("<style>") : html.index("</style>")]
        assert "url(" not in style
        assert "@import" not in style


def test_hostile_names_are_shown_as_they_are(hostile_run: Run) -> None:
    page = Page(render_report(hostile_run)).text
    for name in ("</script><img src=x onerror=alert(1)>", "{{ 7 * 7 }}{% raw %}", "x" * 500, "🦓"):
        assert name in page
    assert "\x00" not in page
    assert "\x07" not in page


def test_a_title_is_escaped(run: Run) -> None:
    html = render_report(run, title="</title><script>alert(1)</script>\ud800")
    page = Page(html)
    assert html.count("<script") == render_report(run).count("<script")
    assert "</title><script>alert(1)</script>\ufffd" in page.text


def test_the_same_run_gives_the_same_bytes(edited_zoo: Run, tmp_path: Path) -> None:
    save_run(edited_zoo, tmp_path / "run")
    first = with_samples(load_run(tmp_path / "run"))
    assert first == with_samples(load_run(tmp_path / "run"))
    first.encode("utf-8")


def test_a_model_from_python_says_what_was_not_measured() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    model = PostHocCBM(lam=0.05, n_lams=5).fit(X, np.where(X[:, 1] > 0, "yes", "no"))
    page = Page(render_report(Run.of_model(model))).text
    assert "this model was saved without an evaluation" in page
    assert "Not tested against random directions" in page
    assert "every column of the activations counts as a concept" in page
    assert "← speaks for no speaks for yes →" in page


def test_a_regression_has_its_own_words() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    model = PostHocCBMRegressor(lam=0.05, n_lams=5).fit(X, X[:, 1] + 3)
    page = Page(render_report(Run.of_model(model))).text
    assert "The model predicts a number from 4 named concepts" in page
    assert "logit" not in page


@pytest.mark.slow
def test_two_hundred_classes_stay_under_three_megabytes() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 170))
    y = np.array([f"class number {i % 200}" for i in range(800)])
    model = PostHocCBM(lam=0.004, n_lams=2, tol=0.5).fit(X, y)
    weights = rng.normal(size=model.coef_.shape) * (rng.random(model.coef_.shape) < 0.3)
    html = render_report(Run.of_model(model.with_head(weights, model.intercept_)))
    assert len(html.encode()) < 3_000_000
    assert "176 more classes" in html


def test_the_command_that_repeats_a_run_names_what_chose_the_head():
    settings = {"lam": None, "select": "cv", "nec_rule": None, "group_folds": True}
    (line,) = commands({"data": {"source": "a.npz"}, "settings": settings}, [])
    assert "--select cv --group-folds" in line
    assert "None" not in line
    settings = {"concepts_per_class": 3.0, "nec_rule": "exact", "group_folds": False}
    (line,) = commands({"data": {"source": "a.npz"}, "settings": settings}, [])
    assert "--concepts-per-class 3.0 --nec-rule exact" in line
    assert "group-folds" not in line
