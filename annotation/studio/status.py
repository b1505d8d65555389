"""Progress of a project: what is finished, by whom, and what must be mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from annotation.studio.answers import Answers, Broken, comparable, sort_answers
from annotation.studio.client import Project, Studio
from annotation.studio.config import has_same_meaning
from annotation.studio.project import require_project
from annotation.studio.recent import recent_work
from annotation.studio.scores import HoneypotScores, score_honeypots, split_honeypots
from annotation.studio.work import Work
from hint.types import HandLabels

#: Seconds the server may be away.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Person:
    """Progress of one annotator.

    Attributes:
        email: The annotator.
        labelled: Hands with a label that can be used.
        unusable: Hands marked unusable.
        broken: Submitted labels that cannot be used.
        returned: Hands sent back and not labelled since.
        skipped: Hands skipped and not labelled since.
        drafts: Hands started and not submitted.
        changed_by_others: Hands somebody else changed afterwards.
        seconds: Median time per hand, None if unknown.
    """

    email: str
    labelled: int
    unusable: int
    broken: int
    returned: int
    skipped: int
    drafts: int
    changed_by_others: int
    seconds: float | None


@dataclass(frozen=True)
class BrokenLabel:
    """A submitted label that cannot be used.

    Attributes:
        hand_id: The hand.
        annotator: Who labelled it.
        problem: What is wrong.
        task: Number of the task.
        link: Address of the task.
    """

    hand_id: str
    annotator: str
    problem: str
    task: int
    link: str


@dataclass(frozen=True)
class Status:
    """Progress of a project.

    Attributes:
        tasks: Hands in the project.
        labelled: Hands with at least one label that can be used.
        with_guess: Hands with initial points.
        doubles: Hands to be labelled by two people.
        doubles_done: Doubles with labels of two people that can be compared.
        doubles_half: Doubles with one such label.
        people: Annotators.
        unusable: Annotator -> hands marked unusable -> the reason given.
        broken: Submitted labels that cannot be used; their hands are not finished.
        returned: Annotator -> hands sent back and not labelled since.
        repeated: Hands with several tasks.
        foreign: Tasks not pushed by hint.
        honeypots: Tasks with known answers, counted in none of the above, and how well they were labelled.
    """

    tasks: int
    labelled: int
    with_guess: int
    doubles: int
    doubles_done: int
    doubles_half: int
    honeypots: HoneypotScores
    people: list[Person] = field(default_factory=list)
    unusable: dict[str, dict[str, str]] = field(default_factory=dict)
    broken: list[BrokenLabel] = field(default_factory=list)
    returned: dict[str, list[str]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "honeypots": self.honeypots.model_dump(mode="json")}


def project_status(studio: Studio, title: str, gold: HandLabels | None = None) -> Status:
    """Fetch the progress of a project.

    Args:
        studio: The server.
        title: Title of the project.
        gold: The labels its honeypots were made of, where this machine did not push them.

    Raises:
        InputError: If there is no such project.
    """
    return _fetched(studio, require_project(studio, title), gold)


def all_statuses(studio: Studio, gold: HandLabels | None = None) -> list[tuple[str, Status]]:
    """Fetch title and progress of all projects of hint; see :func:`project_status`."""
    return [(one.title, _fetched(studio, one, gold)) for one in studio.projects() if has_same_meaning(one.label_config)]


def _fetched(studio: Studio, project: Project, gold: HandLabels | None) -> Status:
    work = studio.retry(lambda: recent_work(studio, project), _PATIENCE)
    return status_of(work, f"{studio.url}/projects/{project.id}", gold)


def list_projects(studio: Studio) -> list[dict[str, Any]]:
    """Return title, tasks, and tasks with all the labels they need, usable or not, of every project."""
    projects = studio.projects()
    return [{"project": p.title, "tasks": p.task_number, "submitted": p.finished_task_number} for p in projects]


def status_of(everything: Work, page: str, gold: HandLabels | None = None) -> Status:
    """Count the work done.

    Args:
        everything: All work in a project.
        page: Address of the project.
        gold: The labels its honeypots were made of, where this machine did not push them.
    """
    work, pots = split_honeypots(everything)
    answers, tried = sort_answers(work), sort_answers(pots)
    broken = [*answers.broken, *tried.broken]
    doubles = [len(people) for people in comparable(work, answers).values()]
    emails = {*everything.annotators, *everything.returned, *everything.skipped, *everything.drafts}
    return Status(
        tasks=len(work.tasks),
        labelled=len(answers.labelled),
        with_guess=sum(task.guess is not None for task in work.tasks.values()),
        doubles=len(doubles),
        doubles_done=sum(times >= 2 for times in doubles),
        doubles_half=sum(times == 1 for times in doubles),
        honeypots=score_honeypots(pots, tried, gold),
        people=[_person(everything, answers, broken, email) for email in sorted(emails)],
        unusable=answers.reasons,
        broken=[broken_label(one, page) for one in broken],
        returned=everything.returned,
        repeated=everything.doubled,
        foreign=everything.foreign,
    )


def broken_label(one: Broken, page: str) -> BrokenLabel:
    """Describe a broken label; ``page`` is the address of its project."""
    label = one.annotation
    return BrokenLabel(label.hand_id, label.annotator, str(one), label.task, f"{page}/data?task={label.task}")


def _person(work: Work, answers: Answers, broken: Sequence[Broken], email: str) -> Person:
    own = [annotation for annotation in work.annotations if annotation.annotator == email]
    times = [annotation.seconds for annotation in own if annotation.seconds is not None]
    return Person(
        email,
        labelled=len(answers.sound.get(email, [])),
        unusable=len(answers.unusable.get(email, [])),
        broken=sum(one.annotation.annotator == email for one in broken),
        returned=len(work.returned.get(email, [])),
        skipped=len(work.skipped.get(email, [])),
        drafts=len(work.drafts.get(email, [])),
        changed_by_others=sum(bool(annotation.changed_by) for annotation in own),
        seconds=round(median(times), 1) if times else None,
    )
