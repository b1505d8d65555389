"""Push honeypots: hands with known labels that look like the other tasks of a project."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from annotation.check.run import read_sets
from annotation.studio.client import Studio
from annotation.studio.double import draw
from annotation.studio.guess import read_guesses
from annotation.studio.known import Known, honeypots_in, known_answers, mark, remember
from annotation.studio.picture import MARGIN
from annotation.studio.project import Listing, list_tasks, require_project
from annotation.studio.push import push_tasks, task_of
from annotation.studio.store import PictureStore
from annotation.studio.task import Guess
from hint.errors import InputError, some_ids
from hint.files.manifest import SampledHand, read_manifest
from hint.names import parse_name
from hint.types import HandLabels

#: People a honeypot is offered to: everybody who will ever label in the project.
EVERYBODY = 1000
#: The order of tasks in which honeypots come among the others, not as a block.
_MIXED = "Uniform sampling"


@dataclass(frozen=True)
class Honeypots:
    """The honeypots of a project.

    Attributes:
        hand_ids: All of them, by their names in the project, sorted.
        new: Name in the project -> labelled hand, for those added by this call.
        seed: Seed of the draw.
    """

    hand_ids: list[str]
    new: dict[str, str]
    seed: int


def add_honeypots(
    studio: Studio,
    store: PictureStore,
    manifest: Path,
    labels: HandLabels | str | Path,
    title: str,
    number: int,
    *,
    predictions: Path | None = None,
    seed: int = 0,
    margin: float | None = MARGIN,
    patience: float = 120.0,
    on_note: Callable[[str], None] = lambda _line: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Honeypots:
    """Have this many hands with known labels labelled by every annotator of a project; earlier ones are kept.

    Args:
        studio: The server.
        store: Where its pictures go.
        manifest: The hands, as for a push.
        labels: Their known labels, or where they are.
        title: Title of the project, which must contain tasks already: honeypots are made to look like them.
        number: Honeypots in total; a larger number only adds some.
        predictions: Points to start from, of the method the other tasks were pushed with; None if these have none.
        seed: Seed of the draw.
        margin: Room around the box, as for the other tasks.
        patience: Seconds the server may be away.
        on_note: Called with messages for the user.
        on_step: Called with (done, total) tasks and predictions that had to be sent.

    Raises:
        InputError: If something cannot be read, there are not enough such hands, or they would not look like the other
            tasks.
        UnreachableError: If the server is not up at the start, or away for longer than ``patience``.
    """
    hands = _labelled_hands(manifest, labels)
    guesses = read_guesses(predictions, [hand for hand, _ in hands]) if predictions else {}
    studio.wait_until_up(patience, on_note)
    project = int(studio.retry(lambda: require_project(studio, title), patience, on_note).id)
    listing = studio.retry(lambda: list_tasks(studio, project), patience, on_note)
    _refuse_strange(listing, title, guesses, predictions)
    chosen = _choose(
        listing, title, [one for one in hands if not predictions or one[0].hand_id in guesses], number, seed
    )
    disguised = _disguise(listing, chosen, seed)
    remember(known for _, known in chosen)
    studio.retry(lambda: studio.change_project(project, sampling=_MIXED), patience, on_note)
    if disguised:
        frames = {name: hand for name, (hand, _, _) in disguised.items()}
        tasks = {
            name: task_of(hand, guesses.get(hand.hand_id), margin).model_copy(update=looks)
            for name, (hand, _, looks) in disguised.items()
        }
        push_tasks(studio, store, manifest.parent, title, frames, tasks, patience, on_note, on_step)
    everybody = studio.retry(lambda: _offer_to_everybody(studio, project), patience, on_note)
    return Honeypots(everybody, {name: known.hand_id for name, (_, known, _) in disguised.items()}, seed)


def _labelled_hands(manifest: Path, labels: HandLabels | str | Path) -> list[tuple[SampledHand, Known]]:
    sets = [one.labels for one in read_sets(labels)]
    known = {hand_id: answer for part in sets for hand_id, answer in known_answers(part).items()}
    right = {hand_id for part in sets for hand_id in part.hand_id[part.is_right].tolist()}
    hands = [hand for hand in read_manifest(manifest) if hand.hand_id in known]
    if not hands:
        raise InputError(
            f"no hand of {manifest} has a known label; hint sample labels makes a manifest of labelled hands"
        )
    if other := [hand.hand_id for hand in hands if (hand.side == "right") != (hand.hand_id in right)]:
        raise InputError(f"left in {manifest}, right in the labels, or the reverse: {some_ids(other)}")
    return [(hand, known[hand.hand_id]) for hand in hands]


def _refuse_strange(listing: Listing, title: str, guesses: Mapping[str, Guess], predictions: Path | None) -> None:
    """Refuse honeypots that annotators would recognise by their initial points."""
    if not listing.tasks:
        raise InputError(f"{title!r} has no tasks yet; push hands first, honeypots are made to look like them")
    versions = {task.hint.guess.version for task in listing.tasks.values() if task.hint.guess}
    mine = {guess.version for guess in guesses.values()}
    if versions and predictions is None:
        raise InputError(
            f"the tasks of {title!r} start from points of {', '.join(sorted(versions))}, so honeypots without any "
            "would be recognised; pass --predictions FILE.npz of the same method (hint prelabel MANIFEST --method NAME)"
        )
    if mine - versions:
        raise InputError(
            f"{predictions} holds points of {', '.join(sorted(mine))}, the tasks of {title!r} start from "
            f"{', '.join(sorted(versions)) or 'none'}; honeypots would be recognised"
        )


def _choose(
    listing: Listing, title: str, hands: Sequence[tuple[SampledHand, Known]], number: int, seed: int
) -> list[tuple[SampledHand, Known]]:
    """Draw the hands that are missing to a number of honeypots."""
    there = honeypots_in({hand_id: task.hint for hand_id, task in listing.tasks.items()})
    if len(there) > number:
        raise InputError(f"{title!r} already has {len(there)} honeypots; K is the total, and none can be removed")
    left = {hand.hand_id: (hand, known) for hand, known in hands if known.key not in there.values()}
    if len(there) + len(left) < number:
        raise InputError(
            f"{number - len(there)} more honeypots wanted, but only {len(left)} other hands have a known label (and a "
            "prediction, if a file of them was given)"
        )
    return [left[hand_id] for hand_id in draw(left, number - len(there), seed)]


def _disguise(
    listing: Listing, chosen: Sequence[tuple[SampledHand, Known]], seed: int
) -> dict[str, tuple[SampledHand, Known, dict[str, str]]]:
    """Return a name in the project -> hand, answer, and the fields of its task that are made up."""
    ordinary = {hand_id: task.hint for hand_id, task in listing.tasks.items()}
    models = sorted(ordinary.keys() - honeypots_in(ordinary).keys()) or sorted(ordinary)
    found: dict[str, tuple[SampledHand, Known, dict[str, str]]] = {}
    for hand, known in chosen:
        chance = int(hashlib.sha256(f"{seed}:{known.key}".encode()).hexdigest(), 16)
        model = models[chance % len(models)]
        name = name_like(model, hand.side == "right", {*listing.tasks, *found}, chance // len(models))
        image = PurePosixPath(ordinary[model].image)
        looks = {
            "folder": ordinary[model].folder,
            "image": str(image.with_name(f"{name}{image.suffix}")),
            "image_sha256": mark(name, known.key),
        }
        found[name] = (hand, known, looks)
    return found


def name_like(model: str, is_right: bool, taken: Collection[str], chance: int) -> str:
    """Return a name for a hand as it could stand beside another one: of the same video, some frames off.

    Args:
        model: The other hand.
        is_right: Side of the hand.
        taken: Names that exist.
        chance: A random number.
    """
    side = "_r" if is_right else "_l"
    stem = model[:-2] if re.search(r"\d", model) else f"{model[:-2]}-1"
    numbers = sorted(re.finditer(r"\d+", stem), key=lambda one: (-len(one[0]), -one.start()))
    step = 1 + chance % 500
    while True:
        names = [f"{stem[: one.start()]}{_later(one[0], step)}{stem[one.end() :]}{side}" for one in numbers]
        same_video = [name for name in names if _is_beside(name, model)]
        if same_video and same_video[0] not in taken:
            return same_video[0]
        step += 1


def _later(number: str, step: int) -> str:
    """Return a number some steps on, with as many digits; short ones may grow to four."""
    width = len(number)
    return str((int(number) + step) % 10 ** max(4, width)).zfill(width)


def _is_beside(name: str, model: str) -> bool:
    """Return whether a name is that of another frame of the same video and kind, as far as names tell."""
    one, other = parse_name(name), parse_name(model)
    if one is None or other is None or other.source == "other":
        return True
    kinds = [(parsed.source, parsed.clip_id, parsed.action, parsed.frame_type) for parsed in (one, other)]
    return kinds[0] == kinds[1] and one.frame != other.frame


def _offer_to_everybody(studio: Studio, project: int) -> list[str]:
    """Offer all honeypots of a project to every annotator; return their names."""
    listing = list_tasks(studio, project)
    names = sorted(honeypots_in({hand_id: task.hint for hand_id, task in listing.tasks.items()}))
    for name in names:
        if listing.tasks[name].overlap != EVERYBODY:
            studio.change_task(listing.tasks[name].id, overlap=EVERYBODY)
    return names
