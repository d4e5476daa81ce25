"""scikit-learn's whole estimator suite, with no check switched off."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from pcbm.heads import SparseLinearHead, SparseLinearRegressor


@parametrize_with_checks([SparseLinearHead(n_lams=6), SparseLinearRegressor(n_lams=6)])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_estimator_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([SparseLinearHead(), SparseLinearRegressor()])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_estimator_check_of_the_defaults(estimator, check):
    check(estimator)
