"""The content of one task, and the points it starts from as Label Studio results; no server is involved.

Positions on the server are percent of the shown picture, which is a part of the frame. A point outside the shown
picture could be neither seen nor dragged, so it is shown at the edge; unless somebody moves it, its true position,
which is stored in the task, is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from annotation.studio.config import (
    HAND,
    IMAGE,
    JOINT,
    OCCLUDED,
    OUT_OF_FRAME,
    START,
    STATE,
)
from hint.errors import first_problem
from hint.files.manifest import FileName, Length
from hint.names import is_file_name, is_path_below, parse_name
from hint.skeleton import JOINT_NAMES, N_JOINTS

#: Radius of a point, percent: large enough for a ring. Points without one are not drawn, and no point can be dragged
#: closer to the far edges than twice this.
WIDTH = 0.5
#: Where points outside the shown picture are shown, percent: as close to the edge as they could be dragged.
EDGE = 2 * WIDTH
#: The server takes a general label for that of a text, and refuses predictions that do not say where in it.
_TEXT_SPAN = {"start": 0, "end": 0}
#: What the page says where nothing was predicted.
NOT_PREDICTED = "MEAN POSE, not a prediction: place all 21 points"

#: Version of points that are labels.
LABELS = "labels"

Double = NDArray[np.float64]
Points = tuple[tuple[float, float], ...]
Offset = Annotated[int, Field(ge=0)]


class Guess(BaseModel):
    """The initial points of a task, predicted by a method.

    Attributes:
        version: Name of the method and its settings; the "model version" of the server.
        keypoints: 21 points (x, y) in px of the frame, which may lie outside it.
        existence: 21 flags, True in the frame.
        occlusion: 21 flags.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    version: str
    keypoints: Points = Field(min_length=N_JOINTS, max_length=N_JOINTS)
    existence: tuple[bool, ...] = Field(min_length=N_JOINTS, max_length=N_JOINTS)
    occlusion: tuple[bool, ...] = Field(min_length=N_JOINTS, max_length=N_JOINTS)


class HandTask(BaseModel):
    """The ``data.hint`` of a task.

    Attributes:
        folder: HInt folder of the hand.
        image: Its picture, relative to the manifest.
        image_sha256: Digest of that picture.
        frame_size: (width, height) of that picture, px.
        box_xyxy: Box in px of the frame, None if the source has none.
        crop: x, y, width, height of the shown part, px of the frame.
        shown: (width, height) of the picture on the server, px.
        guess: Predicted points to start from, or None.
        mean_pose: 21 points of a mean hand in the box, px of the frame: what annotators start from without a guess, and
            what no label may contain. None in tasks of an earlier hint, and where there was a guess from the start.
        double: Seed with which the task was drawn for double annotation, or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    folder: FileName
    image: str
    image_sha256: str
    frame_size: tuple[Length, Length]
    box_xyxy: tuple[float, float, float, float] | None
    crop: tuple[Offset, Offset, Length, Length]
    shown: tuple[Length, Length]
    guess: Guess | None = None
    mean_pose: Points | None = Field(default=None, min_length=N_JOINTS, max_length=N_JOINTS)
    double: int | None = None

    @field_validator("image")
    @classmethod
    def _below(cls, image: str) -> str:
        if not is_path_below(image):
            raise ValueError("no picture below a manifest")
        return image


def task_data(hand_id: str, address: str, task: HandTask) -> dict[str, Any]:
    """Return the ``data`` of a task.

    Args:
        hand_id: Primary key; the server does not enforce that it is unique.
        address: Address of the picture on the server.
        task: Everything else.
    """
    return {IMAGE: address, "hand_id": hand_id, **_headings(hand_id, task), "hint": task.model_dump(mode="json")}


def _headings(hand_id: str, task: HandTask) -> dict[str, str]:
    """Return what the page says about the hand."""
    name = parse_name(hand_id)
    side = "side unknown" if name is None else "RIGHT hand" if name.is_right else "LEFT hand"
    return {HAND: side, START: _origin(task.guess) if task.guess else NOT_PREDICTED}


def _origin(guess: Guess) -> str:
    """Say where points come from, without the digest of the settings."""
    if guess.version == LABELS:
        return "points of an earlier label"
    return f"points predicted by {re.sub('-[0-9a-f]{8}$', '', guess.version)}"


def read_task(data: Mapping[str, Any]) -> tuple[str, HandTask]:
    """Return the hand id and the task of a ``data``, which anybody with an account may have written.

    Raises:
        ValueError: If hint did not write it, or it was changed.
    """
    if not isinstance(data.get("hand_id"), str) or "hint" not in data:
        raise ValueError("not pushed by hint")
    if not is_file_name(data["hand_id"]):
        raise ValueError("its data was changed: a hand id that is not a name")
    try:
        return data["hand_id"], HandTask.model_validate(data["hint"])
    except ValidationError as error:
        raise ValueError(f"its data was changed: {first_problem(error)}") from error


def results(task: HandTask) -> list[dict[str, Any]]:
    """Return the points to start from as the results of a prediction, state before joint, with ids kp00..kp20.

    Raises:
        ValueError: If the task has neither a guess nor a mean pose.
    """
    exists, hidden = initial_flags(task)
    found: list[dict[str, Any]] = []
    for k, (x, y) in enumerate(shown_percent(task).tolist()):
        state = [OUT_OF_FRAME] if not exists[k] else [OCCLUDED] if hidden[k] else []
        found += [
            _result(task, k, x, y, STATE, {"labels": state, **_TEXT_SPAN}),
            _result(task, k, x, y, JOINT, {"keypointlabels": [JOINT_NAMES[k]]}),
        ]
    return found


def initial_points(task: HandTask) -> Double:
    """Return the points (21,2) to start from, px of the frame.

    Raises:
        ValueError: If the task has none.
    """
    points = task.guess.keypoints if task.guess else task.mean_pose
    if points is None:
        raise ValueError("the task has no initial points")
    return np.array(points)


def initial_flags(task: HandTask) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return existence and occlusion to start from; all of a mean pose is visible, as nobody knows better."""
    if task.guess is None:
        return np.ones(N_JOINTS, bool), np.zeros(N_JOINTS, bool)
    return np.array(task.guess.existence), np.array(task.guess.occlusion)


def shown_percent(task: HandTask, points: Double | None = None) -> Double:
    """Return (21,2) positions at which points of the frame are shown, percent; by default the initial ones."""
    percent = to_percent(initial_points(task) if points is None else points, task.crop)
    beyond = (percent < 0) | (percent > 100)
    shown: Double = np.where(beyond, np.clip(percent, EDGE, 100 - EDGE), percent)
    return shown


def to_percent(points: Double, crop: tuple[int, int, int, int]) -> Double:
    """Convert (...,2) px of the frame to percent of the shown part."""
    percent: Double = (points - crop[:2]) * 100 / crop[2:]
    return percent


def from_percent(percent: Double, crop: tuple[int, int, int, int]) -> Double:
    """Convert (...,2) percent of the shown part to px of the frame."""
    points: Double = percent * crop[2:] / 100 + crop[:2]
    return points


def _result(task: HandTask, joint: int, x: float, y: float, control: str, labels: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"kp{joint:02d}",
        "from_name": control,
        "to_name": IMAGE,
        "type": next(iter(labels)),
        "original_width": task.shown[0],
        "original_height": task.shown[1],
        "image_rotation": 0,
        "value": {"x": x, "y": y, "width": WIDTH, **labels},
    }
