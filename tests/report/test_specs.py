"""Every chart is valid Vega-Lite, holds the run's values, and takes names as data alone."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest

from pcbm.model import PostHocCBM, Run
from pcbm.report.heat import counts_spec, similarity_spec, weights_spec
from pcbm.report.pictures import SPECS, lowest, picture
from pcbm.report.plots import Absent, Chart, charts
from pcbm.report.plots.chart import dot, dots
from pcbm.report.vega import figure

from .conftest import HOSTILE, run_of

altair = pytest.importorskip("altair", reason="pip install altair: it holds Vega-Lite's schema")


def specs(run: Run) -> dict[str, dict[str, Any]]:
    return {
        chart.name: SPECS[chart.kind](chart.data)
        for chart in charts(run)
        if isinstance(chart, Chart) and chart.kind in SPECS
    }


def check(spec: dict[str, Any]) -> None:
    """Validate against the schema, with few rows of data; altair raises ValidationError."""
    spec = json.loads(json.dumps(spec))
    for part in (spec, *spec["layer"]):
        if "values" in part.get("data", {}):
            part["data"]["values"] = part["data"]["values"][:2]
    altair.LayerChart.from_dict(spec)


def rows_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    own = spec.get("data", {}).get("values", [])
    return own + [row for layer in spec["layer"] for row in layer.get("data", {}).get("values", [])]


@pytest.mark.slow
def test_every_chart_of_a_run_is_valid_vega_lite(edited_zoo: Run, hostile_run: Run) -> None:
    for run in (edited_zoo, hostile_run):
        found = specs(run)
        assert {"controls", "path", "confusion", "calibration", "classes", "geometry"} <= set(found)
        assert {"edit-1", "edit-1-curve", "edit-1-controls"} <= set(found) or run is hostile_run
        for spec in found.values():
            check(spec)


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_every_task_has_valid_charts(task: str) -> None:
    found = specs(run_of(task))
    assert "path" in found
    for spec in found.values():
        check(spec)


def test_the_schema_refuses_what_is_no_chart() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check({"layer": [{"mark": "circus", "encoding": {}}]})


def test_names_are_values_of_data_and_nothing_else(hostile_run: Run) -> None:
    """A name in a field, a title or an expression would be read as more than a name."""

    def walk(node: Any, place: tuple[str, ...]) -> None:
        if isinstance(node, dict):
            for key, inner in node.items():
                assert not any(name in str(key) for name in HOSTILE)
                walk(inner, (*place, key))
        elif isinstance(node, list):
            for inner in node:
                walk(inner, place)
        elif any(name in str(node) for name in HOSTILE):
            assert place[-1] in ("name", "row", "column") or place[-2:] == ("scale", "domain")

    for spec in specs(hostile_run).values():
        walk(spec, ())


def test_controls_and_path_are_drawn_where_the_metrics_are(run: Run) -> None:
    found, metrics = specs(run), run.metrics
    drawn = {row["value"] for row in rows_of(found["controls"]) if "value" in row}
    random = metrics["controls"]["random_bank"]
    for value in (
        metrics["accuracy"]["test"],
        metrics["controls"]["full_probe"],
        metrics["controls"]["majority"],
        *random["values"],
    ):
        assert any(value == pytest.approx(each, rel=1e-5) for each in drawn)
    path = [row for row in rows_of(found["path"]) if "order" in row]
    assert [row["value"] for row in path] == pytest.approx(
        [point["accuracy"] for point in metrics["path"]], rel=1e-5
    )
    assert [row["nec"] for row in path] == pytest.approx(
        [point["nec"] for point in metrics["path"]], rel=1e-5
    )


def test_confusions_are_as_strong_as_their_share() -> None:
    data = {
        "rows": ["a", "b"],
        "columns": ["a", "b"],
        "values": [[9, 1], [5, 5]],
        "row_axis": "given",
        "column_axis": "predicted",
    }
    cells = {(c["row"], c["column"]): c for c in counts_spec(data)["data"]["values"]}
    assert cells["a", "a"]["strength"] == 0.9 and cells["a", "a"]["kind"] == "right"
    assert cells["b", "a"]["strength"] == 1.0 and cells["b", "a"]["kind"] == "wrong"
    assert cells["a", "b"]["strength"] == pytest.approx(0.2)
    empty = counts_spec({**data, "values": [[3, 0], [0, 0]]})
    assert [cell["shown"] for cell in empty["data"]["values"]] == ["3"]


def test_signs_have_colours_and_holes_are_left_out() -> None:
    spec = similarity_spec(
        {"rows": ["a", "b"], "columns": ["a", "b"], "values": [[None, 0.5], [-1.0, None]]}
    )
    kinds = {(c["row"], c["column"]): (c["kind"], c["strength"]) for c in spec["data"]["values"]}
    assert kinds == {("a", "b"): ("pos", 0.5), ("b", "a"): ("neg", 1.0)}
    cells = weights_spec([("a", "x", -2.0), ("b", "x", 1.0)], ["a", "b"], ["x"])["data"]["values"]
    assert [(cell["kind"], cell["strength"]) for cell in cells] == [("neg", 1.0), ("pos", 0.5)]


def test_of_many_rows_the_lowest_are_drawn_and_the_caption_says_so() -> None:
    rows = [dot(f"class {i}", [i / 100]) for i in reversed(range(60))]
    pages = [
        Chart("c", "Recall", "Recall.", "dots", dots("recall", part, percent=True))
        for part in (rows[:40], rows[40:])
    ]
    found = lowest(pages, most=10)
    shown = json.loads(found["figure"].split(">", 2)[2].split("</script>")[0])
    names = {row["name"] for row in rows_of(shown)}
    assert names == {f"class {i}" for i in range(10)}
    assert "The 10 lowest of 60 are drawn." in found["caption"]


def test_what_was_not_measured_has_words_and_no_chart() -> None:
    found = picture(Absent("x", "X", "nobody looked"))
    assert found == {"figure": None, "caption": None, "reason": "nobody looked"}
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = PostHocCBM(lam=0.05).fit(X, np.where(X[:, 1] > 0, "yes", "no"))
    assert specs(Run.of_model(model)) == {}


def test_a_figure_is_named_for_those_who_do_not_see_it() -> None:
    drawn = figure({"mark": "bar"}, 'He said "</figure>"')
    assert 'role="img" aria-label="He said &#34;&lt;/figure&gt;&#34;"' in drawn
