"""Fitted hands with their pictures, as training tars in the official layout."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.errors import InputError
from hint.files import write_json
from hint.files.json_file import read_json
from hint.images import is_cut, read_image
from hint.progress import progress
from hint.training.fit_store import Fits
from hint.training.shards import ShardWriter, official_hand, shard_path
from hint.types import HandLabels

#: Hands in a tar.
PER_TAR = 1000

_JPEG = b"\xff\xd8\xff"
_RECEIPT = "set.json"
_END_OF_TAR = bytes(1024)

#: Column -> what it holds of one hand.
Fit = Mapping[str, Any]


def picture_problem(path: Path) -> str:
    """Return why a picture can be in no tar, "" if it can; of a JPEG only both ends are looked at."""
    try:
        if not _is_whole_jpeg(path):
            read_image(path)
    except InputError as error:
        return str(error)
    return ""


def write_tars(
    out: Path, labels: HandLabels, fits: Fits, kept: list[int], min_quality: float, overwrite: bool
) -> list[Path]:
    """Write hands with their pictures, a picture with one hand each; finished tars are kept.

    Args:
        out: Folder of ``000000.tar`` and so on.
        labels: The hands.
        fits: Their fits, in their order.
        kept: Rows of the hands that have pictures.
        min_quality: Pose and shape of worse fits are not supervised.
        overwrite: Write them again in any case.

    Raises:
        InputError: If the folder holds tars of other hands.
    """
    parts = [kept[k : k + PER_TAR] for k in range(0, len(kept), PER_TAR)]
    tars = [shard_path(out, number) for number in range(len(parts))]
    _claim(out, _content(labels.select(kept), fits.keys[kept], min_quality), tars, overwrite)
    with progress("writing tars", len(kept)) as advance:
        for path, part in zip(tars, parts, strict=True):
            if not _is_whole_tar(path):
                _write(path, labels, fits, part, min_quality)
            advance(len(part))
    return tars


def _content(labels: HandLabels, keys: NDArray[np.str_], min_quality: float) -> dict[str, Any]:
    digest = hashlib.sha256()
    for values in (labels.hand_id, labels.image, labels.box_xyxy, keys):
        digest.update(json.dumps(np.asarray(values).tolist()).encode())
    return {"fitted": digest.hexdigest(), "hands": len(labels), "min_quality": min_quality, "per_tar": PER_TAR}


def _claim(out: Path, content: dict[str, Any], tars: list[Path], overwrite: bool) -> None:
    """Remove tars that are not wanted any more; those of other hands only if that is what was asked for."""
    receipt, there = out / _RECEIPT, sorted(out.glob(f"{'[0-9]' * 6}.tar"))
    if there and not receipt.is_file():
        raise InputError(f"{out} holds tars that hint fit did not write, such as {there[0].name}; give another --out")
    if there and not overwrite and read_json(receipt) != content:
        raise InputError(f"{out} holds tars of other hands or settings; give another --out, or --overwrite always")
    for path in there:
        if overwrite or path not in tars:
            path.unlink()
    write_json(receipt, content, indent=1)


def _is_whole_tar(path: Path) -> bool:
    """Tell whether a tar is there with its end, two blocks of zeros."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - len(_END_OF_TAR), 0))
        return file.read() == _END_OF_TAR


def _write(path: Path, labels: HandLabels, fits: Fits, part: list[int], min_quality: float) -> None:
    columns = fits.read(part)
    with ShardWriter(path) as tar:
        for row, k in enumerate(part):
            fit = {name: values[row] for name, values in columns.items()}
            path_of = Path(str(labels.image[k]))
            picture = path_of.read_bytes() if _is_whole_jpeg(path_of) else read_image(path_of)
            tar.add(str(labels.hand_id[k]).replace(".", "_"), picture, [truth(labels, k, fit, min_quality)])


def _is_whole_jpeg(path: Path) -> bool:
    """Tell whether the bytes of a picture can go into a tar as they are."""
    try:
        with path.open("rb") as file:
            return file.read(len(_JPEG)) == _JPEG and not is_cut(file)
    except OSError:  # reported when it is read
        return False


def truth(labels: HandLabels, k: int, fit: Fit, min_quality: float) -> dict[str, Any]:
    """Return a fitted hand in the official layout.

    The 2D keypoints are the annotated ones; the quality of the fit is the confidence of the 3D ones.
    """
    quality = float(fit["quality"])
    is_posed = quality > 0 and quality >= min_quality
    exists = labels.existence[k][:, None].astype(np.float64)
    return official_hand(
        keypoints_2d=np.concatenate([labels.keypoints_2d[k], exists], 1),
        keypoints_3d=np.concatenate([fit["keypoints_3d"], np.full((21, 1), quality)], 1) if is_posed else None,
        box_xyxy=labels.box_xyxy[k],
        is_right=bool(labels.is_right[k]),
        hand_pose=_axis_angles(fit) if is_posed else None,
        betas=fit["betas"] if is_posed else None,
        extra_info={"quality": quality},
    )


def _axis_angles(fit: Fit) -> NDArray[np.float64]:
    """Return (48,) rotations; those of a left hand are not mirrored, as readers mirror them."""
    rotations = np.concatenate([fit["global_orient"], fit["hand_pose"]])
    mirror = (1.0, 1.0, 1.0) if fit["is_right"] else (1.0, -1.0, -1.0)
    flat: NDArray[np.float64] = (Rotation.from_matrix(rotations).as_rotvec() * mirror).ravel()
    return flat
