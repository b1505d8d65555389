"""What one annotator said about one hand: Label Studio results, checked and converted to points of the frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.studio.config import COMMENT, JOINT, OCCLUDED, OK, OUT_OF_FRAME, STATE, STATUS, VISIBLE
from annotation.studio.task import Double, HandTask, from_percent, initial_flags, initial_points, shown_percent
from hint.skeleton import JOINT_NAMES, N_JOINTS

#: Beginning of the comment on a label that was sent back to its author.
RETURNED = "Returned:"
#: Largest difference of a point that was not moved, percent.
_SAME = 1e-6


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
    shown = dict(zip(JOINT_NAMES, shown_percent(task, np.array(task.mean_pose)).tolist(), strict=True))

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
    true, shown = initial_points(task), shown_percent(task)
    existed, hidden = initial_flags(task)
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
