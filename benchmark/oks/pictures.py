"""Hands that were found in whole pictures, and the labelled pictures they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import rows_of
from benchmark.matching import BoxedHand, read_lines, refuse_turned
from benchmark.oks.table import FoundHands
from hint.errors import InputError, counted, some_ids
from hint.files.coco_results import coco_results
from hint.types import Double, HandLabels, Predictions, Strings


@dataclass(frozen=True, eq=False)
class Sighting:
    """What was found in labelled pictures.

    Attributes:
        found: Detections in them.
        looked_at: Names of the pictures that were looked at, with or without a hand in them.
        elsewhere: Detections in other pictures.
        partial: Names of the pictures of hands that lack a joint, where each hand is predicted once.
    """

    found: FoundHands
    looked_at: frozenset[str]
    elsewhere: int = 0
    partial: frozenset[str] = frozenset()


def name_pictures(labels: HandLabels) -> Strings:
    """Return (N,) the picture of each hand, named by the least id there, so that names are the same everywhere."""
    first: dict[str, str] = {}
    places = [image or hand for image, hand in zip(labels.image.tolist(), labels.hand_id.tolist(), strict=True)]
    for place, hand in sorted(zip(places, labels.hand_id.tolist(), strict=True)):
        first.setdefault(place, hand)
    return np.array([first[place] for place in places], np.str_)


def confidences(predictions: Predictions) -> Double | None:
    """Return (N,) the method's confidence in each hand: its own, else the mean of those of its joints, else None."""
    if predictions.score is None:
        return None
    score = predictions.score.astype(np.float64)
    if score.ndim == 1:
        return score
    known = np.isfinite(score)
    total, count = np.where(known, score, 0).sum(1), known.sum(1)
    mean = np.full(len(score), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def hands_of_labels(labels: HandLabels, predictions: Predictions) -> Sighting:
    """Take predictions of labelled hands: each is a picture of its own, named like the hand.

    Args:
        labels: Hands to score.
        predictions: Rows in any order; those of other hands are left out.

    Raises:
        InputError: If some hands have a score, and others have none.
    """
    row = rows_of(labels.hand_id, predictions.hand_id)
    asked = np.flatnonzero(row >= 0)
    given = row[asked]
    predicted = predictions.predicted[given]
    lacking = (~predicted & labels.existence[asked]).any(1)
    used = predicted.any(1)
    ids = labels.hand_id[asked]
    own = confidences(predictions)
    score = np.ones(len(given)) if own is None else own[given]
    _refuse("no score", ids[used & ~np.isfinite(score)].tolist(), "give every hand one, or none")
    found = FoundHands(
        ids[used],
        ids[used],
        labels.is_right[asked[used]],
        score[used],
        predictions.keypoints_2d[given[used]].astype(np.float64),
    )
    return Sighting(found, frozenset(ids.tolist()), partial=frozenset(ids[lacking].tolist()))


def hands_of_lines(labels: HandLabels, predictions: Predictions, boxes: Path | Sequence[BoxedHand]) -> Sighting:
    """Find the labelled pictures of predictions of ``hint predict``, or of a table.

    Args:
        labels: Hands to score.
        predictions: Rows in any order.
        boxes: Their pictures and sides: ``hands.jsonl``, a table, or what they hold.

    Raises:
        InputError: If predictions have no picture, side or score, or all are of other pictures.
    """
    folder = boxes.parent if isinstance(boxes, Path) else Path.cwd()
    lines = [line for line in read_lines(boxes) if line.image is not None and line.frame is None]
    place = {line.hand_id: line for line in lines if line.hand_id is not None}
    usable = predictions.predicted.any(1)
    ids = predictions.hand_id[usable].tolist()
    _refuse("no picture", [hand for hand in ids if hand not in place], "give the hands.jsonl that hint predict wrote")
    refuse_turned(labels, lines)
    where = _pictures(labels, [str(line.image) for line in lines], folder)
    sides = {hand: place[hand].is_right for hand in ids}
    _refuse("no side", [hand for hand in ids if sides[hand] is None], "OKS tells left hands from right ones")
    rows = np.flatnonzero(usable)
    inside = np.array([str(place[hand].image) in where for hand in ids], bool)
    kept = [hand for hand, is_inside in zip(ids, inside.tolist(), strict=True) if is_inside]
    found = FoundHands(
        np.array([where[str(place[hand].image)] for hand in kept], np.str_),
        np.array(kept, np.str_),
        np.array([bool(sides[hand]) for hand in kept], bool),
        _combined(predictions, [place[hand] for hand in ids], rows)[inside],
        predictions.keypoints_2d[rows[inside]].astype(np.float64),
    )
    return Sighting(found, frozenset(where.values()), len(ids) - len(kept))


def _combined(predictions: Predictions, lines: Sequence[BoxedHand], rows: NDArray[np.int64]) -> Double:
    """Return the confidence of the detector times that of the method, as far as there are any."""
    own = confidences(predictions)
    stated = [getattr(line, "score", None) for line in lines]
    detector = np.array([np.nan if value is None else value for value in stated], np.float64)
    factors = [detector] if np.isfinite(detector).any() else []
    factors += [own[rows]] if own is not None else []
    if not len(rows):
        return np.empty(0)
    if not factors:
        raise InputError("detections without scores: neither the detector nor the method says how sure it is")
    score: Double = np.prod([np.maximum(factor, 0) for factor in factors], axis=0)
    _refuse("no score", [str(line.hand_id) for line, s in zip(lines, score, strict=True) if not np.isfinite(s)], "")
    return score


def hands_of_results(labels: HandLabels, path: Path, annotations: Path | None) -> Sighting:
    """Find the labelled pictures of a COCO results list.

    Args:
        labels: Hands to score.
        path: The list.
        annotations: The COCO file whose pictures it numbers.

    Raises:
        InputError: If results have no side or score, or all are of other pictures.
    """
    results, files = coco_results(path, annotations)
    folder = annotations.parent if annotations else Path()
    names = [f"result {place}" for place in range(1, len(results) + 1)]
    unknown = [name for name, result in zip(names, results, strict=True) if result.image_id not in files]
    _refuse("no picture", unknown, f"their image_id is none of {annotations}")
    for what, advice in (("side", "name it in the category"), ("score", "results need one")):
        absent = [name for name, r in zip(names, results, strict=True) if getattr(r, what) is None]
        _refuse(f"no {what}", absent, advice)
    where = _pictures(labels, [files[result.image_id] for result in results], folder)
    inside = [k for k, result in enumerate(results) if files[result.image_id] in where]
    found = FoundHands(
        np.array([where[files[results[k].image_id]] for k in inside], np.str_),
        np.array([names[k] for k in inside], np.str_),
        np.array([results[k].side == "right" for k in inside], bool),
        np.array([results[k].score for k in inside], np.float64),
        np.array([results[k].points for k in inside]).reshape(-1, 21, 2),
    )
    # A list says nothing about pictures without results.
    return Sighting(found, frozenset(name_pictures(labels).tolist()), len(results) - len(inside))


def _refuse(lacks: str, ids: Sequence[str], advice: str) -> None:
    if ids:
        raise InputError(f"{counted(len(ids), 'detection')} with {lacks}: {some_ids(ids)}{advice and '; ' + advice}")


def _pictures(labels: HandLabels, named: Iterable[str], folder: Path) -> Mapping[str, str]:
    """Return what predictions call a picture -> its name among the labels."""
    from hint.prediction.name_match import match_names

    names = list(dict.fromkeys(named))
    known = dict(zip(name_pictures(labels).tolist(), labels.image.tolist(), strict=True))
    found = match_names(names, folder, {name: Path(image) if image else None for name, image in known.items()})
    if names and not found:
        raise InputError(
            f"predictions of other pictures: none of {some_ids(names)} is one of {some_ids(sorted(known))}; "
            "they match by path, file name or stem"
        )
    return found
