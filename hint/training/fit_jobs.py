"""What a worker does with jobs of annotated hands: it fits MANO hands to their keypoints, and writes parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from hint.engine.parts import PartWriter, require_mark
from hint.errors import HintError, some_ids
from hint.fit import HandFitter, Trust, gather
from hint.mano.model import ManoModel
from hint.training.fit_store import columns_of
from hint.types import HandLabels

#: Errors to expect of annotated keypoints.
TRUST = Trust(sigma_2d=0.015)

#: Hands of a job at most, at least, and jobs of a run where that leaves a choice.
_MOST, _FEWEST, _JOBS = 256, 8, 64


@dataclass(frozen=True, eq=False)
class FitJob:
    """Hands to fit.

    Attributes:
        labels: The hands.
        keys: What each fit is made from.
    """

    labels: HandLabels
    keys: list[str]


@dataclass(frozen=True, eq=False)
class FitSetup:
    """How hands are fitted, by whatever worker; the result of a job is its number of hands.

    Attributes:
        model: The right hand.
        header: What fits belong to.
        place: Folder of the parts.
        mark: A file in it that every worker must see, see :func:`hint.engine.parts.marked`.
    """

    model: ManoModel
    header: Mapping[str, Any]
    place: Path
    mark: Path | None = None

    def __call__(self, device: str | None) -> Callable[[Iterable[FitJob]], Iterator[int]]:
        """Prepare the hand; fits are computed on the CPU."""
        require_mark(self.mark)
        fitter, writer = HandFitter(self.model, TRUST), PartWriter(self.place, self.header)

        def stream(jobs: Iterable[FitJob]) -> Iterator[int]:
            for job in jobs:
                some = job.labels
                occlusion = some.occlusion & some.existence
                points = gather(some.keypoints_2d, some.is_right, existence=some.existence, occlusion=occlusion)
                writer.add(some.hand_id.tolist(), job.keys, columns_of(fitter.fit(points)))
                writer.save()
                yield len(some)

        return stream

    def lost(self, job: FitJob, why: str) -> NoReturn:
        """End the run; what is done stays."""
        raise HintError(f"cannot fit {some_ids(job.labels.hand_id.tolist())}: {why}")


def fit_jobs(labels: HandLabels, keys: Sequence[str], todo: Sequence[int]) -> Iterator[FitJob]:
    """Put the hands to do in jobs, as many as several workers can share evenly."""
    size = int(np.clip(len(todo) // _JOBS, _FEWEST, _MOST))
    for rows in (todo[k : k + size] for k in range(0, len(todo), size)):
        yield FitJob(labels.select(list(rows)), [keys[k] for k in rows])
