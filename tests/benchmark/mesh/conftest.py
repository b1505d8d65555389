"""Fixtures of the tests of 3D protocols."""

from types import ModuleType

import pytest
from slow_reference_of import slow_reference_of


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The official formulas, hand by hand."""
    return slow_reference_of(__file__)
