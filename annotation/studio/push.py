"""Put hands into a project: bare tasks first, then their predictions, then look at what is there, until all is there.

The server may lose predictions that come with their tasks, and a request whose answer was lost may have been carried
out. So both go separately, nothing is sent again before the real state was listed, and success is what the list says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.client import Studio, StudioError, Unreachable
from annotation.studio.config import label_config
from annotation.studio.guess import read_guesses
from annotation.studio.install import home
from annotation.studio.picture import crop_of, cut, read_frame, shown_size
from annotation.studio.place import Place
from annotation.studio.project import Listing, Task, ensure_project, list_tasks
from annotation.studio.task import Guess, HandTask, results, task_data
from hint.errors import InputError, some_ids
from hint.files import write_json
from hint.files.manifest import SampledHand, read_manifest
from hint.images import encode_image
from hint.lock import file_lock
from hint.workers import in_threads

#: Tasks, or predictions, per request: larger ones are hardly faster, and lock the annotators out for longer.
BATCH = 250
#: Rounds in a row that may bring nothing before giving up.
_ROUNDS = 5

_FILE_NAME = re.compile(r"[\w-][\w.-]*")


@dataclass(frozen=True)
class Request:
    """What is to be pushed.

    Attributes:
        manifest: What ``hint sample`` wrote.
        project: Title of the project.
        predictions: Points to start from, or None.
        margin: Room around the box in units of its longest side; None = whole frames.
        patience: Seconds the server may be away.
        only: File of the ids to push, one per line; None for all of the manifest.
    """

    manifest: Path
    project: str
    predictions: Path | None = None
    margin: float | None = 0.5
    patience: float = 120.0
    only: Path | None = None

    def hands(self) -> list[SampledHand]:
        """Read the hands to push.

        Raises:
            InputError: If manifest or ids cannot be read, or the manifest lacks some of the ids.
        """
        hands = read_manifest(self.manifest)
        if self.only is None:
            return hands
        try:
            ids = set(self.only.read_text("utf-8").split())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.only} is no list of ids, one per line: {error}") from error
        if strangers := sorted(ids - {hand.hand_id for hand in hands}):
            raise InputError(f"{self.manifest} lacks {len(strangers)} hands of {self.only}: {some_ids(strangers)}")
        return [hand for hand in hands if hand.hand_id in ids]


@dataclass
class Report:
    """What was done, and what is there now.

    Attributes:
        project: Number of the project.
        hands: Hands of the manifest.
        added: Tasks that were made.
        predicted: Tasks that got their predictions.
        bare: Hands without predictions, although a file was given.
        doubled: Hand id -> task numbers, of hands that are there more than once.
        predicted_twice: Hands with more than one prediction of the same version.
        failures: Failures of the server that were overcome.
    """

    project: int
    hands: int
    added: int = 0
    predicted: int = 0
    bare: list[str] = field(default_factory=list)
    doubled: dict[str, list[int]] = field(default_factory=dict)
    predicted_twice: list[str] = field(default_factory=list)
    failures: int = 0


class Pushed(BaseModel):
    """Where the pictures of a project came from; kept on this machine, so that pull finds them again."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = 1
    url: str
    project: int
    manifests: list[str]


def pushed_path(url: str, project: int) -> Path:
    """Return where it is kept."""
    return home() / "pushed" / f"{hashlib.sha256(f'{url} {project}'.encode()).hexdigest()[:20]}.json"


def pushed_manifests(url: str, project: int) -> list[Path]:
    """Return the manifests that were pushed to a project from this machine."""
    try:
        content = pushed_path(url, project).read_bytes()
        return [Path(manifest) for manifest in Pushed.model_validate_json(content).manifests]
    except (OSError, ValidationError):
        return []


def push(
    studio: Studio,
    place_of: Callable[[int], Place],
    request: Request,
    on_note: Callable[[str], None],
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Put the hands of a manifest into a project; what is there already stays as it is.

    Args:
        studio: The server.
        place_of: Project number -> where pictures go.
        request: What is to be pushed.
        on_note: Called with lines for the user.
        on_step: Called with the tasks and predictions that are there, of all that were missing.

    Raises:
        InputError: If manifest or predictions cannot be used, or contradict what is there.
        Unreachable: If the server is not there at the start, or was away for longer than ``patience``.
        StudioError: If the server does not take what it is given, or another push to the project is running.
    """
    hands = request.hands()
    guesses = read_guesses(request.predictions, hands) if request.predictions else {}
    wanted = {hand.hand_id: _wanted(hand, guesses.get(hand.hand_id), request.margin) for hand in hands}
    _require_file_names(wanted)
    validate(wanted)
    studio.arrive(request.patience, on_note)
    key = hashlib.sha256(f"{studio.url} {request.project}".encode()).hexdigest()[:20]
    otherwise = StudioError(f"another push to {request.project!r} is running on this machine; wait until it ends")
    with file_lock(home() / "locks" / key, otherwise):
        job = _Job(studio, request, {hand.hand_id: hand for hand in hands}, wanted, on_note, on_step)
        project = job.patiently(lambda: ensure_project(studio, request.project))
        report = job.run(int(project.id), place_of(int(project.id)))
        _show_predictions(job, int(project.id), guesses)
        _remember(studio.url, int(project.id), request.manifest)
    report.bare = sorted({hand.hand_id for hand in hands} - set(guesses)) if request.predictions else []
    return report


def _wanted(hand: SampledHand, guess: Guess | None, margin: float | None) -> HandTask:
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
    )


def _require_file_names(hand_ids: Mapping[str, Any]) -> None:
    wrong = [hand_id for hand_id in hand_ids if not _FILE_NAME.fullmatch(hand_id)]
    if wrong:
        raise InputError(f"{len(wrong)} hand ids cannot be names of files: {some_ids(wrong)}")


def validate(wanted: Mapping[str, HandTask]) -> None:
    """Check tasks and predictions against the labelling configuration; the server itself takes anything.

    Every kind of result is checked by the SDK, every number here.

    Raises:
        StudioError: If something does not fit.
    """
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(label_config())
    interface.validate()
    kinds: dict[tuple[str, str, str], Any] = {}
    for hand_id, task in wanted.items():
        for one in results(task) if task.guess else ():
            value = one["value"]
            if not (0 <= value["x"] <= 100 and 0 <= value["y"] <= 100):
                raise StudioError(f"{hand_id}: a point of the prediction cannot be shown: {value}")
            kinds[one["id"], one["from_name"], value["keypointlabels"][0]] = one
    problems = interface.validate_prediction({"model_version": "x", "result": list(kinds.values())}, return_errors=True)
    if problems:
        raise StudioError(f"predictions do not fit the labelling configuration: {problems[0][:200]}")


@dataclass
class _Job:
    """One push: what is wanted, and the way to it."""

    studio: Studio
    request: Request
    hands: Mapping[str, SampledHand]
    wanted: Mapping[str, HandTask]
    on_note: Callable[[str], None]
    on_step: Callable[[int, int], None]
    failures: int = 0
    total: int = 0
    done: int = 0

    def patiently(self, work: Callable[[], Any]) -> Any:
        return self.studio.patiently(work, self.request.patience, self._failed)

    def _failed(self, reason: str) -> None:
        self.failures += 1
        self.on_note(f"trying again: {reason}")

    def _step(self, steps: int) -> None:
        self.done += steps
        self.on_step(min(self.done, self.total), self.total)

    def run(self, project: int, place: Place) -> Report:
        """Go round until the list says that everything is there."""
        place.check()
        self.patiently(lambda: place.open(self.studio, project))
        listing = self.patiently(lambda: list_tasks(self.studio, project))
        self._refuse_contradictions(listing)
        before, idle = self._left(listing), 0
        added, predicted = len(before[0]), len(before[2])
        self.total = added + predicted
        self._restore_pictures(place, project, listing)
        left = before
        while any(left):
            listing = self.patiently(partial(self._round, project, place))
            now = self._left(listing)
            self.done = self.total - len(now[0]) - len(now[2])
            idle = idle + 1 if sum(map(len, now)) >= sum(map(len, left)) else 0
            if idle == _ROUNDS:
                raise StudioError(
                    f"{self.studio.url} answers, but {sum(map(len, now))} tasks or predictions do not arrive; "
                    "its own log may say why"
                )
            left = now
        return self._report(project, listing, added, predicted)

    def _left(self, listing: Listing) -> tuple[list[str], list[str], list[str]]:
        """Return the hands without a task, those whose task lacks its guess, and those that lack the prediction."""
        there = listing.tasks
        absent = [hand_id for hand_id in self.wanted if hand_id not in there]
        guessed = [hand_id for hand_id, task in self.wanted.items() if task.guess]
        untold = [hand_id for hand_id in guessed if hand_id in there and there[hand_id].hint.guess is None]
        bare = [hand_id for hand_id in guessed if not (hand_id in there and there[hand_id].versions)]
        return absent, untold, bare

    def _refuse_contradictions(self, listing: Listing) -> None:
        other: dict[str, list[str]] = {}
        for hand_id, task in self.wanted.items():
            there = listing.tasks.get(hand_id)
            if there and (kind := _contradiction(task, there)):
                other.setdefault(kind, []).append(hand_id)
        for kind, ids in other.items():
            raise InputError(
                f"{len(ids)} hands are in project {self.request.project!r} with {kind}: {some_ids(ids)}; "
                "nothing was changed, push to another project"
            )
        version = next((task.guess.version for task in self.wanted.values() if task.guess), None)
        others = {v for task in listing.tasks.values() for v in task.versions} - {version}
        if version and others:
            raise InputError(
                f"project {self.request.project!r} holds predictions of {', '.join(sorted(others))}, not of {version}; "
                "annotators would see only one of them: push to another project"
            )

    def _round(self, project: int, place: Place) -> Listing:
        """List, add tasks that are missing; list, add predictions that are missing; list."""
        listing = list_tasks(self.studio, project)
        absent, untold, _ = self._left(listing)
        for batch in _batches(absent):
            addresses = place.put(self.studio, project, dict(self._pictures(batch)))
            data = [task_data(hand_id, addresses[hand_id], self.wanted[hand_id]) for hand_id in batch]
            self.studio.add_tasks(project, data)
            self._step(len(batch))
        for hand_id in untold:
            self._tell_guess(listing.tasks[hand_id])
        if absent or untold:
            listing = list_tasks(self.studio, project)
        lacking = [hand_id for hand_id in self._left(listing)[2] if hand_id in listing.tasks]
        for batch in _batches(lacking):
            self.studio.add_predictions(project, [_prediction(listing.tasks[hand_id]) for hand_id in batch])
            self._step(len(batch))
        return list_tasks(self.studio, project) if lacking else listing

    def _tell_guess(self, task: Task) -> None:
        """Put the guess into the data of a task that was pushed without; its picture stays as it is."""
        hint = task.hint.model_copy(update={"guess": self.wanted[task.hand_id].guess})
        self.studio.change_task(task.id, data={**task.data, "hint": hint.model_dump(mode="json")})

    def _pictures(
        self, hand_ids: Sequence[str], crops: Mapping[str, HandTask] | None = None
    ) -> Iterator[tuple[str, bytes]]:
        tasks = crops or self.wanted

        def make(hand_id: str, _stop: Event) -> bytes:
            frame = read_frame(self.hands[hand_id], self.request.manifest.parent)
            return encode_image(cut(frame, tasks[hand_id].crop), ".jpg")

        yield from in_threads(make, hand_ids)

    def _restore_pictures(self, place: Place, project: int, listing: Listing) -> None:
        """Write pictures anew that are gone from the served folder, as their tasks show them."""
        there = {hand_id: task.hint for hand_id, task in listing.tasks.items() if hand_id in self.wanted}
        gone = [hand_id for hand_id in there if place.lacks(project, hand_id)]
        for batch in _batches(gone):
            place.put(self.studio, project, dict(self._pictures(batch, there)))
        if gone:
            self.on_note(f"{len(gone)} pictures were gone and are there again: {some_ids(gone)}")

    def _report(self, project: int, listing: Listing, added: int, predicted: int) -> Report:
        mine = {hand_id: task for hand_id, task in listing.tasks.items() if hand_id in self.wanted}
        return Report(
            project,
            hands=len(self.wanted),
            added=added,
            predicted=predicted,
            doubled={hand_id: ids for hand_id, ids in listing.doubled.items() if hand_id in self.wanted},
            predicted_twice=[hand_id for hand_id, task in mine.items() if task.n_predictions > len(task.versions)],
            failures=self.failures,
        )


def _contradiction(wanted: HandTask, there: Task) -> str:
    """Say in what a task that is there differs from what is wanted; its crop may."""
    same = ("folder", "image_sha256", "frame_size", "box_xyxy")
    if any(getattr(wanted, name) != getattr(there.hint, name) for name in same):
        return "another picture or box"
    if wanted.guess and there.hint.guess and wanted.guess != there.hint.guess:
        return "other points put in beforehand"
    return ""


def _prediction(task: Task) -> dict[str, Any]:
    if task.hint.guess is None:
        raise StudioError(f"{task.hand_id}: the task lost its points; was it changed meanwhile?")
    return {"task": task.id, "model_version": task.hint.guess.version, "result": results(task.hint)}


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _show_predictions(job: _Job, project: int, guesses: Mapping[str, Guess]) -> None:
    version = next((guess.version for guess in guesses.values()), None)
    if version and job.patiently(lambda: job.studio.project(project)).model_version != version:
        job.patiently(lambda: job.studio.show_predictions(project, version))


def _remember(url: str, project: int, manifest: Path) -> None:
    known = [str(path) for path in pushed_manifests(url, project)]
    manifests = list(dict.fromkeys([*known, str(manifest.resolve())]))
    write_json(pushed_path(url, project), Pushed(url=url, project=project, manifests=manifests).model_dump(), indent=2)


__all__ = ["BATCH", "Report", "Request", "Unreachable", "push", "pushed_manifests", "validate"]
