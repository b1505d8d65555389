"""Push hands into a project: tasks with their predictions, then whatever did not arrive, until nothing is missing.

The server may lose predictions that come with their tasks and say nothing, and a request whose answer was lost may
still have been carried out. So nothing is sent again before the project was listed, and success is what the database
has: as many tasks and predictions as were sent, or else a new listing, after which the missing predictions are sent
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np

from annotation.studio.client import Project, Studio
from annotation.studio.config import IMAGE
from annotation.studio.failures import StudioError
from annotation.studio.guess import MEAN_POSE, mean_pose, read_guesses
from annotation.studio.install import home
from annotation.studio.missing import Missing, find_missing, refuse_contradictions, version_of
from annotation.studio.picture import MARGIN, crop_of, cut, read_frame, shown_size
from annotation.studio.project import Listing, Task, ensure_project, is_still, list_tasks
from annotation.studio.pushed import remember_manifest, short_name
from annotation.studio.store import PictureStore
from annotation.studio.task import Guess, HandTask, results, task_data
from annotation.studio.validate import require_file_names
from hint.errors import InputError, counted, some_ids
from hint.files.manifest import SampledHand, read_manifest
from hint.images import encode_image
from hint.lock import file_lock
from hint.workers import in_threads, one_ahead

#: Tasks, or predictions, per request. Larger requests are hardly faster, and block annotators for longer; each request
#: must find SQLite at a moment when nobody saves, so many small ones wait longer.
BATCH = 250
#: Rounds without progress before giving up.
_ROUNDS = 5

Value = TypeVar("Value")


@dataclass
class PushReport:
    """What a push did, and what the project contains now.

    Attributes:
        project: Number of the project.
        identity: What the project keeps when its server moves or its title changes.
        hands: Hands of the manifest.
        added: Tasks created.
        predicted: Tasks that got predictions.
        bare: Hands without predictions, although a file was given.
        doubled: Hand id -> task numbers, for hands with several tasks.
        predicted_twice: Hands with several predictions of the same version.
        outages: How often the server went away meanwhile.
    """

    project: int
    identity: str
    hands: int
    added: int = 0
    predicted: int = 0
    bare: list[str] = field(default_factory=list)
    doubled: dict[str, list[int]] = field(default_factory=dict)
    predicted_twice: list[str] = field(default_factory=list)
    outages: int = 0


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
        UnreachableError: If the server is not up at the start, or away for longer than ``patience``.
        StudioError: If the server refuses the data, or another push to the project is running.
    """
    hands = _hands(manifest, only)
    guesses = read_guesses(predictions, hands) if predictions else {}
    tasks = {hand.hand_id: task_of(hand, guesses.get(hand.hand_id), margin) for hand in hands}
    frames = {hand.hand_id: hand for hand in hands}
    report = push_tasks(studio, store, manifest.parent, project, frames, tasks, patience, on_note, on_step)
    remember_manifest(report.identity, manifest)
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
    studio.wait_until_up(patience, on_note)
    busy = StudioError(f"another push to {project!r} is running on this machine; wait until it ends")
    with file_lock(home() / "locks" / short_name(project), busy):  # of this title on any server: its port may change
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
    total: int = 0
    done: int = 0
    #: What the project contains; None while that is uncertain.
    listing: Listing | None = None

    @cached_property
    def project(self) -> Project:
        """The project; it is created if needed."""
        return self._retry(lambda: ensure_project(self.studio, self.title))

    def run(self) -> PushReport:
        """Repeat until the project contains everything."""
        self.store.check()
        self._retry(lambda: self.store.attach(self.studio, self.project.id))
        listing = self._retry(self._list)
        refuse_contradictions(self.title, self.tasks, listing)
        missing = first = find_missing(self.tasks, listing)
        self.total, idle = first.to_send, 0
        self._restore_pictures(listing)
        while missing:
            listing = self._retry(self._round)
            now = find_missing(self.tasks, listing)
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

    def _retry(self, work: Callable[[], Value]) -> Value:
        return self.studio.retry(work, self.patience, self.on_note)

    def _step(self, steps: int) -> None:
        self.done += steps
        self.on_step(min(self.done, self.total), self.total)

    def _list(self) -> Listing:
        """Return what the project contains; ask only where that is uncertain."""
        if self.listing is None:
            self.listing = list_tasks(self.studio, self.project.id)
        return self.listing

    def _round(self) -> Listing:
        """Send what is missing; return what the project then contains."""
        listing = self._list()
        self.listing = None  # until everything below has worked
        missing = find_missing(self.tasks, listing)
        for hand_id in missing.guesses:
            self._add_guess(listing.tasks[hand_id])
        if missing.guesses:
            listing = list_tasks(self.studio, self.project.id)
        version = version_of(self.tasks, listing)
        unpredicted = [hand_id for hand_id in missing.predictions if hand_id in listing.tasks]
        for batch in _batches(unpredicted):
            sent = [_prediction(listing.tasks[hand_id], version) for hand_id in batch]
            self.studio.add_predictions(self.project.id, sent)
            self._step(len(batch))
        expected = listing.extended(self._add_tasks(missing.tasks, version))
        if not unpredicted and is_still(self.studio, self.project.id, expected):
            self.listing = expected
        return self._list()

    def _add_tasks(self, hand_ids: Sequence[str], version: str) -> dict[str, Task]:
        """Send tasks with their predictions of a version; return them as they should have arrived."""
        sent: dict[str, Task] = {}
        for batch, pictures in one_ahead(self._pictures, _batches(hand_ids)):
            addresses = self.store.put(self.studio, self.project.id, pictures)
            data = {hand_id: task_data(hand_id, addresses[hand_id], self.tasks[hand_id]) for hand_id in batch}
            rows = [
                {
                    "data": data[hand_id],
                    "predictions": [{"model_version": version, "result": results(self.tasks[hand_id])}],
                }
                for hand_id in batch
            ]
            numbers, n_predictions = self.studio.add_tasks(self.project.id, rows)
            for number, hand_id in zip(numbers, batch, strict=True):
                sent[hand_id] = _sent(number, hand_id, self.tasks[hand_id], data[hand_id], version)
            self._step(len(batch) + n_predictions)
        return sent

    def _add_guess(self, task: Task) -> None:
        """Add the guess to the data of a task that was pushed without one; its picture stays the same."""
        hint = task.hint.model_copy(update={"guess": self.tasks[task.hand_id].guess})
        self.studio.change_task(task.id, data={**task.data, **task_data(task.hand_id, task.data[IMAGE], hint)})

    def _pictures(self, hand_ids: Sequence[str]) -> dict[str, bytes]:
        return self._cut(hand_ids, self.tasks)

    def _cut(self, hand_ids: Sequence[str], tasks: Mapping[str, HandTask]) -> dict[str, bytes]:
        """Return the pictures of hands as JPEGs."""

        def make(hand_id: str, _stop: Event) -> bytes:
            frame = read_frame(self.hands[hand_id], self.folder)
            return encode_image(cut(frame, tasks[hand_id].crop, tasks[hand_id].box_xyxy), ".jpg")

        return dict(in_threads(make, hand_ids))

    def _restore_pictures(self, listing: Listing) -> None:
        """Write pictures that vanished from the served folder again, cropped as their tasks expect."""
        known = {hand_id: task.hint for hand_id, task in listing.tasks.items() if hand_id in self.tasks}
        gone = [hand_id for hand_id in known if self.store.lacks(self.project.id, hand_id)]
        for batch in _batches(gone):
            self.store.put(self.studio, self.project.id, self._cut(batch, known))
        if gone:
            self.on_note(f"{counted(len(gone), 'missing picture')} restored: {some_ids(gone)}")

    def _show_predictions(self, listing: Listing) -> None:
        version = version_of(self.tasks, listing)
        shown = self._retry(lambda: self.studio.project(self.project.id)).model_version
        # Without predictions, hint studio ml may show its own.
        if shown != version and not (shown and version == MEAN_POSE):
            self._retry(partial(self.studio.show_predictions, self.project.id, version))

    def _report(self, listing: Listing, first: Missing) -> PushReport:
        mine = {hand_id: task for hand_id, task in listing.tasks.items() if hand_id in self.tasks}
        return PushReport(
            self.project.id,
            self.project.identity,
            hands=len(self.tasks),
            added=len(first.tasks),
            predicted=len(first.predictions),
            doubled={hand_id: ids for hand_id, ids in listing.doubled.items() if hand_id in self.tasks},
            predicted_twice=[hand_id for hand_id, task in mine.items() if task.n_predictions > len(task.versions)],
            outages=self.studio.outages,
        )


def _prediction(task: Task, version: str) -> dict[str, Any]:
    """Return the prediction of a task on the server."""
    try:
        return {"task": task.id, "model_version": version, "result": results(task.hint)}
    except ValueError as error:
        raise StudioError(f"{task.hand_id}: {error}; was the task changed meanwhile?") from error


def _sent(number: int, hand_id: str, hint: HandTask, data: Mapping[str, Any], version: str) -> Task:
    """Return a task as the server lists it, if nothing of it was lost."""
    return Task(number, hand_id, hint, data, (version,), n_predictions=1, overlap=1)


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
