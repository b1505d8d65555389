"""Fitted hands with their pictures, as training tars in the official layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.errors import InputError
from hint.files import write_json
from hint.images import read_image
from hint.progress import progress
from hint.training.shards import ShardWriter, official_hand, shard_path
from hint.types import HandLabels, Image

#: Hands in a tar.
PER_TAR = 1000

_JPEG = (".jpg", ".jpeg")
_RECEIPT = "set.json"

Rows = Mapping[str, NDArray[Any]]


def has_picture(path: str) -> bool:
    """Return whether a label has a picture."""
    return bool(path) and Path(path).is_file()


def write_tars(out: Path, labels: HandLabels, fits: Rows, min_quality: float, overwrite: bool) -> list[Path]:
    """Write the hands that have pictures, a picture with one hand each; finished tars are kept.

    Args:
        out: Folder of ``000000.tar`` and so on.
        labels: The hands.
        fits: Their fits, row by row.
        min_quality: Pose and shape of worse fits are not supervised.
        overwrite: Write them again in any case.

    Raises:
        InputError: If the folder holds tars of other hands.
    """
    kept = [k for k, path in enumerate(labels.image.tolist()) if has_picture(path)]
    parts = [kept[k : k + PER_TAR] for k in range(0, len(kept), PER_TAR)]
    tars = [shard_path(out, number) for number in range(len(parts))]
    _claim(out, _content(labels, fits, min_quality), tars, overwrite)
    with progress("writing tars", len(kept)) as advance:
        for path, part in zip(tars, parts, strict=True):
            if not path.is_file():
                _write(path, labels, fits, part, min_quality)
            advance(len(part))
    return tars


def _content(labels: HandLabels, fits: Rows, min_quality: float) -> dict[str, Any]:
    digest = hashlib.sha256()
    for values in (labels.hand_id, labels.image, labels.box_xyxy, fits["key"]):
        digest.update(json.dumps(np.asarray(values).tolist()).encode())
    return {"fitted": digest.hexdigest(), "hands": len(labels), "min_quality": min_quality, "per_tar": PER_TAR}


def _claim(out: Path, content: dict[str, Any], tars: list[Path], overwrite: bool) -> None:
    """Remove tars that are not wanted any more; those of other hands only if that is what was asked for."""
    receipt, there = out / _RECEIPT, sorted(out.glob("*.tar"))
    is_same = receipt.is_file() and json.loads(receipt.read_text(encoding="utf-8")) == content
    if there and not is_same and not overwrite:
        raise InputError(f"{out} holds tars of other hands or settings; give another --out, or --overwrite always")
    for path in there:
        if overwrite or path not in tars:
            path.unlink()
    write_json(receipt, content, indent=1)


def _write(path: Path, labels: HandLabels, fits: Rows, part: list[int], min_quality: float) -> None:
    with ShardWriter(path) as tar:
        for k in part:
            picture = _picture(Path(str(labels.image[k])))
            tar.add(str(labels.hand_id[k]).replace(".", "_"), picture, [truth(labels, fits, k, min_quality)])


def _picture(path: Path) -> Image | bytes:
    """Return the bytes of a JPEG as they are, and the pixels of anything else."""
    return path.read_bytes() if path.suffix.lower() in _JPEG else read_image(path)


def truth(labels: HandLabels, fits: Rows, k: int, min_quality: float) -> dict[str, Any]:
    """Return a fitted hand in the official layout.

    The 2D keypoints are the annotated ones; the quality of the fit is the confidence of the 3D ones.
    """
    quality = float(fits["quality"][k])
    is_posed = quality > 0 and quality >= min_quality
    exists = labels.existence[k][:, None].astype(np.float64)
    return official_hand(
        keypoints_2d=np.concatenate([labels.keypoints_2d[k], exists], 1),
        keypoints_3d=np.concatenate([fits["keypoints_3d"][k], np.full((21, 1), quality)], 1) if is_posed else None,
        box_xyxy=labels.box_xyxy[k],
        is_right=bool(labels.is_right[k]),
        hand_pose=_axis_angles(fits, k) if is_posed else None,
        betas=fits["betas"][k] if is_posed else None,
        extra_info={"quality": quality},
    )


def _axis_angles(fits: Rows, k: int) -> NDArray[np.float64]:
    """Return (48,) rotations; those of a left hand are not mirrored, as readers mirror them."""
    rotations = np.concatenate([fits["global_orient"][k], fits["hand_pose"][k]])
    mirror = (1.0, 1.0, 1.0) if fits["is_right"][k] else (1.0, -1.0, -1.0)
    flat: NDArray[np.float64] = (Rotation.from_matrix(rotations).as_rotvec() * mirror).ravel()
    return flat
