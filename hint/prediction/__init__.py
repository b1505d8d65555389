"""Predict the hands of pictures and videos of your own: ``hint predict`` and ``hint.predict``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hint.detection import Choice, Detection, Detector, Picture, create_detector
from hint.engine.recipe import LoadedMethod, NamedMethod, Recipe
from hint.engine.shard import Shard
from hint.engine.work import HERE, Work, require_work
from hint.errors import InputError
from hint.files import read_labels
from hint.files.camera_file import read_calibration
from hint.files.path import as_path
from hint.methods.options import method_options
from hint.methods.table import check
from hint.prediction.box_files import check_lines
from hint.prediction.boxes import KnownBoxes, boxes_of_labels, boxes_of_pictures, read_boxes
from hint.prediction.detections import BoxLine, FrameDetections
from hint.prediction.facts import ReadyMethod
from hint.prediction.one_euro import OneEuro
from hint.prediction.options import PredictOptions
from hint.prediction.result import PredictedHand, PredictResult
from hint.prediction.run import Prediction
from hint.prediction.source import Input, Source, Stills, find_source
from hint.prediction.summary import PredictSummary
from hint.progress import progress
from hint.types import HandLabels, Method, MethodCard, MethodOptions

__all__ = [
    "BoxLine",
    "Detection",
    "Detector",
    "FrameDetections",
    "OneEuro",
    "Picture",
    "PredictOptions",
    "PredictResult",
    "PredictSummary",
    "PredictedHand",
    "Prediction",
    "ReadyMethod",
    "Source",
    "find_detector",
    "find_source",
    "labels_of",
    "predict",
    "predict_files",
    "predict_ready",
]

#: Of the methods that pose MANO and need no licence, the best on photographs: see docs/methods.md.
DEFAULT_METHOD = "mediapipe-mano"
DEFAULT_DETECTOR = "mediapipe"


def predict(
    inputs: Input | Sequence[Input],
    method: str | Method = DEFAULT_METHOD,
    *,
    boxes: Any = None,
    sides: Any = None,
    detector: str | Detector | None = None,
    device: str = "auto",
    precision: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    mano: str | os.PathLike[str] | None = None,
    seed: int = 0,
    settings: Mapping[str, str] | None = None,
    out: str | os.PathLike[str] | None = None,
    mesh: str | None = None,
    table: str | None = None,
    overlay: bool = False,
    smooth: bool | OneEuro = False,
    focal_length: float | None = None,
    overwrite: str = "missing",
    side: str = "auto",
    min_score: float = 0.0,
    max_hands: int | None = None,
    animation: str | None = None,
    camera: str | os.PathLike[str] | None = None,
    rerun: str | os.PathLike[str] | None = None,
    shard: str | None = None,
    work: Work = HERE,
) -> PredictResult:
    """Predict the hands of pictures or of a video.

    A picture that cannot be used does not stop the others: see ``failures`` of the result.

    Args:
        inputs: One or several: picture files, folders of pictures, (H,W,3) RGB arrays, PIL images; or one video.
        method: Name of a method, or a method that was loaded with :func:`hint.load_method`.
        boxes: Boxes of the hands, if they are known; None runs the detector. Of one picture ``[[x1, y1, x2, y2], ...]``
            in px of the upright picture, of several pictures a list of such entries, with ``sides``. Or labels, which
            state sides themselves and refer to stored pixels, a file, or a list of ``{"image": ..., "box_xyxy": ...,
            "is_right": ...}``, of a video with ``"frame"``; an array is named ``picture0``, ``picture1``, ...
        sides: "right" or "left" (or True for right) for every box, arranged like ``boxes``; one value stands for all,
            None for sides that are not known.
        detector: Name of a detector, or an object that detects hands; "mediapipe" if neither it nor boxes are given.
        device: "auto", "cpu" or "cuda", for a method given by name.
        precision: "auto", "fp32", "bf16", ...: what the method offers, likewise.
        weights: Weights file, or a name that the method documents, likewise.
        mano: MANO file, or "procedural", likewise.
        seed: Of methods that draw random numbers, likewise.
        settings: The method's own settings, as ``--set`` takes them, likewise.
        out: Folder to write files to; None writes none.
        mesh: "obj", "ply" or "glb" to write a mesh of every hand.
        table: "csv" or "parquet" to write the predictions as a table, too, one row per hand.
        overlay: Whether to write pictures, or a video, with the hands drawn on them.
        smooth: Whether, or how, to smooth a video.
        focal_length: Of the whole picture, px; None for what its file states, or the default.
        overwrite: "missing" resumes from what ``out`` holds, "never" refuses to touch it, "always" starts over.
        side: "right" or "left" if all hands are known to be right, or left, ones; "auto" to find out.
        min_score: Minimum confidence of the detector.
        max_hands: Maximum number of hands in a picture or frame, the surest; None for all.
        animation: "glb" or "bvh" to write every track of a video as an animated hand.
        camera: File of a calibrated camera: places hands in metres in its axes, or in those of the world.
        rerun: File to write a recording for rerun to (.rrd); boxes that are labels add errors to it.
        shard: Which part of the pictures to predict, such as "2/8", into ``out``; when all are done, a call without
            joins them.
        work: Who does the work, such as ``hint.Work(devices="all")``; by default this process.

    Returns:
        A sequence with an entry for every hand. ``hand_id`` is the picture's name, a number and the side, unless boxes
        name their hands.

    Raises:
        InputError: If an argument cannot be used.
        MissingRequirementError: If something must be installed or downloaded first.
    """
    require_work(work)
    options = PredictOptions(
        as_path(out) if out is not None else None,
        mesh=mesh,
        table=table,
        overlay=overlay,
        smooth=OneEuro() if smooth is True else smooth or None,
        focal_length=focal_length,
        overwrite=overwrite,
        choice=Choice(side, min_score, max_hands),
        animation=animation,
        camera=read_calibration(as_path(camera)) if camera is not None else None,
        rerun=as_path(rerun) if rerun is not None else None,
        truth=labels_of(boxes) if rerun is not None else None,
        shard=Shard.parse(shard) if shard is not None else None,
        work=work,
    )
    own = method_options(device, precision, weights, mano, seed, settings)
    prediction, ready = _prepared(inputs, method, own, options, boxes, sides, detector)
    return predict_ready(prediction, ready)


def predict_files(
    inputs: Input | Sequence[Input],
    method: str,
    own: MethodOptions,
    options: PredictOptions,
    *,
    boxes: Path | None = None,
    detector: str | None = None,
) -> PredictSummary:
    """Predict the hands of pictures or of a video into a folder; memory does not grow with their number.

    Args:
        inputs: As of :func:`predict`.
        method: Name of the method.
        own: How to load it.
        options: What to write, and how.
        boxes: File of the boxes of the hands, if they are known.
        detector: Name of a detector, if they are not.

    Raises:
        InputError: If an argument cannot be used.
        MissingRequirementError: If something must be installed or downloaded first.
    """
    prediction, ready = _prepared(inputs, method, own, options, boxes, None, detector)
    with _progress(ready.facts.card, prediction) as advance:
        return prediction.write(ready, advance)


def predict_ready(prediction: Prediction, method: ReadyMethod) -> PredictResult:
    """Predict what was prepared, and show progress."""
    with _progress(method.facts.card, prediction) as advance:
        return prediction.run(method, advance)


def _prepared(
    inputs: Input | Sequence[Input],
    method: str | Method,
    own: MethodOptions,
    options: PredictOptions,
    boxes: Any,
    sides: Any,
    detector: str | Detector | None,
) -> tuple[Prediction, ReadyMethod]:
    """Check everything that is cheap to check, then load the method where it will run."""
    source = find_source(inputs)
    engine = options.work.find_engine(own.device)
    if source.rate is not None and engine.takes_all:
        raise InputError("the frames of a video are decoded here, one after the other: leave out --engine ray")
    if isinstance(method, str):
        check(method, own)
    prediction = Prediction(source, find_detector(boxes, detector, sides=sides, source=source), options)
    return prediction, ReadyMethod.load(_recipe(method, own), engine)


def find_detector(
    boxes: Any = None,
    detector: str | Detector | None = None,
    *,
    sides: Any = None,
    source: Source | None = None,
) -> Detector:
    """Return what finds hands: known boxes if there are any, else a detector; arguments as of :func:`predict`.

    Args:
        boxes: Known boxes.
        detector: Name of a detector, or a detector.
        sides: Sides of boxes given as numbers.
        source: The pictures that boxes given as numbers belong to.

    Raises:
        InputError: If boxes cannot be used, or a detector is given as well.
        MissingRequirementError: If the detector must be installed first.
    """
    if boxes is None:
        if sides is not None:
            raise InputError("sides= goes with boxes=; a detector finds the sides itself")
        detector = detector or DEFAULT_DETECTOR
        if isinstance(detector, str):
            return create_detector(detector)
        if not isinstance(detector, Detector):
            raise InputError(f"detector= is a name, or an object with identity and detect(), not {detector!r}")
        return detector
    if detector is not None:
        raise InputError("give boxes or a detector, not both")
    if isinstance(boxes, str | os.PathLike):
        return read_boxes(as_path(boxes))
    if isinstance(boxes, HandLabels):
        return boxes_of_labels(boxes, source.listed if isinstance(source, Stills) else ())
    if not hasattr(boxes, "__len__"):
        raise InputError(f"boxes= are rows of x1, y1, x2, y2, labels, a file or a list, not {boxes!r}")
    if len(boxes) and all(isinstance(box, Mapping) for box in boxes):
        return KnownBoxes(check_lines(boxes, Path("boxes")), Path.cwd())
    if not isinstance(source, Stills):
        raise InputError('boxes of a video are a list of {"frame": 0, "box_xyxy": [...], "is_right": true}')
    return boxes_of_pictures(boxes, sides, source.listed)


def labels_of(boxes: Any) -> HandLabels | None:
    """Return the labels that boxes come from, None for boxes without keypoints."""
    if isinstance(boxes, HandLabels) or not isinstance(boxes, str | os.PathLike):
        return boxes if isinstance(boxes, HandLabels) else None
    with suppress(InputError):  # boxes in another form, or something to complain about where boxes are read
        return read_labels(as_path(boxes), split="")
    return None


@contextmanager
def _progress(card: MethodCard, prediction: Prediction) -> Iterator[Callable[[int], None]]:
    """Show progress, except for a single picture."""
    source, twice = prediction.source, prediction.is_searched_first
    if source.total == 1:
        yield lambda steps: None
        return
    steps = "frames, each looked at twice" if twice else "frames" if source.rate else "pictures"
    with progress(f"{card.title}: {steps}", source.total * (2 if twice else 1)) as advance:
        advance(0)  # pictures may be done all at once: what they take is counted from here
        yield advance


def _recipe(method: str | Method, options: MethodOptions) -> Recipe:
    if isinstance(method, str):
        return NamedMethod(method, options)
    if not isinstance(method, Method):
        raise InputError(f"method= is the name of a method or one from hint.load_method, not {method!r}")
    if options != MethodOptions():
        raise InputError("device, weights and the like are for a method given by name; this one is loaded already")
    return LoadedMethod(method)
