"""Which manifests were pushed to a project from this machine, so that a pull finds their pictures again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.install import home
from hint.files import write_json


class Pushed(BaseModel):
    """The manifests of one project."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = 1
    url: str
    project: int
    manifests: list[str]


def project_key(url: str, project: int | str) -> str:
    """Return a short name for a project of a server, by its number or title."""
    return hashlib.sha256(f"{url} {project}".encode()).hexdigest()[:20]


def pushed_manifests(url: str, project: int) -> list[Path]:
    """Return the manifests that were pushed to a project from this machine."""
    try:
        content = _path(url, project).read_bytes()
        return [Path(manifest) for manifest in Pushed.model_validate_json(content).manifests]
    except (OSError, ValidationError):
        return []


def remember_manifest(url: str, project: int, manifest: Path) -> None:
    """Add a manifest to those of a project."""
    known = [str(path) for path in pushed_manifests(url, project)]
    manifests = list(dict.fromkeys([*known, str(manifest.resolve())]))
    write_json(_path(url, project), Pushed(url=url, project=project, manifests=manifests).model_dump(), indent=2)


def _path(url: str, project: int) -> Path:
    return home() / "pushed" / f"{project_key(url, project)}.json"
