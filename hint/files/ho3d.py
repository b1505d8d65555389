"""HO-3D's evaluation set as it is unpacked: a list of frames, their pictures and wrists, and the ground truth.

These are ``evaluation.txt``, ``evaluation/<sequence>/{rgb,meta}/<frame>.*`` and, since the authors published them in
November 2024, ``evaluation_xyz.json`` and ``evaluation_verts.json``.

The order of joints is wrist, index 1-3, middle 1-3, little 1-3, ring 1-3, thumb 1-3, then the tips of thumb, index,
middle, ring and little finger. Axes are OpenGL's: x right, y up, the camera looks along -z. All hands are right hands.

Source: ``pred.py``, ``eval.py`` and the read-me of HO-3D (Hampali et al. 2020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hint import safepickle
from hint.box import Box
from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.mesh_labels import MeshLabels, MeshViews, half_of_crop, read_truth
from hint.files.npz import NUMBER, TEXT, as_strings, read_npz, require_columns
from hint.files.path import is_file
from hint.types import Double, Hand, Predictions

#: Place of each of HO-3D's joints in HInt's order.
FROM_HINT = (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20)

#: From the camera's axes to OpenGL's and back.
OPENGL = np.array([1.0, -1.0, -1.0])

#: The boxes HaMeR was evaluated with, if the user put them beside the frames.
BOX_FILE = "ho3d_val.npz"


class _Meta(NamedTuple):
    """What HO-3D provides for a frame: the wrist, metres in OpenGL axes, and a tight box, px."""

    wrist: Double
    box: Box


def read_ho3d(folder: Path) -> MeshLabels:
    """Read the ground truth; a sequence is a clip.

    Raises:
        InputError: If files are missing, malformed, or contradict each other.
    """
    joints, vertices = read_truth(folder)
    ids = np.array(_frames(folder), dtype=np.str_)
    if len(ids) != len(joints):
        raise InputError(
            f"{folder}: evaluation.txt names {len(ids)} frames, evaluation_xyz.json holds {len(joints)} hands; "
            "take both from the same version of HO-3D"
        )
    return MeshLabels(ids, np.array([name.split("/")[0] for name in ids.tolist()]), joints, vertices)


def _frames(folder: Path) -> list[str]:
    path = folder / "evaluation.txt"
    if not path.is_file():
        raise InputError(f"{folder} lacks evaluation.txt, the list of frames that comes with HO-3D")
    names = path.read_text(encoding="utf-8", errors="replace").split()
    wrong = [name for name in names if len(name.split("/")) != 2 or ".." in name]
    wrong += [name for name, count in Counter(names).items() if count > 1]
    if wrong:
        raise InputError(f"{path}: expected one <sequence>/<frame> per line, each once; found {some_ids(wrong)}")
    return names


def ho3d_views(folder: Path, hand_ids: Sequence[str]) -> MeshViews:
    """Return the pictures, boxes and wrists of some frames.

    Boxes are those of HaMeR's evaluation if its file :data:`BOX_FILE` is in the folder, else HO-3D's own.

    Raises:
        MissingRequirementError: If pictures or ``meta`` files are missing.
        InputError: If one of them is damaged or incomplete.
    """
    metas = [_read_meta(_existing(folder, hand_id, "meta", (".pkl",))) for hand_id in hand_ids]
    pictures = _pictures(folder, hand_ids)
    given = _hamer_boxes(folder / BOX_FILE) if (folder / BOX_FILE).is_file() else None
    if given is not None and (without := [i for i in hand_ids if i not in given]):
        raise InputError(f"{folder / BOX_FILE} has no box for {some_ids(without)}")
    hands = [
        Hand(hand_id, given[hand_id] if given else meta.box, True, picture)
        for hand_id, meta, picture in zip(hand_ids, metas, pictures, strict=True)
    ]
    return MeshViews(hands, BOX_FILE if given else "handBoundingBox", np.stack([meta.wrist for meta in metas]))


def _pictures(folder: Path, hand_ids: Sequence[str]) -> list[Path]:
    return [_existing(folder, hand_id, "rgb", (".png", ".jpg")) for hand_id in hand_ids]


def _existing(folder: Path, hand_id: str, kind: str, suffixes: tuple[str, ...]) -> Path:
    sequence, frame = hand_id.split("/")
    places = [folder / "evaluation" / sequence / kind / f"{frame}{suffix}" for suffix in suffixes]
    found = next((place for place in places if is_file(place)), None)
    if found is None:
        raise MissingRequirementError(f"{places[0]}: no such file; unpack HO-3D's evaluation set in {folder}")
    return found


def _read_meta(path: Path) -> _Meta:
    content: Any = safepickle.load(path, safepickle.NUMPY)
    try:
        wrist = np.asarray(content["handJoints3D"], np.float64).reshape(-1, 3)[0]
        box = [float(v) for v in np.asarray(content["handBoundingBox"], np.float64).reshape(4)]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: no handJoints3D and handBoundingBox as HO-3D has them ({error})") from error
    if not np.isfinite([*wrist, *box]).all():
        raise InputError(f"{path}: wrist or box is not finite")
    return _Meta(wrist, (box[0], box[1], box[2], box[3]))


def _hamer_boxes(path: Path) -> dict[str, Box]:
    arrays = read_npz(path, ("imgname", "center", "scale"))
    require_columns(path, arrays, {"imgname": (TEXT, ("N",)), "center": (NUMBER, ("N", 2)), "scale": (NUMBER, None)})
    if arrays["scale"].shape not in {(n := len(arrays["center"]),), (n, 1), (n, 2)}:
        raise InputError(f"{path}: scale has shape {arrays['scale'].shape}, expected a width and height for each frame")
    names = [_frame_of(name) for name in as_strings(arrays["imgname"]).tolist()]
    centre = arrays["center"].astype(np.float64)
    size = np.broadcast_to(arrays["scale"].astype(np.float64).reshape(len(centre), -1), centre.shape)
    rows = zip(names, centre.tolist(), size.tolist(), strict=True)
    return {name: half_of_crop((x, y), (width, height)) for name, (x, y), (width, height) in rows}


def _frame_of(image: str) -> str:
    """Turn ``SM1/rgb/0000.png`` into ``SM1/0000``."""
    sequence, _, frame = image.replace("/rgb/", "/").rpartition("/")
    return f"{sequence}/{frame.rpartition('.')[0]}"


def to_ho3d(predictions: Predictions, views: MeshViews) -> tuple[Double, Double]:
    """Convert the output of a method to HO-3D's order and axes, with its wrist on the given one.

    Returns:
        Joints (N,21,3) and vertices (N,V,3), metres, one row per prediction.
    """
    place = {hand.hand_id: row for row, hand in enumerate(views.hands)}
    rows = [place[hand_id] for hand_id in predictions.hand_id.tolist()]
    joints = np.asarray(predictions.keypoints_3d, np.float64)
    vertices = np.asarray(predictions.vertices, np.float64)
    wrist = joints[:, :1]
    root = np.zeros((len(rows), 1, 3)) if views.root is None else views.root[rows, None]
    return (joints - wrist)[:, FROM_HINT] * OPENGL + root, (vertices - wrist) * OPENGL + root
