"""Each command on a small real problem: what it prints, what it writes, and in which form."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

E_KEYS = {"accuracy", "balanced_accuracy", "auc", "per_class", "per_group", "worst_group", "n"}


class TestFit:
    def test_json_has_the_promised_shape_and_the_files_are_there(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        options = ("--concepts", world.bank, "--control-repeats", 3, "--out", out, "--json")
        done = pcbm("fit", world.data, *options)
        assert (done.code, done.err) == (0, "")
        found = done.document
        assert found["run"] == str(out)
        assert (found["task"], found["n_train"], found["n_test"]) == ("multiclass", 192, 48)
        assert (found["n_concepts"], found["n_classes"]) == (5, 3)
        assert found["lam"] > 0
        assert 0 < found["nec"] <= 5
        assert found["accuracy"]["test"] > 0.8
        assert set(found["controls"]) >= {"full_probe", "majority", "random_bank"}
        random = found["controls"]["random_bank"]
        assert set(random) >= {"mean", "std", "repeats", "p_value", "nec"}
        assert random["repeats"] == 3
        assert found["residual"] is None
        assert isinstance(found["warnings"], list)
        assert found["seconds"]["total"] > 0
        names = {path.name for path in out.iterdir()}
        assert names == {
            "config.json", "model.safetensors", "bank.safetensors", "metrics.json",
            "weights.csv", "edits.json", "README.md",
        }  # fmt: skip
        assert [p.name for p in tmp_path.iterdir()] == ["run"]
        assert json.loads((out / "config.json").read_text())["data"]["test_size"] == 0.2

    @pytest.mark.parametrize(
        ("options", "rule", "words"),
        [
            ([], "1se", "within one standard error of the best accuracy on 38 held-out"),
            (["--select", "min"], "min", "the best accuracy on 38 held-out"),
            (["--select", "bic"], "bic", "the least BIC"),
            (["--select", "ebic"], "ebic", "the least EBIC"),
            (["--select", "cv"], "cv", "the best loss in cross-validation with 5 folds"),
            (["--select", "cv-1se"], "cv-1se", "within one standard error of the best loss"),
            (["--lam", "0.05"], "lam", "lam as given"),
            (["--concepts-per-class", "2"], "path", "path point of at most 2 concepts"),
            (["--concepts-per-class", "2", "--nec-rule", "exact"], "exact", "between path"),
            (["--concepts-per-class", "2", "--nec-rule", "truncate"], "truncate", "the largest"),
            (["--concepts-per-class", "2", "--nec-rule", "refit"], "refit", "fitted again"),
        ],
    )
    def test_what_chose_the_head_is_told_and_kept(
        self, pcbm: Any, world: Any, tmp_path: Path, options: list[str], rule: str, words: str
    ) -> None:
        out = tmp_path / "run"
        common = ("--concepts", world.bank, "--control-repeats", 0, "--out", out)
        shown = pcbm("fit", world.data, *common, *options).out
        found = json.loads((out / "metrics.json").read_text())
        assert found["selection"]["rule"] == rule
        assert words in found["selection"]["text"]
        assert words in " ".join(shown.split())
        assert words in (out / "README.md").read_text()
        assert (found["validation"] is None) == (rule not in ("1se", "min", "cv", "cv-1se"))
        settings = json.loads((out / "config.json").read_text())["settings"]
        assert rule in ("lam", settings["select"], settings["nec_rule"])
        if rule in ("exact", "truncate"):
            assert found["nec"] == 2
        again = pcbm("evaluate", out, world.test, "--json").document
        assert again["accuracy"] > 0.6

    def test_paper_mode_is_labelled_as_not_converged(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        common = ("--concepts", world.bank, "--control-repeats", 0, "--out", out)
        assert "give lam too" in pcbm("fit", world.data, *common, "--solver", "sgd").refused()
        shown = " ".join(
            pcbm("fit", world.data, *common, "--solver", "sgd", "--lam", 2e-4).out.split()
        )
        assert "the head is no optimum: solver sgd, NOT converged" in shown
        found = json.loads((out / "metrics.json").read_text())
        assert (found["solver"]["name"], found["solver"]["converged"]) == ("sgd", False)
        assert json.loads((out / "config.json").read_text())["settings"]["solver"] == "sgd"
        assert pcbm("evaluate", out, world.test, "--json").document["accuracy"] > 0.6

    def test_groups_stay_whole_in_a_cross_validation(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        rows = dict(np.load(world.data))
        rows["group"] = np.array([f"patient {i % 30}" for i in range(len(rows["y"]))])
        np.savez(tmp_path / "d.npz", **rows)
        common = ("--concepts", world.bank, "--control-repeats", 0, "--select", "cv", "--json")
        scores = []
        for name, more in (("a", ["--group-folds"]), ("b", [])):
            out = tmp_path / name
            found = pcbm("fit", tmp_path / "d.npz", *common, *more, "--out", out).document
            scores.append(found["validation"]["score"])
            assert ("of whole groups" in found["selection"]["text"]) == bool(more)
        assert scores[0] != scores[1]
        del rows["group"]
        np.savez(tmp_path / "e.npz", **rows)
        more = ("--group-folds", "--out", tmp_path / "c")
        line = pcbm("fit", tmp_path / "e.npz", *common, *more).refused()
        assert "the data names no groups" in line

    def test_the_same_seed_writes_the_same_bytes(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        models = []
        for name in ("a", "b"):
            out = tmp_path / name
            options = ("--concepts", world.bank, "--control-repeats", 0, "--out", out)
            assert pcbm("fit", world.data, *options, "--seed", 7).code == 0
            models.append((out / "model.safetensors").read_bytes())
        assert models[0] == models[1]

    def test_the_table_puts_warnings_first_and_names_the_controls(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        options = ("--concepts", world.bank, "--control-repeats", 0, "--out", tmp_path / "r")
        out = pcbm("fit", world.data, *options).out
        assert out.startswith("warning: random banks were not measured")
        for word in ("named concepts", "full probe", "majority", "Largest weights", "fur +"):
            assert word in out

    def test_a_binary_head_says_which_class_is_positive(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        options = ("--concepts", world.bank, "--control-repeats", 0, "--out", tmp_path / "r")
        assert (
            "positive argues for dog, negative for cat" in pcbm("fit", world.binary, *options).out
        )

    def test_test_data_of_its_own(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        options = ("--test", world.test, "--control-repeats", 0, "--json")
        common = ("--concepts", world.bank, "--out", tmp_path / "r")
        found = pcbm("fit", world.data, *common, *options).document
        assert (found["n_train"], found["n_test"]) == (240, 90)

    def test_concept_labels_of_rows_become_concepts(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        rows = np.load(world.data)
        labels = tmp_path / "labels.csv"
        pairs = zip(rows["ids"], rows["X"], strict=True)
        lines = [f"{name},{int(x[0] > 0)},{int(x[1] > 0)}" for name, x in pairs]
        labels.write_text("\n".join(["id,first,second", *lines]))
        options = ("--concepts", labels, "--control-repeats", 0, "--out", tmp_path / "r", "--json")
        assert pcbm("fit", world.data, *options).document["n_concepts"] == 2

    def test_several_labels_a_row(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        X = np.load(world.data)["X"]
        names = np.array(["furry", "loud"])
        labels = np.array([";".join(names[x[:2] > 0]) for x in X])
        data = tmp_path / "d.npz"
        np.savez(data, X=X, y=labels)
        common = ("--concepts", world.bank, "--control-repeats", 2, "--out", tmp_path / "r")
        done = pcbm("fit", data, *common, "--json")
        assert done.document["task"] == "multilabel"
        assert any("';'" in text for text in done.document["notes"])
        found = pcbm("predict", tmp_path / "r", data, "--json").document
        assert found["classes"] == ["furry", "loud"]
        assert {tuple(label) for label in found["label"]} == {
            (), ("furry",), ("loud",), ("furry", "loud"),
        }  # fmt: skip
        out = pcbm("explain", tmp_path / "r", data, "--id", "3").out
        assert "contribution" in out
        assert pcbm("evaluate", tmp_path / "r", data, "--json").document["n"] == 240

    def test_regression_has_r2_where_classification_has_accuracy(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        rows = np.load(world.data)
        data = tmp_path / "d.npz"
        np.savez(data, X=rows["X"], y=rows["X"][:, 0] * 1.5 + 0.25)
        common = ("--concepts", world.bank, "--control-repeats", 0, "--out", tmp_path / "r")
        done = pcbm("fit", data, *common, "--json")
        assert done.document["r2"]["test"] > 0.9
        assert "accuracy" not in done.document
        assert any("regression" in text for text in done.document["notes"])
        assert pcbm("evaluate", tmp_path / "r", data, "--json").document["rmse"] < 0.5
        predicted = pcbm("predict", tmp_path / "r", data, "--json").document
        assert (predicted["classes"], predicted["proba"]) == (None, None)
        assert isinstance(predicted["label"][0], float)
        told = pcbm("explain", tmp_path / "r", data, "--id", "0").out
        assert told.startswith(f"0: {predicted['label'][0]:.4g}, margin ")
        assert "r2" in pcbm("evaluate", tmp_path / "r", data).out


class TestEvaluateAndPredict:
    def test_evaluate(self, pcbm: Any, world: Any) -> None:
        found = pcbm("evaluate", world.run, world.test, "--json").document
        assert set(found) >= E_KEYS
        assert found["n"] == 90
        assert set(found["per_class"]) == {"cat", "dog", "emu"}
        assert set(found["per_group"]) == {"bright", "dark"}
        groups = [row["accuracy"] for row in found["per_group"].values()]
        assert found["worst_group"] == min(groups)
        out = pcbm("evaluate", world.run, world.test).out
        assert "balanced accuracy" in out
        assert "emu" in out
        assert "dark" in out

    def test_evaluate_judges_on_test_rows_where_the_data_has_some(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        data = tmp_path / "d.npz"
        rows = dict(np.load(world.test))
        np.savez(data, **rows, split=np.where(np.arange(90) < 60, "train", "test"))
        found = pcbm("evaluate", world.run, data, "--json").document
        assert (found["n"], found["split"]) == (30, "test")
        found = pcbm("evaluate", world.run, data, "--split", "all", "--json").document
        assert found["n"] == 90
        assert (
            "marks no rows as 'val'"
            in pcbm("evaluate", world.run, data, "--split", "val").refused()
        )

    def test_predict(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        out = tmp_path / "preds.csv"
        found = pcbm("predict", world.run, world.test, "--out", out, "--json").document
        assert found["classes"] == ["cat", "dog", "emu"]
        assert found["ids"][:2] == ["row 0", "row 1"]
        proba = np.array(found["proba"])
        assert proba.shape == (90, 3)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        assert [found["classes"][j] for j in proba.argmax(axis=1)] == found["label"]
        with out.open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["id", "label", "proba_cat", "proba_dog", "proba_emu"]
        assert rows[1][:2] == ["row 0", found["label"][0]]
        assert float(rows[1][2]) == proba[0, 0]
        assert "70 more rows" in pcbm("predict", world.run, world.test).out
        assert "exists already" in pcbm("predict", world.run, world.test, "--out", out).refused()
        assert pcbm("predict", world.run, world.test, "--out", out, "--force").code == 0


class TestExplain:
    def test_contributions_add_up_to_the_margin(self, pcbm: Any, world: Any) -> None:
        done = pcbm("explain", world.run, world.test, "--id", "row 3", "--id", "row 1", "--json")
        samples = done.document["samples"]
        assert [s["id"] for s in samples] == ["row 3", "row 1"]
        for sample in samples:
            assert set(sample) >= {"id", "label", "against", "proba", "concepts", "residual"}
            parts = [c["contribution"] for c in sample["concepts"]]
            assert sum(parts) + sample["intercept"] == pytest.approx(sample["margin"])
            assert parts == sorted(parts, key=abs, reverse=True)

    def test_for_people(self, pcbm: Any, world: Any) -> None:
        out = pcbm("explain", world.run, world.test, "--id", "row 3").out
        assert out.startswith("row 3: ")
        for word in (" against ", "margin", "contribution", "(intercept)"):
            assert word in out
        assert "85 more samples" in pcbm("explain", world.run, world.test).out

    def test_a_binary_margin_names_the_class_it_argues_for(self, pcbm: Any, world: Any) -> None:
        found = pcbm("explain", world.pair, world.binary, "--json").document["samples"]
        cat = next(s for s in found if s["label"] == "cat")
        assert cat["toward"] == "dog"
        out = pcbm("explain", world.pair, world.binary, "--id", cat["id"]).out
        assert "positive argues for dog" in out


class TestEdit:
    def edit(self, pcbm: Any, world: Any, out: Path, *options: Any) -> Any:
        return pcbm("edit", world.run, *options, "--out", out)

    def test_zero_is_recorded_measured_and_written(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        out = tmp_path / "edited"
        before = pcbm("evaluate", world.run, world.test, "--json").document
        options = ("--zero", "wings", "--eval", world.test, "--reason", "birds only")
        done = self.edit(pcbm, world, out, *options, "--json")
        found = done.document
        assert found["run"] == str(out)
        assert found["edits"][0]["plan"]["reason"] == "birds only"
        assert found["evaluation"]["before"]["accuracy"] == before["accuracy"]
        after = pcbm("evaluate", out, world.test, "--json").document
        assert found["evaluation"]["after"]["accuracy"] == after["accuracy"]
        assert after["accuracy"] < before["accuracy"]
        weights = (out / "weights.csv").read_text().splitlines()
        assert [line.split(",")[2] for line in weights if ",wings," in line] == ["0.0"] * 3
        assert json.loads((out / "edits.json").read_text()) == found["edits"]
        # A second edit keeps the first.
        again = pcbm("edit", out, "--scale", "fur=0.5", "--out", tmp_path / "twice", "--json")
        assert len(again.document["edits"]) == 2
        assert again.document["evaluation"] is None

    def test_for_people(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        options = ("--set", "fur=0.25", "--class", "cat", "--eval", world.test)
        out = self.edit(pcbm, world, tmp_path / "e", *options).out
        assert "set 'fur' to 0.25 for 'cat'" in out
        assert "coef before" in out
        assert "predictions changed" in out

    def test_a_plan_from_a_file(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        plan = tmp_path / "plan.json"
        edits = [{"op": "zero", "concept": "wings"}, {"op": "set", "concept": "fur", "value": 1}]
        plan.write_text(json.dumps({"schema_version": 1, "edits": edits}))
        found = self.edit(pcbm, world, tmp_path / "e", "--plan", plan, "--json").document
        assert [e["op"] for e in found["edits"][0]["plan"]["edits"]] == ["zero", "set"]

    def test_refit_holds_the_edited_concept(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        options = ("--zero", "wings", "--refit", "--train", world.data, "--json")
        found = self.edit(pcbm, world, tmp_path / "e", *options).document
        assert found["edits"][0]["follow_up"] == "refit"
        weights = (tmp_path / "e" / "weights.csv").read_text().splitlines()
        assert [line.split(",")[2] for line in weights if ",wings," in line] == ["0.0"] * 3

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ([], ["no edit was given", "--zero"]),
            (["--zero", "wing"], ["'wing'", "did you mean 'wings'?"]),
            (["--zero", "wings", "--class", "cta"], ["'cta'", "did you mean 'cat'?"]),
            (["--scale", "fur"], ["--scale was given as 'fur'", "CONCEPT=NUMBER"]),
            (["--set", "fur=much"], ["--set was given as 'fur=much'"]),
            (["--set", "fur=nan"], ["'fur'", "finite"]),
            (["--zero", "fur", "--scale", "fur=2"], ["'fur' is edited twice", "--plan"]),
            (["--zero", "fur", "--at", "top"], ["'top'", "'boundary'"]),
            (["--scale", "fur=2", "--at", "boundary"], ["--at boundary", "--zero"]),
            (["--zero", "fur", "--refit"], ["--refit needs training data: add --train DATA"]),
            (["--zero", "fur", "--plan", "p.json"], ["--plan was given beside"]),
            (["--plan", "p.json"], ["p.json does not exist"]),
        ],
    )
    def test_wrong_edits_leave_nothing_behind(
        self, pcbm: Any, world: Any, tmp_path: Path, options: list[str], words: list[str]
    ) -> None:
        line = self.edit(pcbm, world, tmp_path / "e", *options).refused()
        for word in words:
            assert word in line
        assert list(tmp_path.iterdir()) == []

    def test_a_class_in_a_binary_head_is_refused(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        line = pcbm(
            "edit", world.pair, "--zero", "fur", "--class", "cat", "--out", tmp_path / "e"
        ).refused()
        assert "cat" in line
        assert "one row" in line


class TestReport:
    def test_one_file_that_holds_the_run(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        out = tmp_path / "report.html"
        found = pcbm("report", world.run, "--out", out, "--data", world.test, "--json").document
        assert found["report"] == str(out)
        assert found["bytes"] == out.stat().st_size
        assert found["samples"] > 0
        page = out.read_text(encoding="utf-8")
        assert "<html" in page
        assert "wings" in page
        assert "exists already" in pcbm("report", world.run, "--out", out).refused()


class TestBank:
    def test_show_merge_and_filter(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        found = pcbm("bank", "show", world.bank, "--json").document
        assert [c["name"] for c in found["concepts"]][:2] == ["fur", "barks"]
        part, rest, whole = (tmp_path / f"{n}.safetensors" for n in ("part", "rest", "whole"))
        assert pcbm("bank", "filter", world.bank, "--keep", "fur", "--out", part).code == 0
        assert pcbm("bank", "filter", world.bank, "--drop", "fur", "--out", rest).code == 0
        found = pcbm("bank", "merge", part, rest, "--out", whole, "--json").document
        assert {c["name"] for c in found["concepts"]} == {
            "fur", "barks", "wings", "noise one", "noise two"
        }  # fmt: skip
        assert "fur" in pcbm("bank", "show", whole).out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["show", "absent.safetensors"], ["absent.safetensors"]),
            (["shwo", "x"], ["no command 'shwo'", "did you mean 'show'?"]),
            (["filter", "{bank}", "--out", "x.safetensors"], ["nothing to filter by"]),
            (["filter", "{bank}", "--drop", "furr", "--out", "x.safetensors"], ["'fur'?"]),
            (["filter", "{bank}", "--drop", "fur", "--out", "x.pt"], ["ends in .safetensors"]),
            (["merge", "{bank}", "--out", "x.safetensors"], ["one bank was given"]),
            (["merge", "{bank}", "{bank}", "--out", "x.safetensors"], ["repeats", "fur"]),
            (["text", "w.txt", "--out", "x.safetensors"], ["--backbone"]),
            (["cav", "absent", "--out", "x.safetensors"], ["absent is no folder"]),
            (["cav", ".", "--learner", "smv", "--out", "x.safetensors"], ["did you mean 'svm'?"]),
            (["cav", ".", "--penalty", "0", "--out", "x.safetensors"], ["penalty C is 0.0"]),
        ],
    )
    def test_refusals(
        self,
        pcbm: Any,
        world: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        words: list[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        line = pcbm("bank", *(a.format(bank=world.bank) for a in arguments)).refused()
        for word in words:
            assert word in line
        assert list(tmp_path.iterdir()) == []


def test_env(pcbm: Any) -> None:
    found = pcbm("env", "--json").document
    assert set(found) >= {"pcbm", "python", "platform", "packages", "extras", "devices", "cache"}
    assert found["devices"][-1]["device"] == "cpu"
    assert found["packages"]["numpy"] == np.__version__
    out = pcbm("env").out
    assert "cache: " in out
    assert "scikit-learn" in out


def test_figures_on_the_data_of_the_fit_are_marked(pcbm: Any, world: Any, tmp_path: Path) -> None:
    assert pcbm("evaluate", world.run, world.test, "--json").document["warnings"] == []
    (warning,) = pcbm("evaluate", world.run, world.data, "--json").document["warnings"]
    assert "data of the fit" in warning
    common = ("edit", world.run, "--zero", "fur", "--out", tmp_path / "run", "--json")
    edited = pcbm(*common, "--eval", world.data).document
    assert edited["warnings"] == [warning]
    assert edited["edits"][-1]["warnings"] == [warning]
