"""Training hands without files: a source that holds samples in memory, and tars of drawn hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hint.errors import InputError
from hint.training.sample import Sample


@dataclass
class Held:
    """A source of given samples; those at the indices in ``broken`` cannot be read."""

    samples: list[Sample]
    name: str = "held"
    broken: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.samples)

    def key(self, index: int) -> str:
        return self.samples[index].key

    def read(self, index: int) -> Sample:
        if index in self.broken:
            raise InputError(f"{self.key(index)}: made to fail")
        return self.samples[index]


def make_sample(key: str = "hand", **changes: Any) -> Sample:
    """Return a right hand in a 120x100 picture: keypoints spread over its box, everything supervised."""
    rng = np.random.default_rng(3)
    values: dict[str, Any] = {
        "image": np.full((100, 120, 3), 90, np.uint8),
        "box_xyxy": np.array([30.0, 20, 90, 80]),
        "keypoints_2d": np.column_stack([rng.uniform(30, 90, 21), rng.uniform(20, 80, 21), np.ones(21)]),
        "keypoints_3d": np.column_stack([rng.normal(0, 0.05, (21, 3)), np.ones(21)]),
        "hand_pose": rng.normal(0, 0.4, (16, 3)),
        "betas": rng.uniform(-1, 1, 10),
        "is_right": True,
        "has_hand_pose": True,
        "has_betas": True,
    }
    return Sample(key=key, **(values | changes))


@pytest.fixture(scope="session")
def sample() -> Callable[..., Sample]:
    """The function that makes samples."""
    return make_sample


@pytest.fixture(scope="session")
def held() -> type[Held]:
    """The source of given samples."""
    return Held


@pytest.fixture(scope="session")
def training_tars(synthetic: ModuleType) -> ModuleType:
    """The module that writes tars."""
    from importlib import import_module

    return import_module("synthetic.training_tars")


@pytest.fixture(scope="session")
def tars(training_tars: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Three tars with 24 pictures of 32 hands, and what was drawn."""
    folder = tmp_path_factory.mktemp("tars")
    return folder, training_tars.write_tars(folder)
