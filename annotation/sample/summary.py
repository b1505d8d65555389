"""The summary of a sample: how it was drawn and the distribution of its pool."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from annotation.sample.distribution import Distribution
from hint.files import write_bytes
from hint.files.json_model import read_model


class StratumCount(BaseModel):
    """Units of a stratum: drawn, and available."""

    model_config = ConfigDict(extra="forbid")
    name: str
    drawn: int
    available: int


class Summary(BaseModel):
    """What the manifest does not record itself; stored beside it.

    Attributes:
        folder: HInt folder of the sample.
        unit: Unit of the draw: "frame", "hand" or "sequence".
        policy: Name of the policy.
        policy_sha256: Digest of the policy file.
        seed: Seed of the draw.
        units: Units available.
        hands: Hands in those units.
        videos: Videos those hands come from.
        strata: Units per stratum.
        left_out: Reason -> hands, frames or actions that were left out.
        read: Name of each source file -> bytes read.
        pool: Distribution of the available units.
    """

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1] = 1
    folder: str
    unit: str
    policy: str
    policy_sha256: str
    seed: int
    units: int
    hands: int
    videos: int
    strata: list[StratumCount]
    left_out: dict[str, int]
    read: dict[str, int]
    pool: Distribution


def summary_path(manifest: Path) -> Path:
    """Return the path of a manifest's summary."""
    return manifest.with_suffix(".summary.json")


def write_summary(path: Path, summary: Summary) -> None:
    """Write a summary atomically."""
    write_bytes(path, summary.model_dump_json(indent=2).encode() + b"\n")


def read_summary(path: Path) -> Summary:
    """Read a summary.

    Raises:
        InputError: If it is missing or invalid.
    """
    return read_model(Summary, path, "the summary of a sample", "hint sample writes this file beside the manifest")
