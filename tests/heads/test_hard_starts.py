"""Solutions from far away: poor starts, huge offsets, columns of any scale."""

import warnings

import head_problems
import numpy as np
import pytest
from elastic_net import FAMILIES, Objective
from head_problems import assert_optimal
from sklearn.exceptions import ConvergenceWarning

from pcbm.errors import InputError
from pcbm.heads import SparseLinearHead, SparseLinearRegressor, elastic_net_path, standardise
from pcbm.heads.inputs import check_penalty, check_problem
from pcbm.heads.screen import Screen

N, K = 150, 8


def draw(family):
    return head_problems.draw(family, 0, n=N, K=K)


def rows_of(family):
    return 1 if family == "binomial" else 3


def far(family, size, seed=1):
    rng = np.random.default_rng(seed)
    rows = rows_of(family)
    return size * rng.uniform(-1, 1, (rows, K)), size * rng.uniform(-1, 1, rows)


@pytest.mark.parametrize("solver", ["newton", "minibatch"])
@pytest.mark.parametrize("size", [10.0, 1e3, 1e308])
def test_a_start_worse_than_the_null_model_changes_nothing(size, solver):
    Z, y = draw("multinomial")
    settings = {"lams": [0.05, 0.03], "tol": 1e-2, "solver": solver}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = elastic_net_path(Z, y, start=far("multinomial", size), **settings)
    assert np.array_equal(path.coefs, elastic_net_path(Z, y, **settings).coefs)


def test_a_start_better_than_the_null_model_is_used():
    Z, y = draw("multinomial")
    solved = elastic_net_path(Z, y, lams=[0.01], tol=1e-8)
    start = solved.coef(0), solved.intercepts[0]
    assert elastic_net_path(Z, y, lams=[0.01], tol=1e-6, start=start).n_iter[0] == 0


@pytest.mark.parametrize("size", [10.0, 1e3])
@pytest.mark.parametrize("family", FAMILIES)
def test_steps_from_far_away_reach_the_solution(family, size):
    """Where all rows are certain and wrong the loss is flat beside its slope."""
    Z, y = draw(family)
    problem, _ = check_problem(Z, y, family, None, None, None)
    penalty = check_penalty(problem, family, 0.99, None, None, None).at(0.02)
    search = Screen(problem, grouped=family == "grouped")
    outcome = search.solve(problem.at(*far(family, size)), penalty, 1e-6, 300)
    found = outcome.point
    judge = Objective.of(Z, y, 0.02, family=family)
    assert judge.violation(found.coef, found.original_intercept) <= 1.001e-6 / 0.02


@pytest.mark.parametrize("size", [1e3, 1e5])
@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_that_leave_no_row_in_doubt(family, size):
    """The loss is then nearly linear by pieces; half of the rows are wrong at the start."""
    Z, y = draw(family)
    offset = size * np.random.default_rng(3).normal(size=(N, rows_of(family)))
    path = elastic_net_path(Z, y, family=family, n_lams=5, offset=offset)
    assert_optimal(Z, y, path, 1e-3, offset=offset)
    assert path.nec[-1] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shift_of_the_offset_is_taken_up_by_the_intercepts(family):
    Z, y = draw(family)
    rng = np.random.default_rng(4)
    offset = rng.normal(size=(N, rows_of(family)))
    shift = 2.0**24 * np.arange(1, rows_of(family) + 1)
    settings = {"family": family, "n_lams": 4, "tol": 1e-6}
    near = elastic_net_path(Z, y, offset=offset, **settings)
    shifted = elastic_net_path(Z, y, offset=offset + shift, **settings)
    np.testing.assert_allclose(shifted.coefs, near.coefs, atol=1e-5)
    moved = near.intercepts - shifted.intercepts
    if family in ("multinomial", "grouped"):  # which do not see a shift of all rows
        moved, shift = moved - moved[:, :1], shift - shift[0]
    np.testing.assert_allclose(moved, np.broadcast_to(shift, moved.shape), atol=1e-4)


def test_a_softmax_does_not_see_what_a_row_adds_to_all_its_classes():
    Z, y = draw("multinomial")
    rng = np.random.default_rng(5)
    offset = rng.normal(size=(N, 3))
    one = elastic_net_path(Z, y, offset=offset, n_lams=4)
    other = elastic_net_path(Z, y, offset=offset + 2.0**30 * rng.normal(size=(N, 1)), n_lams=4)
    np.testing.assert_allclose(one.coefs, other.coefs, atol=1e-3)


def test_offsets_beyond_rounding_are_refused():
    Z, y = draw("binomial")
    offset = 1e9 * np.random.default_rng(0).normal(size=N)
    with pytest.raises(
        InputError, match=r"offset lies up to .* from its mean: it adds to log odds"
    ):
        elastic_net_path(Z, y, family="binomial", offset=offset)
    Z, y = draw("gaussian")  # where an offset has the unit of y
    path = elastic_net_path(Z, y[:, 0], family="gaussian", offset=offset, n_lams=3)
    assert path.kkt.max() <= 1e-3


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e299])
def test_estimators_do_not_see_the_unit_of_a_column(scale):
    Z, y = draw("multinomial")
    units = np.where(np.arange(K) % 2, scale, 1.0)
    plain = SparseLinearHead(lam=0.02, n_lams=5).fit(Z, y)
    other = SparseLinearHead(lam=0.02, n_lams=5).fit(Z * units, y)
    assert plain.nec_ > 0
    np.testing.assert_allclose(other.coef_, plain.coef_, atol=1e-6)
    np.testing.assert_allclose(other.scale_, plain.scale_ * units, rtol=1e-12)


def test_standard_deviations_of_huge_and_tiny_columns():
    Z = np.random.default_rng(0).normal(size=(40, 4)) + 1
    units = np.array([1e300, 1e-300, 1e155, 1e-155])
    mean, scale = standardise(Z * units)
    np.testing.assert_allclose(mean, Z.mean(axis=0) * units, rtol=1e-12)
    np.testing.assert_allclose(scale, Z.std(axis=0) * units, rtol=1e-12)


@pytest.mark.parametrize(
    ("scale", "part"),
    [
        (1e160, "Z has a column that spans"),
        (1e12, "Z has a column that spans"),
        (1e-160, "no column of Z spans more than"),
        (1e-12, "no column of Z spans more than"),
    ],
)
def test_columns_whose_scale_is_lost_in_rounding_are_refused(scale, part):
    Z, y = draw("multinomial")
    with pytest.raises(InputError, match=f"{part} .*: standardise the columns") as error:
        elastic_net_path(Z * scale, y)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("family", FAMILIES)
def test_columns_of_other_scales_are_solved(family, scale):
    Z, y = draw(family)
    path = elastic_net_path(Z * scale, y, family=family, n_lams=4)
    assert_optimal(Z * scale, y, path, 1.001e-3)
    assert path.coef(3).any()


def test_targets_whose_squares_are_lost_are_refused():
    Z, y = draw("gaussian")
    for scale in (1e160, 1e-160):
        with pytest.raises(InputError, match=r"y holds numbers of size .*: scale them"):
            SparseLinearRegressor().fit(Z, y * scale)


def test_the_warning_tells_what_stopped_the_solver():
    Z, y = draw("multinomial")
    with pytest.warns(ConvergenceWarning, match="its 1 iterations were not enough: raise max_iter"):
        elastic_net_path(Z, y, lams=[0.01], tol=1e-6, max_iter=1)
    Z, y = draw("multilabel")
    with pytest.warns(ConvergenceWarning, match="rounding hides any better step: raise tol"):
        elastic_net_path(Z * 1e-9, y, family="multilabel", n_lams=2, tol=1e-13)
