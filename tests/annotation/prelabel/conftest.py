"""A small sample as ``hint sample`` leaves it, and the labels people might give it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sampled_hands import line_of

from hint.files import write_pairs
from hint.files.manifest import write_manifest
from hint.images import write_image
from hint.types import HandLabels

SIZE = (240, 200)


@pytest.fixture
def write_sample(tmp_path: Path, make: Callable[..., HandLabels]) -> Callable[..., tuple[Path, HandLabels]]:
    """The function that writes pictures and manifest of ``n`` hands; some may have no box."""

    def write(n: int = 12, without_box: tuple[int, ...] = (), folder: str = "sample") -> tuple[Path, HandLabels]:
        labels = make(n, images=tmp_path / folder / "TEST_newdays_img")
        rng = np.random.default_rng(7)
        for path in labels.image.tolist():
            noise = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
            write_image(Path(path), cv2.GaussianBlur(noise, (0, 0), 3))
        manifest = tmp_path / folder / "TEST_newdays_img.jsonl"
        lines = [line_of(labels, k, SIZE, "test") for k in range(n)]
        for k in without_box:
            lines[k] = lines[k].model_copy(update={"box_xyxy": None})
        write_manifest(manifest, lines)
        return manifest, labels

    return write


@pytest.fixture
def reviewed(tmp_path: Path) -> Callable[[HandLabels], Path]:
    """The function that writes labels as a folder of pairs, pictures included; returns the folder."""

    def write(labels: HandLabels) -> Path:
        folder = tmp_path / "reviewed"
        write_pairs(folder, labels)
        for hand_id, path in zip(labels.hand_id.tolist(), labels.image.tolist(), strict=True):
            (folder / f"{hand_id}.jpg").write_bytes(Path(path).read_bytes())
        return folder

    return write


@pytest.fixture
def with_flags() -> Callable[..., HandLabels]:
    """The function that puts other flags on labels."""
    return lambda labels, **flags: replace(labels, **flags)
