"""Layouts along checkpoints: one frame, the same points for the same rows, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import rotation

from pcbm.analysis.layouts import layouts
from pcbm.errors import InputError


def groups(n=60, d=6, seed=0):
    """Return three clouds of rows far from each other."""
    rng = np.random.default_rng(seed)
    centres = 8 * np.eye(d)[np.arange(n) % 3]
    return centres + rng.normal(size=(n, d))


def test_pca_shows_the_two_widest_directions():
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(50, 5)) * np.array([9.0, 5.0, 0.1, 0.1, 0.1])
    [found] = layouts({"one": spread @ rotation(5) + 3.0})
    distance = np.linalg.norm(spread[:, None, :2] - spread[None, :, :2], axis=2)
    shown = found.scale * np.linalg.norm(found.points[:, None] - found.points[None], axis=2)
    assert np.abs(shown - distance).max() < 0.5
    assert 0.99 < found.explained <= 1
    assert np.square(found.points).sum(axis=1).mean() == pytest.approx(1)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_what_is_the_same_up_to_a_rotation_stays_where_it_is(method):
    X = groups()
    one, two = layouts({"one": X, "two": 4 * X @ rotation(6, 3) - 1}, method)
    aligned = np.square(one.points - two.points).sum(axis=1).mean()
    assert aligned < (1e-12 if method == "pca" else 0.5)


@pytest.mark.parametrize("method", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_groups_stay_together_and_a_seed_repeats(method):
    if method == "umap":
        pytest.importorskip("umap", reason="umap-learn is not installed")
    X = groups(90)
    found = layouts({"one": X, "two": X + 0.1}, method, seed=3)
    again = layouts({"one": X, "two": X + 0.1}, method, seed=3)
    for first, second in zip(found, again, strict=True):
        assert np.array_equal(first.points, second.points)
        assert first.explained is None
        middles = np.stack([first.points[k::3].mean(axis=0) for k in range(3)])
        own = np.linalg.norm(first.points - middles[np.arange(90) % 3], axis=1)
        apart = min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
        assert np.median(own) < apart / 2


def test_tables_of_other_widths_and_of_one_column_share_the_frame():
    X = groups()
    found = layouts({"wide": np.hstack([X, X[:, ::-1]]), "one": X[:, :1], "few": X[:, :2]})
    assert [layout.points.shape for layout in found] == [(60, 2)] * 3
    assert found[1].explained == pytest.approx(1)


def test_what_cannot_be_laid_out_is_refused():
    X = groups()
    with pytest.raises(InputError, match="no layout 'tsn': did you mean 'tsne'"):
        layouts({"one": X}, "tsn")
    with pytest.raises(InputError, match=r"60 and 59 rows \('one' and 'two'\)"):
        layouts({"one": X, "two": X[1:]})
    with pytest.raises(InputError, match="'dead' was given a constant table"):
        layouts({"dead": np.ones((9, 2))})
    with pytest.raises(InputError, match="needs at least 4"):
        layouts({"one": X[:3]})
    with pytest.raises(InputError, match="given no table"):
        layouts({})
