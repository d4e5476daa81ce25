"""``pcbm report`` beside the page: Markdown on stdout or in a file, and a folder of figures."""

from __future__ import annotations

import json
import sys

import numpy as np
from every_kind import fit


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


def test_figures_are_written_with_samples_of_the_data(pcbm, world, tmp_path):
    out, few = tmp_path / "figures", tmp_path / "few.npz"
    np.savez(few, **{name: values[:3] for name, values in np.load(world.test).items()})
    done = pcbm("report", world.run, "--figures", out, "--data", few, "--json").document
    figures, index = done["figures"], json.loads((out / "figures.json").read_text())
    assert done["report"] is None and done["samples"] == 3
    assert {path.name for path in out.iterdir()} == {"figures.json", *figures["files"]}
    assert "weights.svg" in figures["files"]
    assert figures["not_drawn"]["edit"] == "the run was not edited"
    explained = pcbm("explain", world.run, few, "--json").document["samples"]
    margins = {row["id"]: row["margin"] for row in explained}
    samples = [entry for entry in index["figures"] if entry["kind"] == "sample"]
    assert len(samples) == done["samples"]
    for entry in samples:
        total = sum(bar["value"] for bar in entry["data"]["bars"])
        assert abs(total - margins[entry["data"]["id"]]) < 1e-9


def test_markdown_is_alone_on_stdout_beside_figures(pcbm, tmp_path):
    fit().save(tmp_path / "run")
    alone = pcbm("report", tmp_path / "run", "--format", "md").out
    both = pcbm("report", tmp_path / "run", "--format", "md", "--figures", tmp_path / "f")
    assert both.out == alone
    assert "wrote 2 figures to" in both.err and "not drawn: controls" in both.err


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
