"""MediaPipe Hands 0.10.21, with the models its wheel carries; nothing is downloaded or sent.

MediaPipe finds palms itself and takes no box, so it gets a square crop around the box, left hands mirrored. A
detection counts if it overlaps the box (:func:`choose`); a hand that is not found is a row of NaN.

Versions from 0.10.35 on send usage metrics, later wheels carry no model, so exactly one version is accepted.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hint.errors import InputError, MissingRequirementError
from hint.methods.extra import read_numbers
from hint.methods.setup import setup_line
from hint.provenance import installed_version
from hint.requirements import missing_packages, pip_command, wheels_command
from hint.skeleton import N_JOINTS
from hint.types import Double, Hand, Image, MethodCard, MethodOptions, Predictions

if TYPE_CHECKING:
    from hint.crop import Square

CARD = MethodCard(
    name="mediapipe",
    title="MediaPipe Hands",
    summary="Palm detector and 21 landmarks on a crop around the box; runs on the CPU, its models are in its wheel.",
    paper="Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, arXiv 2006.10214",
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    training_data=("30K annotated photographs (not public)", "synthetic hands (not public)"),
)

VERSION = "0.10.21"
#: Side of the crop, px. Landmarks are read at 224 px around the hand, which takes half of the crop.
_CROP_SIZE = 384
#: A detection that overlaps the box less is another hand.
_MIN_OVERLAP = 0.2
_DEFAULTS = {"box_factor": 2.0, "min_detection_confidence": 0.5}
#: What TensorFlow Lite and abseil print at load time at any log level.
_CHATTER = re.compile(rb"INFO: Created TensorFlow Lite|WARNING: All log messages before absl|[IW]\d{4} .*\.cc:\d+\]")


def missing(options: MethodOptions | None = None) -> str:
    """Tell what must be installed first, then ": " and what to type; "" where MediaPipe can run."""
    del options  # nothing depends on them
    if sys.version_info >= (3, 13):
        return f"needs Python 3.10 to 3.12, since MediaPipe {VERSION} has no wheel for newer ones"
    version = installed_version("mediapipe")
    if version is None:
        return f"needs mediapipe {VERSION}: {pip_command('mediapipe')}"
    if version != VERSION:
        return (
            f"needs mediapipe {VERSION}, not {version} (from 0.10.35 on it sends usage metrics, and wheels after "
            f"{VERSION} carry no model): {wheels_command()}"
        )
    return missing_packages(["cv2", "absl", "attr", "flatbuffers", "google.protobuf", "matplotlib"], "mediapipe")


class Crop(NamedTuple):
    """The crop of one hand.

    Attributes:
        pixels: (S,S,3) RGB, mirrored for left hands.
        square: The part of the picture it shows.
    """

    pixels: Image
    square: Square


class Detection(NamedTuple):
    """One hand MediaPipe found.

    Attributes:
        keypoints: (21,2) px of the full image.
        world: (21,3) metres, camera axes, origin about the centre of the hand.
        is_right: Side MediaPipe names.
        score: Its confidence in the side.
    """

    keypoints: Double
    world: Double
    is_right: bool
    score: float


class MediaPipeMethod:
    """Run MediaPipe Hands on a crop around each box.

    Not thread-safe: one graph serves all calls of ``infer``. ``prepare`` may run in threads.

    Args:
        box_factor: Side of the crop, in longest sides of the box.
        min_detection_confidence: Threshold of the palm detector.
    """

    card = CARD
    __repr__ = setup_line

    def __init__(self, box_factor: float, min_detection_confidence: float) -> None:
        from mediapipe.python.solutions.hands import Hands

        self._box_factor = box_factor
        self._found_one = False
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            "mediapipe": VERSION,
            "crop_size": _CROP_SIZE,
            "box_factor": box_factor,
            "min_detection_confidence": min_detection_confidence,
        }
        with without_chatter():
            self._graph = Hands(
                static_image_mode=True,
                max_num_hands=2,
                model_complexity=1,
                min_detection_confidence=min_detection_confidence,
            )
            # The networks are loaded with the first picture.
            self._graph.process(np.zeros((_CROP_SIZE, _CROP_SIZE, 3), np.uint8))

    @classmethod
    def create(cls, options: MethodOptions) -> MediaPipeMethod:
        """Load MediaPipe.

        Args:
            options: ``extra["box_factor"]`` and ``extra["min_detection_confidence"]`` are read.

        Raises:
            MissingRequirementError: If the one version that is accepted is not installed.
            InputError: If an option cannot be followed.
        """
        settings = read_numbers(CARD.name, options, _DEFAULTS)
        if options.device == "cuda" or options.weights is not None:
            raise InputError("mediapipe runs the models of its wheel on the CPU; leave out --device cuda and --weights")
        if settings["box_factor"] <= 0 or not 0 <= settings["min_detection_confidence"] <= 1:
            raise InputError("mediapipe: box_factor must be positive and min_detection_confidence in [0, 1]")
        if lacking := missing():
            raise MissingRequirementError(f"mediapipe {lacking}")
        return cls(**settings)

    def prepare(self, hand: Hand, image: Image | None) -> Crop:
        """Cut the square around the box."""
        from hint.crop import box_to_square, crop

        if image is None:
            raise InputError(f"mediapipe needs a picture, and {hand.hand_id} has none")
        square = box_to_square(hand.box_xyxy, self._box_factor)
        return Crop(crop(image, square, mirror=not hand.is_right, crop_size=_CROP_SIZE), square)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Crop]) -> Predictions:
        """Return landmarks, world landmarks and the confidence in the side; NaN, and score 0, where none was found."""
        keypoints = np.full((len(hands), N_JOINTS, 2), np.nan, np.float32)
        world = np.full((len(hands), N_JOINTS, 3), np.nan, np.float32)
        score = np.zeros(len(hands), np.float32)
        for row, (hand, crop) in enumerate(zip(hands, prepared, strict=True)):
            found = choose(_detections(self._process(crop.pixels), hand, crop.square), hand)
            if found is not None:
                keypoints[row], world[row], score[row] = found.keypoints, found.world, found.score
        return Predictions(np.array([hand.hand_id for hand in hands]), keypoints, world, score=score)

    def _process(self, pixels: Image) -> Any:
        if self._found_one:
            return self._graph.process(pixels)
        with without_chatter():  # more chatter comes with the first hand found
            result = self._graph.process(pixels)
        self._found_one = bool(result.multi_hand_landmarks)
        return result


def choose(detections: Sequence[Detection], hand: Hand) -> Detection | None:
    """Return the detection of the given hand, None where there is none.

    A detection counts where its bounding box overlaps the given one by at least 0.2 (intersection over union). Among
    those, one of the right side goes first, then the one that overlaps most. A wrong side alone does not rule a
    detection out: box and side are annotated, and the landmarks do not depend on the predicted side.
    """
    box = np.array(hand.box_xyxy)
    on_box = [d for d in detections if _overlap(d.keypoints, box) >= _MIN_OVERLAP]
    return max(on_box, key=lambda d: (d.is_right == hand.is_right, _overlap(d.keypoints, box)), default=None)


def _overlap(points: Double, box: Double) -> float:
    """Return intersection over union of the bounding box of points and a box."""
    low, high = points.min(axis=0), points.max(axis=0)
    sides = np.minimum(high, box[2:]) - np.maximum(low, box[:2])
    common = np.maximum(sides, 0).prod()
    return float(common / ((high - low).prod() + (box[2:] - box[:2]).prod() - common))


def _detections(result: Any, hand: Hand, square: Square) -> list[Detection]:
    """Read what the graph returned for a crop, and undo the mirror.

    MediaPipe names sides as if pictures came from a mirror: "Left" is a right hand, or a mirrored left one.
    """
    from hint.crop import to_image

    if not result.multi_hand_landmarks:
        return []
    triples = zip(result.multi_hand_landmarks, result.multi_hand_world_landmarks, result.multi_handedness, strict=True)
    return [
        Detection(
            keypoints=to_image(np.array([(point.x, point.y) for point in flat.landmark]) - 0.5, square, hand.is_right),
            world=np.array([(point.x, point.y, point.z) for point in solid.landmark])
            * (1 if hand.is_right else -1, 1, 1),
            is_right=(side.classification[0].label == "Left") == hand.is_right,
            score=side.classification[0].score,
        )
        for flat, solid, side in triples
    ]


@contextmanager
def without_chatter() -> Iterator[None]:
    """Capture the stderr of the process, then write back all but the known chatter.

    The chatter comes from C++ and ignores ``sys.stderr`` and every documented log level.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            captured.seek(0)
            for line in captured:
                if not _CHATTER.match(line):
                    os.write(real, line)
            os.close(real)
