"""Write training tars in the official layout.

A shard holds, for each picture, ``<key>.jpg``, ``<key>.data.pyd`` (a pickled list with one dict of numpy arrays per
hand) and, where masks are given, ``<key>.detection.npz``. The same calls write the same bytes.

Source: HaMeR (Pavlakos et al. 2024), the reader of the released training tars.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError
from hint.files import atomic_write
from hint.images import encode_image
from hint.types import Image

#: Keys of a hand in ``data.pyd`` and their shapes.
SHAPES: dict[str, tuple[int, ...]] = {
    "keypoints_2d": (21, 3),
    "keypoints_3d": (21, 4),
    "center": (2,),
    "scale": (2,),
    "hand_pose": (48,),
    "betas": (10,),
    "right": (),
    "has_hand_pose": (),
    "has_betas": (),
}

#: Unit of ``scale``, px.
SCALE_UNIT = 200.0


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of a shard in the official layout: ``<folder>/000012.tar``."""
    return folder / f"{number:06d}.tar"


def official_hand(
    *,
    keypoints_2d: NDArray[Any],
    box_xyxy: Sequence[float] | NDArray[Any],
    is_right: bool,
    keypoints_3d: NDArray[Any] | None = None,
    hand_pose: NDArray[Any] | None = None,
    betas: NDArray[Any] | None = None,
    extra_info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a hand as stored in ``data.pyd``; unknown values are zero and not supervised.

    Left hands are not mirrored; readers mirror them.

    Args:
        keypoints_2d: (21,3) px and confidence.
        box_xyxy: (4,) px, not padded.
        is_right: Side of the hand.
        keypoints_3d: (21,4) metres in camera axes and confidence.
        hand_pose: (48,) axis-angle radians: wrist, then 15 finger joints; absolute, including the mean pose.
        betas: (10,) shape.
        extra_info: Further plain values to store.

    Raises:
        InputError: If a shape is not the official one.
    """
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy)
    given = {
        "keypoints_2d": keypoints_2d,
        "keypoints_3d": np.zeros((21, 4)) if keypoints_3d is None else keypoints_3d,
        "center": [(x1 + x2) / 2, (y1 + y2) / 2],
        "scale": [(x2 - x1) / SCALE_UNIT, (y2 - y1) / SCALE_UNIT],
        "hand_pose": np.zeros(48) if hand_pose is None else hand_pose,
        "betas": np.zeros(10) if betas is None else betas,
        "right": float(is_right),
        "has_hand_pose": float(hand_pose is not None),
        "has_betas": float(betas is not None),
    }
    return _checked({**given, "extra_info": dict(extra_info or {})}, "hand")


def _checked(hand: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a copy with new float32 arrays in a fixed order, as pickles of shared objects differ."""
    checked: dict[str, Any] = {}
    for key, shape in SHAPES.items():
        if key not in hand:
            raise InputError(f"{name} lacks {key}; a hand of a training tar has {', '.join(SHAPES)}")
        array = np.array(hand[key], np.float32)
        if array.shape != shape or not np.isfinite(array).all():
            raise InputError(f"{name}: {key} must be {shape} finite numbers, not {array.shape}")
        checked[key] = array
    checked["extra_info"] = dict(hand.get("extra_info", {}))
    if "personid" in hand:
        checked["personid"] = int(hand["personid"])
    return checked


class ShardWriter:
    """A tar that is written atomically.

    Example:
        with ShardWriter(shard_path(folder, 0)) as shard:
            shard.add("scene_000001", image, [official_hand(...)])
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> ShardWriter:
        stream = self._stack.enter_context(atomic_write(self.path))
        self._tar = self._stack.enter_context(tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(
        self,
        key: str,
        image: Image | bytes,
        hands: Sequence[Mapping[str, Any]],
        masks: NDArray[np.bool_] | None = None,
        quality: int = 95,
    ) -> None:
        """Add a picture and its hands.

        Args:
            key: Name of the picture, unique in the shard and without dots, which separate suffixes.
            image: (H,W,3) RGB uint8, or the bytes of a JPEG.
            hands: One dict per hand, as :func:`official_hand` makes them.
            masks: (len(hands),H,W) pixels of each hand; stored, but not used in training.
            quality: JPEG quality, 0..100.

        Raises:
            InputError: If the key was used before or has a dot, or a hand does not match the layout.
        """
        if key in self._keys or not key or "." in key:
            raise InputError(f"{self.path}: key {key!r} must be unique, not empty and without dots")
        self._keys.add(key)
        records = [_checked(hand, f"{self.path}: {key}: hand {i}") for i, hand in enumerate(hands)]
        self._member(f"{key}.jpg", image if isinstance(image, bytes) else encode_image(image, ".jpg", quality))
        if masks is not None:
            for i, record in enumerate(records):
                record["extra_info"]["detection_npz_idx"] = i
            packed = io.BytesIO()
            np.savez_compressed(packed, masks=masks)
            self._member(f"{key}.detection.npz", packed.getvalue())
        self._member(f"{key}.data.pyd", pickle.dumps(records, protocol=4))

    def _member(self, name: str, content: bytes) -> None:
        header = tarfile.TarInfo(name)
        header.size = len(content)
        self._tar.addfile(header, io.BytesIO(content))
