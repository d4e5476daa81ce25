"""What is wrong with an input is said in one line that names it and what to give instead."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from selection_problems import a_path

from pcbm.errors import InputError
from pcbm.heads import (
    SparseLinearHead,
    SparseLinearRegressor,
    cross_validated_lam,
    ebic,
    elastic_net_path,
    exact_nec,
    held_out_rows,
    kkt_violation,
    lam_max,
    objective,
    probabilities,
    select_by_lam,
    select_by_nec,
    standardise,
    validated_lam,
)

Z = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3
HOLE = Z.copy()
HOLE[3, 1] = np.nan
FIRST = Y == 0

PATHS = {
    "family": ({"family": "poisson"}, "family='poisson'"),
    "near family": ({"family": "multinominal"}, "did you mean 'multinomial'"),
    "NaN": ({"Z": HOLE}, "Z holds 1 value"),
    "infinite": ({"Z": np.where(np.isnan(HOLE), np.inf, HOLE)}, "Z holds 1 value"),
    "vector": ({"Z": Z[:, 0]}, "Z has shape (30,)"),
    "no columns": ({"Z": Z[:, :0]}, "Z has shape (30, 0)"),
    "no rows": ({"Z": Z[:0], "y": Y[:0]}, "Z has shape (0, 4)"),
    "words": ({"Z": np.full((30, 4), "a")}, "Z"),
    "length": ({"y": Y[:-1]}, "y has shape (29,)"),
    "sparse": ({"Z": csr_array(Z)}, "Z is a sparse matrix: give Z.toarray()"),
    "complex": ({"Z": Z + 1j}, "Z holds complex numbers"),
    "no labels": ({"y": None}, "y is None: give one label per row"),
    "sparse labels": ({"y": csr_array(np.eye(30))}, "y is a sparse matrix"),
    "complex labels": ({"y": Y + 1j}, "y holds complex numbers"),
    "None among labels": ({"y": np.where(FIRST, None, Y)}, "y holds None"),
    "scalar": ({"y": 3}, "y"),
    "one class": ({"y": np.zeros(30)}, "only the class"),
    "matrix of labels": ({"y": np.c_[Y, Y]}, "y has shape (30, 2)"),
    "three classes": ({"family": "binomial"}, "y holds 3 classes"),
    "two and more": ({"family": "multilabel", "y": np.c_[Y, Y]}, "other than 0 and 1"),
    "NaN target": ({"family": "gaussian", "y": HOLE[:, 1]}, "y holds"),
    "word target": ({"family": "gaussian", "y": np.full(30, "tall")}, "y"),
    "NaN label": ({"y": np.where(FIRST, np.nan, 1.0 * Y)}, "y holds"),
    "weights shape": ({"sample_weight": np.ones(7)}, "sample_weight has shape (7,)"),
    "negative weight": ({"sample_weight": -np.ones(30)}, "sample_weight holds negative"),
    "NaN weight": ({"sample_weight": HOLE[:, 1]}, "sample_weight holds"),
    "zero weights": ({"sample_weight": np.zeros(30)}, "every sample_weight is zero"),
    "weight of one class": ({"sample_weight": 1.0 * FIRST}, "only the class"),
    "offset columns": ({"offset": np.zeros((30, 2))}, "offset has 2 columns"),
    "offset rows": ({"offset": np.zeros((7, 3))}, "offset"),
    "offset of the wrong way round": ({"offset": np.zeros((3, 30))}, "offset"),
    "NaN offset": ({"offset": HOLE[:, :3]}, "offset holds 1 values that are NaN or infinite"),
    "complex offset": ({"offset": Z[:, :3] + 1j}, "offset holds values that are not numbers"),
    "free shape": ({"free": np.ones((2, 4), bool)}, "shape (2, 4)"),
    "free numbers": ({"free": np.ones((3, 4))}, "free is float64"),
    "ratio": ({"l1_ratio": 1.5}, "l1_ratio=1.5"),
    "NaN ratio": ({"l1_ratio": np.nan}, "l1_ratio=nan"),
    "tol": ({"tol": 0}, "tol=0"),
    "max_iter": ({"max_iter": 0}, "max_iter=0: give a whole number of at least 1"),
    "factor shape": ({"penalty_factor": np.ones(3)}, "penalty_factor has shape (3,)"),
    "negative factor": ({"penalty_factor": -np.ones(4)}, "penalty_factor"),
    "n_lams": ({"n_lams": 0}, "n_lams=0"),
    "lam_min_ratio": ({"lam_min_ratio": 0.0}, "lam_min_ratio=0"),
    "lam_min_ratio above 1": ({"lam_min_ratio": 2.0}, "lam_min_ratio=2"),
    "negative lam": ({"lams": [0.1, -0.1]}, "lams"),
    "zero lam": ({"lams": [0.0]}, "lams"),
    "NaN lam": ({"lams": [np.nan]}, "lams"),
    "no lams": ({"lams": []}, "lams"),
    "start shape": ({"start": (np.zeros((2, 4)), np.zeros(2))}, "start"),
    "start alone": (
        {"start": np.ones((3, 4))},
        "start is a ndarray: give a pair, coefficients (3, 4)",
    ),
    "half a start": ({"start": (np.ones((3, 4)),)}, "start is a tuple of 1: give a pair"),
    "ragged": ({"Z": [[1.0, 2.0], [3.0]], "y": [0, 1]}, "rows of unequal length"),
    "start NaN": ({"start": (np.full((3, 4), np.nan), np.zeros(3))}, "start"),
}


def one_line(error, part):
    message = str(error.value)
    assert part in message
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize("case", PATHS)
def test_path(case):
    changes, part = PATHS[case]
    with pytest.raises(InputError) as error:
        elastic_net_path(**{"Z": Z, "y": Y, "n_lams": 3, **changes})
    one_line(error, part)


SHARED = ("family", "NaN", "length", "one class", "weights shape", "offset columns", "ratio")


@pytest.mark.parametrize("case", SHARED)
def test_certificates(case):
    changes, part = PATHS[case]
    given = {"Z": Z, "y": Y, **changes}
    with pytest.raises(InputError) as error:
        lam_max(**given)
    one_line(error, part)
    for function in (objective, kkt_violation):
        with pytest.raises(InputError) as error:
            function(coef=np.zeros((3, 4)), intercept=np.zeros(3), lam=0.1, **given)
        one_line(error, part)


@pytest.mark.parametrize("function", [objective, kkt_violation])
def test_certificates_of_coefficients_of_another_shape(function):
    with pytest.raises(InputError) as error:
        function(Z, Y, np.zeros((3, 5)), np.zeros(3), 0.1)
    one_line(error, "coef")
    with pytest.raises(InputError) as error:
        function(Z, Y, np.zeros((3, 4)), np.zeros(2), 0.1)
    one_line(error, "intercept")


ESTIMATORS = {
    "both": ({"lam": 0.1, "concepts_per_class": 2}, "lam and concepts_per_class are both given"),
    "lam": ({"lam": -1}, "lam=-1: give a number above 0"),
    "word": ({"lam": "small"}, "lam='small'"),
    "concepts": ({"concepts_per_class": -2}, "concepts_per_class=-2"),
    "ratio": ({"l1_ratio": 2}, "l1_ratio=2: give a number of at least 0 and at most 1"),
    "truth": ({"l1_ratio": True}, "l1_ratio=True"),
    "n_lams": ({"n_lams": 2.5}, "n_lams=2.5: give a whole number"),
    "no lams": ({"n_lams": 0}, "n_lams=0"),
    "lam_min_ratio": ({"lam_min_ratio": 0}, "lam_min_ratio=0"),
    "tol": ({"tol": np.nan}, "tol=nan"),
    "infinite lam": ({"lam": np.inf}, "lam=inf"),
    "selection": ({"selection": "cv1se"}, "selection='cv1se' is unknown: did you mean 'cv_1se'"),
    "nec_rule": ({"nec_rule": "cut", "concepts_per_class": 2}, "nec_rule='cut' is unknown"),
    "nec_rule alone": ({"nec_rule": "exact"}, "nec_rule='exact' says how concepts_per_class"),
    "nonnegative": ({"nonnegative": "yes"}, "nonnegative='yes': give True or False"),
    "nonnegative saga": ({"nonnegative": True, "solver": "saga"}, "does not serve"),
    "nonnegative sgd": ({"nonnegative": True, "solver": "sgd", "lam": 0.1}, "does not serve"),
    "seed": ({"random_state": -1}, "random_state=-1: give a whole number of at least 0"),
}


@pytest.mark.parametrize("cls", [SparseLinearHead, SparseLinearRegressor])
@pytest.mark.parametrize("case", ESTIMATORS)
def test_settings_of_estimators(cls, case):
    settings, part = ESTIMATORS[case]
    with pytest.raises(InputError) as error:
        cls(**settings).fit(Z, Y)
    one_line(error, part)


def test_labels_of_estimators():
    cases = [
        ({}, np.zeros(30), "only 1 class"),
        ({"grouped": True, "nonnegative": True}, Y, "grouped and nonnegative are both given"),
        ({"grouped": True}, Y == 0, "grouped=True needs more than two classes"),
        ({"grouped": True}, np.eye(3, dtype=int)[Y], "grouped=True does not serve multilabel"),
        ({"class_weight": "balanced"}, np.eye(3, dtype=int)[Y], "class_weight"),
        ({}, np.c_[Y, Y], "y is a matrix of classes"),
    ]
    for settings, y, part in cases:
        with pytest.raises(InputError) as error:
            SparseLinearHead(**settings).fit(Z, y)
        one_line(error, part)


def test_complex_numbers_given_to_estimators():
    for cls in (SparseLinearHead, SparseLinearRegressor):
        with pytest.raises(InputError) as error:
            cls().fit(Z + 1j, Y)
        one_line(error, "Complex data not supported: give real numbers")


def path():
    return elastic_net_path(Z, Y, lams=[0.01, 0.005])


SELECTION = [
    (lambda: select_by_nec(path(), -1), "concepts_per_class=-1"),
    (lambda: select_by_nec(path(), np.nan), "concepts_per_class=nan"),
    (lambda: select_by_nec(path(), 0), "no point of the path has NEC <= 0"),
    (lambda: select_by_lam(path(), 0.02), "lam=0.02 is not on the path (nearest: 0.01)"),
    (lambda: validated_lam(Z, Y, rule="best"), "rule='best'"),
    (lambda: cross_validated_lam(Z, Y, rule="2se"), "rule='2se'"),
    (lambda: cross_validated_lam(Z, Y, measure="los"), "did you mean 'loss'"),
    (lambda: cross_validated_lam(Z, Y, folds=1), "folds=1"),
    (lambda: cross_validated_lam(Z, Y, folds=2.5), "folds=2.5"),
    (lambda: cross_validated_lam(Z, Y, folds=31), "30 rows cannot make 31 folds"),
    (lambda: cross_validated_lam(Z, Y, groups=Y), "3 groups cannot make 5 folds"),
    (lambda: cross_validated_lam(Z, Y, groups=0 * Y), "groups are all equal, so no rows can"),
    (lambda: cross_validated_lam(Z, Y, groups=Y[:7]), "groups has shape (7,)"),
    (lambda: cross_validated_lam(Z, Y, folds=Y[:7]), "folds has shape (7,)"),
    (lambda: cross_validated_lam(Z, Y, folds=Y, groups=Y), "keep one"),
    (lambda: cross_validated_lam(Z, Y, folds=Y / 2), "folds holds float64"),
    (lambda: cross_validated_lam(Z, Y, folds=0 * Y), "there are 1 folds"),
    (lambda: cross_validated_lam(Z, Y, folds=Y), "fold 0 holds every row of class '0'"),
    (lambda: ebic(a_path([0, 1], [2, 1]), Z, FIRST, gamma=1.5), "gamma=1.5"),
    (lambda: exact_nec(a_path([2, 3], [2, 1]), Z, FIRST, 1), "no point of the path"),
    (lambda: validated_lam(Z, Y, measure="f1"), "measure='f1'"),
    (lambda: validated_lam(Z, Z[:, 0], family="gaussian", measure="accuracy"), "gaussian"),
    (lambda: validated_lam(Z, Y, validation=1.0), "validation=1.0"),
    (lambda: validated_lam(Z, Y[:-1]), "y has shape (29,)"),
    (lambda: held_out_rows(Y, 0.0, 0), "validation=0.0"),
    (lambda: held_out_rows(np.array(["a", "b"]), 0.5, 0), "leaves no rows"),
    (lambda: probabilities([[0.0, 1.0]], "gaussian"), "family='gaussian' has no probabilities"),
    (lambda: standardise(HOLE), "Z holds 1 value"),
    (lambda: standardise(Z, np.ones(3)), "sample_weight has shape (3,)"),
]


@pytest.mark.parametrize(("call", "part"), SELECTION, ids=[part for _, part in SELECTION])
def test_selection(call, part):
    with pytest.raises(InputError) as error:
        call()
    one_line(error, part)
