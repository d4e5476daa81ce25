"""``pcbm report --editor`` and ``--serve``, and ``pcbm edit`` asked about a page's figures."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from pcbm.editing import EditPlan, PageFigure, PageRecord
from pcbm.files import sha256_file
from pcbm.model import load_run

from .conftest import Outcome, World, activations

Call = Callable[..., Outcome]


def block(path: Path) -> dict[str, Any]:
    """Return the data that the editor of a page reads."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="pcbm-editor">(.*?)</script>', text)
    assert found is not None
    return json.loads(found.group(1))


def test_a_report_with_an_editor_holds_validation_rows_alone(
    world: World, tmp_path: Path, pcbm: Call
) -> None:
    out = tmp_path / "report.html"
    told = pcbm("report", world.run, "--data", world.data, "--editor", "--out", out, "--json")
    chosen = load_run(world.run).metrics["validation"]["n_validation"]
    expected = {"rows": "val", "n": chosen, "data": str(world.data)}
    assert expected.items() <= told.document["editor"].items()
    sample = block(out)["sample"]
    assert sample["n"] == chosen
    assert set(sample["ids"]) < {f"row {i}" for i in range(240)}
    assert sample["groups"] == ["bright", "dark"]
    again = tmp_path / "again.html"
    pcbm("report", world.run, "--data", world.data, "--editor", "--out", again)
    assert again.read_bytes() == out.read_bytes()
    plain = tmp_path / "plain.html"
    told = pcbm("report", world.run, "--data", world.data, "--out", plain, "--json")
    assert told.document["editor"] is None
    assert "pcbm-editor" not in plain.read_text(encoding="utf-8")


def test_rows_to_edit_on_may_be_other_data(world: World, tmp_path: Path, pcbm: Call) -> None:
    out = tmp_path / "report.html"
    words = ["report", world.run, "--data", world.data, "--editor-data", world.test, "--editor"]
    assert pcbm(*words, "--out", out).code == 0
    found = block(out)["sample"]
    assert (found["n"], found["source"]["rows"]) == (90, "all")
    assert "The run has no record of this data" in out.read_text(encoding="utf-8")


def test_a_test_set_is_no_data_to_edit_on(world: World, tmp_path: Path, pcbm: Call) -> None:
    run, out = tmp_path / "run", tmp_path / "report.html"
    common = ["--concepts", world.bank, "--control-repeats", "0"]
    pcbm("fit", world.data, "--test", world.test, *common, "--out", run)
    told = pcbm("report", run, "--data", world.test, "--editor", "--out", out).refused()
    assert "is the test set of" in told
    assert f"give other rows, like --editor-data {world.data}" in told
    rows = activations(60, seed=5)
    np.savez(tmp_path / "tests.npz", **rows, split=np.full(60, "test"))
    told = pcbm("report", run, "--data", tmp_path / "tests.npz", "--editor", "--out", out)
    assert "the data holds test rows alone" in told.refused()
    np.savez(tmp_path / "bare.npz", X=rows["X"])
    told = pcbm("report", run, "--editor-data", tmp_path / "bare.npz", "--editor", "--out", out)
    assert "has no labels, which the editor counts with" in told.refused()
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--editor", "--out", "x.html"], "--editor was given without rows to try edits on"),
        (["--port", "8000", "--out", "x.html"], "--port was given without --serve"),
        (["--editor-data", "d.npz", "--out", "x.html"], "--editor-data was given without --editor"),
        (["--serve", "--out", "x.html"], "--serve was given beside --out"),
        (["--serve", "--figures", "f", "--format", "md"], "beside --figures, --format md"),
        (["--serve", "--port", "70000"], "--port was given as '70000'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    world: World, pcbm: Call, words: list[str], told: str
) -> None:
    assert told in pcbm("report", world.run, *words).refused()


def page_plan(world: World, out: Path, pcbm: Call, **changed: Any) -> EditPlan:
    """Return a plan as an editor exports it, its figures those of all rows it stands for."""
    page = out / "page.html"
    pcbm("report", world.run, "--data", world.data, "--editor", "--out", page, "--force")
    data = block(page)
    plan = EditPlan().zero("fur")
    source = data["sample"]["source"]
    record = PageRecord(data["model"]["run"], source["n"], "95 %", (), 0.1, (0.0, 0.2))
    plan = EditPlan.from_dict({**plan.as_dict(), "chosen_on": source, "page": record.as_dict()})
    figures = (
        PageFigure("all", None, "accuracy", 0.9, changed.get("accuracy", 0.9), (0.1, 0.2)),
        PageFigure("group", "dark", "accuracy", 0.9, 0.9, (0.1, 0.2)),
    )
    record = PageRecord(changed.get("run", record.run), source["n"], "95 %", figures, 0.1, (0, 1))
    return plan.seen(record)


def test_pcbm_edit_asks_all_rows_of_the_page(world: World, tmp_path: Path, pcbm: Call) -> None:
    plan = page_plan(world, tmp_path, pcbm)
    plan.save(tmp_path / "plan.json")
    common = ["edit", world.run, "--plan", tmp_path / "plan.json", "--control-repeats", "0"]
    judged = [*common, "--no-curve", "--eval", world.data, "--force", "--out", tmp_path / "run"]
    told = pcbm(*judged, "--json").document
    seen = told["evaluation"]["page"]
    assert seen["own_rows"] is True
    assert seen["n"] == plan.chosen_on.n
    truth = [one["all"] for one in seen["figures"]]
    assert len(truth) == 2
    assert any("the page's figures were off on all" in text for text in told["warnings"])
    right = plan.seen(
        PageRecord(
            plan.page.run,
            plan.page.sample,
            "95 %",
            tuple(
                PageFigure(f.of, f.name, f.measure, f.before, round(value, 6), f.interval)
                for f, value in zip(plan.page.figures, truth, strict=True)
            ),
            0.1,
            (0.0, 1.0),
        )
    )
    right.save(tmp_path / "plan.json")
    told = pcbm(*judged, "--json").document
    assert [one["inside"] for one in told["evaluation"]["page"]["figures"]] == [True, True]
    assert any(text.startswith("2 of 2 figures of the page hold") for text in told["notes"])
    assert not any("page" in text for text in told["warnings"])
    assert load_run(tmp_path / "run").edits[-1]["plan"]["page"] == right.page.as_dict()
    elsewhere = [*judged[:-5], "--eval", world.test, *judged[-3:]]
    told = pcbm(*elsewhere, "--json").document
    assert told["evaluation"]["page"]["own_rows"] is False
    assert told["evaluation"]["page"]["n"] == 90


def test_a_page_of_another_run_or_of_other_edits_is_told(
    world: World, tmp_path: Path, pcbm: Call
) -> None:
    path, out = tmp_path / "plan.json", tmp_path / "run"
    common = ["edit", world.run, "--plan", path, "--control-repeats", "0", "--no-curve"]
    page_plan(world, tmp_path, pcbm, run="0" * 64).save(path)
    told = pcbm(*common, "--eval", world.data, "--out", out, "--force", "--json").document
    own = sha256_file(world.run / "model.safetensors")[:12]
    assert any(
        f"another run (model 000000000000, this one is {own})" in t for t in told["warnings"]
    )
    assert told["evaluation"]["page"] is None
    page_plan(world, tmp_path, pcbm).save(path)
    told = pcbm(*common, "--out", out, "--force", "--json").document
    assert "the plan holds figures that a page showed: --eval DATA compares them" in told["notes"]
    words = ["--renormalise", "--eval", world.data, "--out", out, "--force", "--json"]
    told = pcbm(*common, *words).document
    assert any("of the edits alone, not of renormalise" in text for text in told["notes"])


@pytest.mark.slow
def test_serving_ends_cleanly_when_it_is_interrupted(world: World) -> None:
    words = ["report", str(world.run), "--serve", "--data", str(world.data)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pcbm.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = urlsplit(process.stdout.readline().strip())
    assert url.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=60)
    connection.request("GET", f"/?{url.query}")
    answer = connection.getresponse()
    page = answer.read().decode()
    assert answer.status == 200
    assert "connect-src 'self'" in page
    assert '"served":true' in page
    process.send_signal(signal.SIGINT)
    rest, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest == ""  # stdout holds the address alone
    assert stderr.splitlines()[-1] == "pcbm: interrupted"
    assert "Traceback" not in stderr
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", url.port, timeout=5).request("GET", "/")
