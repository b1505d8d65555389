"""A project on the server: made once, recognised again, and listed as it really is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.studio.client import Studio
from annotation.studio.config import GUIDELINES, label_config, require_unchanged
from annotation.studio.task import HandTask, read_task
from hint.errors import InputError

#: What the server allows.
_TITLE = range(3, 51)


@dataclass(frozen=True)
class Task:
    """A task as it is on the server.

    Attributes:
        id: Its number there.
        hand_id: The hand.
        hint: What was pushed.
        data: All of its data.
        versions: Model versions of its predictions.
        n_predictions: How many predictions it has.
        overlap: How many people are to label it.
    """

    id: int
    hand_id: str
    hint: HandTask
    data: Mapping[str, Any]
    versions: tuple[str, ...]
    n_predictions: int
    overlap: int


@dataclass(frozen=True)
class Listing:
    """All tasks of a project.

    Attributes:
        tasks: Hand id -> task, the oldest one where there are several.
        doubled: Hand id -> task numbers, of hands that are there more than once.
        foreign: Task number -> why hint cannot read it.
    """

    tasks: dict[str, Task]
    doubled: dict[str, list[int]] = field(default_factory=dict)
    foreign: dict[int, str] = field(default_factory=dict)


def require_project(studio: Studio, title: str) -> Any:
    """Return a project that must be there.

    Raises:
        InputError: If it is not.
    """
    found = studio.find(title)
    if found is None:
        known = sorted(str(project.title) for project in studio.projects())
        raise InputError(f"{studio.url} has no project {title!r}; there are: {', '.join(known) or 'none'}")
    return found


def ensure_project(studio: Studio, title: str) -> Any:
    """Return the project of a title, made if need be.

    Raises:
        InputError: If the title cannot be one, or the project has another labelling configuration.
    """
    if len(title) not in _TITLE:
        raise InputError(f"--project {title!r}: Label Studio takes names of {_TITLE[0]} to {_TITLE[-1]} characters")
    found = studio.find(title) or studio.create(title, label_config(), GUIDELINES)
    require_unchanged(str(found.label_config), title)
    return found


def list_tasks(studio: Studio, project: int) -> Listing:
    """List what is really there."""
    return read_listing(studio.tasks(project))


def read_listing(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """Sort rows of the server's list."""
    by_hand: dict[str, list[Task]] = defaultdict(list)
    foreign: dict[int, str] = {}
    for row in rows:
        try:
            hand_id, hint = read_task(row["data"])
        except ValueError as error:
            foreign[int(row["id"])] = str(error)
            continue
        versions = tuple(part for part in str(row["predictions_model_versions"] or "").split(",") if part)
        counts = int(row["total_predictions"] or 0), int(row["overlap"] or 1)
        by_hand[hand_id].append(Task(int(row["id"]), hand_id, hint, row["data"], versions, *counts))
    ordered = {hand_id: sorted(tasks, key=lambda task: task.id) for hand_id, tasks in by_hand.items()}
    return Listing(
        {hand_id: tasks[0] for hand_id, tasks in ordered.items()},
        {hand_id: [task.id for task in tasks] for hand_id, tasks in ordered.items() if len(tasks) > 1},
        foreign,
    )
