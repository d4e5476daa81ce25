"""Every point of a path minimises the stated objective, judged by a second implementation."""

import numpy as np
import pytest
from elastic_net import FAMILIES, Objective

from pcbm.heads import elastic_net_path, kkt_violation, lam_max, nec, objective
from pcbm.heads.solver import PATIENCE

N, K = 70, 9
CASES = ("plain", "weights", "offset", "free", "factor", "everything")
TOLS = (1e-2, 1e-3, 1e-6, 1e-8)


def problem(family, seed=0):
    """Correlated columns that are not centred, and labels that depend on three of them."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(N, K)) @ (np.eye(K) + 0.3 * rng.normal(size=(K, K))) + rng.normal(size=K)
    rows = 1 if family == "binomial" else 3
    signal = 1.5 * Z[:, :3] @ rng.normal(size=(3, rows)) + rng.normal(size=(N, rows))
    signal -= signal.mean(axis=0)
    if family in ("multinomial", "grouped"):
        return Z, np.array(["b", "a", "c"])[signal.argmax(axis=1)]
    if family == "binomial":
        return Z, np.where(signal[:, 0] > 0, "yes", "no")
    return Z, (signal > 0).astype(int) if family == "multilabel" else signal


def options(case, family, seed=1):
    rng = np.random.default_rng(seed)
    rows = 1 if family == "binomial" else 3
    known = {
        "sample_weight": rng.integers(0, 4, N) / 2,
        "offset": rng.normal(size=(N, rows)),
        "free": rng.random((rows, K)) > 0.3,
        "penalty_factor": np.r_[0.0, rng.uniform(0.3, 3, K - 1)],
    }
    if case == "everything":
        return known
    wanted = {"weights": "sample_weight", "factor": "penalty_factor"}.get(case, case)
    return {name: value for name, value in known.items() if name == wanted}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_point_is_optimal_at_every_tolerance(family, case):
    Z, y = problem(family)
    extra = options(case, family)
    for tol in TOLS if case in ("plain", "everything") else TOLS[1::2]:
        path = elastic_net_path(Z, y, family=family, n_lams=4, lam_min_ratio=1e-2, tol=tol, **extra)
        for i, lam in enumerate(path.lams):
            ours = Objective.of(Z, y, lam, family=family, **extra)
            violation = ours.violation(path.coefs[i], path.intercepts[i])
            assert violation <= tol * (1 + 1e-6) + 1e-11
            assert path.kkt[i] == pytest.approx(violation, rel=1e-6, abs=1e-10)
            assert path.kkt[i] <= tol
            assert not path.coefs[i][~ours.free].any()
            value = ours.value(path.coefs[i], path.intercepts[i])
            assert path.objective[i] == pytest.approx(value, rel=1e-12)
            assert path.nec[i] == (np.abs(path.coefs[i]) > 1e-5).sum() / len(path.coefs[i])
            assert path.nec[i] == nec(path.coefs[i])
        assert path.nec[-1] > path.nec[0]


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_ridge_and_lasso_are_optimal_too(family, l1_ratio):
    Z, y = problem(family, seed=5)
    lams = [0.3, 0.01]
    path = elastic_net_path(Z, y, family=family, l1_ratio=l1_ratio, lams=lams, tol=1e-7)
    for i, lam in enumerate(lams):
        ours = Objective.of(Z, y, lam, family=family, l1_ratio=l1_ratio)
        assert ours.violation(path.coefs[i], path.intercepts[i]) <= 1.001e-7
    assert l1_ratio or path.coefs.all()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_certificates_agree_at_points_that_are_not_optimal(family, case):
    Z, y = problem(family)
    rng = np.random.default_rng(2)
    extra = options(case, family)
    rows = 1 if family == "binomial" else 3
    for _ in range(5):
        coef = rng.normal(size=(rows, K)) * (rng.random((rows, K)) < 0.6) * (rng.random(K) < 0.7)
        coef *= extra.get("free", True)
        intercept, lam, ratio = rng.normal(size=rows), rng.uniform(0.01, 1), rng.uniform()
        settings = {"family": family, "l1_ratio": ratio, **extra}
        ours = Objective.of(Z, y, lam, **settings)
        violation = kkt_violation(Z, y, coef, intercept, lam, **settings)
        assert violation == pytest.approx(ours.violation(coef, intercept), rel=1e-9)
        settings.pop("free", None)
        value = objective(Z, y, coef, intercept, lam, **settings)
        assert value == pytest.approx(ours.value(coef, intercept), rel=1e-12)


def test_objective_of_two_rows_by_hand():
    Z, coef = np.array([[1.0, 2.0], [-1.0, 0.0]]), np.array([[3.0, -4.0]])  # predictors -5, -3
    loss = (np.log1p(np.exp(5.0)) + np.log1p(np.exp(-3.0))) / 2
    penalty = 0.1 * (0.5 * 7 + 0.25 * 25)
    found = objective(Z, [1, 0], coef, [0.0], 0.1, family="binomial", l1_ratio=0.5)
    assert found == pytest.approx(loss + penalty, rel=1e-14)


def test_group_penalty_by_hand():
    Z, coef = np.zeros((3, 2)), np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
    found = objective(Z, [0, 1, 2], coef, np.zeros(3), 0.1, family="grouped", l1_ratio=0.6)
    assert found == pytest.approx(np.log(3) + 0.1 * (0.6 * 5 + 0.2 * 25), rel=1e-14)


@pytest.mark.parametrize("family", FAMILIES)
def test_lam_max_is_the_closed_form(family):
    Z, y = problem(family)
    weight = options("weights", family)["sample_weight"]
    share = Objective.of(Z, y, 1.0, family=family, sample_weight=weight)
    centred = share.target - share.weight @ share.target
    slopes = (share.weight[:, None] * centred).T @ Z
    size = np.linalg.norm(slopes, axis=0) if family == "grouped" else np.abs(slopes)
    for ratio in (1.0, 0.99, 0.2):
        found = lam_max(Z, y, family=family, l1_ratio=ratio, sample_weight=weight)
        assert found == pytest.approx(size.max() / ratio, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_lam_max_is_where_coefficients_begin(family, case):
    Z, y = problem(family)
    extra = options(case, family)
    top = lam_max(Z, y, family=family, **extra)
    lams = [2 * top, top, 0.999 * top]
    path = elastic_net_path(Z, y, family=family, lams=lams, tol=1e-6, **extra)
    penalised = extra.get("penalty_factor", np.ones(K)) > 0
    assert not path.coefs[0][:, penalised].any()
    assert not path.coefs[1][:, penalised].any()
    assert path.coefs[2][:, penalised].any()
    assert path.kkt.max() <= 1e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_grid_is_geometric_from_lam_max_and_never_cut_short(family):
    Z, y = problem(family)
    for n_lams, ratio in ((1, 0.5), (7, 1e-3), (30, 0.1)):
        path = elastic_net_path(Z, y, family=family, n_lams=n_lams, lam_min_ratio=ratio, tol=1e-2)
        top = lam_max(Z, y, family=family)
        grid = top * np.exp(np.linspace(0, np.log(ratio), n_lams))
        np.testing.assert_array_equal(path.lams, grid)
        assert len(path) == n_lams == len(path.coefs) == len(path.intercepts) == len(path.kkt)


def test_grid_is_whole_where_the_fit_is_perfect_long_before_its_end():
    Z = np.repeat([[-1.0], [1.0]], 10, axis=0)
    path = elastic_net_path(Z, Z[:, 0] > 0, family="binomial", n_lams=40, lam_min_ratio=1e-4)
    assert len(path) == 40
    assert (np.diff(path.coefs[:, 0, 0]) > 0).all()
    assert path.kkt.max() <= 1e-3


def test_given_strengths_are_taken_in_their_order():
    Z, y = problem("multinomial")
    lams = [0.01, 0.3, 0.05]
    path = elastic_net_path(Z, y, lams=lams, tol=1e-8)
    assert path.lams.tolist() == lams
    for i, lam in enumerate(lams):
        alone = elastic_net_path(Z, y, lams=[lam], tol=1e-8)
        np.testing.assert_allclose(path.coefs[i], alone.coefs[0], atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_objective_and_deviance_improve_along_the_grid(family):
    Z, y = problem(family)
    path = elastic_net_path(Z, y, family=family, n_lams=10, tol=1e-6)
    assert (np.diff(path.objective) < 1e-9).all()
    assert path.deviance[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(path.deviance) > -1e-6).all()
    null = Objective.of(Z, y, 1.0, family=family).loss(path.coefs[0], path.intercepts[0])
    for i, lam in enumerate(path.lams):
        loss = Objective.of(Z, y, lam, family=family).loss(path.coefs[i], path.intercepts[i])
        assert path.deviance[i] == pytest.approx(1 - loss / null, abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_many_columns_and_few_of_them_used(family):
    rng = np.random.default_rng(3)
    Z = rng.normal(size=(60, 300))
    target = Z[:, :4] @ rng.normal(size=(4, 3)) + 0.3 * rng.normal(size=(60, 3))
    y = {
        "multinomial": target.argmax(axis=1),
        "grouped": target.argmax(axis=1),
        "binomial": target[:, 0] > 0,
        "multilabel": target > 0,
        "gaussian": target,
    }[family]
    path = elastic_net_path(Z, y, family=family, n_lams=8, lam_min_ratio=0.05, tol=1e-6)
    for i, lam in enumerate(path.lams):
        ours = Objective.of(Z, y, lam, family=family)
        assert ours.violation(path.coefs[i], path.intercepts[i]) <= 1.001e-6


def test_reached_cap_on_iterations_is_warned_of_and_reported():
    Z, y = problem("multinomial")
    with pytest.warns(UserWarning, match="above tol"):
        path = elastic_net_path(Z, y, lams=[1e-3], tol=1e-9, max_iter=1)
    ours = Objective.of(Z, y, 1e-3, family="multinomial")
    violation = ours.violation(path.coefs[0], path.intercepts[0])
    assert violation > 1e-9
    assert path.kkt[0] == pytest.approx(violation, rel=1e-6)


@pytest.mark.parametrize(
    ("layout", "shift"), [("C", 0.0), ("C", 5.0), ("F", 0.0), ("float32", 0.0), ("float32", 5.0)]
)
def test_rows_in_their_thousands_in_any_layout(layout, shift):
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(11_000, 100))
    y = (2 * Z[:, :3] + rng.normal(size=(11_000, 3))).argmax(axis=1)
    Z -= Z.mean(axis=0) - shift
    given = np.asfortranarray(Z) if layout == "F" else Z
    given = Z.astype("float32") if layout == "float32" else given
    given.setflags(write=False)
    before = given.copy()
    for tol in (1e-2, 1e-6):
        path = elastic_net_path(given, y, n_lams=2, lam_min_ratio=0.1, tol=tol)
        np.testing.assert_array_equal(given, before)
        for i, lam in enumerate(path.lams):
            ours = Objective.of(given.astype(float), y, lam, family="multinomial")
            violation = ours.violation(path.coefs[i], path.intercepts[i])
            assert violation <= 1.001 * tol
            assert path.kkt[i] == pytest.approx(violation, rel=1e-6, abs=1e-10)


def nearly_equal_columns(seed, K):
    """Return 30 rows of columns that differ by a thirtieth of their spread, and three classes."""
    rng = np.random.default_rng(seed)
    Z = 2 + 0.1 * (rng.normal(size=(30, 1)) + 0.03 * rng.normal(size=(30, K)))
    score = 2 * (Z - Z.mean(axis=0)) / Z.std(axis=0) @ rng.normal(size=(K, 3)) / K**0.5
    y = (score + rng.gumbel(size=score.shape)).argmax(axis=1)
    y[:3] = [0, 1, 2]
    return Z, y


def test_steps_stay_few_where_bounds_hold_nearly_equal_columns():
    Z, y = nearly_equal_columns(0, K=40)
    options = {"l1_ratio": 1.0, "lower": -0.1}
    path = elastic_net_path(Z, y, n_lams=6, tol=1e-5, **options)
    for i, lam in enumerate(path.lams):
        own = Objective.of(Z, y, lam, family="multinomial", **options)
        assert own.violation(path.coef(i), path.intercepts[i]) <= 1.001e-5
    assert path.n_iter.max() <= 12


def test_the_search_goes_on_while_the_objective_falls(monkeypatch):
    monkeypatch.setattr("pcbm.heads.model.ROUNDS", 1)  # poor minima of the models
    Z, y = nearly_equal_columns(8, K=10)
    path = elastic_net_path(Z, y, l1_ratio=1.0, n_lams=5, tol=1e-4, lower=-0.1)
    assert path.n_iter.max() > 2 * PATIENCE
    assert path.kkt.max() <= 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_strengths_that_leave_nothing_have_the_intercepts_of_the_null_model(family):
    """Whatever came before: over so large a lam almost any intercepts would pass for optimal."""
    Z, y = problem(family)
    top = lam_max(Z, y, family=family)
    path = elastic_net_path(Z, y, family=family, lams=[1e-3 * top, 100 * top], tol=1e-2)
    alone = elastic_net_path(Z, y, family=family, lams=[100 * top], tol=1e-2)
    assert not path.coef(1).any()
    np.testing.assert_allclose(path.intercepts[1], alone.intercepts[0], rtol=0, atol=1e-12)
    assert path.gap[1] <= 1e-9 * path.objective[1]
