"""What a project lacks of the tasks it should contain, and what in it contradicts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from annotation.studio.guess import MEAN_POSE
from annotation.studio.project import Listing, Task
from annotation.studio.task import HandTask
from hint.errors import InputError, some_ids

#: Hand id -> the task that a project should contain.
Tasks = Mapping[str, HandTask]


class Missing(NamedTuple):
    """Ids of hands without a task, of tasks without their guess, and of hands without a prediction."""

    tasks: list[str]
    guesses: list[str]
    predictions: list[str]

    def __bool__(self) -> bool:
        return any(map(len, self))

    @property
    def total(self) -> int:
        """Number of all of these."""
        return sum(map(len, self))

    @property
    def to_send(self) -> int:
        """Number of tasks and predictions to send."""
        return len(self.tasks) + len(self.predictions)


def find_missing(tasks: Tasks, listing: Listing) -> Missing:
    """Return what of some tasks a project lacks."""
    known, version = listing.tasks, version_of(tasks, listing)
    guessed = [hand_id for hand_id, task in tasks.items() if task.guess]
    return Missing(
        [hand_id for hand_id in tasks if hand_id not in known],
        [hand_id for hand_id in guessed if hand_id in known and known[hand_id].hint.guess is None],
        [hand_id for hand_id in tasks if not (hand_id in known and version in known[hand_id].versions)],
    )


def version_of(tasks: Tasks, listing: Listing) -> str:
    """Return the version annotators start from, which is one for all hands: also mean poses are sent under it."""
    given = next((task.guess.version for task in tasks.values() if task.guess), None)
    return given or min(_versions(listing), default=MEAN_POSE)


def refuse_contradictions(title: str, tasks: Tasks, listing: Listing) -> None:
    """Check that what a project contains is what it should contain.

    Args:
        title: Of the project.
        tasks: What it should contain.
        listing: What it contains.

    Raises:
        InputError: If a hand has another picture, box or points, or there are predictions of another version.
    """
    different: dict[str, list[str]] = {}
    for hand_id, task in tasks.items():
        known = listing.tasks.get(hand_id)
        if known and (kind := _contradiction(task, known)):
            different.setdefault(kind, []).append(hand_id)
    for kind, ids in different.items():
        raise InputError(
            f"project {title!r} contains {len(ids)} hands with {kind}: {some_ids(ids)}; "
            "nothing was changed, push to another project"
        )
    version = version_of(tasks, listing)
    if others := _versions(listing) - {version}:
        raise InputError(
            f"project {title!r} contains predictions of {', '.join(sorted(others))}, not of {version}; "
            "annotators would see only one of them: push to another project"
        )


def _contradiction(task: HandTask, known: Task) -> str:
    """Return how an existing task differs from the one to push, "" if it does not; the crop may differ."""
    fixed = ("folder", "image_sha256", "frame_size", "box_xyxy")
    if any(getattr(task, name) != getattr(known.hint, name) for name in fixed):
        return "another picture or box"
    if task.guess and known.hint.guess and task.guess != known.hint.guess:
        return "other initial points"
    return ""


def _versions(listing: Listing) -> set[str]:
    """Return the versions of the points that were pushed, mean poses and those of ``hint studio ml`` aside."""
    return {task.hint.guess.version for task in listing.tasks.values() if task.hint.guess}
