"""What a worker is told of each picture, and what it tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hint.detection import Detection, Picture, Tracked
from hint.engine.engine import Engine
from hint.prediction.detections import FrameDetections
from hint.types import Hand, Image, ManoParameters, Predictions

#: Pictures of a job, and bytes of pixels that go with them.
_MOST_PICTURES, _MOST_BYTES = 32, 50_000_000
#: Jobs of a run that all workers of a cluster share, unless they would have fewer pictures than this.
_JOBS_EVEN, _FEWEST = 64, 4


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


def pictures_of_job(engine: Engine, pictures: int) -> int:
    """Return how many pictures a job has at most.

    Args:
        engine: One in this process joins the batches of jobs; one that takes all jobs first cannot give small ones to
            workers that would have nothing to do in the end.
        pictures: Number of all pictures.
    """
    if engine.is_local:
        return 1
    return min(max(pictures // _JOBS_EVEN, _FEWEST), _MOST_PICTURES) if engine.takes_all else _MOST_PICTURES


def in_jobs(tasks: Iterable[PictureTask], most: int) -> Iterator[tuple[PictureTask, ...]]:
    """Put pictures in jobs, each of which one worker does.

    Args:
        tasks: The pictures.
        most: Pictures of a job.
    """
    job: list[PictureTask] = []
    held = 0
    for task in tasks:
        job.append(task)
        held += task.picture.pixels.nbytes if task.picture.pixels is not None else 0
        if len(job) == most or held > _MOST_BYTES:
            yield tuple(job)
            job, held = [], 0
    if job:
        yield tuple(job)
