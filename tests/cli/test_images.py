"""The path from image files on: embed, examples, words, a recorded backbone, an interruption."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

PCBM = [sys.executable, "-m", "pcbm.cli.main"]
BACKBONE = """
import torch


class Means(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = torch.nn.AdaptiveAvgPool2d(2)
        self.flat = torch.nn.Flatten()

    def forward(self, x):
        {pause}return self.flat(self.pool(x))


def means():
    return Means().eval()
"""


def picture(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    """Write a noisy picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-40, 41, (16, 16, 3))
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with images of three classes, concept examples and a backbone of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    colours = {"sky": (90, 140, 220), "grass": (70, 180, 80), "brick": (180, 80, 60)}
    for k, (name, colour) in enumerate(colours.items()):
        for i in range(12):
            picture(folder / "data" / name / f"{i:02}.png", colour, 100 * k + i)
    for k, (name, colour) in enumerate({"blue": (60, 60, 230), "green": (60, 230, 60)}.items()):
        for i in range(8):
            picture(folder / "examples" / name / f"{i}.png", colour, 1000 + 100 * k + i)
    (folder / "backbone.py").write_text(BACKBONE.format(pause=""))
    pause = "__import__('time').sleep(0.2); "
    (folder / "slow.py").write_text(BACKBONE.format(pause=pause))
    (folder / "words.txt").write_text("blue\ngreen\n")
    return folder


@pytest.fixture
def backbone(pictures: Path) -> str:
    return f"python:{pictures / 'backbone.py'}:means"


def test_from_pictures_to_an_edited_run(
    pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
) -> None:
    store, bank, run = tmp_path / "acts", tmp_path / "bank.safetensors", tmp_path / "run"
    done = pcbm("embed", pictures / "data", "--backbone", backbone, "--out", store, "--json")
    assert done.code == 0
    embedded = done.document
    assert set(embedded) >= {"out", "n", "dim", "fingerprint", "seconds", "cached"}
    assert (embedded["out"], embedded["n"], embedded["dim"]) == (str(store), 36, 12)
    assert embedded["cached"] is False

    made = ("bank", "cav", pictures / "examples", "--backbone", backbone, "--out", bank)
    done = pcbm(*made, "--learner", "paper", "--penalty", 0.1, "--json").document
    assert [(c["stats"]["learner"], c["stats"]["C"]) for c in done["concepts"]] == [
        ("paper", 0.1)
    ] * 2
    done = pcbm(*made, "--force")
    assert done.code == 0
    assert "blue" in done.out

    # The store holds activations, so no backbone is named again, and the bank fits to it.
    options = ("--control-repeats", 2, "--out", run, "--json")
    found = pcbm("fit", store, "--concepts", bank, *options).document
    assert (found["n_concepts"], found["n_classes"]) == (2, 3)
    # Pictures are turned into activations by the backbone that the run recorded.
    judged = pcbm("evaluate", run, pictures / "data", "--json").document
    assert judged["n"] == 36
    sample = pcbm("explain", run, pictures / "data", "--id", "sky/03.png", "--json").document
    assert sample["samples"][0]["id"] == "sky/03.png"
    edited = tmp_path / "edited"
    options = ("--zero", "blue", "--eval", pictures / "data", "--out", edited, "--json")
    assert pcbm("edit", run, *options).document["evaluation"]["after"]["n"] == 36
    page = tmp_path / "r.html"
    assert pcbm("report", edited, "--data", pictures / "data", "--out", page).code == 0
    assert "data:image/png;base64," in page.read_text()


def test_what_the_users_own_file_prints_is_no_result(
    pcbm: Any, pictures: Path, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text("print('loading')\n" + BACKBONE.format(pause=""))
    options = ("--backbone", f"python:{file}:means", "--out", tmp_path / "acts", "--json")
    done = pcbm("embed", pictures / "data", *options)
    assert done.document["n"] == 36
    assert done.err == "loading\n"


def test_several_layers_give_a_store_each(
    pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
) -> None:
    common = ("embed", pictures / "data", "--backbone", backbone, "--layer", "pool")
    wrong = pcbm(*common, "--layer", "flt", "--out", tmp_path / "wrong").refused()
    assert "did you mean 'flat'?" in wrong
    assert not (tmp_path / "wrong").exists()

    out = tmp_path / "acts"
    found = pcbm(*common, "--layer", "flat", "--out", out, "--json").document
    assert found["n"] == 36
    assert {name: store["dim"] for name, store in found["layers"].items()} == {
        "pool": 3,  # (n, c, h, w) is averaged over h and w
        "flat": 12,
    }
    assert found["layers"]["flat"]["out"] == str(out / "flat")
    assert "exists already" in pcbm(*common, "--layer", "flat", "--out", out).refused()
    # A run that was interrupted between two layers goes on with the second.
    before = (out / "pool" / "manifest.json").stat().st_mtime_ns
    shutil.rmtree(out / "flat")
    found = pcbm(*common, "--layer", "flat", "--out", out, "--json").document
    assert found["layers"]["pool"]["cached"] is True
    assert (out / "pool" / "manifest.json").stat().st_mtime_ns == before
    assert "name one" in pcbm("fit", out, "--concepts", "c.txt", "--out", tmp_path / "r").refused()


@pytest.mark.slow
def test_an_interrupted_embed_ends_with_130_and_is_continued(
    pictures: Path, tmp_path: Path, pcbm: Any
) -> None:
    out = tmp_path / "acts"
    slow = ("--backbone", f"python:{pictures / 'slow.py'}:means", "--shard-rows", "4")
    words = ["embed", str(pictures / "data"), *slow, "--batch-size", "4", "--out", str(out)]
    process = subprocess.Popen(
        [*PCBM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("shard-*.npy"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.splitlines()[-1] == "pcbm: interrupted"
    assert "Traceback" not in stderr
    kept = {p.name: p.stat().st_mtime_ns for p in out.glob("shard-*.npy")}
    assert len(kept) >= 2
    assert "unfinished" in pcbm("fit", out, "--concepts", "c", "--out", tmp_path / "r").refused()
    done = pcbm(*words, "--json")
    assert done.document["n"] == 36
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept


class TestRefusals:
    def refused(self, pcbm: Any, tmp_path: Path, *arguments: Any) -> str:
        """Run a command that must fail; nothing may be left of it."""
        before = sorted(tmp_path.rglob("*"))
        line = pcbm(*arguments, "--out", tmp_path / "out").refused()
        assert sorted(tmp_path.rglob("*")) == before
        return line

    def test_an_image_that_is_none(
        self, pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        shutil.copytree(pictures / "data", data)
        (data / "sky" / "99.png").write_text("no picture")
        line = self.refused(pcbm, tmp_path, "embed", data, "--backbone", backbone)
        assert "sky/99.png" in line
        assert "--skip-unreadable" in line
        options = ("--backbone", backbone, "--skip-unreadable", "--out", tmp_path / "acts")
        found = pcbm("embed", data, *options, "--json").document
        assert (found["n"], found["skipped"]) == (36, ["sky/99.png"])
        options = ("--backbone", backbone, "--skip-unreadable", "--control-repeats", 0)
        concepts = ("--concepts", pictures / "examples", "--out", tmp_path / "run", "--json")
        done = pcbm("fit", data, *options, *concepts)
        assert done.document["skipped"] == ["sky/99.png"]
        assert "1 unreadable" in done.err

    def test_an_example_that_is_no_image(
        self, pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
    ) -> None:
        examples = tmp_path / "examples"
        shutil.copytree(pictures / "examples", examples)
        (examples / "blue" / "99.png").write_text("no picture")
        out = tmp_path / "b.safetensors"
        common = ("bank", "cav", examples, "--backbone", backbone, "--out", out)
        line = pcbm(*common).refused()
        assert "blue/99.png" in line
        assert "--skip-unreadable" in line
        assert not out.exists()
        done = pcbm(*common, "--skip-unreadable", "--json")
        assert (done.code, done.document["n_concepts"]) == (0, 2)
        assert "1 unreadable" in done.err

    def test_test_activations_of_another_backbone(
        self, pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
    ) -> None:
        store = tmp_path / "acts"
        other = f"python:{pictures / 'slow.py'}:means"
        assert pcbm("embed", pictures / "data", "--backbone", other, "--out", store).code == 0
        common = ("--backbone", backbone, "--concepts", pictures / "examples", "--test", store)
        line = self.refused(pcbm, tmp_path, "fit", pictures / "data", *common, "--quiet")
        assert "acts belongs to another backbone" in line
        assert "they differ in python file" in line

    def test_a_manifest_that_names_a_missing_image(
        self, pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
    ) -> None:
        data = tmp_path / "data.csv"
        there = pictures / "data" / "sky" / "00.png"
        data.write_text(f"path,label\n{there},a\n{there.with_name('none.png')},b\n")
        line = self.refused(pcbm, tmp_path, "embed", data, "--backbone", backbone)
        assert "none.png" in line
        assert "--skip-unreadable" in line

    def test_words_without_a_text_tower(
        self, pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
    ) -> None:
        common = ("--backbone", backbone, "--concepts", pictures / "words.txt")
        assert "text tower" in self.refused(pcbm, tmp_path, "fit", pictures / "data", *common)

    def test_pictures_without_a_backbone(self, pcbm: Any, pictures: Path, tmp_path: Path) -> None:
        common = ("--concepts", pictures / "words.txt")
        line = self.refused(pcbm, tmp_path, "fit", pictures / "data", *common)
        assert "images" in line
        assert "--backbone" in line

    def test_an_unknown_backbone(self, pcbm: Any, pictures: Path, tmp_path: Path) -> None:
        common = ("fit", pictures / "data", "--concepts", pictures / "words.txt", "--backbone")
        assert "'open_clip'" in self.refused(pcbm, tmp_path, *common, "openclip:ViT-B-32/openai")
        line = self.refused(pcbm, tmp_path, *common, "open_clip:ViT-B-33/openai")
        assert "ViT-B-32" in line
        line = self.refused(pcbm, tmp_path, *common, f"python:{pictures / 'backbone.py'}:mean")
        assert "'means'" in line

    def test_another_backbone_than_the_recorded_one(
        self, pcbm: Any, pictures: Path, backbone: str, tmp_path: Path
    ) -> None:
        bank = tmp_path / "b.safetensors"
        made = ("bank", "cav", pictures / "examples", "--backbone", backbone, "--out", bank)
        assert pcbm(*made).code == 0
        other = f"python:{pictures / 'slow.py'}:means"
        line = self.refused(
            pcbm, tmp_path, "fit", pictures / "data", "--concepts", bank, "--backbone", other
        )
        assert line.count("fingerprint") >= 1
        first = json.loads(pcbm("bank", "show", bank, "--json").out)["fingerprint"]
        assert first in line
        # Layer and pooling are part of what must agree.
        line = self.refused(
            pcbm, tmp_path, "fit", pictures / "data", "--concepts", bank,
            "--backbone", backbone, "--layer", "pool",
        )  # fmt: skip
        assert first in line

    def test_a_changed_python_file_does_not_run(
        self, pcbm: Any, pictures: Path, tmp_path: Path
    ) -> None:
        file, run = tmp_path / "own.py", tmp_path / "run"
        shutil.copy(pictures / "backbone.py", file)
        common = ("--backbone", f"python:{file}:means", "--concepts", pictures / "examples")
        options = ("--control-repeats", 0, "--out", run)
        assert pcbm("fit", pictures / "data", *common, *options).code == 0
        with file.open("a") as text:
            text.write("print('changed')\n")
        line = pcbm("evaluate", run, pictures / "data").refused()
        assert "own.py" in line
        assert "sha256" in line.casefold() or "changed" in line

    def test_weights_that_cannot_be_fetched(
        self, pcbm: Any, pictures: Path, tmp_path: Path
    ) -> None:
        common = ("fit", pictures / "data", "--concepts", pictures / "words.txt", "--backbone")
        line = self.refused(pcbm, tmp_path, *common, "open_clip:ViT-B-32/laion2b_s34b_b79k")
        assert "open_clip:ViT-B-32/laion2b_s34b_b79k" in line
        assert "network" in line or "download" in line or "fetch" in line
