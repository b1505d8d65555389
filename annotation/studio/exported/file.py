"""An export of a project, as if a server sent it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from annotation.studio.client import Studio, Value
from annotation.studio.config import label_config
from annotation.studio.exported.foreign import Translator
from annotation.studio.exported.minimal import as_full, is_minimal
from annotation.studio.task import read_task
from annotation.studio.work import require_task
from hint.errors import InputError, some_ids
from hint.files.json_file import read_json


@dataclass(frozen=True)
class Tasks:
    """The tasks of an export.

    Attributes:
        rows: Tasks as the server exports them.
        unchanged: Whether they are what the file holds.
        refused: Reason -> numbers of the tasks that cannot be read.
        minimal: Whether the file was JSON-MIN.
    """

    rows: Sequence[Mapping[str, Any]]
    unchanged: bool
    refused: dict[str, list[str]] = field(default_factory=dict)
    minimal: bool = False


def read_tasks(path: Path, translator: Translator) -> Tasks:
    """Read an export: full JSON or JSON-MIN, of a project of hint or another.

    Args:
        path: The file.
        translator: Makes tasks of hint out of others.

    Raises:
        InputError: If the file is not an export, or none of its tasks can be read.
    """
    content = read_json(path)
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        raise InputError(f"{path} is not an export of Label Studio: expected a list of tasks (Export > JSON)")
    minimal = is_minimal(content)
    given = as_full(content) if minimal else content
    if not all(isinstance(row.get("data"), dict) and isinstance(row.get("annotations", []), list) for row in given):
        raise InputError(
            f"{path} is not an export of Label Studio: its entries have no data (Export > JSON or JSON-MIN)"
        )
    rows: list[Mapping[str, Any]] = []
    refused: dict[str, list[str]] = {}
    for row in given:
        try:
            require_task(row)
            rows += [_checked(row)] if "hint" in row["data"] else translator.translate(row)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            reason = str(error) if type(error) is ValueError else "malformed results"
            refused.setdefault(reason, []).append(f"task {row.get('id')}")
    if not rows:
        reasons = [f"{reason}: {some_ids(ids)}" for reason, ids in refused.items()]
        raise InputError(f"{path}: no task can be read: {'; '.join(reasons[:3]) or 'none was labelled'}")
    return Tasks(rows, not minimal and rows == content, refused, minimal)


def _checked(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a task of hint that was not changed, with its numbers."""
    if not all(isinstance(one, dict) and isinstance(one.get("id"), int) for one in (row, *row.get("annotations", []))):
        raise ValueError("a task or annotation without a number")
    read_task(row["data"])
    return row


class ExportFile(Studio):
    """A server that has one project, which is in a file.

    Args:
        path: The file.
        tasks: Its tasks.
        people: Number of a user -> email; an export may tell the numbers only.
    """

    def __init__(self, path: Path, tasks: Tasks, people: Mapping[int, str]) -> None:
        # There is no connection, so nothing of the base class is set up but its address.
        self.url = path.name
        self._people = dict(people)
        self._content = path.read_bytes() if tasks.unchanged else json.dumps(tasks.rows).encode()
        number = next((row["project"] for row in tasks.rows if isinstance(row.get("project"), int)), 0)
        self._project = SimpleNamespace(
            id=number,
            title=path.stem,
            label_config=label_config(),
            task_number=len(tasks.rows),
            identity=f"{number} in an export",
        )

    def version(self) -> str:
        """Return what stands for the release, which an export does not tell."""
        return "export"

    def retry(self, work: Callable[[], Value], *_: Any, **__: Any) -> Value:
        """Do something once: a file does not come back."""
        return work()

    def projects(self) -> list[Any]:
        """Return the one project."""
        return [self._project]

    def project(self, project: int) -> Any:
        """Return the one project."""
        del project
        return self._project

    def export(self, project: int, tasks: Sequence[int] = ()) -> bytes:
        """Return its tasks."""
        del project, tasks
        return self._content

    def emails(self) -> dict[int, str]:
        """Return user number -> email, as far as they were given."""
        return self._people
