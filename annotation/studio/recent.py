"""The work in a project for those who ask often: only tasks that changed since the last time are exported again.

An export takes the server two to three seconds per thousand tasks, a list of them one. What it said last is kept on
this machine, brought up to date, and counted: if tasks or annotations are not as many as the project has, everything is
exported anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.client import Project, Studio
from annotation.studio.install import home
from annotation.studio.pushed import short_name
from annotation.studio.work import Work, read_export, sort_work
from hint.files import write_bytes

#: Tasks per request: their numbers are part of its address.
_BATCH = 200
#: A change may become visible this long after the time it bears.
_LATE = timedelta(minutes=2)


class Kept(BaseModel):
    """What the server said last.

    Attributes:
        time: When, by its own clock.
        rows: The tasks of its export.
    """

    model_config = ConfigDict(extra="forbid")
    time: datetime
    rows: list[dict[str, Any]]


def recent_work(studio: Studio, project: Project) -> Work:
    """Return the work in a project as it is now.

    Raises:
        UnreachableError: If the export is truncated.
    """
    path = home() / "exports" / f"{short_name(project.identity)}.json"
    kept = _read(path)
    time = studio.server_time
    rows = _updated(studio, project, kept) if kept else _begun(studio, project)
    if rows is None:
        rows = read_export(studio.url, studio.export(project.id))
    if time is not None:
        write_bytes(path, Kept(time=time, rows=rows).model_dump_json().encode(), sync=False)
    return sort_work(rows, studio.emails())


def _read(path: Path) -> Kept | None:
    try:
        return Kept.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _updated(studio: Studio, project: Project, kept: Kept) -> list[dict[str, Any]] | None:
    """Return all tasks as they are now, None if that needs an export of everything."""
    rows = {int(row["id"]): row for row in kept.rows}
    since = f"{kept.time - _LATE:%Y-%m-%dT%H:%M:%S.%fZ}"
    old = {*studio.task_numbers(project.id, "updated_at", "greater", since)}
    # Drafts do not change the time of their task.
    old |= {*studio.task_numbers(project.id, "draft_exists", "equal", "true")}
    old |= {number for number, row in rows.items() if row.get("drafts")}
    return _with_exported(studio, project, rows, old)


def _begun(studio: Studio, project: Project) -> list[dict[str, Any]] | None:
    """Return all tasks of a project that was not seen before: those that nobody worked on are only listed."""
    if project.total_annotations_number + project.skipped_annotations_number > project.task_number / 2:
        return None
    listed = studio.annotation_counts(project.id)
    worked_on = {int(row["id"]) for row in listed if row["total_annotations"] or row["cancelled_annotations"]}
    worked_on |= {*studio.task_numbers(project.id, "draft_exists", "equal", "true")}
    rows = {int(row["id"]): {"id": row["id"], "data": row["data"]} for row in listed}
    return _with_exported(studio, project, rows, worked_on)


def _with_exported(
    studio: Studio, project: Project, rows: dict[int, dict[str, Any]], old: set[int]
) -> list[dict[str, Any]] | None:
    """Export some tasks anew; return all, None if they are too many, or the result is not what the project has."""
    if len(old) > len(rows) / 2:
        return None
    new = {int(row["id"]): row for row in _exported(studio, project, sorted(old))}
    now = [*({number: row for number, row in rows.items() if number not in old} | new).values()]
    project = studio.project(project.id)
    expected = project.task_number, project.total_annotations_number, project.skipped_annotations_number
    return now if _counts(now) == expected else None


def _counts(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Return the numbers of tasks, annotations and skipped annotations."""
    skipped = [bool(one.get("was_cancelled")) for row in rows for one in row.get("annotations") or []]
    return len(rows), len(skipped) - sum(skipped), sum(skipped)


def _exported(studio: Studio, project: Project, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Export some tasks."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(numbers), _BATCH):
        found += read_export(studio.url, studio.export(project.id, numbers[start : start + _BATCH]))
    return found
