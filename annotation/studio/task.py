"""The content of one task, and the conversion between points and Label Studio results; no server is involved.

Positions on the server are percent of the shown picture, which is a part of the frame. A point outside the shown
picture could be neither seen nor dragged, so it is shown at the edge; unless somebody moves it, its true position,
which is stored in the task, is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from annotation.studio.config import (
    COMMENT,
    HAND,
    IMAGE,
    JOINT,
    OCCLUDED,
    OK,
    OUT_OF_FRAME,
    START,
    STATE,
    STATUS,
    VISIBLE,
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
#: Beginning of the comment on a label that was sent back to its author.
RETURNED = "Returned:"
#: Largest difference of a point that was not moved, percent.
_SAME = 1e-6
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


@dataclass(frozen=True)
class Answer:
    """The work of one annotator on one hand.

    Attributes:
        usable: False if the hand was marked unusable; the points are then None unless they are complete.
        comment: The comment, "" for none.
        keypoints: (21,2) px of the frame, or None.
        existence: (21,) or None.
        occlusion: (21,) or None.
        moved: Joints whose position differs from the initial one.
        restated: Joints whose state differs from the initial one.
    """

    usable: bool
    comment: str
    keypoints: Double | None = None
    existence: NDArray[np.bool_] | None = None
    occlusion: NDArray[np.bool_] | None = None
    moved: tuple[str, ...] = ()
    restated: tuple[str, ...] = ()


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
    exists, hidden = _initial_flags(task)
    found: list[dict[str, Any]] = []
    for k, (x, y) in enumerate(_shown_percent(task).tolist()):
        state = [OUT_OF_FRAME] if not exists[k] else [OCCLUDED] if hidden[k] else []
        found += [
            _result(task, k, x, y, STATE, {"labels": state, **_TEXT_SPAN}),
            _result(task, k, x, y, JOINT, {"keypointlabels": [JOINT_NAMES[k]]}),
        ]
    return found


def _initial_points(task: HandTask) -> Double:
    points = task.guess.keypoints if task.guess else task.mean_pose
    if points is None:
        raise ValueError("the task has no initial points")
    return np.array(points)


def _initial_flags(task: HandTask) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return existence and occlusion to start from; all of a mean pose is visible, as nobody knows better."""
    if task.guess is None:
        return np.ones(N_JOINTS, bool), np.zeros(N_JOINTS, bool)
    return np.array(task.guess.existence), np.array(task.guess.occlusion)


def _shown_percent(task: HandTask, points: Double | None = None) -> Double:
    """Return (21,2) positions at which points of the frame are shown, percent; by default the initial ones."""
    percent = to_percent(_initial_points(task) if points is None else points, task.crop)
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


@dataclass(frozen=True)
class _Region:
    """A point on the server: one position, labels of two controls, (width, height, rotation) of pictures."""

    id: str
    x: float
    y: float
    pictures: frozenset[tuple[Any, Any, Any]]
    joints: tuple[str, ...]
    states: tuple[str, ...]


def read_answer(task: HandTask, result: Sequence[Mapping[str, Any]]) -> tuple[Answer, dict[str, list[str]]]:
    """Convert the results of an annotation to points of the frame.

    Args:
        task: The annotated task.
        result: The annotation's ``result``.

    Returns:
        The answer, and every kind of problem found -> the joints it concerns; if there are any, its points are None.
    """
    usable, comment = _whole_hand(result)
    try:
        regions = _regions(result)
    except (KeyError, TypeError, ValueError, OverflowError):
        return Answer(usable, comment), {"malformed results": []}
    problems = _check(task, regions)
    if problems:
        return Answer(usable, comment), problems if usable else {}
    by_joint = {region.joints[0]: region for region in regions}
    ordered = [by_joint[name] for name in JOINT_NAMES]
    return _points(task, ordered, usable, comment), {}


def _whole_hand(result: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    status = OK
    for one in result:
        if one.get("from_name") == STATUS:
            status = next(iter(texts_of(one, "choices")), OK)
    return status == OK, " ".join(own_comments(result))


def own_comments(result: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the comments of the annotator."""
    return [text for text in _comments(result) if not text.startswith(RETURNED)]


def is_returned(result: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a label was sent back to its author."""
    return any(text.startswith(RETURNED) for text in _comments(result))


def _comments(result: Sequence[Mapping[str, Any]]) -> list[str]:
    return [text for one in result if one.get("from_name") == COMMENT for text in texts_of(one, "text")]


def texts_of(one: Mapping[str, Any], key: str) -> list[str]:
    """Return the texts under a key of a result; what is none there is left out."""
    value = one.get("value")
    found = value.get(key) if isinstance(value, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return [text for text in listed if isinstance(text, str)]


def _regions(result: Sequence[Mapping[str, Any]]) -> list[_Region]:
    """Join the results of both controls; different positions give two regions."""
    labels: dict[tuple[str, float, float], dict[str, list[str]]] = {}
    pictures: dict[tuple[str, float, float], set[tuple[Any, Any, Any]]] = {}
    for one in result:
        if one.get("from_name") not in (JOINT, STATE):
            continue
        value = one["value"]
        key = (str(one["id"]), float(value["x"]), float(value["y"]))
        found = labels.setdefault(key, {JOINT: [], STATE: []})
        # Pages of an earlier hint had states of the same kind as joints.
        names = value.get("labels") or value.get("keypointlabels") or []
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise TypeError("labels that are no texts")
        found[one["from_name"]] += names
        picture = (one.get("original_width"), one.get("original_height"), one.get("image_rotation") or 0)
        pictures.setdefault(key, set()).add(picture)
    return [
        _Region(*key, frozenset(pictures[key]), tuple(found[JOINT]), tuple(found[STATE]) or (VISIBLE,))
        for key, found in labels.items()
    ]


def _check(task: HandTask, regions: Sequence[_Region]) -> dict[str, list[str]]:
    """Return every kind of problem -> the joints it concerns."""
    counts = Counter(joint for region in regions for joint in region.joints)

    def having(test: Callable[[_Region], bool]) -> list[str] | None:
        found = [region.joints for region in regions if test(region)]
        return _sorted(joint for joints in found for joint in joints) if found else None

    tests = {
        "joints are missing": _sorted(name for name in JOINT_NAMES if counts[name] == 0) or None,
        "a joint appears twice": _sorted(name for name, times in counts.items() if times > 1) or None,
        "an unknown joint": _sorted(name for name in counts if name not in JOINT_NAMES) or None,
        "a point without a joint, or with several": having(lambda region: len(region.joints) != 1),
        "a point with several states": having(lambda region: len(region.states) != 1),
        "an unknown state": having(lambda region: bool({*region.states} - {VISIBLE, OCCLUDED, OUT_OF_FRAME})),
        "points were left where the mean pose put them": having(_at_mean_pose(task)),
        "an initial point was assigned to another joint": having(_relabelled),
        "a point outside the picture": having(lambda region: not (0 <= region.x <= 100 and 0 <= region.y <= 100)),
        "the picture had another size or was rotated": None
        if all(region.pictures == {(*task.shown, 0)} for region in regions)
        else [],
    }
    return {kind: joints for kind, joints in tests.items() if joints is not None}


def _sorted(joints: Iterable[str]) -> list[str]:
    """Return joints once each, in their order; unknown ones last."""
    return sorted({*joints}, key=lambda name: (JOINT_NAMES.index(name) if name in JOINT_NAMES else N_JOINTS, name))


def _at_mean_pose(task: HandTask) -> Callable[[_Region], bool]:
    """Return a test for points in the frame that are where the mean pose put them: nobody placed them."""
    if task.mean_pose is None:
        return lambda _: False
    shown = dict(zip(JOINT_NAMES, _shown_percent(task, np.array(task.mean_pose)).tolist(), strict=True))

    def is_there(region: _Region) -> bool:
        means = [shown[joint] for joint in region.joints if joint in shown and OUT_OF_FRAME not in region.states]
        return any(np.allclose((region.x, region.y), mean, rtol=0, atol=_SAME) for mean in means)

    return is_there


def _relabelled(region: _Region) -> bool:
    """Return whether a region kp00..kp20 has another joint than its id says."""
    number = region.id.removeprefix("kp")
    if len(region.id) != 4 or not number.isdigit() or int(number) >= N_JOINTS or len(region.joints) != 1:
        return False
    return region.joints[0] != JOINT_NAMES[int(number)]


def _points(task: HandTask, regions: Sequence[_Region], usable: bool, comment: str) -> Answer:
    """Convert 21 valid regions, in joint order, to an answer."""
    percent = np.array([[region.x, region.y] for region in regions])
    states = np.array([region.states[0] for region in regions])
    keypoints = from_percent(percent, task.crop)
    existence, occlusion = np.not_equal(states, OUT_OF_FRAME), np.equal(states, OCCLUDED)
    if task.guess is None and task.mean_pose is None:
        return Answer(usable, comment, keypoints, existence, occlusion)
    true, shown = _initial_points(task), _shown_percent(task)
    existed, hidden = _initial_flags(task)
    untouched = np.all(np.abs(percent - shown) <= _SAME, axis=1)
    # For a point that was and still is outside the frame, the server cannot store whether it is occluded.
    still_out = untouched & ~existed & ~existence
    restated = (existed != existence) | (existed & existence & (hidden != occlusion))
    names = np.array(JOINT_NAMES)
    return Answer(
        usable,
        comment,
        np.where(untouched[:, None] & ((existed == existence)[:, None]), true, keypoints),
        existence,
        np.where(still_out, hidden, occlusion),
        tuple(names[~untouched].tolist()),
        tuple(names[restated].tolist()),
    )
