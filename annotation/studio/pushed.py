"""Which manifests were pushed to a project from this machine, so that a pull finds their pictures again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.install import home
from hint.files import write_json


class Pushed(BaseModel):
    """The manifests of one project, named by what it keeps when its server moves."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[2] = 2
    project: str
    manifests: list[str]


def short_name(text: str) -> str:
    """Return a file name for any text."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def pushed_manifests(project: str) -> list[Path]:
    """Return the manifests that were pushed from this machine to the project with an identity."""
    try:
        content = _path(project).read_bytes()
        return [Path(manifest) for manifest in Pushed.model_validate_json(content).manifests]
    except (OSError, ValidationError):
        return []


def remember_manifest(project: str, manifest: Path) -> None:
    """Add a manifest to those of a project."""
    known = [str(path) for path in pushed_manifests(project)]
    manifests = list(dict.fromkeys([*known, str(manifest.resolve())]))
    write_json(_path(project), Pushed(project=project, manifests=manifests).model_dump(), indent=2)


def _path(project: str) -> Path:
    return home() / "pushed" / f"{short_name(project)}.json"
