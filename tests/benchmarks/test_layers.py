"""The comparison of layers: problems, the reference, figures and verdicts, and a run of it all."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import similarity
from benchmarks.layers.judge import minibatch_map, reference, u_centred
from benchmarks.layers.loops import loops, ours_map, ours_svcca, recipe
from benchmarks.layers.problem import QUICK, SPECS, draw, read, write


@pytest.mark.parametrize("name", QUICK)
def test_the_seed_decides_and_files_keep_every_bit(name, tmp_path) -> None:
    layers = draw(SPECS[name], seed=3)
    assert [t.shape[1] for t in layers.left] == list(layers.spec.left)
    write(tmp_path / "problem", layers)
    found = read(tmp_path / "problem")
    assert found.nbytes == layers.nbytes
    for side in ("left", "right"):
        kept, again, other = (
            getattr(which, side) for which in (found, layers, draw(SPECS[name], seed=4))
        )
        assert [t.tobytes() for t in kept] == [t.tobytes() for t in again]
        assert [t.tobytes() for t in other] != [t.tobytes() for t in again]


def test_full_problems_have_the_shapes_of_resnet_20_and_56() -> None:
    for name, width in (("pooled", 16), ("flat", 16 * 32 * 32)):
        spec = SPECS[name]
        assert (len(spec.left), len(spec.right)) == (9, 27)
        assert spec.left[0] == width
    assert sum(SPECS["pooled"].left) == 3 * (16 + 32 + 64)


def test_u_centred_kernels_have_no_diagonal_and_no_row_sums() -> None:
    kernel = u_centred(np.random.default_rng(0).standard_normal((9, 3)) + 5)
    np.testing.assert_allclose(np.diag(kernel), 0)
    np.testing.assert_allclose(kernel.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)


def test_the_reference_is_one_for_a_layer_and_itself() -> None:
    layers = draw(SPECS["tiny-pooled"])
    same = minibatch_map(type(layers)(layers.spec, layers.left, layers.left))
    np.testing.assert_allclose(np.diag(same), 1)
    assert same.max() < 1 + 1e-12


@pytest.mark.parametrize("name", QUICK)
def test_ours_equals_the_reference(name) -> None:
    layers = draw(SPECS[name])
    mine = ours_svcca if layers.spec.kind == "svcca" else ours_map
    np.testing.assert_allclose(mine(layers), reference(layers), atol=1e-12)


def test_the_recipe_is_the_same_estimator() -> None:
    layers = draw(SPECS["tiny-svcca"])
    np.testing.assert_allclose(recipe(layers), reference(layers), atol=1e-9)


def record():
    times = {"ours": [1, 2, 3], "torch_cka": [30, 20], "pytorch_cka": [3, 3, 3]}
    runs = [
        {"loop": name, "seconds": float(s), "cpu": float(s), "extra_bytes": 50 * i}
        for name, seconds in times.items()
        for i, s in enumerate(seconds)
    ]
    return {
        "kind": "map", "bytes": 100, "rows": 8, "batch": 4, "threads": 1,
        "widths": [[2, 3], [2]], "load_before": 0.0, "runs": runs,
        "peers": {"cka-pytorch": {"missing": "cka-pytorch is not installed"}},
        "errors": {"ours": 1e-15, "torch_cka": 1e-3, "pytorch_cka": 1e-6},
    }  # fmt: skip


def test_figures_are_those_of_the_medians() -> None:
    found = similarity.figures(record())
    assert found["times torch_cka"] == 12.5
    assert found["times the best other loop"] == 1.5
    assert found["largest error"] == 1e-15
    assert found["memory over torch_cka's"] == pytest.approx(200 / 150)
    assert found["times the recipe"] is None


def test_the_table_shows_every_loop_and_why_one_is_missing() -> None:
    text = similarity.section("pooled", record())
    assert "2 x 1 layers of 2 to 3 columns" in text
    assert "| cka-pytorch | cka-pytorch is not installed |" in text
    assert "| torch_cka | 25 | 20-30 | 2 | 25 | 1.0e-03 | 0.0 MB | 1.5 | 12.50 |" in text
    widths = {row.count("|") for row in text.splitlines() if row.startswith("|")}
    assert len(widths) == 1


def test_a_package_that_is_not_installed_says_so() -> None:
    loop = loops("map")["torch_cka"]
    assert type(loop)("x", "map", loop.run, "", "no-such-package").probe() == {
        "missing": "no-such-package is not installed"
    }


@pytest.mark.slow
def test_from_problem_to_verdict(tmp_path, capsys) -> None:
    settings = similarity.Settings(("tiny-svcca",), repeats=2, python=sys.executable)
    entry = similarity.run(settings, tmp_path / "out.json")["tiny-svcca"]
    assert [run["loop"] for run in entry["runs"]] == ["ours", "recipe"] * 2  # interleaved
    assert entry["done"]
    assert entry["figures"]["largest error"] < 1e-12
    assert "| recipe |" in capsys.readouterr().out
    assert similarity.run(settings, tmp_path / "out.json")["tiny-svcca"] == entry  # continued
