"""Fixtures of the tests of 3D protocols."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The official formulas, hand by hand; test folders are on no path, so it is loaded from its file."""
    spec = importlib.util.spec_from_file_location("slow_reference", Path(__file__).with_name("slow_reference.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
