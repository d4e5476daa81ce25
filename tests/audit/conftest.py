"""Fixtures of the audits."""

from __future__ import annotations

import pytest
from cued import cue_bank

from pcbm.concepts import ConceptBank


@pytest.fixture(scope="session")
def bank() -> ConceptBank:
    return cue_bank()
