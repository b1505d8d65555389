"""Weights, hands and inputs for the network tests: all numbers are drawn, none are trained or measured."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from parity import read_adjacency
from torch import Tensor

SYNTH = Path(__file__).resolve().parents[1] / "golden" / "synth.py"


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The module that draws the weights, inputs and hands of the reference arrays."""
    spec = importlib.util.spec_from_file_location("reference", SYNTH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def draw_weights(reference: ModuleType) -> Callable[[Mapping[str, tuple[int, ...]]], dict[str, Tensor]]:
    """The function that draws a state dict: key -> shape in, key -> tensor out."""
    return partial(reference.draw_state, "hamer")


@pytest.fixture(scope="session")
def official_adjacency(shared: Path) -> NDArray[np.float32]:
    """The neighbours (195,195) of Mesh Graphormer's vertices, which are not ours to pass on."""
    return read_adjacency(shared)
