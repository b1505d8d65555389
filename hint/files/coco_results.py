"""COCO results: the list of keypoints that evaluation servers take, as MMPose and others write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint.box import Box, overlap
from hint.errors import InputError, counted, shown, some_ids
from hint.files.coco import coco_hands
from hint.files.coco_file import CocoFile
from hint.files.foreign_hand import ForeignHand, as_box, box_of, hand_ids, id_checked, numbers, side_of
from hint.files.joint_names import HandJoints, Side, side_in, side_stated
from hint.files.json_file import read_json
from hint.skeleton import N_JOINTS
from hint.types import Double, Predictions

#: Intersection over union from which a result may be of an annotated hand.
MINIMUM_IOU = 0.3


@dataclass(frozen=True, eq=False)
class Result:
    """One result.

    Attributes:
        image_id: The picture, as the file of annotations numbers it.
        annotation_id: The annotation, None where the result does not name it.
        side: Its side, None where neither it nor its category says it.
        points: (21,2) px.
        box_xyxy: The box stated, else the tight one around the keypoints.
        score: Confidence, None where the result states none.
    """

    image_id: int | str
    annotation_id: int | float | str | None
    side: Side | None
    points: Double
    box_xyxy: Box
    score: float | None


def coco_results(path: Path, labels: Path | None) -> tuple[list[Result], dict[Any, str]]:
    """Read a list of results.

    Args:
        path: The list.
        labels: The COCO file of annotations whose image ids it uses.

    Returns:
        The results, and image id -> file name of all pictures that the annotations name.

    Raises:
        InputError: If it is not such a list, or there is no COCO file that numbers its pictures.
    """
    content = read_json(path)
    if not isinstance(content, list) or not any(isinstance(entry, dict) and "image_id" in entry for entry in content):
        raise InputError(f"{path} is not a COCO results list: {_kind(content)}")
    file = CocoFile(_numbering(path, labels))
    joints = {number: category.hands[0] for number, category in file.categories.items() if len(category.hands) == 1}
    sides = {number: side_in(category.name) for number, category in file.categories.items()}
    return _results(content, path, joints, sides), file.files


def read_coco_results(path: Path, labels: Path | None) -> Predictions:
    """Read a list of results and match it with the annotations that it is about.

    A result belongs to the annotation that it names with ``annotation_id``. Else, from the surest to the least sure, to
    the free hand of its picture that it overlaps most, those of the side its category says before others; and where one
    hand and one result of a picture are left, to each other.

    Args:
        path: The list.
        labels: The COCO file of annotations whose image ids it uses.

    Raises:
        InputError: If it is not such a list, there is no COCO file to match it with, or it matches none of its hands.
    """
    results, _ = coco_results(path, labels)
    hands, _ = coco_hands(_numbering(path, labels), skip_bad=True)
    found = _match(results, hands)
    if not found:
        raise InputError(f"none of {len(results)} results in {path} belongs to one of {len(hands)} hands in {labels}")
    ids = hand_ids(hands)
    rows = sorted(found)
    left = len(results) - len(rows)
    return Predictions(
        np.array([ids[row] for row in rows], np.str_),
        np.array([found[row].points for row in rows]),
        score=np.array([_score(found[row]) for row in rows]),
        notes=(f"{counted(left, 'result')} of {len(results)} in {path} belong to no annotated hand",) if left else (),
    )


def _numbering(path: Path, labels: Path | None) -> Path:
    """Return the file whose numbers of pictures a list of results uses."""
    if labels is None or labels.suffix.lower() != ".json" or not labels.is_file():
        raise InputError(
            f"{path} numbers pictures as a COCO file does, so labels must be that file: hint eval --data LABELS.json"
        )
    return labels


def _score(result: Result) -> float:
    """Return the score of a result; one that states none is as sure as can be."""
    return 1.0 if result.score is None else result.score


def _kind(content: Any) -> str:
    if isinstance(content, dict) and "annotations" in content:
        return "it holds annotations, which are labels: hint eval --data FILE"
    return "it is empty" if content == [] else "expected a list of image_id, category_id, keypoints and score"


def _results(
    content: Sequence[Any], path: Path, joints: Mapping[Any, HandJoints], sides: Mapping[Any, Side | None]
) -> list[Result]:
    results: list[Result] = []
    problems: list[str] = []
    for place, entry in enumerate(content, start=1):
        try:
            results.append(_result(entry, joints, sides))
        except KeyError as error:
            problems.append(f"result {place} (lacks {error.args[0]})")
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(f"result {place} ({error})")
    if problems:
        raise InputError(f"{len(problems)} of {len(content)} results in {path} are not hands: {some_ids(problems)}")
    return results


def _result(entry: Any, joints: Mapping[Any, HandJoints], sides: Mapping[Any, Side | None]) -> Result:
    if not isinstance(entry, dict):
        raise ValueError("expected an object")
    number = entry["category_id"] if len(joints) > 1 else entry.get("category_id", next(iter(joints), None))
    if not isinstance(number, int | str | None) or number not in joints:
        raise ValueError(f"category_id {shown(number)} is no category of hands")
    points = numbers(entry["keypoints"], 3 * N_JOINTS, "keypoint numbers").reshape(-1, 3)[list(joints[number].places)]
    score = None if entry.get("score") is None else float(numbers([entry["score"]], 1, "score")[0])
    if not isinstance(entry["image_id"], int | str):
        raise ValueError(f"image_id {shown(entry['image_id'])} is neither a number nor a name")
    tight = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    if "bbox" in entry:
        x, y, width, height = numbers(entry["bbox"], 4, "bbox")
        tight = np.array([x, y, x + width, y + height])
    annotation = id_checked(entry.get("annotation_id"), "annotation_id")
    side = side_stated(entry) or sides[number]
    return Result(entry["image_id"], annotation, side, points[:, :2], as_box(tight), score)


def _match(results: Sequence[Result], hands: Sequence[ForeignHand]) -> dict[int, Result]:
    """Return row of a hand -> its result."""
    found: dict[int, Result] = {}
    by_name = {hand.reference: row for row, hand in enumerate(hands)}
    rest: dict[Any, list[Result]] = {}
    for result in sorted(results, key=lambda result: -_score(result)):
        row = by_name.get((result.image_id, result.annotation_id))
        if row is not None:
            found.setdefault(row, result)
        else:
            rest.setdefault(result.image_id, []).append(result)
    rows: dict[Any, list[int]] = {}
    for row, hand in enumerate(hands):
        rows.setdefault(hand.reference[0], []).append(row)
    for image, left in rest.items():
        free = [row for row in rows.get(image, ()) if row not in found]
        found |= dict(_match_in_picture(left, {row: hands[row] for row in free}))
    return found


def _match_in_picture(results: Sequence[Result], hands: Mapping[int, ForeignHand]) -> Iterator[tuple[int, Result]]:
    """Yield pairs: by overlap among hands of the same side, then of any side, then what is left alone."""
    free, left = dict(hands), list(results)
    for any_side in (False, True):
        for result in list(left):
            common = {
                row: overlap(box_of(hand), result.box_xyxy)
                for row, hand in free.items()
                if any_side or result.side in (None, side_of(hand))
            }
            best = max(common, key=lambda row: common[row], default=None)
            if best is not None and common[best] >= MINIMUM_IOU:
                left.remove(result)
                del free[best]
                yield best, result
    if len(left) == len(free) == 1:
        yield next(iter(free)), left[0]
