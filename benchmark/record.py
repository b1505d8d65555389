"""The result record: what was asked for, what happened, what was scored, and how to reproduce it.

People send records to each other, so they are checked when read and when written: no unknown key, no NaN.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from benchmark.error_table import Coverage
from benchmark.scores import Curve, EmptyJoints, JointScore, Score
from hint.errors import InputError, first_problem, problems_in
from hint.files import write_bytes
from hint.files.json_file import read_json
from hint.files.path import as_path
from hint.types import HandLabels, MethodCard

if TYPE_CHECKING:
    import pandas as pd


#: Metrics in percent.
_PERCENTAGES = ("pck", "auc", "accel_coverage", "jitter_coverage")
#: Beginning of others.
_OF_OKS = "oks_"
_ROUNDING = 1e-6

#: Hands whose coordinates are digested at a time.
_AT_ONCE = 4096


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, revalidate_instances="always"
    )


class ProtocolEntry(_Model):
    """Name and sha256 of the protocol file."""

    id: str
    sha256: str


class SubsetEntry(_Model):
    """One evaluated part of the data.

    ``expected_hands`` is the protocol's count (of the folder or of the official npz), None for parts it does not know.
    """

    name: str
    n_hands: int
    n_clips: int
    expected_hands: int | None
    labels_sha256: str


class TimingEntry(_Model):
    """Seconds of each stage, and what they were spent on.

    ``hands_per_second`` counts hands computed in this run, None if all were reused.
    """

    load_seconds: float
    predict_seconds: float
    score_seconds: float
    hands_per_second: float | None
    reused: int
    device: str
    peak_memory_bytes: int | None
    peak_gpu_memory_bytes: int | None


class Record(_Model):
    """One method on one label set under one protocol.

    ``status`` is "complete", "partial" (``limit`` was given) or "reference" (from a paper). Missing rows are misses.
    ``failures`` gives the reason for each picture that could not be used.
    """

    schema_version: Literal["hint-record-1"] = Field(default="hint-record-1", alias="schema")
    status: Literal["complete", "partial", "reference"]
    method: MethodCard
    fingerprint: dict[str, Any]
    protocol: ProtocolEntry
    data: tuple[SubsetEntry, ...]
    limit: int | None
    seed: int
    scores: tuple[Score, ...]
    per_joint: tuple[JointScore, ...]
    curve: tuple[Curve, ...]
    empty_joints: tuple[EmptyJoints, ...]
    coverage: Coverage
    failures: dict[str, str]
    timing: TimingEntry
    provenance: dict[str, Any]

    @field_validator("scores", "per_joint")
    @classmethod
    def _check_percentages(cls, scores: tuple[Any, ...]) -> tuple[Any, ...]:
        for score in scores:
            is_share = score.metric in _PERCENTAGES or score.metric.startswith(_OF_OKS)
            if is_share and not -_ROUNDING <= score.value <= 100 + _ROUNDING:
                where = f"{score.metric} of {score.subset}, {score.visibility}"
                raise ValueError(f"{where} is not between 0 and 100 %")
        return scores

    def to_json(self) -> str:
        """Return the record as indented JSON."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"

    def value(self, subset: str, visibility: str, metric: str = "pck", threshold: float | None = None) -> Score | None:
        """Return one score, None where it was not computed."""
        wanted = (subset, visibility, metric, threshold)
        return next((s for s in self.scores if (s.subset, s.visibility, s.metric, s.threshold) == wanted), None)

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each score.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        from benchmark.frames import scores_frame

        return scores_frame(self)

    def _repr_html_(self) -> str:
        from benchmark.notebook import record_html

        return record_html(self)


def write_record(path: Path, record: Record) -> None:
    """Write a record atomically."""
    write_bytes(path, record.to_json().encode())


def load_record(path: Path | str) -> Record:
    """Read a record: a record.json, or the folder that holds it.

    Raises:
        InputError: If the file is absent, not JSON, or not of this schema.
    """
    place = as_path(path)
    return read_record(place / "record.json" if place.is_dir() else place)


def read_record(path: Path) -> Record:
    """Read and check a record.

    Raises:
        InputError: If the file is missing, is not JSON, or does not follow this schema.
    """
    try:
        return Record.model_validate(read_json(path))
    except (ValidationError, UnicodeEncodeError) as error:
        problems = f"{first_problem(error)} ({len(problems_in(error))} in all)"
        raise InputError(f"{path} is not a record of this version: {problems}") from error


def labels_sha256(labels: HandLabels) -> str:
    """Digest the ground truth, independent of its format and order.

    Coordinates count to a thousandth of a pixel, so that boxes stored as centre and size agree with corners.
    """
    order = np.argsort(labels.hand_id)
    digest = hashlib.sha256("\n".join(labels.hand_id[order].tolist()).encode())
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        numbers = np.concatenate([labels.box_xyxy[rows], labels.keypoints_2d[rows].reshape(len(rows), -1)], 1)
        digest.update(np.rint(numbers * 1000).astype("<i8").tobytes())
    digest.update(labels.visibility[order].tobytes())
    digest.update(labels.is_right[order].astype(np.uint8).tobytes())
    return digest.hexdigest()
