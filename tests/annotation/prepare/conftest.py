"""A release that is whole but small: its folders hold as many hands as :data:`SMALL` says."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.prepare.release import HANDS, split_of
from hint.files import write_json
from hint.images import write_image

WIDTH, HEIGHT = 64, 48
SMALL = dict.fromkeys(HANDS, 3)
_UUID = "00000000-0000-4000-8000-{:012d}"

#: Makes the command line expect a release as small as the folders of these tests.
_SMALL_RELEASE = f"import annotation.prepare.release as release; release.HANDS.update({SMALL})"
_SMALL_RELEASE += "; import annotation.released as released; released.ego4d_stems = lambda: "
_MAIN = "from hint.cli import main; main()"

Run = Callable[..., subprocess.CompletedProcess[str]]


def stems_of(folder: str) -> list[str]:
    """The three hands of a folder; no clip is in two splits."""
    number = list(HANDS).index(folder)
    if "newdays" in folder:
        return [f"ND_-_{number:02d}_{k}video_frame00{k}201_{'lr'[k % 2]}" for k in range(3)]
    if "epick" in folder:
        video = ["TRAIN", "VAL", "TEST"].index(split_of(folder)) + 1
        return [f"EK_{k:04d}_P{video:02d}_10{k}_frame_{k:010d}_{'lr'[k % 2]}" for k in range(3)]
    ids = [_UUID.format(100 * number + k) for k in range(3)]
    return [f"{i}_{i}_{k}_pre_frame_{'lr'[k % 2]}" for k, i in enumerate(ids)]


#: Its official list is as small.
_SMALL_RELEASE += repr({folder: set(stems_of(folder)) for folder in HANDS if "ego4d" in folder})


def label(number: int = 0) -> dict[str, list[Any]]:
    """A hand with one joint outside the picture, unlike those of other numbers."""
    keypoints = [[float(2 + k), float(3 + k)] for k in range(20)] + [[-4.5, 10.0 + number]]
    return {
        "bbox": [[1.5, 2.0, 30.0, 31.25]],
        "keypoints": list(keypoints),
        "existence": [1] * 20 + [0],
        "occlusion": [0, 1] * 10 + [1],
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A complete small release."""
    rng = np.random.default_rng(3)
    for number, hand in enumerate(f"{folder}/{stem}" for folder in HANDS for stem in stems_of(folder)):
        write_json(tmp_path / "HInt" / f"{hand}.json", [label(number)])
        picture = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        write_image(tmp_path / "HInt" / f"{hand}.jpg", picture)
    return tmp_path / "HInt"


@pytest.fixture
def run() -> Run:
    """The function that runs ``hint prepare verify`` in a process of its own."""

    def start(
        *arguments: object, cwd: Path | None = None, setup: str = _SMALL_RELEASE
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", f"{setup}\n{_MAIN}", "prepare", "verify", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, check=False)

    return start


@pytest.fixture
def stems() -> Callable[[str], list[str]]:
    """The function that names the hands of a folder."""
    return stems_of


@pytest.fixture
def small_release() -> str:
    """Code that makes the command line expect a release as small as the folders of these tests."""
    return _SMALL_RELEASE
