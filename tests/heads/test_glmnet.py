"""Agreement with R's glmnet at thresh 1e-12; golden/ holds its answers and how they were made."""

import numpy as np
import pytest
from glmnet_golden import ATOL, GOLDEN, SOLUTIONS, read_problem, solutions

from pcbm.heads import elastic_net_path, kkt_violation, lam_max, objective

CASES = ("plain", "weighted", "offset", "all")
FAMILIES = ("multinomial", "grouped", "binomial", "gaussian")
EVERY = [(f"{f}_{c}", a) for f in FAMILIES for c in CASES for a in (0.99, 0.5)]


def test_every_problem_has_its_four_solutions():
    assert set(SOLUTIONS) == {name for name, _ in EVERY}
    assert all(len(SOLUTIONS[name][alpha]) == 4 for name, alpha in EVERY)


@pytest.mark.parametrize(("name", "alpha"), EVERY)
def test_coefficients_and_objective_are_those_of_glmnet(name, alpha):
    Z, y, options = read_problem(name)
    theirs = SOLUTIONS[name][alpha]
    lams = list(theirs)
    path = elastic_net_path(Z, y, l1_ratio=alpha, lams=lams, tol=1e-9, **options)
    for i, lam in enumerate(lams):
        rows = np.array(theirs[lam])
        intercept, coef = rows[:, 0], rows[:, 1:]
        settings = {"l1_ratio": alpha, **options}
        value = objective(Z, y, coef, intercept, lam, **settings)
        assert path.objective[i] == pytest.approx(value, rel=1e-9)
        assert path.objective[i] <= value + 1e-14
        unpenalised = options["penalty_factor"] == 0
        ours = path.coefs[i].copy()
        if len(ours) > 1:  # a common shift of softmax rows changes nothing where it costs nothing
            ours[:, unpenalised] -= ours[:, unpenalised].mean(axis=0)
            coef[:, unpenalised] -= coef[:, unpenalised].mean(axis=0)
        np.testing.assert_allclose(ours, coef, atol=ATOL)
        level = path.intercepts[i]
        if len(level) > 1:
            level, intercept = level - level.mean(), intercept - intercept.mean()
        np.testing.assert_allclose(level, intercept, atol=ATOL)


@pytest.mark.parametrize(("name", "alpha"), EVERY)
def test_glmnets_solutions_pass_our_certificate(name, alpha):
    Z, y, options = read_problem(name)
    for lam, rows in SOLUTIONS[name][alpha].items():
        rows = np.array(rows)
        violation = kkt_violation(Z, y, rows[:, 1:], rows[:, 0], lam, l1_ratio=alpha, **options)
        assert violation < 1e-4


@pytest.mark.parametrize("kind", ["signed", "boxed"])
def test_bounded_coefficients_and_objective_are_those_of_glmnet(kind):
    table = np.genfromtxt(GOLDEN / "bounds.csv", delimiter=",", names=True)
    bounds = {end: table[f"{kind}_{end}"] for end in ("lower", "upper")}
    theirs = solutions(f"glmnet_{kind}.csv")
    assert len(theirs) == (11 if kind == "signed" else 12)
    held = 0
    for name, alpha in ((name, alpha) for name in theirs for alpha in (0.99, 0.5)):
        Z, y, options = read_problem(name)
        lams = list(theirs[name][alpha])
        path = elastic_net_path(Z, y, l1_ratio=alpha, lams=lams, tol=1e-9, **options, **bounds)
        for i, lam in enumerate(lams):
            rows = np.array(theirs[name][alpha][lam])
            value = objective(Z, y, rows[:, 1:], rows[:, 0], lam, l1_ratio=alpha, **options)
            assert path.objective[i] == pytest.approx(value, rel=1e-9)
            assert path.objective[i] <= value + 1e-14
            np.testing.assert_allclose(path.coef(i), rows[:, 1:], atol=ATOL)
            held += ((rows[:, 1:] != 0) & (rows[:, 1:] == path.coef(i))).sum()
    assert (held > 100) == (kind == "boxed")


@pytest.mark.parametrize(("name", "alpha"), EVERY)
def test_lam_max_is_glmnets(name, alpha):
    Z, y, options = read_problem(name)
    top = max(SOLUTIONS[name][alpha]) / 0.7
    assert lam_max(Z, y, l1_ratio=alpha, **options) == pytest.approx(top, rel=1e-6)


def test_labels_of_a_matrix_are_binomial_problems_side_by_side():
    Z, y, _ = read_problem("binomial_plain")
    names = ["binomial_plain"]
    lams = list(SOLUTIONS[names[0]][0.99])
    path = elastic_net_path(
        Z, np.column_stack([y, 1 - y]), family="multilabel", lams=lams, tol=1e-9
    )
    for i, lam in enumerate(lams):
        (row,) = SOLUTIONS[names[0]][0.99][lam]
        np.testing.assert_allclose(path.coefs[i], [row[1:], np.negative(row[1:])], atol=ATOL)
        np.testing.assert_allclose(path.intercepts[i], [row[0], -row[0]], atol=ATOL)
