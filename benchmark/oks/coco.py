"""Run ``pycocotools.cocoeval.COCOeval`` on the hands of one subset.

Source: the keypoint evaluation of COCO (cocodataset.org/#keypoints-eval) and its code, pycocotools.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.oks.protocol import OksProtocol
from benchmark.oks.table import FoundHands, OksTable
from benchmark.pck import HOLDS, clip_numbers
from hint.errors import MissingRequirementError
from hint.requirements import missing_packages
from hint.skeleton import N_JOINTS
from hint.types import Bool, Double, HandLabels, Strings

#: Where a joint that was not predicted lies, px; its share of a similarity is 0.
_FAR = 1e9

#: The only category: sides are told apart by picture.
_HAND = 1


@dataclass(frozen=True, eq=False)
class Matches:
    """Which detections of a subset are right, as COCOeval matched them; in its order, the surest first.

    Attributes:
        precision: (T,101) precision at 101 recalls for each threshold.
        recall: (T,) recall of all detections.
        correct: (T,D) whether a detection is of a hand.
        wrong: (T,D) whether it is of none; neither is true for one that lies on a hand that does not count.
        clip: (D,) number of the clip.
        hands: (C,) hands of each clip that count.
        best: Id of a hand that counts -> the highest similarity of a detection there, 0 where there is none.
        n_keypoints: Joints of these hands that count.
    """

    precision: Double
    recall: Double
    correct: Bool
    wrong: Bool
    clip: NDArray[np.int64]
    hands: NDArray[np.int64]
    best: dict[str, float]
    n_keypoints: int


def require_pycocotools() -> None:
    """Raise before any work if pycocotools is absent.

    Raises:
        MissingRequirementError: If it is.
    """
    if missing := missing_packages(["pycocotools"], "oks"):
        raise MissingRequirementError(f"OKS {missing}")


@lru_cache(maxsize=256)
def match(table: OksTable, subset: str, visibility: str, any_side: bool, protocol: OksProtocol) -> Matches | None:
    """Match the detections of a subset; None where no hand has a joint that counts.

    Args:
        table: Hands and detections.
        subset: Part of the record.
        visibility: Which joints count: "all", "visible" or "occluded".
        any_side: Whether a left detection may be of a right hand.
        protocol: Rules.
    """
    part = table.part(subset)
    counts = HOLDS[visibility][part.labels.visibility]
    if not table.is_whole:
        part, counts = _without_idle(part, counts)
    if not counts.any():
        return None
    places = [_places(part.picture, part.labels.is_right, any_side)]
    places.append(_places(part.found.picture, part.found.is_right, any_side))
    images = {place: number for number, place in enumerate(sorted({*places[0], *places[1]}), start=1)}
    truth = list(_annotations(part.labels, counts, [images[place] for place in places[0]]))
    found = list(_detections(part.found, [images[place] for place in places[1]]))
    clips = dict(zip((place[0] for place in places[0]), clip_numbers(part.labels.clip_id.tolist()), strict=True))
    clip_of = np.array([clips[picture] for picture, _ in images], np.int64)
    evaluation = _evaluated(truth, found, list(images.values()), protocol)
    return _matches(evaluation, part.labels.hand_id, clip_of, int(counts.sum()))


def _without_idle(part: OksTable, counts: Bool) -> tuple[OksTable, Bool]:
    """Leave out hands without a joint that counts, and what was predicted for them."""
    used = counts.any(1)
    kept = np.isin(part.found.picture, part.picture[used])
    hands = part.labels.select(used), part.picture[used], part.found.select(kept)
    return OksTable(*hands, part.sigmas, part.is_whole, part.all_labelled), counts[used]


def _places(picture: Strings, is_right: Bool, any_side: bool) -> list[tuple[str, bool]]:
    """Return what COCOeval takes for pictures: each is one for left hands and one for right hands."""
    sides = np.zeros(len(picture), bool) if any_side else is_right
    return list(zip(picture.tolist(), sides.tolist(), strict=True))


def _annotations(labels: HandLabels, counts: Bool, images: list[int]) -> Iterator[dict[str, Any]]:
    points = np.concatenate([labels.keypoints_2d, 2.0 * counts[..., None]], 2).reshape(len(labels), 3 * N_JOINTS)
    size = labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]
    boxes = np.concatenate([labels.box_xyxy[:, :2], size], 1)
    rows = zip(images, points, boxes.tolist(), size.prod(1).tolist(), counts.sum(1).tolist(), strict=True)
    for number, (image, keypoints, box, area, n) in enumerate(rows, start=1):
        yield {
            "id": number,
            "image_id": image,
            "category_id": _HAND,
            "iscrowd": 0,
            "bbox": box,
            "area": area,
            "keypoints": keypoints,
            "num_keypoints": n,
        }


def _detections(found: FoundHands, images: list[int]) -> Iterator[dict[str, Any]]:
    places = np.where(np.isfinite(found.keypoints_2d).all(2, keepdims=True), found.keypoints_2d, _FAR)
    points = np.concatenate([places, np.ones((*places.shape[:2], 1))], 2).reshape(len(found), 3 * N_JOINTS)
    for number, (image, keypoints, score) in enumerate(zip(images, points, found.score.tolist(), strict=True), start=1):
        yield {
            "id": number,
            "image_id": image,
            "category_id": _HAND,
            "area": 1.0,  # COCOeval asks for it; with one range of sizes it changes nothing
            "keypoints": keypoints,
            "score": score,
        }


def _evaluated(
    truth: list[dict[str, Any]], found: list[dict[str, Any]], images: list[int], protocol: OksProtocol
) -> Any:
    """Return a COCOeval that has evaluated and accumulated; what it prints is dropped."""
    require_pycocotools()
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()), np.errstate(over="ignore"):  # a joint may lie anywhere
        sets = []
        for annotations in (truth, found):
            coco = COCO()
            coco.dataset = {
                "images": [{"id": number} for number in images],
                "annotations": annotations,
                "categories": [{"id": _HAND, "name": "hand"}],
            }
            coco.createIndex()
            sets.append(coco)
        evaluation = COCOeval(*sets, iouType="keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(protocol.sigmas)
        evaluation.params.iouThrs = np.array(protocol.thresholds)
        evaluation.params.maxDets = [protocol.maximum_detections]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0.0, np.inf]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _matches(evaluation: Any, hand_id: Strings, clip_of: NDArray[np.int64], n_keypoints: int) -> Matches:
    """Read what COCOeval noted of every picture.

    Args:
        evaluation: The COCOeval; its hands and pictures are numbered from 1.
        hand_id: (N,) id of each hand.
        clip_of: (P,) clip of each picture.
        n_keypoints: Joints that count.
    """
    noted = [entry for entry in evaluation.evalImgs if entry is not None]
    score = np.concatenate([entry["dtScores"] for entry in noted])
    order = np.argsort(-score, kind="mergesort")
    matched = np.concatenate([entry["dtMatches"] for entry in noted], axis=1)[:, order] > 0
    ignored = np.concatenate([entry["dtIgnore"] for entry in noted], axis=1)[:, order].astype(bool)
    clips = [clip_of[entry["image_id"] - 1] for entry in noted]
    counted = [int((np.asarray(entry["gtIgnore"]) == 0).sum()) for entry in noted]
    return Matches(
        precision=evaluation.eval["precision"][:, :, 0, 0, 0],
        recall=evaluation.eval["recall"][:, 0, 0, 0],
        correct=matched & ~ignored,
        wrong=~matched & ~ignored,
        clip=np.repeat(clips, [len(entry["dtScores"]) for entry in noted])[order].astype(np.int64),
        hands=np.bincount(clips, counted, int(clip_of.max()) + 1).astype(np.int64),
        best=dict(_best(evaluation, hand_id)),
        n_keypoints=n_keypoints,
    )


def _best(evaluation: Any, hand_id: Strings) -> Iterator[tuple[str, float]]:
    for place, hands in evaluation._gts.items():
        similar = np.array(evaluation.ious.get(place, ()))
        best = similar.max(0).tolist() if similar.size else [0.0] * len(hands)
        for hand, value in zip(hands, best, strict=True):
            if hand["num_keypoints"]:
                yield str(hand_id[hand["id"] - 1]), float(value)
