"""Pictures with several hands, and what a detector and a method might find in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from slow_reference_of import slow_reference_of

from hint.files import write_predictions
from hint.types import HandLabels, Predictions


@dataclass
class Scene:
    """Labels of pictures, and predictions of the whole pictures as ``hint predict`` leaves them in ``folder``."""

    labels: HandLabels
    found: Predictions
    lines: list[dict[str, Any]]
    folder: Path

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "hands.jsonl").write_text("\n".join(map(json.dumps, self.lines)))
        write_predictions(self.folder / "predictions.npz", self.found)
        return self.folder


def scene(folder: Path, n: int = 30, seed: int = 0) -> Scene:
    """Draw ``n`` pictures of 1 to 4 hands: found well or badly, twice, on the wrong side, or not at all."""
    rng = np.random.default_rng(seed)
    hands: dict[str, list[Any]] = {name: [] for name in ("hand_id", "clip_id", "image", "is_right", "box_xyxy")}
    points, lines, guesses = [], [], []
    for number in range(n):
        name = f"{folder}/pictures/p{number:03d}.jpg"
        for hand in range(int(rng.integers(1, 5))):
            size = rng.uniform(40, 400, 2)
            corner = np.array([300.0 * hand, 50.0]) + rng.uniform(0, 40, 2)
            row = (f"p{number:03d}_{hand}_{'lr'[hand % 2]}", f"clip{number // 3}", name, bool(hand % 2))
            for values, value in zip(hands.values(), (*row, [*corner, *(corner + size)]), strict=True):
                values.append(value)
            points.append(corner + size * rng.uniform(0, 1, (21, 2)))
            for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
                guess = points[-1] + rng.normal(0, rng.uniform(0.002, 0.05), (21, 2)) * size
                guess[rng.random(21) < 0.05] = np.nan
                side = bool(hand % 2) ^ bool(rng.random() < 0.15)
                lines.append(_line(name, f"f{len(guesses)}", corner, size, side, rng))
                guesses.append(guess)
        if rng.random() < 0.4:
            lines.append(_line(name, f"f{len(guesses)}", np.zeros(2), np.full(2, 90.0), True, rng))
            guesses.append(rng.uniform(0, 90, (21, 2)))
        if not any(line["image"] == name for line in lines):
            lines.append({"image": name})
    shape = (len(points), 21)
    labels = HandLabels(
        **{name: np.array(values) for name, values in hands.items()},
        subset=np.full(len(points), "mine"),
        keypoints_2d=np.array(points),
        existence=rng.random(shape) < 0.85,
        occlusion=rng.random(shape) < rng.choice([0.0, 0.3, 1.0], (len(points), 1)),
    )
    names = np.array([line["hand_id"] for line in lines if "hand_id" in line])
    own = rng.uniform(0.2, 1, (len(names), 21))
    return Scene(labels, Predictions(names, np.array(guesses), score=own), lines, folder / "found")


def _line(
    name: str, hand_id: str, corner: np.ndarray, size: np.ndarray, side: bool, rng: np.random.Generator
) -> dict[str, Any]:
    box = [*corner.tolist(), *(corner + size).tolist()]
    return {"image": name, "hand_id": hand_id, "box_xyxy": box, "is_right": bool(side), "score": rng.uniform(0.3, 1)}


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The slow reference."""
    return slow_reference_of(__file__)


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Scene]:
    """The function that draws pictures."""
    return lambda n=30, seed=0: scene(tmp_path, n, seed)
