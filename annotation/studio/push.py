"""Push hands into a project: tasks first, then their predictions, then list the project, until nothing is missing.

The server may lose predictions that come with their tasks, and a request whose answer was lost may still have been
carried out. So tasks and predictions are sent separately, nothing is sent again before the project was listed, and only
the listing counts as success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from annotation.studio.client import Studio, StudioError
from annotation.studio.config import IMAGE
from annotation.studio.guess import MEAN_POSE, mean_pose, read_guesses
from annotation.studio.install import home
from annotation.studio.picture import MARGIN, crop_of, cut, read_frame, shown_size
from annotation.studio.project import Listing, Task, ensure_project, list_tasks
from annotation.studio.pushed import project_key, remember_manifest
from annotation.studio.store import PictureStore
from annotation.studio.task import Guess, HandTask, results, task_data
from annotation.studio.validate import require_file_names, validate_tasks
from hint.errors import InputError, some_ids
from hint.files.manifest import SampledHand, read_manifest
from hint.images import encode_image
from hint.lock import file_lock
from hint.workers import in_threads

#: Tasks, or predictions, per request: larger requests are hardly faster, and block annotators for longer.
BATCH = 250
#: Rounds without progress before giving up.
_ROUNDS = 5


@dataclass
class PushReport:
    """What a push did, and what the project contains now.

    Attributes:
        project: Number of the project.
        hands: Hands of the manifest.
        added: Tasks created.
        predicted: Tasks that got predictions.
        bare: Hands without predictions, although a file was given.
        doubled: Hand id -> task numbers, for hands with several tasks.
        predicted_twice: Hands with several predictions of the same version.
        failures: Server failures that were overcome.
    """

    project: int
    hands: int
    added: int = 0
    predicted: int = 0
    bare: list[str] = field(default_factory=list)
    doubled: dict[str, list[int]] = field(default_factory=dict)
    predicted_twice: list[str] = field(default_factory=list)
    failures: int = 0


def push(
    studio: Studio,
    store: PictureStore,
    manifest: Path,
    project: str,
    *,
    predictions: Path | None = None,
    margin: float | None = MARGIN,
    only: Path | None = None,
    patience: float = 120.0,
    on_note: Callable[[str], None] = lambda _line: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> PushReport:
    """Push the hands of a manifest into a project; what it already contains stays unchanged.

    Args:
        studio: The server.
        store: Where its pictures go.
        manifest: Written by ``hint sample``.
        project: Title of the project; it is created if needed.
        predictions: Points to start from; None for none.
        margin: Room around the box in units of its longest side; None for whole frames.
        only: File with the ids to push, one per line; None for the whole manifest.
        patience: Seconds the server may be away.
        on_note: Called with messages for the user.
        on_step: Called with (done, total) tasks and predictions that had to be sent.

    Raises:
        InputError: If manifest or predictions cannot be used, or contradict the project.
        Unreachable: If the server is not up at the start, or away for longer than ``patience``.
        StudioError: If the server refuses the data, or another push to the project is running.
    """
    hands = _hands(manifest, only)
    guesses = read_guesses(predictions, hands) if predictions else {}
    tasks = {hand.hand_id: task_of(hand, guesses.get(hand.hand_id), margin) for hand in hands}
    frames = {hand.hand_id: hand for hand in hands}
    report = push_tasks(studio, store, manifest.parent, project, frames, tasks, patience, on_note, on_step)
    remember_manifest(studio.url, report.project, manifest)
    report.bare = sorted(set(tasks) - set(guesses)) if predictions else []
    return report


def push_tasks(
    studio: Studio,
    store: PictureStore,
    folder: Path,
    project: str,
    hands: Mapping[str, SampledHand],
    tasks: Mapping[str, HandTask],
    patience: float,
    on_note: Callable[[str], None],
    on_step: Callable[[int, int], None],
) -> PushReport:
    """Push tasks; the arguments and errors are those of :func:`push`.

    Args:
        studio: The server.
        store: Where its pictures go.
        folder: The pictures of the hands are relative to it.
        project: Title of the project.
        hands: Hand id -> the hand that is shown.
        tasks: Hand id -> its task.
        patience: Seconds the server may be away.
        on_note: Called with messages for the user.
        on_step: Called with (done, total) tasks and predictions that had to be sent.
    """
    require_file_names(tasks)
    validate_tasks(tasks)
    studio.wait_until_up(patience, on_note)
    busy = StudioError(f"another push to {project!r} is running on this machine; wait until it ends")
    with file_lock(home() / "locks" / project_key(studio.url, project), busy):
        return _Push(studio, store, project, folder, hands, tasks, patience, on_note, on_step).run()


def _hands(manifest: Path, only: Path | None) -> list[SampledHand]:
    """Read the hands to push.

    Raises:
        InputError: If manifest or ids cannot be read, or some ids are not in the manifest.
    """
    hands = read_manifest(manifest)
    if only is None:
        return hands
    try:
        ids = set(only.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{only} is not a list of ids, one per line: {error}") from error
    if unknown := sorted(ids - {hand.hand_id for hand in hands}):
        raise InputError(f"{manifest} lacks {len(unknown)} hands of {only}: {some_ids(unknown)}")
    return [hand for hand in hands if hand.hand_id in ids]


def task_of(hand: SampledHand, guess: Guess | None, margin: float | None) -> HandTask:
    """Return the task of a hand; ``margin`` is that of :func:`push`."""
    points = np.array(guess.keypoints)[np.array(guess.existence)] if guess else None
    crop = crop_of(hand, points, margin)
    return HandTask(
        folder=hand.folder,
        image=hand.image,
        image_sha256=hand.image_sha256,
        frame_size=hand.size,
        box_xyxy=hand.box_xyxy,
        crop=crop,
        shown=shown_size(crop),
        guess=guess,
        mean_pose=None if guess else mean_pose(hand),
    )


class _Missing(NamedTuple):
    """Ids of hands without a task, of tasks without their guess, and of hands without a prediction."""

    tasks: list[str]
    guesses: list[str]
    predictions: list[str]

    def __bool__(self) -> bool:
        return any(map(len, self))

    @property
    def total(self) -> int:
        return sum(map(len, self))

    @property
    def to_send(self) -> int:
        return len(self.tasks) + len(self.predictions)


@dataclass
class _Push:
    """One push: the tasks a project should contain, and the way to get there."""

    studio: Studio
    store: PictureStore
    title: str
    folder: Path
    hands: Mapping[str, SampledHand]
    tasks: Mapping[str, HandTask]
    patience: float
    on_note: Callable[[str], None]
    on_step: Callable[[int, int], None]
    project: int = 0
    failures: int = 0
    total: int = 0
    done: int = 0

    def run(self) -> PushReport:
        """Repeat until the listing contains everything."""
        self.project = int(self._retry(lambda: ensure_project(self.studio, self.title)).id)
        self.store.check()
        self._retry(lambda: self.store.attach(self.studio, self.project))
        listing = self._retry(lambda: list_tasks(self.studio, self.project))
        self._refuse_contradictions(listing)
        missing = first = self._missing(listing)
        self.total, idle = first.to_send, 0
        self._restore_pictures(listing)
        while missing:
            listing = self._retry(self._round)
            now = self._missing(listing)
            self.done = self.total - now.to_send
            idle = idle + 1 if now.total >= missing.total else 0
            if idle == _ROUNDS:
                raise StudioError(
                    f"{self.studio.url} responds, but {now.total} tasks or predictions do not arrive; see the log of "
                    "the server"
                )
            missing = now
        self._show_predictions(listing)
        return self._report(listing, first)

    def _retry(self, work: Callable[[], Any]) -> Any:
        return self.studio.retry(work, self.patience, self._failed)

    def _failed(self, reason: str) -> None:
        self.failures += 1
        self.on_note(f"trying again: {reason}")

    def _step(self, steps: int) -> None:
        self.done += steps
        self.on_step(min(self.done, self.total), self.total)

    def _missing(self, listing: Listing) -> _Missing:
        known = listing.tasks
        guessed = [hand_id for hand_id, task in self.tasks.items() if task.guess]
        version = self._version(listing)
        return _Missing(
            [hand_id for hand_id in self.tasks if hand_id not in known],
            [hand_id for hand_id in guessed if hand_id in known and known[hand_id].hint.guess is None],
            [hand_id for hand_id in self.tasks if not (hand_id in known and version in known[hand_id].versions)],
        )

    def _refuse_contradictions(self, listing: Listing) -> None:
        different: dict[str, list[str]] = {}
        for hand_id, task in self.tasks.items():
            known = listing.tasks.get(hand_id)
            if known and (kind := _contradiction(task, known)):
                different.setdefault(kind, []).append(hand_id)
        for kind, ids in different.items():
            raise InputError(
                f"project {self.title!r} contains {len(ids)} hands with {kind}: {some_ids(ids)}; "
                "nothing was changed, push to another project"
            )
        version = self._version(listing)
        others = _versions(listing) - {version}
        if others:
            raise InputError(
                f"project {self.title!r} contains predictions of {', '.join(sorted(others))}, not of {version}; "
                "annotators would see only one of them: push to another project"
            )

    def _version(self, listing: Listing) -> str:
        """Return the version annotators start from, which is one for all hands: also mean poses are sent under it."""
        given = next((task.guess.version for task in self.tasks.values() if task.guess), None)
        return given or min(_versions(listing), default=MEAN_POSE)

    def _round(self) -> Listing:
        """List and add missing tasks; list and add missing predictions; list."""
        listing = list_tasks(self.studio, self.project)
        missing = self._missing(listing)
        for batch in _batches(missing.tasks):
            addresses = self.store.put(self.studio, self.project, dict(self._pictures(batch, self.tasks)))
            data = [task_data(hand_id, addresses[hand_id], self.tasks[hand_id]) for hand_id in batch]
            self.studio.add_tasks(self.project, data)
            self._step(len(batch))
        for hand_id in missing.guesses:
            self._add_guess(listing.tasks[hand_id])
        if missing.tasks or missing.guesses:
            listing = list_tasks(self.studio, self.project)
        unpredicted = [hand_id for hand_id in self._missing(listing).predictions if hand_id in listing.tasks]
        for batch in _batches(unpredicted):
            version = self._version(listing)
            sent = [_prediction(listing.tasks[hand_id], version) for hand_id in batch]
            self.studio.add_predictions(self.project, sent)
            self._step(len(batch))
        return list_tasks(self.studio, self.project) if unpredicted else listing

    def _add_guess(self, task: Task) -> None:
        """Add the guess to the data of a task that was pushed without one; its picture stays the same."""
        hint = task.hint.model_copy(update={"guess": self.tasks[task.hand_id].guess})
        self.studio.change_task(task.id, data={**task.data, **task_data(task.hand_id, task.data[IMAGE], hint)})

    def _pictures(self, hand_ids: Sequence[str], tasks: Mapping[str, HandTask]) -> Iterator[tuple[str, bytes]]:
        def make(hand_id: str, _stop: Event) -> bytes:
            frame = read_frame(self.hands[hand_id], self.folder)
            return encode_image(cut(frame, tasks[hand_id].crop, tasks[hand_id].box_xyxy), ".jpg")

        yield from in_threads(make, hand_ids)

    def _restore_pictures(self, listing: Listing) -> None:
        """Write pictures that vanished from the served folder again, cropped as their tasks expect."""
        known = {hand_id: task.hint for hand_id, task in listing.tasks.items() if hand_id in self.tasks}
        gone = [hand_id for hand_id in known if self.store.lacks(self.project, hand_id)]
        for batch in _batches(gone):
            self.store.put(self.studio, self.project, dict(self._pictures(batch, known)))
        if gone:
            self.on_note(f"{len(gone)} missing pictures restored: {some_ids(gone)}")

    def _show_predictions(self, listing: Listing) -> None:
        version = self._version(listing)
        if self._retry(lambda: self.studio.project(self.project)).model_version != version:
            self._retry(partial(self.studio.show_predictions, self.project, version))

    def _report(self, listing: Listing, first: _Missing) -> PushReport:
        mine = {hand_id: task for hand_id, task in listing.tasks.items() if hand_id in self.tasks}
        return PushReport(
            self.project,
            hands=len(self.tasks),
            added=len(first.tasks),
            predicted=len(first.predictions),
            doubled={hand_id: ids for hand_id, ids in listing.doubled.items() if hand_id in self.tasks},
            predicted_twice=[hand_id for hand_id, task in mine.items() if task.n_predictions > len(task.versions)],
            failures=self.failures,
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
    """Return the versions of the predictions in a project, mean poses aside."""
    return {version for task in listing.tasks.values() for version in task.versions} - {MEAN_POSE}


def _prediction(task: Task, version: str) -> dict[str, Any]:
    try:
        return {"task": task.id, "model_version": version, "result": results(task.hint)}
    except ValueError as error:
        raise StudioError(f"{task.hand_id}: {error}; was the task changed meanwhile?") from error


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
