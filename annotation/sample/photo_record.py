"""What a collection of photographs was made from, so that a second run looks at new ones only."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hint.files import write_json
from hint.files.json_model import read_model


class Photo(BaseModel):
    """What was found in one photograph.

    Attributes:
        key: Changes when the file does.
        hands: Ids of its hands.
        turned: Whether their pictures were turned upright.
    """

    model_config = ConfigDict(extra="forbid")
    key: str
    hands: list[str]
    turned: bool = False


class PhotoRecord(BaseModel):
    """The photographs of a manifest; it lies beside the manifest.

    Attributes:
        found_by: The detector and its settings, or "boxes".
        provenance: Program, versions, time.
        photos: File name -> what was found in it.
    """

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1] = 1
    found_by: str
    provenance: dict[str, Any] = {}
    photos: dict[str, Photo] = {}


def record_path(manifest: Path) -> Path:
    """Return the path of the record beside a manifest of photographs."""
    return manifest.with_suffix(".photos.json")


def write_record(path: Path, record: PhotoRecord) -> None:
    """Write a record atomically."""
    write_json(path, record.model_dump(mode="json"), indent=2)


def read_record(path: Path) -> PhotoRecord:
    """Read a record.

    Raises:
        InputError: If it is missing or invalid.
    """
    origin = "hint sample photos writes this file beside the manifest"
    return read_model(PhotoRecord, path, "a record of photographs", origin)
