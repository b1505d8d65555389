"""What a run predicts, as a recording for rerun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from hint.prediction.camera import picture_camera
from hint.prediction.detections import DetectedHand, FrameDetections
from hint.prediction.facts import MethodFacts
from hint.prediction.options import PredictOptions
from hint.prediction.placement import place, pose_of
from hint.prediction.source import Source
from hint.prediction.tasks import HandResult
from hint.types import Image
from hint.viewers.recording import Recording


class PredictionRecording:
    """A recording of pictures, or of a video, with boxes, keypoints, meshes, and errors where there are labels.

    Args:
        path: File to write.
        source: The pictures or the video.
        options: The camera and the labels.
        facts: What predicts.
    """

    def __init__(self, path: Path, source: Source, options: PredictOptions, facts: MethodFacts) -> None:
        self._options, self._step = options, 0
        self._faces = facts.faces
        truth = options.truth
        self._truth = {} if truth is None else {i: row for row, i in enumerate(truth.hand_id.tolist())}
        title = f"{facts.card.title}: {source.name or 'pictures'}"
        self._recording = Recording(path, title, scene=self._faces is not None, errors=options.truth is not None)

    def __enter__(self) -> PredictionRecording:
        self._recording.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recording.__exit__(kind, error, trace)

    def add(self, frame: FrameDetections, image: Image, rows: Sequence[HandResult]) -> None:
        """Add a picture with its hands; frames in order."""
        picture, lens = frame.picture, frame.intrinsics
        if picture.frame is None:
            self._recording.at(picture=self._step)
        else:
            self._recording.at(frame=picture.frame, time=float(picture.seconds or 0))
        self._step += 1
        if self._faces is not None and lens is not None:
            camera = picture_camera(frame.size, lens.focal_length, lens.principal_point)
            self._recording.camera(camera, pose_of(self._options.camera, picture))
        self._recording.picture(image)
        known = {row.hand.hand_id: row for row in rows}
        for number, found in enumerate(frame.hands):
            self._hand(f"hands/{number if found.track is None else found.track}", frame, found, known)

    def _hand(self, entity: str, frame: FrameDetections, found: DetectedHand, rows: dict[str, HandResult]) -> None:
        hand, row = found.hand, rows.get(found.hand.hand_id)
        kind = "right" if hand.is_right else "left"
        self._recording.box(f"{entity}/box", hand.box_xyxy, kind, hand.hand_id)
        if row is None:
            return
        self._recording.keypoints(f"{entity}/keypoints", row.predictions.keypoints_2d[0], kind)
        vertices = row.predictions.vertices
        if self._faces is not None and vertices is not None and np.isfinite(vertices).all():
            self._recording.mesh(entity, place(row, frame, self._options.camera).vertices, self._faces, hand.is_right)
        self._compare(entity, row)

    def _compare(self, entity: str, row: HandResult) -> None:
        """Show the labels of a hand, and how far it is from them."""
        labels, at = self._options.truth, self._truth.get(row.hand.hand_id)
        if labels is None or at is None:
            return
        visibility, truth = labels.visibility[at], labels.keypoints_2d[at]
        self._recording.keypoints(f"{entity}/labels", truth, "labels", visibility)
        distance = np.linalg.norm(row.predictions.keypoints_2d[0] - truth, axis=1)[visibility > 0]
        if len(distance):
            self._recording.error(entity, float(100 * distance.mean() / labels.longest_side[at]))
