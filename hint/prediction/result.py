"""What :func:`hint.predict` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from hint.box import Box
from hint.errors import counted
from hint.prediction.boxes import BoxCount
from hint.prediction.detections import BoxLine, DetectedHand, FrameDetections, lines_of
from hint.skeleton import N_JOINTS
from hint.types import Float, ManoParameters, MethodCard, Predictions, Strings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PredictedHand:
    """One predicted hand.

    Attributes:
        hand_id: Its name.
        image: File of the picture or video, None for pictures in memory.
        frame: Frame of a video, from 0; None for pictures.
        track: Number of the hand in a video, None for pictures.
        box_xyxy: Box it was predicted from, px.
        is_right: Side.
        keypoints_2d: (21,2) px of the picture; NaN if the method found no hand.
        keypoints_3d: (21,3) metres, or None.
        vertices: (V,3) metres, or None.
        score: (21,) or () confidence of the method, or None.
        orientation: EXIF orientation of a picture that was turned upright, 1 for pixels as stored.
    """

    hand_id: str
    image: Path | None
    frame: int | None
    track: int | None
    box_xyxy: Box
    is_right: bool
    keypoints_2d: Float
    keypoints_3d: Float | None
    vertices: Float | None
    score: Float | None
    orientation: int = 1

    def __repr__(self) -> str:
        box = [round(edge) for edge in self.box_xyxy]
        return f"PredictedHand({self.hand_id!r}, {'right' if self.is_right else 'left'}, box_xyxy={box})"


@dataclass(frozen=True, eq=False, repr=False)
class PredictResult(Sequence[PredictedHand]):
    """The hands of pictures or of a video: a sequence of :class:`PredictedHand`, and all of them as arrays.

    Attributes:
        predictions: A row for every hand, smoothed if that was asked for.
        parameters: MANO parameters in the same order, None for methods that do not pose MANO.
        frames: The pictures or frames, in order, with the hands found in them.
        card: Describes the method.
        failures: Name of a picture or of a hand -> why it is left out.
        reused: Number of hands that an earlier run had done.
        files: Files that hold these results.
        stored: Number of hands in ``predictions.npz``, with those of earlier runs into the same folder.
        boxes: How many of the known boxes belong to the pictures, None where a detector found the hands.
    """

    predictions: Predictions
    parameters: ManoParameters | None
    frames: list[FrameDetections]
    card: MethodCard
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    files: tuple[Path, ...] = ()
    stored: int = 0
    boxes: BoxCount | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    @overload
    def __getitem__(self, index: int) -> PredictedHand: ...
    @overload
    def __getitem__(self, index: slice) -> list[PredictedHand]: ...
    def __getitem__(self, index: int | slice) -> PredictedHand | list[PredictedHand]:
        """Return one hand, or some."""
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        return self._hand(range(len(self))[index])

    def __repr__(self) -> str:
        what = "frame" if self.frames and self.frames[0].picture.frame is not None else "picture"
        failures = f", {counted(len(self.failures), 'failure')}" if self.failures else ""
        return f"PredictResult({counted(len(self), 'hand')} in {counted(len(self.frames), what)}{failures})"

    @property
    def hand_id(self) -> Strings:
        """(N,) names of the hands."""
        return self.predictions.hand_id

    @property
    def keypoints_2d(self) -> Float:
        """(N,21,2) px of the picture."""
        return self.predictions.keypoints_2d

    @property
    def keypoints_3d(self) -> Float | None:
        """(N,21,3) metres, or None."""
        return self.predictions.keypoints_3d

    @property
    def vertices(self) -> Float | None:
        """(N,V,3) metres, or None."""
        return self.predictions.vertices

    def lines(self) -> list[BoxLine]:
        """Return what ``hands.jsonl`` holds, pictures without hands included; paths are relative to this folder."""
        return [line for frame in self.frames for line in lines_of(frame, Path.cwd())]

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each hand and joint, and its picture, side and box.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        frame = self.predictions.to_frame()
        places = [self._found[hand_id] for hand_id in self.hand_id.tolist()]
        boxes = np.array([found.hand.box_xyxy for _, found in places], float).reshape(-1, 4)
        columns = {
            "picture": np.array([place.picture.name for place, _ in places], object),
            "is_right": np.array([found.hand.is_right for _, found in places], bool),
            **dict(zip(("x0", "y0", "x1", "y1"), boxes.T, strict=True)),
        }
        for at, (name, values) in enumerate(columns.items(), start=1):
            frame.insert(at, name, np.repeat(values, N_JOINTS))
        return frame

    @cached_property
    def _found(self) -> dict[str, tuple[FrameDetections, DetectedHand]]:
        return {found.hand.hand_id: (frame, found) for frame in self.frames for found in frame.hands}

    def _hand(self, row: int) -> PredictedHand:
        rows, hand_id = self.predictions, str(self.predictions.hand_id[row])
        frame, found = self._found[hand_id]
        return PredictedHand(
            hand_id,
            frame.picture.path,
            frame.picture.frame,
            found.track,
            found.hand.box_xyxy,
            found.hand.is_right,
            rows.keypoints_2d[row],
            None if rows.keypoints_3d is None else rows.keypoints_3d[row],
            None if rows.vertices is None else rows.vertices[row],
            None if rows.score is None else np.asarray(rows.score[row]),
            frame.picture.orientation,
        )
