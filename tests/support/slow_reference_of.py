"""Slow references that lie beside tests: test folders are on no path, so they are loaded from their files."""

import importlib.util
from pathlib import Path
from types import ModuleType


def slow_reference_of(test: str) -> ModuleType:
    """Load ``slow_reference.py`` beside a file."""
    path = Path(test).with_name("slow_reference.py")
    spec = importlib.util.spec_from_file_location(f"slow_reference_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
