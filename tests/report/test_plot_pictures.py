"""Pictures hold the values, embed their fonts, and are the same bytes every time."""

from __future__ import annotations

import json
import sys
import warnings
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from every_kind import fit
from matplotlib import _pylab_helpers, cbook

from pcbm.errors import InputError
from pcbm.model import Run
from pcbm.report import Sample
from pcbm.report.plots import Chart, charts, figure_bytes, picture, save_figures
from pcbm.report.plots.draw import DRAWINGS
from pcbm.report.plots.style import short

SVG = "{http://www.w3.org/2000/svg}"
RECORD = {
    "id": "a/1.jpg",
    "label": "cat",
    "toward": "cat",
    "against": "dog",
    "margin": 0.7,
    "intercept": 0.2,
    "residual": None,
    "other": 0.1,
    "proba": {"cat": 0.7, "dog": 0.3},
    "concepts": [{"name": "fur $x_1$", "contribution": 0.8}, {"name": "b", "contribution": -0.4}],
}


def drawn(run, samples=None):
    return {c.name: c for c in charts(run, samples) if isinstance(c, Chart)}


@pytest.fixture(scope="module")
def hostile(hostile_run):
    samples = [Sample("typical", RECORD, "dog", text="long text " * 90), Sample("close", RECORD)]
    return drawn(hostile_run, samples)


@pytest.mark.slow
def test_every_kind_of_figure_of_hostile_names_is_a_whole_svg(hostile):
    one_a_kind = {chart.kind: chart for chart in hostile.values()}
    of_comparisons = {"map", "points", "trend", "series"}  # not of a run
    assert set(one_a_kind) == set(DRAWINGS) - of_comparisons
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for chart in one_a_kind.values():
            root = ET.fromstring(figure_bytes(chart))
            assert root.tag == f"{SVG}svg", chart.name
            assert root.find(f".//{SVG}text") is None  # glyphs are in the file as outlines
            assert root.find(f".//{SVG}script") is None


@pytest.mark.parametrize("format_", ["svg", "pdf", "png"])
def test_the_same_values_give_the_same_bytes(edited_zoo, format_, monkeypatch):
    chart = drawn(edited_zoo)["edit-1"]
    first = figure_bytes(chart, format_)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)  # a user's own settings
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "black")
    assert figure_bytes(chart, format_) == first
    assert b"2026" not in first and b"CreationDate" not in first
    if format_ == "pdf":
        assert b"/FontFile2" in first


def test_a_users_matplotlib_stays_as_it_is(hostile):
    # Through dict: rcParams itself would look for a backend, and import pyplot.
    before = dict(dict.items(matplotlib.rcParams))
    figure_bytes(hostile["weights"])
    picture(hostile["controls"])
    assert dict(dict.items(matplotlib.rcParams)) == before
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []  # no window, no global state


def test_bars_are_as_long_as_the_weights(run):
    fig = picture(drawn(run)["weights"])
    for axes, row in zip(fig.axes, run.model.coef_, strict=True):
        widths = [bar.get_width() for bar in axes.patches]
        np.testing.assert_allclose(widths, sorted(row[row != 0], key=lambda w: -abs(w)))


def test_marks_stand_at_their_values(edited_zoo):
    chart = drawn(edited_zoo)["classes"]
    axes = picture(chart).axes[0]
    marks = {line.get_xdata()[0] for line in axes.lines if len(line.get_xdata())}
    assert marks >= {row["values"][0] for row in chart.data["rows"]}
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == [row["name"] for row in chart.data["rows"]]


def test_dollars_are_no_formula(hostile):
    fig = picture(hostile["sample-1-typical"])
    shown = [text.get_text() for axes in fig.axes for text in axes.get_yticklabels()]
    assert r"fur \$x_1\$" in shown
    assert not any(cbook.is_math_text(text) for text in shown)


def test_a_class_without_concepts_and_a_binary_head_are_drawn():
    model = fit("multiclass").with_head(np.zeros((3, 5)), np.zeros(3))
    for each in (model, fit("binary"), fit("regression"), fit(with_bank=False)):
        assert figure_bytes(drawn(Run.of_model(each))["weights"]).startswith(b"<?xml")


def test_calibration_and_similarities_are_drawn_where_they_were_measured():
    bins = [
        {"low": 0.5, "high": 1.0, "n": 9, "confidence": 0.8, "share": 0.7, "interval": [0.4, 0.9]}
    ]
    reliability = Chart("c", "", "", "calibration", {"n_bins": 2, "bins": bins})
    (axes,) = picture(reliability).axes
    assert (0.8, 0.7) in [tuple(map(float, line.get_xydata()[0])) for line in axes.lines]
    cells = {"rows": ["a", "b"], "columns": ["a", "b"], "values": [[None, 0.25], [-0.5, None]]}
    drawn_cells = picture(Chart("s", "", "", "similarity", cells)).axes[0].images[0].get_array()
    assert drawn_cells[0, 1] == 0.25 and drawn_cells[1, 0] == -0.5 and drawn_cells.mask[0, 0]


def test_many_classes_take_several_figures(run):
    chart = drawn(run)["classes"]
    row = chart.data["rows"][0]
    rows = [{**row, "name": f"class {i}"} for i in range(120)]
    fig = picture(Chart("c", "", "", "dots", {**chart.data, "rows": rows}))
    assert fig.get_size_inches()[1] > 25
    model = fit()
    many = Run.of_model(model.with_head(model.coef_, model.intercept_))
    many.model.classes_ = np.array([f"class {i}" for i in range(30)])
    many.model.head_.coef_ = np.tile(model.coef_, (10, 1))
    names = [name for name in drawn(many) if name.startswith("weights")]
    assert names == ["weights", "weights-2", "weights-3", "weights-map"]


def test_a_folder_of_figures_is_whole_and_says_what_is_in_it(tmp_path):
    run = Run.of_model(fit())
    save_figures(run, tmp_path / "figures", format_="png")
    index = json.loads((tmp_path / "figures" / "figures.json").read_text())
    files = {entry["file"] for entry in index["figures"]} | {"figures.json"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == files
    assert all(entry["caption"] for entry in index["figures"])
    assert {"name", "title", "reason"} == set(index["not_drawn"][0])
    with pytest.raises(InputError, match="exists already"):
        save_figures(run, tmp_path / "figures")


def test_other_folders_and_formats_are_refused(run, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("mine")
    with pytest.raises(InputError, match="a folder that pcbm did not write"):
        save_figures(run, tmp_path / "photos", force=True)
    with pytest.raises(InputError, match="the figure format 'pgn' is unknown: did you mean 'png'"):
        save_figures(run, tmp_path / "figures", format_="pgn")
    assert not (tmp_path / "figures").exists()


def test_without_matplotlib_the_extra_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    with pytest.raises(InputError, match=r"pip install 'pcbm\[plots\]'"):
        save_figures(run, tmp_path / "figures")
    assert list(tmp_path.iterdir()) == []


def test_titles_in_the_files_are_plain(hostile):
    chart = Chart("x", "a </title>\x00 & b", "", "dots", next(iter(hostile.values())).data)
    title = ET.fromstring(figure_bytes(chart)).find(f"{SVG}metadata")
    assert short(chart.title, 200) in "".join(title.itertext())
