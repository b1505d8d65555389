"""How far a project is."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from annotation.studio.work import Work


@dataclass(frozen=True)
class Person:
    """What one annotator did.

    Attributes:
        email: Who.
        labelled: Hands submitted.
        skipped: Hands skipped and not labelled later.
        drafts: Hands begun and not submitted.
        changed_by_others: Own work that somebody else changed.
        seconds: Median time per hand, None where the server does not know.
    """

    email: str
    labelled: int
    skipped: int
    drafts: int
    changed_by_others: int
    seconds: float | None


@dataclass(frozen=True)
class Status:
    """How far a project is.

    Attributes:
        tasks: Hands in the project.
        labelled: Hands with at least one label.
        with_guess: Hands with points put in beforehand.
        doubles: Hands that two are to label.
        doubles_done: Those two have labelled.
        doubles_half: Those one has labelled.
        people: Annotators.
        repeated: Hands with several tasks.
        foreign: Tasks hint did not push.
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


def status_of(work: Work) -> Status:
    """Count what was done."""
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
