"""``pcbm report`` beside the page: Markdown on stdout or in a file, and a folder of figures."""

from __future__ import annotations

import json
import sys


def test_markdown_is_printed_and_nothing_else(pcbm, world):
    done = pcbm("report", world.run, "--format", "md")
    assert done.code == 0 and done.out.startswith("## run\n")
    assert "### Strongest concepts" in done.out
    assert pcbm("report", world.run, "--format", "md", "--out", "-").out == done.out
    assert pcbm("report", world.run, "--format", "md", "--json").document["markdown"] == done.out


def test_markdown_goes_into_a_file(pcbm, world, tmp_path):
    done = pcbm("report", world.run, "--format", "md", "--out", tmp_path / "run.md", "--json")
    text = (tmp_path / "run.md").read_text()
    assert text == pcbm("report", world.run, "--format", "md").out
    assert done.document["bytes"] == len(text.encode())
    line = pcbm("report", world.run, "--format", "md", "--out", tmp_path / "run.md").refused()
    assert "exists already" in line


def test_figures_are_written_beside_a_page_or_alone(pcbm, world, tmp_path):
    done = pcbm(
        "report", world.run, "--figures", tmp_path / "figures", "--figure-format", "png", "--json"
    )
    figures = done.document["figures"]
    assert done.document["report"] is None
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {"figures.json", *figures["files"]}
    assert "weights.png" in figures["files"]
    assert figures["not_drawn"]["edit"] == "the run was not edited"


def test_samples_are_drawn_where_data_is_given(pcbm, world, tmp_path):
    out = tmp_path / "figures"
    done = pcbm("report", world.run, "--figures", out, "--data", world.test)
    assert done.code == 0 and "not drawn: residual (the model has no residual)" in done.out
    index = json.loads((out / "figures.json").read_text())
    samples = [entry for entry in index["figures"] if entry["kind"] == "sample"]
    explained = pcbm("explain", world.run, world.test, "--json").document["samples"]
    margins = {row["id"]: row["margin"] for row in explained}
    assert len(samples) >= 8
    for entry in samples:
        total = sum(bar["value"] for bar in entry["data"]["bars"])
        assert abs(total - margins[entry["data"]["id"]]) < 1e-9


def test_nothing_to_write_is_refused(pcbm, world):
    assert (
        "give --out FILE.html, --figures DIR or --format md" in pcbm("report", world.run).refused()
    )
    assert "prints Markdown only" in pcbm("report", world.run, "--out", "-").refused()
    assert "it is html or md" in pcbm("report", world.run, "--format", "pdf").refused()


def test_figures_are_refused_before_anything_is_written(pcbm, world, tmp_path, monkeypatch):
    page, folder = tmp_path / "r.html", tmp_path / "figures"
    both = ("report", world.run, "--out", page, "--figures", folder)
    assert "did you mean 'svg'?" in pcbm(*both, "--figure-format", "svgz").refused()
    folder.write_text("mine")
    assert "exists already" in pcbm(*both).refused()
    folder.unlink()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'pcbm[plots]'" in pcbm(*both).refused()
    assert list(tmp_path.iterdir()) == []
