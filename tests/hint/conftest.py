"""Weights, hands and inputs for the network tests: all numbers are drawn, none are trained or measured."""

import fnmatch
import hashlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

#: Weights of the last layers are drawn smaller, so that the answer stays near the mean hand.
GAINS = {"mano_head.decpose*": 0.1, "mano_head.decshape*": 0.1, "mano_head.deccam*": 0.02}


def drawn(key: str, shape: tuple[int, ...]) -> Tensor:
    """Draw the tensor of one key; the key alone decides the numbers."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    numbers = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    if len(shape) > 1:
        gain = next((g for pattern, g in GAINS.items() if fnmatch.fnmatchcase(key, pattern)), 1.0)
        numbers *= np.float32(gain / math.sqrt(math.prod(shape[1:])))
    elif key.endswith("weight"):
        numbers = 1 + np.float32(0.1) * numbers
    else:
        numbers *= np.float32(0.02)
    return torch.from_numpy(numbers)


@pytest.fixture(scope="session")
def draw_weights() -> Callable[[Mapping[str, tuple[int, ...]]], dict[str, Tensor]]:
    """The function that draws a state dict: key -> shape in, key -> tensor out."""
    return lambda shapes: {key: drawn(key, tuple(shape)) for key, shape in shapes.items()}


@pytest.fixture(scope="session")
def reference(shared: Path) -> ModuleType:
    """The program that made the inputs and the hand of the reference arrays."""
    spec = importlib.util.spec_from_file_location("reference", shared / "golden" / "synth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
