"""The problems: drawn from a seed, classes that overlap, a grid that starts at all zeros."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.probes.problem import SIDE
from benchmarks.probes.problem import draw as draw_probes
from benchmarks.problems import FULL, SPECS, draw, grid, training_accuracy
from pcbm.heads import lam_max


@pytest.mark.parametrize("name", ["S", "tiny-binomial", "tiny-grouped"])
def test_classes_overlap_columns_are_standardised_and_the_seed_decides(name) -> None:
    problem = draw(SPECS[name], seed=3)
    assert 0.7 <= training_accuracy(problem) <= 0.95
    np.testing.assert_allclose(problem.scores.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(problem.scores.std(axis=0), 1)
    correlations = np.corrcoef(problem.scores.T)[np.triu_indices(problem.scores.shape[1], 1)]
    assert np.abs(correlations).mean() > 0.1
    assert draw(SPECS[name], seed=3).scores.tobytes() == problem.scores.tobytes()
    assert draw(SPECS[name], seed=4).scores.tobytes() != problem.scores.tobytes()


@pytest.mark.parametrize("name", ["tiny", "tiny-binomial", "tiny-grouped"])
def test_the_grid_starts_at_the_closed_form(name) -> None:
    problem = draw(SPECS[name])
    top = lam_max(problem.scores, problem.labels, family=problem.spec.family, l1_ratio=0.99)
    lams = grid(problem)
    assert lams[0] == pytest.approx(top)
    assert len(lams) == problem.spec.points
    np.testing.assert_allclose(lams[1:] / lams[:-1], 1e-3 ** (1 / 49))


def test_every_problem_of_the_full_run_is_known() -> None:
    assert set(FULL) <= set(SPECS)


def test_probes_are_drawn_from_a_seed() -> None:
    examples = draw_probes(3, 16, seed=1)
    assert examples.train.shape == examples.held_out.shape == (3, 2 * SIDE, 16)
    assert draw_probes(3, 16, seed=1).train.tobytes() == examples.train.tobytes()
    assert not set(examples.train[..., 0].ravel()) & set(examples.held_out[..., 0].ravel())
