"""Small valid things that files are made of."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np

from hint.types import HandLabels, Predictions

#: Hands in a file.
COUNT = 3
#: Their names.
IDS = tuple(f"ND_{k:03d}clip_frame{k:06d}_{side}" for k, side in zip(range(COUNT), "rlr", strict=True))
#: (width, height) of pictures.
SIZE = (64, 48)


def labels() -> HandLabels:
    """Return a few labelled hands without pictures."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(5, 10, (COUNT, 2)).round(1)
    return HandLabels(
        hand_id=np.array(IDS),
        clip_id=np.array([f"{k:03d}clip" for k in range(COUNT)]),
        subset=np.full(COUNT, "newdays"),
        box_xyxy=np.concatenate([corner, corner + 20], axis=1),
        is_right=np.array([hand_id.endswith("r") for hand_id in IDS]),
        keypoints_2d=(corner[:, None] + rng.uniform(0, 20, (COUNT, 21, 2))).round(1),
        existence=rng.random((COUNT, 21)) < 0.9,
        occlusion=rng.random((COUNT, 21)) < 0.4,
        image=np.full(COUNT, ""),
    )


def predictions() -> Predictions:
    """Return predictions for :func:`labels`, with everything that npz keeps."""
    rng = np.random.default_rng(1)
    return Predictions(
        np.array(IDS),
        labels().keypoints_2d.astype(np.float32) + 1,
        keypoints_3d=rng.normal(0, 0.1, (COUNT, 21, 3)).astype(np.float32),
        vertices=rng.normal(0, 0.1, (COUNT, 5, 3)).astype(np.float32),
        score=rng.random(COUNT).astype(np.float32),
        existence=rng.random((COUNT, 21)) < 0.9,
        occlusion=rng.random((COUNT, 21)) < 0.4,
        meta={"method": "x", "fingerprint": {"version": 1}, "inputs": ["a", "b", "c"]},
    )


@cache
def synthetic() -> ModuleType:
    """Return the package that writes made-up trees of the sources; ``tests`` is on no path."""
    folder = Path(__file__).resolve().parents[2] / "synthetic"
    spec = spec_from_file_location("synthetic", folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["synthetic"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
