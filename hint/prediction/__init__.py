"""Predict the hands of pictures and videos of your own: ``hint predict`` and ``hint.predict``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hint.errors import InputError
from hint.prediction.boxes import Boxes, read_boxes, read_lines
from hint.prediction.detect import Finder, create_detector
from hint.prediction.one_euro import OneEuro
from hint.prediction.run import Predicted, Wanted, predict_hands
from hint.prediction.seen import BoxLine, Found
from hint.prediction.source import Input, Picture, Source, find_source
from hint.types import Method, MethodOptions, Predictions

__all__ = [
    "BoxLine",
    "Finder",
    "Found",
    "OneEuro",
    "Picture",
    "Predicted",
    "Source",
    "Wanted",
    "find_finder",
    "find_source",
    "predict",
    "predict_hands",
]

#: Needs no file that does not come with the toolkit.
DEFAULT_METHOD = "hamer-tiny"
DEFAULT_DETECTOR = "mediapipe"


def predict(
    inputs: Input | Sequence[Input],
    method: str | Method = DEFAULT_METHOD,
    *,
    boxes: Path | str | Sequence[dict[str, object]] | None = None,
    detector: str | Finder = DEFAULT_DETECTOR,
    options: MethodOptions | None = None,
    out: Path | str | None = None,
    mesh: str | None = None,
    overlay: bool = False,
    smooth: bool | OneEuro = False,
    focal_length: float | None = None,
    batch_size: int = 16,
    overwrite: bool = False,
) -> Predictions:
    """Predict the hands of pictures or of a video.

    Args:
        inputs: Picture files, folders of pictures, (H,W,3) RGB arrays, or one video.
        method: Name of a method, or a method.
        boxes: Known hands: a file, or a list of ``{"image": ..., "box_xyxy": ..., "is_right": ...}``, of a video with
            ``"frame"``; an array is named ``picture0``, ``picture1``, ... None lets the detector find them.
        detector: Name of a detector, or an object that finds hands.
        options: Device, weights and so on, for a method that is named.
        out: Folder for files; None writes none.
        mesh: "obj", "ply" or "glb" to write a mesh of every hand.
        overlay: Whether to write pictures, or a video, with the hands drawn on them.
        smooth: Whether, or how, to smooth a video.
        focal_length: Of the whole picture, px, if it is known.
        batch_size: Hands per forward pass.
        overwrite: Whether to begin anew instead of going on from what lies in ``out``.

    Returns:
        A row for every hand; ``hand_id`` is the picture's name, a number, and the side, unless boxes name hands.

    Raises:
        InputError: If something given cannot be used, or a picture or a hand had to be left out.
        MissingRequirementError: If something must be installed or downloaded first.
    """
    from hint.methods.table import create

    source = find_source(inputs)
    runner = create(method, options or MethodOptions()) if isinstance(method, str) else method
    setting = OneEuro() if smooth is True else smooth or None
    wanted = Wanted(Path(out) if out is not None else None, mesh, overlay, setting, focal_length, batch_size, overwrite)
    result = predict_hands(source, runner, find_finder(boxes, detector), wanted)
    if result.failures:
        name, reason = next(iter(result.failures.items()))
        raise InputError(f"{len(result.failures)} pictures or hands could not be used, first {name}: {reason}")
    return result.predictions


def find_finder(boxes: Path | str | Sequence[dict[str, object]] | None, detector: str | Finder) -> Finder:
    """Return what says where hands are: known boxes if there are any, else a detector."""
    if isinstance(boxes, Path | str):
        return read_boxes(Path(boxes).expanduser())
    if boxes is not None:
        return Boxes(read_lines(boxes, Path("boxes")), Path.cwd())
    return create_detector(detector) if isinstance(detector, str) else detector
