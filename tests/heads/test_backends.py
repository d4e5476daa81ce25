"""Other solvers than ours: same solutions, honest violations, refusals that name who can."""

import subprocess
import sys

import numpy as np
import pytest
from elastic_net import Objective
from glmnet_golden import ATOL, SOLUTIONS, read_problem
from head_problems import assert_optimal, draw
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier

from pcbm.errors import InputError, MissingExtraError
from pcbm.heads import SparseLinearHead, SparseLinearRegressor, elastic_net_path

UNGROUPED = ("multinomial", "binomial", "multilabel", "gaussian")
SERVED = [(s, f) for s in ("glmnet", "saga") for f in UNGROUPED]
SERVED += [("minibatch", f) for f in (*UNGROUPED, "grouped")]


def few_rows(family, seed=3, n=150):
    Z, y = draw(family, seed, n=n, K=5)
    return Z + 0.3, y  # columns that are not centred


@pytest.mark.parametrize(("solver", "family"), SERVED)
def test_every_backend_finds_the_solutions_of_our_own_solver(solver, family):
    if solver == "glmnet":
        pytest.importorskip("glmnetforpython")
    Z, y = few_rows(family)
    settings = {"family": family, "n_lams": 5, "lam_min_ratio": 0.03}
    ours = elastic_net_path(Z, y, tol=1e-7, **settings)
    path = elastic_net_path(Z, y, tol=1e-3, solver=solver, **settings)
    assert path.solver == solver
    assert ours.solver == "newton"
    np.testing.assert_array_equal(path.lams, ours.lams)
    assert_optimal(Z, y, path, 1e-3)
    np.testing.assert_allclose(path.coefs, ours.coefs, atol=3e-3)
    np.testing.assert_allclose(path.objective, ours.objective, rtol=1e-6)
    np.testing.assert_allclose(path.deviance, ours.deviance, atol=1e-3)


@pytest.mark.parametrize(("solver", "family"), SERVED)
def test_backends_take_weights_as_counts(solver, family):
    if solver == "glmnet":
        pytest.importorskip("glmnetforpython")
    Z, y = few_rows(family, n=60)
    counts = np.random.default_rng(0).integers(0, 4, len(Z))
    counts[:9] = 1  # every class keeps a row
    path = elastic_net_path(
        Z, y, family=family, lams=[0.05], solver=solver, sample_weight=counts, tol=1e-4
    )
    repeated = elastic_net_path(
        np.repeat(Z, counts, axis=0),
        np.repeat(y, counts, axis=0),
        family=family,
        lams=[0.05],
        tol=1e-8,
    )
    np.testing.assert_allclose(path.coefs, repeated.coefs, atol=1e-3)


@pytest.mark.parametrize("alpha", [0.99, 0.5])
@pytest.mark.parametrize("case", ["plain", "weighted", "offset", "all"])
@pytest.mark.parametrize("family", ["multinomial", "binomial", "gaussian"])
def test_glmnet_from_python_gives_what_r_gives(family, case, alpha):
    pytest.importorskip("glmnetforpython")
    name = f"{family}_{case}"
    Z, y, options = read_problem(name)
    theirs = SOLUTIONS[name][alpha]
    path = elastic_net_path(
        Z, y, l1_ratio=alpha, lams=list(theirs), tol=2e-4, solver="glmnet", **options
    )
    penalised = options["penalty_factor"] > 0
    del options["family"]
    assert_optimal(Z, y, path, 2e-4, l1_ratio=alpha, **options)
    for found, rows in zip(path.coefs, theirs.values(), strict=True):
        np.testing.assert_allclose(
            found[:, penalised], np.array(rows)[:, 1:][:, penalised], atol=2 * ATOL
        )


def test_glmnet_keeps_the_order_and_number_of_strengths_on_a_perfect_fit():
    pytest.importorskip("glmnetforpython")
    Z = np.linspace(-1, 1, 40)[:, None] * [[1.0, 0.5]]
    y = (Z[:, 0] > 0).astype(int)
    lams = [1e-5, 0.1, 1e-2, 1e-3, 1e-4]
    with pytest.warns(ConvergenceWarning, match="solver='glmnet' left"):
        path = elastic_net_path(Z, y, family="binomial", lams=lams, solver="glmnet", tol=1e-9)
    np.testing.assert_array_equal(path.lams, lams)
    for i, lam in enumerate(lams):
        own = Objective.of(Z, y, lam, family="binomial")
        told = own.violation(path.coefs[i], path.intercepts[i])
        assert path.kkt[i] == pytest.approx(told, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("solver", ["glmnet", "saga", "minibatch"])
def test_a_label_that_never_changes_has_no_coefficients(solver):
    if solver == "glmnet":
        pytest.importorskip("glmnetforpython")
    Z, y = few_rows("multilabel")
    y[:, 1] = 0
    path = elastic_net_path(Z, y, family="multilabel", lams=[0.05], solver=solver)
    assert not path.coefs[0, 1].any()
    assert path.coefs[0, 0].any()


@pytest.mark.parametrize("solver", ["newton", "saga", "minibatch"])
def test_one_warning_names_the_worst_strength_when_iterations_run_out(solver):
    Z, y = few_rows("multinomial")
    with pytest.warns(ConvergenceWarning) as caught:
        path = elastic_net_path(Z, y, lams=[0.1, 0.01], solver=solver, max_iter=2, tol=1e-6)
    assert len(caught) == 1
    worst = path.kkt.argmax()
    assert f"lam={path.lams[worst]:.4g} with a violation of {path.kkt[worst]:.2e} lam" in str(
        caught[0].message
    )
    for i, lam in enumerate(path.lams):
        own = Objective.of(Z, y, lam, family="multinomial")
        assert path.kkt[i] == pytest.approx(own.violation(path.coefs[i], path.intercepts[i]))


@pytest.mark.parametrize("n", [31, 64, 97])
def test_minibatches_need_not_divide_the_rows(n):
    Z, y = few_rows("binomial", n=n)
    path = elastic_net_path(Z, y, family="binomial", lams=[0.05], solver="minibatch")
    assert_optimal(Z, y, path, 1e-3)


def test_minibatch_keeps_bounds():
    Z, y = few_rows("multinomial")
    options = {"lams": [0.02], "lower": 0.0, "upper": 0.4}
    ours = elastic_net_path(Z, y, tol=1e-7, **options)
    path = elastic_net_path(Z, y, solver="minibatch", tol=1e-4, **options)
    assert path.coefs.min() == 0
    assert path.coefs.max() == 0.4
    np.testing.assert_allclose(path.coefs, ours.coefs, atol=1e-3)


def test_minibatch_serves_offsets_factors_fixed_zeros_and_a_start():
    Z, y = few_rows("multinomial")
    rng = np.random.default_rng(1)
    options = {
        "offset": rng.normal(size=(len(Z), 3)),
        "penalty_factor": np.array([1.0, 2.0, 0.5, 1.0, 0.0]),
        "free": rng.random((3, 5)) > 0.3,
    }
    ours = elastic_net_path(Z, y, lams=[0.03], tol=1e-7, **options)
    start = ours.coefs[0], ours.intercepts[0]
    path = elastic_net_path(Z, y, lams=[0.03], solver="minibatch", **options)
    assert_optimal(Z, y, path, 1e-3, **options)
    assert not path.coefs[0][~options["free"]].any()
    again = elastic_net_path(Z, y, lams=[0.03], solver="minibatch", start=start, **options)
    assert again.n_iter.tolist() == [0]


def test_minibatch_is_the_same_to_the_byte_by_seed_and_wherever_the_rows_lie(tmp_path, monkeypatch):
    monkeypatch.setattr("pcbm.heads.backends.minibatch.PIECE_BYTES", 8 * 5 * 40)  # pieces of 40
    Z, y = few_rows("multinomial")
    file = np.lib.format.open_memmap(tmp_path / "Z.npy", "w+", Z.dtype, Z.shape)
    file[:] = Z
    stored = np.load(tmp_path / "Z.npy", mmap_mode="r")
    settings = {"lams": [0.1, 0.03], "solver": "minibatch"}
    paths = [elastic_net_path(rows, y, **settings) for rows in (Z, Z, stored)]
    assert len({path.coefs.tobytes() for path in paths}) == 1
    other = elastic_net_path(Z, y, seed=1, **settings)
    assert other.coefs.tobytes() != paths[0].coefs.tobytes()
    assert_optimal(Z, y, paths[0], 1e-3)


def test_minibatch_comes_back_from_a_step_that_is_too_long(monkeypatch):
    from pcbm.heads.backends.minibatch import Saga

    honest = Saga._batch_and_step
    monkeypatch.setattr(
        Saga, "_batch_and_step", lambda self: (honest(self)[0], 300 * honest(self)[1])
    )
    Z, y = few_rows("gaussian")
    path = elastic_net_path(Z, y, family="gaussian", lams=[0.05], solver="minibatch")
    assert_optimal(Z, y, path, 1e-3)


def paper_problem():
    Z, y = draw("multinomial", 5, n=300, K=20)
    return 0.05 * Z + 0.2, y  # raw scores: small and not centred


def test_paper_mode_is_the_official_codes_call():
    Z, y = paper_problem()
    official = SGDClassifier(
        random_state=42,
        loss="log_loss",
        alpha=2e-4,
        l1_ratio=0.99,
        verbose=0,
        penalty="elasticnet",
        max_iter=10000,
    ).fit(Z, y)
    with pytest.warns(ConvergenceWarning, match="solver='sgd' left 1 of 1 strengths above"):
        path = elastic_net_path(Z, y, lams=[2e-4], solver="sgd", seed=42)
    np.testing.assert_array_equal(path.coef(0), official.coef_)
    np.testing.assert_array_equal(path.intercepts[0], official.intercept_)
    np.testing.assert_array_equal(path.decision(Z, 0).argmax(axis=1), official.predict(Z))
    assert (path.solver, path.family, path.classes.tolist()) == ("sgd", "multinomial", [0, 1, 2])


@pytest.mark.parametrize("family", ["multinomial", "binomial"])
def test_paper_mode_ends_above_the_optimum_of_its_own_objective(family):
    Z, y = paper_problem()
    if family == "binomial":
        y = (y > 0).astype(int)
    lam, own = 2e-3, {"family": family}
    target = y
    if family == "multinomial":
        own, target = {"family": "multilabel"}, np.eye(3, dtype=int)[y]
    with pytest.warns(ConvergenceWarning):
        paper = elastic_net_path(Z, y, family=family, lams=[lam], solver="sgd")
    best = elastic_net_path(Z, target, lams=[lam], tol=1e-6, **own)
    rest = Objective.of(Z, target, lam, **own)
    assert paper.objective[0] == pytest.approx(rest.value(paper.coef(0), paper.intercepts[0]))
    assert paper.objective[0] > 1.001 * best.objective[0]
    assert paper.nec[0] > best.nec[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "newtom"}, "solver='newtom' is unknown: did you mean 'newton'?"),
        (
            {"solver": "saga", "family": "binomal"},
            "family='binomal' is unknown: did you mean 'binomial' or 'multinomial'?",
        ),
        (
            {"solver": "glmnet", "family": "grouped"},
            "solver='glmnet' does not serve family 'grouped': use solver='newton' or 'minibatch'",
        ),
        (
            {"solver": "saga", "offset": np.zeros((150, 3)), "penalty_factor": np.ones(5)},
            "solver='saga' does not serve offset and penalty_factor: "
            "use solver='newton' or 'glmnet' or 'minibatch'",
        ),
        (
            {"solver": "sgd", "family": "multilabel"},
            "solver='sgd' does not serve family 'multilabel': "
            "use solver='newton' or 'glmnet' or 'saga' or 'minibatch'",
        ),
        (
            {"solver": "sgd"},
            "solver='sgd' fits one strength: give lams=[lam], the official code's --lam "
            "(its default is 1e-5, its README uses 2e-4)",
        ),
        (
            {"solver": "sgd", "family": "binomial", "lams": [1e-3]},
            "solver='sgd' with family='binomial' was given 3 classes in y of shape (150,): "
            "give (n,) labels, two classes for binomial and more for multinomial",
        ),
    ],
)
def test_what_a_solver_cannot_do_is_refused_in_one_line(options, message):
    Z, y = few_rows("multinomial")
    with pytest.raises(InputError) as error:
        elastic_net_path(Z, y, **options)
    assert str(error.value) == message


def test_saga_refuses_a_softmax_of_two_classes():
    Z, y = few_rows("binomial")
    with pytest.raises(InputError) as error:
        elastic_net_path(Z, y, solver="saga")
    assert str(error.value) == (
        "a multinomial of two classes is one row in scikit-learn: use family='binomial', "
        "or solver='newton'"
    )


def test_a_missing_glmnet_names_the_extra_and_its_licence(monkeypatch):
    monkeypatch.setitem(sys.modules, "glmnetforpython", None)
    Z, y = few_rows("binomial")
    with pytest.raises(MissingExtraError) as error:
        elastic_net_path(Z, y, family="binomial", solver="glmnet")
    message = str(error.value)
    assert "pip install 'pcbm[glmnet]'" in message
    assert "GPL-2" in message
    assert "\n" not in message


@pytest.mark.slow
def test_a_default_fit_imports_no_backend():
    code = (
        "import sys, numpy as np; from pcbm.heads import SparseLinearHead; "
        "SparseLinearHead(n_lams=3).fit(np.eye(8), [0, 1] * 4); "
        "print([m for m in ('pcbm.heads.backends.from_glmnet', "
        "'pcbm.heads.backends.minibatch', 'pcbm.heads.backends.saga', 'pcbm.heads.backends.sgd', "
        "'glmnetforpython', 'matplotlib', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("solver", ["saga", "minibatch"])
def test_estimators_take_a_solver(solver):
    Z, y = few_rows("multinomial")
    settings = {"lam": 0.05, "n_lams": 4, "lam_min_ratio": 0.1}
    ours = SparseLinearHead(**settings, tol=1e-6).fit(Z, y)
    head = SparseLinearHead(**settings, solver=solver).fit(Z, y)
    np.testing.assert_allclose(head.coef_, ours.coef_, atol=3e-3)
    assert head.path_.solver == solver
    line = SparseLinearRegressor(**settings, solver=solver).fit(Z, Z[:, 0])
    assert line.path_.solver == solver


def test_the_estimators_paper_mode_predicts_what_the_official_code_predicts():
    Z, y = paper_problem()
    names = np.array(["cat", "dog", "eel"])[y]
    with pytest.warns(ConvergenceWarning, match="solver='sgd'"):
        head = SparseLinearHead(lam=2e-4, solver="sgd", random_state=42).fit(Z, names)
    official = SGDClassifier(
        random_state=42,
        loss="log_loss",
        alpha=2e-4,
        l1_ratio=0.99,
        penalty="elasticnet",
        max_iter=10000,
    ).fit(Z, names)
    np.testing.assert_allclose(head.decision_function(Z), official.decision_function(Z))
    assert head.predict(Z).tolist() == official.predict(Z).tolist()
    np.testing.assert_allclose(head.coef_ / head.scale_, official.coef_, rtol=1e-12)
    assert len(head.path_) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "adam"}, "solver='adam' is unknown: "),
        ({"solver": "sgd"}, "solver='sgd' fits one strength: give lam, the official code's --lam"),
        ({"solver": "glmnet", "grouped": True}, "solver='glmnet' does not serve family 'grouped'"),
    ],
)
def test_estimators_refuse_what_the_solver_cannot_do(options, message):
    Z, y = few_rows("multinomial")
    with pytest.raises(InputError) as error:
        SparseLinearHead(**options).fit(Z, y)
    assert str(error.value).startswith(message)
