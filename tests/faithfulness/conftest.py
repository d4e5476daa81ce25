"""Models that several tests question."""

from __future__ import annotations

import pytest
from faithful_problems import problem

from pcbm.model import PostHocCBM


@pytest.fixture(scope="session")
def softmax() -> PostHocCBM:
    return PostHocCBM(lam=0.02, n_lams=5).fit(*problem(classes=4))


@pytest.fixture(scope="session")
def binary() -> PostHocCBM:
    return PostHocCBM(lam=0.02, n_lams=5).fit(*problem(classes=2))


@pytest.fixture(scope="session")
def hybrid() -> PostHocCBM:
    return PostHocCBM(lam=0.05, n_lams=5, residual="linear").fit(*problem(classes=4))
