"""Progress of a project."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from annotation.studio.client import Studio
from annotation.studio.project import require_project
from annotation.studio.recent import recent_work
from annotation.studio.work import Work

#: Seconds the server may be away.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Person:
    """Progress of one annotator.

    Attributes:
        email: The annotator.
        labelled: Submitted hands.
        skipped: Hands skipped and not labelled since.
        drafts: Hands started and not submitted.
        changed_by_others: Hands somebody else changed afterwards.
        seconds: Median time per hand, None if unknown.
    """

    email: str
    labelled: int
    skipped: int
    drafts: int
    changed_by_others: int
    seconds: float | None


@dataclass(frozen=True)
class Status:
    """Progress of a project.

    Attributes:
        tasks: Hands in the project.
        labelled: Hands with at least one label.
        with_guess: Hands with initial points.
        doubles: Hands to be labelled by two people.
        doubles_done: Doubles labelled by two.
        doubles_half: Doubles labelled by one.
        people: Annotators.
        repeated: Hands with several tasks.
        foreign: Tasks not pushed by hint.
    """

    tasks: int
    labelled: int
    with_guess: int
    doubles: int
    doubles_done: int
    doubles_half: int
    people: list[Person] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def project_status(studio: Studio, title: str) -> Status:
    """Fetch the progress of a project.

    Raises:
        InputError: If there is no such project.
    """
    project = require_project(studio, title)
    return status_of(studio.retry(lambda: recent_work(studio, project), _PATIENCE))


def list_projects(studio: Studio) -> list[dict[str, Any]]:
    """Return title, tasks and labelled tasks of every project."""
    return [{"project": p.title, "tasks": p.task_number, "labelled": p.finished_task_number} for p in studio.projects()]


def status_of(work: Work) -> Status:
    """Count the work done."""
    times = Counter(annotation.hand_id for annotation in work.annotations)
    doubles = [hand_id for hand_id, task in work.tasks.items() if task.double is not None]
    emails = sorted({*work.annotators, *work.skipped, *work.drafts})
    return Status(
        tasks=len(work.tasks),
        labelled=len(times),
        with_guess=sum(task.guess is not None for task in work.tasks.values()),
        doubles=len(doubles),
        doubles_done=sum(times[hand_id] >= 2 for hand_id in doubles),
        doubles_half=sum(times[hand_id] == 1 for hand_id in doubles),
        people=[_person(work, email) for email in emails],
        repeated=work.doubled,
        foreign=work.foreign,
    )


def _person(work: Work, email: str) -> Person:
    own = [annotation for annotation in work.annotations if annotation.annotator == email]
    times = [annotation.seconds for annotation in own if annotation.seconds is not None]
    return Person(
        email,
        len(own),
        len(work.skipped.get(email, [])),
        len(work.drafts.get(email, [])),
        sum(bool(annotation.changed_by) for annotation in own),
        round(median(times), 1) if times else None,
    )
