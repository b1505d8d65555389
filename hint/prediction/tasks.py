"""What a worker is told of each picture, and what it tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hint.detection import Detection, Picture, Tracked
from hint.prediction.detections import FrameDetections
from hint.types import Hand, Image, ManoParameters, Predictions

#: Pictures of a job, and bytes of pixels that go with them.
_MOST_PICTURES, _MOST_BYTES = 32, 50_000_000


@dataclass(frozen=True, eq=False)
class HandResult:
    """What a method predicted for one hand.

    Attributes:
        hand: The hand.
        predictions: One row.
        parameters: One row, None for methods that do not pose MANO.
    """

    hand: Hand
    predictions: Predictions
    parameters: ManoParameters | None


@dataclass(frozen=True, eq=False)
class Results:
    """What a method predicted for N hands.

    Attributes:
        predictions: N rows.
        parameters: N rows, None for methods that do not pose MANO.
    """

    predictions: Predictions
    parameters: ManoParameters | None = None

    def select(self, index: Any) -> Results:
        """Return the rows an index array or a mask picks."""
        parameters = self.parameters.select(index) if self.parameters is not None else None
        return Results(self.predictions.select(index), parameters)

    @staticmethod
    def concatenate(parts: Sequence[Results]) -> Results:
        """Join results of one method."""
        if not parts:
            return Results(Predictions(np.empty(0, np.str_), np.empty((0, 21, 2), np.float32)))
        parameters = [part.parameters for part in parts if part.parameters is not None]
        joined = ManoParameters.concatenate(parameters) if parameters else None
        return Results(Predictions.concatenate([part.predictions for part in parts]), joined)


class EarlierRow(NamedTuple):
    """What an earlier run predicted for one hand.

    Attributes:
        key: What it was made from.
        results: One row.
    """

    key: str
    results: Results


@dataclass(frozen=True, eq=False)
class PictureTask:
    """A picture to predict.

    Attributes:
        picture: The picture.
        found: Its hands where they are known: boxes that were given, or what an earlier run found.
        tracked: Its hands where they were followed through a video.
        finished: Its hands where nothing is left to be done.
        earlier: hand_id -> row of an earlier run, which counts if it was made from the same.
    """

    picture: Picture
    found: tuple[Detection, ...] | None = None
    tracked: tuple[Tracked, ...] | None = None
    finished: FrameDetections | None = None
    earlier: Mapping[str, EarlierRow] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PictureDone:
    """What became of a picture.

    Attributes:
        frame: Its hands, None for one that cannot be used.
        failures: Name of the picture or of a hand -> why it is left out.
        reused: Number of hands whose rows an earlier run predicted.
        with_keypoints: Number of hands whose keypoints were found.
        rows: What was predicted, if it was asked for.
        image: The picture itself, likewise; (H,W,3) RGB.
    """

    frame: FrameDetections | None
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    with_keypoints: int = 0
    rows: tuple[HandResult, ...] = ()
    image: Image | None = None


def in_jobs(tasks: Iterable[PictureTask], single: bool) -> Iterator[tuple[PictureTask, ...]]:
    """Put pictures in jobs, each of which one worker does.

    Args:
        tasks: The pictures.
        single: Whether every picture is a job, for an engine that joins the batches of jobs.
    """
    job: list[PictureTask] = []
    held = 0
    for task in tasks:
        job.append(task)
        held += task.picture.pixels.nbytes if task.picture.pixels is not None else 0
        if single or len(job) == _MOST_PICTURES or held > _MOST_BYTES:
            yield tuple(job)
            job, held = [], 0
    if job:
        yield tuple(job)
