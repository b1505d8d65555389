"""WiLoR's hand detector: a YOLO network that tells left from right (Potamias et al., CVPR 2025).

Neither its weights nor ultralytics (AGPL-3.0), which runs them, come with the toolkit or any of its extras.

The weights are a pickled network. A pickle can call any function, so PyTorch's restricted reader opens it, which may
create nothing but layers of PyTorch and of ultralytics; the loader of ultralytics itself, which runs whatever the file
says, is not used.
"""

from __future__ import annotations

import importlib
import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from hint import settings
from hint.box import overlap
from hint.detection.detection import Detection
from hint.detection.picture import Picture
from hint.detection.tiles import Tile, cut_tile
from hint.errors import InputError, MissingRequirementError, first_line
from hint.provenance import sha256_file
from hint.requirements import missing_packages, pip_command
from hint.types import Float, Image

#: Where its classes come from; of these modules only classes are allowed, never functions.
_MODULES = (
    "ultralytics.nn.tasks",
    "ultralytics.nn.modules.block",
    "ultralytics.nn.modules.conv",
    "ultralytics.nn.modules.head",
    "ultralytics.utils.loss",
    "ultralytics.utils.tal",
    "torch.nn.modules.activation",
    "torch.nn.modules.batchnorm",
    "torch.nn.modules.container",
    "torch.nn.modules.conv",
    "torch.nn.modules.loss",
    "torch.nn.modules.pooling",
    "torch.nn.modules.upsampling",
)
#: Side of the square it sees, px, and the grey around the picture there.
_SIDE, _GREY = 640, 114
#: Confidence to require (WiLoR's demonstration), and the overlap from which two boxes are one hand.
_MIN_SCORE, _SAME = 0.3, 0.6
_RIGHT = 1


def weights() -> Path:
    """Return where the weights are expected."""
    return settings.home() / "wilor" / "detector.pt"


def missing() -> str:
    """Tell what must be installed or fetched first; "" where the detector can run."""
    if missing_packages(["torch", "ultralytics"], "models"):
        return (
            f"needs ultralytics, whose licence is AGPL-3.0: {pip_command('models')} && "
            "pip install --no-deps ultralytics"
        )
    if not weights().is_file():
        return (
            "needs detector.pt of WiLoR (https://huggingface.co/spaces/rolpotamias/WiLoR, folder pretrained_models; "
            f"CC BY-NC-ND 4.0 and AGPL-3.0): save it as {weights()}"
        )
    return ""


class WilorDetector:
    """Runs WiLoR's detector on whole pictures; a box is what the network returns.

    Raises:
        MissingRequirementError: If ultralytics or the weights are missing.
        InputError: If the weights name anything but layers.
    """

    def __init__(self) -> None:
        if lacking := missing():
            raise MissingRequirementError(f"--detector wilor {lacking}")
        self.identity = f"wilor {sha256_file(weights())[:16]}, score {_MIN_SCORE}"
        self._network = read_network(weights())

    def __reduce__(self) -> tuple[type[WilorDetector], tuple[()]]:
        return WilorDetector, ()  # the network is loaded again

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a picture from left to right, each once, whatever its side."""
        kept: list[Detection] = []
        for hand in sorted(self._all(image), key=lambda hand: -(hand.score or 0)):
            if all(overlap(hand.box_xyxy, other.box_xyxy) <= _SAME for other in kept):
                kept.append(hand)
        return sorted(kept, key=lambda hand: hand.box_xyxy)

    def _all(self, image: Image) -> list[Detection]:
        import torch

        height, width = image.shape[:2]
        side = max(height, width)
        tile = Tile((width - side) // 2, (height - side) // 2, side)
        pixels = cut_tile(image, tile, _SIDE, _GREY).astype(np.float32) / 255
        with torch.inference_mode():
            rows = self._network(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        rows = (rows[0] if isinstance(rows, tuple | list) else rows)[0].numpy()
        return _detections(rows.T, tile)


def _detections(rows: Float, tile: Tile) -> list[Detection]:
    """Read rows of centre, width, height, in px of the square, and a score for left and for right."""
    scores = rows[:, 4:6]
    rows, scores = rows[scores.max(1) >= _MIN_SCORE], scores[scores.max(1) >= _MIN_SCORE]
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    boxes = np.round(corners * (tile.side / _SIDE) + (tile.x, tile.y) * 2, 2).tolist()
    return [
        Detection((x1, y1, x2, y2), bool(score.argmax() == _RIGHT), round(float(score.max()), 4))
        for (x1, y1, x2, y2), score in zip(boxes, scores, strict=True)
        if x2 > x1 and y2 > y1
    ]


def read_network(path: Path) -> Any:
    """Read a pickled YOLO network, and let it name nothing but layers.

    Raises:
        InputError: If it names anything else, or holds no network.
    """
    import torch

    try:
        with torch.serialization.safe_globals(_classes()):
            content = torch.load(path, map_location="cpu", weights_only=True)
        network = content["model"]
        if not isinstance(network, torch.nn.Module):
            raise InputError(f"{path} holds no network under 'model'")
        return network.float().eval()
    except pickle.UnpicklingError as error:
        named = str(error).partition("GLOBAL ")[2].split(" ")[0]
        what = f"names {named}, which is no layer" if named else "is damaged"
        raise InputError(f"{path} {what}; not opened. Download detector.pt again") from error
    except (RuntimeError, LookupError, TypeError, EOFError, OSError) as error:
        raise InputError(f"{path} is not WiLoR's detector.pt: {first_line(error)}") from error


def _classes() -> list[Any]:
    """Return the classes that a network is made of, of the modules that this version of ultralytics has."""
    found: list[Any] = []
    for name in _MODULES:
        module = importlib.import_module(name)
        found += [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == name]
    return found
