"""A project on the server: created once, found again, and listed in its real state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from annotation.studio.client import Project, Studio
from annotation.studio.config import GUIDELINES, is_outdated, label_config, require_unchanged
from annotation.studio.task import HandTask, read_task
from hint.errors import InputError

#: Lengths of a title that the server accepts.
_TITLE = range(3, 51)


@dataclass(frozen=True)
class Task:
    """A task on the server.

    Attributes:
        id: Number of the task.
        hand_id: The hand.
        hint: What hint stored in it.
        data: All of its data.
        versions: Model versions of its predictions.
        n_predictions: Number of its predictions.
        overlap: Number of people who label it.
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
        tasks: Hand id -> task, the oldest if there are several.
        doubled: Hand id -> task numbers, for hands with several tasks.
        foreign: Task number -> why hint cannot read it.
        n_tasks: Number of tasks, of hint's and others.
        n_predictions: Number of their predictions.
    """

    tasks: dict[str, Task]
    doubled: dict[str, list[int]] = field(default_factory=dict)
    foreign: dict[int, str] = field(default_factory=dict)
    n_tasks: int = 0
    n_predictions: int = 0

    def extended(self, added: Mapping[str, Task]) -> Listing:
        """Return the listing after tasks of hands that had none were added."""
        return replace(
            self,
            tasks={**self.tasks, **added},
            n_tasks=self.n_tasks + len(added),
            n_predictions=self.n_predictions + sum(task.n_predictions for task in added.values()),
        )


def require_project(studio: Studio, title: str) -> Project:
    """Return an existing project.

    Raises:
        InputError: If there is none with this title.
    """
    found = studio.find(title)
    if found is None:
        known = sorted(str(project.title) for project in studio.projects())
        raise InputError(f"{studio.url} has no project {title!r}; it has: {', '.join(known) or 'none'}")
    return found


def ensure_project(studio: Studio, title: str) -> Project:
    """Return the project with a title; create it if needed, and bring a labelling page up to date.

    A page that somebody changed is not touched.

    Raises:
        InputError: If the title is too short or too long, or the project has another labelling configuration.
    """
    if len(title) not in _TITLE:
        raise InputError(f"--project {title!r}: Label Studio accepts names of {_TITLE[0]} to {_TITLE[-1]} characters")
    found = studio.find(title) or studio.create(title, label_config(), GUIDELINES)
    if is_outdated(found.label_config):
        return studio.change_page(found.id, label_config(), GUIDELINES)
    require_unchanged(found.label_config, title)
    return found


def list_tasks(studio: Studio, project: int) -> Listing:
    """List the tasks of a project."""
    return read_listing(studio.tasks(project))


def is_still(studio: Studio, project: int, listing: Listing) -> bool:
    """Tell whether a project has as many tasks and predictions as a listing; this takes a hundredth of listing them."""
    now = studio.project(project)
    return (now.task_number, now.total_predictions_number) == (listing.n_tasks, listing.n_predictions)


def read_listing(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """Sort the rows of the server's task list."""
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
        len(rows),
        sum(int(row["total_predictions"] or 0) for row in rows),
    )
