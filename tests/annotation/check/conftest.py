"""Hands nothing is wrong with, and the plain loop that measures them one by one."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from annotation.check.hands import Hands
from annotation.check.look import nothing_seen
from annotation.check.make_population import projected_hands
from annotation.check.population import rendered_population
from annotation.check.simulate import simulated_hands
from hint.types import HandLabels

SIDE = 640


def label(points: np.ndarray, is_right: np.ndarray, subset: str = "newdays", name: str = "ND_good0000") -> HandLabels:
    """Label points, whatever they are, as an honest annotator would: flags and box follow from them."""
    n = len(points)
    sides = np.where(is_right, "r", "l").tolist()
    exists = np.all((points >= 0) & (points < SIDE), axis=2)
    known = np.where(exists.any(1)[:, None, None], np.where(exists[..., None], points, np.nan), points)
    return HandLabels(
        hand_id=np.array([f"{name}{k // 100000:02d}_frame{k:06d}_{s}" for k, s in enumerate(sides)]),
        clip_id=np.array([f"clip{k // 3}" for k in range(n)]),
        subset=np.full(n, subset),
        box_xyxy=np.concatenate([np.nanmin(known, 1) - 4, np.nanmax(known, 1) + 4], axis=1),
        is_right=is_right,
        keypoints_2d=points,
        existence=exists,
        occlusion=np.zeros((n, 21), bool),
        image=np.full(n, ""),
    )


def hands_of(labels: HandLabels, prelabels: np.ndarray | None = None, with_size: bool = True) -> Hands:
    n = len(labels)
    picture = np.full((n, 2), float(SIDE) if with_size else np.nan)
    start = np.full((n, 21, 2), np.nan) if prelabels is None else prelabels
    return Hands(labels, rendered_population(), picture, start, nothing_seen(n))


@pytest.fixture(scope="session")
def good() -> HandLabels:
    """4,000 projected hands, other ones than the population was measured on."""
    points, is_right = projected_hands(4000, seed=99)
    return label(points + SIDE / 2, is_right)


@pytest.fixture(scope="session")
def flagged() -> HandLabels:
    """400 simulated hands with careful flags, other ones than the networks were trained on; half of them left ones."""
    points, occluded = simulated_hands(400, seed=99)
    is_right = np.arange(400) % 2 == 0
    placed = 1200 * points * np.where(is_right[:, None, None], 1, (-1, 1))
    labels = label(placed - placed.mean(1, keepdims=True) + SIDE / 2, is_right)
    return replace(labels, occlusion=occluded)


@pytest.fixture(scope="session")
def hands() -> Callable[..., Hands]:
    """The function that makes what rules look at."""
    return hands_of


@pytest.fixture(scope="session")
def labelled() -> Callable[..., HandLabels]:
    """The function that labels points."""
    return label


@pytest.fixture(scope="session")
def slow() -> ModuleType:
    """perf/check.py: the same rules hand by hand, without numpy."""
    path = Path(__file__).resolve().parents[3] / "perf" / "check.py"
    spec = importlib.util.spec_from_file_location("slow_check", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["slow_check"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
