"""Tasks that two people label independently, so that agreement can be computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from annotation.studio.client import Studio
from annotation.studio.known import honeypots_in
from annotation.studio.project import Listing, list_tasks, require_project
from hint.errors import InputError


@dataclass(frozen=True)
class Doubles:
    """The double-annotated hands of a project.

    Attributes:
        hand_ids: All of them, sorted.
        new: Hands chosen by this call.
        seed: Seed of the draw.
    """

    hand_ids: list[str]
    new: list[str]
    seed: int


def draw(hand_ids: Iterable[str], number: int, seed: int) -> list[str]:
    """Draw hands at random; their order does not matter, and a larger number only adds hands.

    Args:
        hand_ids: Hands to draw from.
        number: Hands to draw.
        seed: Seed of the draw.
    """
    return sorted(hand_ids, key=lambda hand_id: hashlib.sha256(f"{seed}:{hand_id}".encode()).digest())[:number]


def choose_doubles(
    studio: Studio, title: str, number: int, seed: int, patience: float, on_note: Callable[[str], None]
) -> Doubles:
    """Have this many tasks of a project labelled by two people; earlier choices are kept.

    The choice is stored in the tasks, and the ``overlap`` of each task is set: the project-wide setting would pick its
    own tasks.

    Raises:
        InputError: If there are not enough tasks, more were chosen before, or they were drawn with another seed.
    """
    studio.wait_until_up(patience, on_note)
    project = int(studio.retry(lambda: require_project(studio, title), patience, on_note).id)
    listing = studio.retry(lambda: list_tasks(studio, project), patience, on_note)
    chosen = _choose(listing, title, number, seed)
    new = [hand_id for hand_id in chosen if listing.tasks[hand_id].hint.double is None]

    def apply() -> None:
        now = list_tasks(studio, project)
        for hand_id in chosen:
            task = now.tasks[hand_id]
            if task.hint.double is None or task.overlap != 2:
                hint = task.hint.model_copy(update={"double": seed})
                studio.change_task(task.id, data={**task.data, "hint": hint.model_dump(mode="json")}, overlap=2)

    studio.retry(apply, patience, on_note)
    return Doubles(sorted(chosen), sorted(new), seed)


def _choose(listing: Listing, title: str, number: int, seed: int) -> list[str]:
    honeypots = honeypots_in({hand_id: task.hint for hand_id, task in listing.tasks.items()})
    before = {hand_id: task.hint.double for hand_id, task in listing.tasks.items() if task.hint.double is not None}
    others = sorted({drawn for drawn in before.values() if drawn != seed and drawn is not None})
    if others:
        raise InputError(f"{title!r} has {len(before)} doubles drawn with seed {others[0]}; use --seed {others[0]}")
    if len(before) > number:
        raise InputError(f"{title!r} already has {len(before)} doubles; K is the total, and doubles cannot be removed")
    rest = [hand_id for hand_id in listing.tasks if hand_id not in before and hand_id not in honeypots]
    if number > len(before) + len(rest):
        raise InputError(f"{title!r} has only {len(before) + len(rest)} tasks, not {number}")
    return [*before, *draw(rest, number - len(before), seed)]
