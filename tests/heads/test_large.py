"""Problems large enough for single precision, working sets and sampled metrics."""

import numpy as np
import pytest
from elastic_net import Objective

import pcbm.heads.curvature as curvature
import pcbm.heads.inputs as inputs
import pcbm.heads.screen as screens
from pcbm.heads import elastic_net_path
from pcbm.heads.curvature import Curvature
from pcbm.heads.inputs import check_problem
from pcbm.heads.screen import Screen

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")


def scores(n, width, classes, seed=0):
    """Return correlated, standardised scores and overlapping classes."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, width)) + rng.normal(size=(n, 8)) @ rng.normal(size=(8, width)) / 2
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    weight = rng.normal(size=(width, classes)) * (rng.random((width, classes)) < 0.3)
    return Z, (Z @ weight + rng.gumbel(size=(n, classes))).argmax(axis=1)


def assert_optimal(Z, y, path, tol):
    for i, lam in enumerate(path.lams):
        ours = Objective.of(Z, y, lam, family=path.family)
        violation = ours.violation(path.coefs[i], path.intercepts[i])
        assert violation <= tol * (1 + 1e-6) + 1e-11
        assert path.kkt[i] == pytest.approx(violation, rel=1e-4, abs=1e-9)


@pytest.fixture
def taken_for_large(monkeypatch):
    """Let a quarter of a million products count as many, and a few thousand rows as large."""
    monkeypatch.setattr(screens, "SINGLE_FROM", 1 << 18)
    monkeypatch.setattr(inputs, "COPY_UP_TO", 1 << 15)


@pytest.mark.parametrize("family", ["multinomial", "grouped"])
@pytest.mark.parametrize("tol", [1e-2, 1e-6])
def test_single_precision_steps_reach_the_tolerance_in_double(family, tol, taken_for_large):
    Z, y = scores(1500, 40, 5)
    assert Z.size * 5 > screens.SINGLE_FROM
    path = elastic_net_path(Z, y, family=family, n_lams=5, lam_min_ratio=0.02, tol=tol)
    assert_optimal(Z, y, path, tol)


def test_single_precision_is_left_when_it_does_not_suffice(taken_for_large):
    Z, y = scores(1500, 40, 5)
    problem, _ = check_problem(Z, y, "multinomial", None, None, None)
    assert problem.features.source is Z  # read where it lies, without a copy
    screen = Screen(problem, grouped=False)
    assert screen.single
    null = problem.start()
    top = np.abs(null.slopes).max()
    penalty = curvature.Penalty.elastic_net(top / 20, 0.99, np.ones(40), problem.free)
    outcome = screen.solve(null, penalty, 1e-9 * top, 500)
    assert outcome.converged
    assert not screen.single
    assert outcome.point.problem is problem


def test_columns_enter_the_working_set_as_they_are_needed():
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(1500, 300))
    y = (Z[:, :9] @ rng.normal(size=(9, 3)) + rng.gumbel(size=(1500, 3))).argmax(axis=1)
    problem, _ = check_problem(Z, y, "multinomial", None, None, None)
    screen = Screen(problem, grouped=False)
    point = problem.start()
    top = np.abs(point.slopes).max() / 0.99
    sizes = []
    for lam in top * np.array([0.9, 0.4, 0.02]):
        penalty = curvature.Penalty.elastic_net(lam, 0.99, np.ones(300), problem.free)
        outcome = screen.solve(point, penalty, 1e-7 * lam, 500)
        assert outcome.converged
        assert outcome.point.violation(penalty) <= 1e-7 * lam
        point = outcome.point
        sizes.append(screen._curvature.problem.shape[1])
    assert sizes[0] < sizes[1] < 300 == sizes[2]


@pytest.mark.parametrize("family", ["binomial", "multilabel"])
def test_hessians_on_a_sample_of_rows_lead_to_the_same_solution(family, monkeypatch):
    monkeypatch.setattr(curvature, "SAMPLE", 200)
    Z, labels = scores(1500, 12, 2 if family == "binomial" else 3)
    y = labels if family == "binomial" else np.eye(3)[labels]
    path = elastic_net_path(Z, y, family=family, n_lams=5, lam_min_ratio=0.02, tol=1e-7)
    assert_optimal(Z, y, path, 1e-7)


@pytest.mark.parametrize("family", ["multinomial", "grouped"])
def test_whole_hessians_take_over_where_blocks_are_slow(family, monkeypatch):
    rng = np.random.default_rng(0)
    Z, y = scores(200, 60, 6)
    Z += 4 * rng.normal(size=(200, 1))  # columns that are nearly the same
    took_over = []
    learn = Curvature.learn

    def watch(self, *args):
        before = self.whole
        learn(self, *args)
        took_over.append(self.whole and not before)

    monkeypatch.setattr(Curvature, "learn", watch)
    monkeypatch.setattr(curvature, "ENOUGH", 5)
    path = elastic_net_path(Z, y, family=family, n_lams=8, tol=1e-8)
    assert any(took_over)
    assert_optimal(Z, y, path, 1e-8)


def test_a_strength_far_below_the_others_is_reached_on_perfectly_separable_data():
    Z, y = scores(300, 128, 50)
    for lams in ([4e-5], [0.05, 4e-5]):
        path = elastic_net_path(Z, y, lams=lams, tol=1e-2)
        assert_optimal(Z, y, path, 1e-2)


def test_same_problem_gives_the_same_bytes():
    Z, y = scores(9000, 80, 8)
    assert Z.size * 8 > screens.SINGLE_FROM
    first, second = (elastic_net_path(Z, y, n_lams=3, tol=1e-2) for _ in range(2))
    assert first.coefs.tobytes() == second.coefs.tobytes()
    assert first.intercepts.tobytes() == second.intercepts.tobytes()


def test_given_scores_are_not_changed():
    Z, y = scores(3000, 30, 3)
    Z += 5
    Z.setflags(write=False)
    copy = Z.copy()
    elastic_net_path(Z, y, n_lams=3)
    np.testing.assert_array_equal(Z, copy)
