"""Wrong input: one line, exit code 2, and nothing is written or lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


def rows(n: int = 40) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"X": rng.standard_normal((n, 8)), "y": np.array(["cat", "dog"] * (n // 2))}


class TestData:
    def refused(self, pcbm: Any, world: Any, data: object, out: Path, *options: Any) -> str:
        line = pcbm("fit", data, "--concepts", world.bank, "--out", out / "run", *options).refused()
        assert not (out / "run").exists()
        assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []
        return line

    def test_no_such_data(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        save(tmp_path, **rows())
        line = self.refused(pcbm, world, tmp_path / "dta.npz", tmp_path)
        assert "does not exist" in line
        assert "did you mean 'data.npz'?" in line

    @pytest.mark.parametrize("name", ["x.npz", "x.safetensors", "x.parquet", "x.csv", "x.xlsx"])
    def test_a_file_that_is_not_what_its_name_says(
        self, pcbm: Any, world: Any, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
        assert name in self.refused(pcbm, world, tmp_path / name, tmp_path)

    def test_a_single_class(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        data = save(tmp_path, X=rows()["X"], y=np.array(["cat"] * 40))
        line = self.refused(pcbm, world, data, tmp_path)
        assert "single class 'cat'" in line

    def test_a_class_with_one_example(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        y = np.array(["cat", "dog"] * 20)
        y[7] = "emu"
        line = self.refused(pcbm, world, save(tmp_path, X=rows()["X"], y=y), tmp_path)
        assert "'emu'" in line

    def test_no_labels(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        line = self.refused(pcbm, world, save(tmp_path, X=rows()["X"]), tmp_path)
        assert "no labels" in line

    def test_labels_of_another_length(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        data = save(tmp_path, X=rows()["X"], y=rows()["y"][:39])
        line = self.refused(pcbm, world, data, tmp_path)
        assert "39" in line
        assert "40" in line

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_activations_that_are_not_finite(
        self, pcbm: Any, world: Any, tmp_path: Path, value: float
    ) -> None:
        X = rows()["X"]
        X[3, 2] = value
        line = self.refused(pcbm, world, save(tmp_path, X=X, y=rows()["y"]), tmp_path)
        assert "NaN or infinite" in line

    def test_another_dimension(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        data = save(tmp_path, X=rows()["X"][:, :6], y=rows()["y"])
        line = self.refused(pcbm, world, data, tmp_path)
        assert "8" in line
        assert "6" in line
        line = pcbm("evaluate", world.run, data).refused()
        assert "6 dimensions" in line
        assert "fitted on 8" in line

    def test_two_test_sets(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        line = self.refused(
            pcbm, world, world.data, tmp_path, "--test", world.test, "--test-size", "0.3"
        )
        assert "--test and --test-size" in line
        split = np.array(["train", "test"] * 20)
        data = save(tmp_path, **rows(), split=split)
        line = self.refused(pcbm, world, data, tmp_path, "--test", world.test)
        assert "--test and test rows in" in line

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--test-size", "1.5"], ["1.5", "between 0 and 1"]),
            (["--projection", "margn"], ["margn", "margin"]),
            (["--residual", "liner"], ["liner", "linear"]),
            (["--task", "binry"], ["binry", "binary"]),
            (["--task", "regression"], ["regression", "'"]),
            (["--lam", "0.1", "--concepts-per-class", "3"], ["give one"]),
            (["--lam", "-1"], ["-1"]),
            (["--concepts-per-class", "-1"], ["-1"]),
            (["--select", "cv-1sd"], ["select 'cv-1sd' is unknown", "did you mean 'cv-1se'"]),
            (["--select", "min", "--lam", "0.1"], ["lam and select each choose", "give one"]),
            (["--nec-rule", "exact"], ["nec-rule 'exact'", "concepts-per-class"]),
            (
                ["--nec-rule", "truncat", "--concepts-per-class", "2"],
                ["did you mean 'truncate'"],
            ),
            (["--group-folds"], ["give select 'cv' or 'cv-1se' too"]),
            (["--l1-ratio", "2"], ["2"]),
            (["--layer", "x"], ["--layer", "--backbone"]),
            (["--split", "x"], ["no option --split"]),
            (["--template", "no slot"], ["template"]),
        ],
    )
    def test_options_out_of_range(
        self, pcbm: Any, world: Any, tmp_path: Path, options: list[str], words: list[str]
    ) -> None:
        line = self.refused(pcbm, world, world.data, tmp_path, *options)
        for word in words:
            assert word in line

    def test_an_existing_run_is_kept(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        out = tmp_path / "run"
        out.mkdir()
        (out / "mine.txt").write_text("keep")
        options = ("--concepts", world.bank, "--out", out, "--control-repeats", 0)
        line = pcbm("fit", world.data, *options).refused()
        assert "exists already" in line
        assert "--force" in line
        assert (out / "mine.txt").read_text() == "keep"
        line = pcbm("fit", world.data, *options, "--force").refused()
        assert "did not write" in line
        assert (out / "mine.txt").read_text() == "keep"
        (out / "mine.txt").unlink()
        assert pcbm("fit", world.data, *options, "--force").code == 0
        assert pcbm("fit", world.data, *options, "--force").code == 0
        assert (out / "config.json").exists()


class TestConcepts:
    def refused(self, pcbm: Any, world: Any, concepts: Path, *options: Any) -> str:
        out = concepts.parent / "run"
        common = ("--concepts", concepts, "--out", out)
        line = pcbm("fit", world.data, *common, *options).refused()
        assert not out.exists()
        return line

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("c.txt", b"", ["c.txt", "no words"]),
            ("c.txt", b"\n \r\n", ["no words"]),
            ("c.txt", "naïve\n".encode("latin1"), ["c.txt", "not UTF-8"]),
            ("c.txt", "stripes\n".encode("utf-16"), ["UTF-16"]),
            ("c.json", b"{", ["c.json", "no JSON"]),
            ("c.json", b"3", ["c.json", "list of words"]),
            ("c.safetensors", b"stripes", ["c.safetensors"]),
            ("c.csv", b"name,x\n1,1\n", ["c.csv", "'id'"]),
            ("c.docx", b"", ["c.docx", "no form of concepts"]),
        ],
    )
    def test_a_faulty_file(
        self, pcbm: Any, world: Any, tmp_path: Path, name: str, content: bytes, words: list[str]
    ) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        line = self.refused(pcbm, world, path, "--backbone", "demo:tiny-clip")
        for word in words:
            assert word in line

    def test_none_at_all(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        assert "do not exist" in self.refused(pcbm, world, tmp_path / "absent.txt")

    def test_words_for_activations_of_unknown_origin(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        path = tmp_path / "c.txt"
        path.write_text("stripes\n")
        assert "--backbone" in self.refused(pcbm, world, path)
        line = self.refused(pcbm, world, path, "--backbone", "demo:tiny-clip")
        assert "64" in line
        assert "8" in line


class TestRuns:
    def test_no_run(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        assert "is not a folder" in pcbm("evaluate", tmp_path / "no", world.test).refused()
        assert "is not a RUN" in pcbm("evaluate", tmp_path, world.test).refused()

    def test_a_damaged_run(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        import shutil

        run = tmp_path / "run"
        shutil.copytree(world.run, run)
        (run / "model.safetensors").write_bytes(b"nothing")
        assert "model.safetensors" in pcbm("predict", run, world.test).refused()

    def test_a_class_the_run_does_not_know(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        data = save(tmp_path, X=rows()["X"], y=np.array(["cat", "dgo"] * 20))
        line = pcbm("evaluate", world.run, data).refused()
        assert "'dgo'" in line
        assert "did you mean 'dog'?" in line

    def test_labels_of_one_class_can_be_judged(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        data = save(tmp_path, X=rows()["X"], y=np.array(["cat"] * 40))
        assert pcbm("evaluate", world.run, data, "--json").document["n"] == 40

    def test_an_unknown_id(self, pcbm: Any, world: Any) -> None:
        line = pcbm("explain", world.run, world.test, "--id", "row 3x").refused()
        assert "did you mean 'row 3'" in line

    def test_names_in_messages_cannot_steer_the_terminal(self, pcbm: Any, world: Any) -> None:
        line = pcbm("explain", world.run, world.test, "--id", "\x1b[31m[red]x\n").refused()
        assert "\x1b" not in line
        assert "x1b[31m[red]x" in line
