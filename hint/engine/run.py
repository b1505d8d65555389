"""Run a method over many hands: prepare in threads, infer in batches, keep what is done.

Results are saved every few seconds and when the run is interrupted; a later run of the same method with the same
settings computes only rows that are absent or whose input changed. Columns that do not come from the method but follow
from its rows (a first guess of occlusion, say) are computed again whenever rows are saved.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hint.engine.store import Complete, FileStore, Results, Store, completed, unchanged
from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files.claim import claimed
from hint.types import Hand, Image, Method, Predictions

Advance = Callable[[int], None]


@dataclass(frozen=True)
class RunResult:
    """What a run computed or reused.

    Attributes:
        predictions: Rows in the order of the hands asked for; hands that failed are absent.
        failures: hand_id -> why its image could not be used.
        reused: How many rows come from an earlier run.
        seconds: Time spent in this run.
    """

    predictions: Predictions
    failures: dict[str, str]
    reused: int
    seconds: float


def run(
    method: Method,
    hands: Sequence[Hand],
    *,
    save_to: Path | None = None,
    overwrite: bool = False,
    batch_size: int = 16,
    workers: int = 2,
    complete: Complete = unchanged,
    meshes: bool = False,
    advance: Advance = lambda steps: None,
) -> RunResult:
    """Predict hands with a method.

    Args:
        method: What to run.
        hands: N hands with unique ids.
        save_to: Predictions npz to write, and to resume from; None writes nothing.
        overwrite: Start over; the first save replaces the file.
        batch_size: Hands per ``infer``.
        workers: Threads that read and crop images.
        complete: Adds columns that follow from the rows; computed again for rows of an earlier run.
        meshes: Keep vertices; a method without them is refused after its first batch.
        advance: Called with the number of hands just done.

    Raises:
        InputError: If images are absent, ``save_to`` holds predictions of other settings, another run is writing it,
            or the method has no meshes and ``meshes`` asks for them.
        KeyboardInterrupt: On Ctrl-C, after saving.
    """
    started = time.perf_counter()
    if method.card.reads_images:
        check_pictures(hands)
    with _store(method, save_to, complete=complete, meshes=meshes, overwrite=overwrite) as store:
        todo = [hand for hand in hands if not store.ask(hand.hand_id, input_key(hand, method.card.reads_images))]
        reused = len(hands) - len(todo)
        advance(reused)
        failures: dict[str, str] = {}
        try:
            with closing(_batches(method, todo, batch_size, workers, failures, advance)) as batches:
                for batch in batches:
                    rows = method.infer([hand for hand, _ in batch], [ready for _, ready in batch])
                    store.add(_stored(rows, method, meshes))
                    advance(len(batch))
        finally:
            store.save()
        rows = completed(store.rows().predictions, complete)
    return RunResult(rows, failures, reused, time.perf_counter() - started)


@contextmanager
def _store(method: Method, save_to: Path | None, **options: Any) -> Iterator[Store]:
    """Open the results, and keep other runs away from their file."""
    if save_to is None:
        yield Store(method)
        return
    with claimed(save_to.parent, save_to.name):
        yield FileStore(method, save_to, **options)


def _stored(rows: Predictions, method: Method, meshes: bool) -> Results:
    """Return what is kept of a batch: a mesh is twenty times the size of its keypoints and no 2D score needs it."""
    if meshes and (rows.vertices is None or rows.keypoints_3d is None):
        raise InputError(f"{method.card.name} gives no mesh in 3D, which this protocol scores")
    return Results(rows if meshes else replace(rows, vertices=None))


def check_pictures(hands: Sequence[Hand]) -> None:
    """Check before any work that every hand has its picture.

    Raises:
        InputError: If hands name none.
        MissingRequirementError: If files are absent.
    """
    if any(hand.image is None for hand in hands):
        raise InputError(
            "these labels have no pictures, which this method needs; "
            "name their folder: --images DIR, or images= in Python"
        )
    absent = [str(hand.image) for hand in hands if not (hand.image and hand.image.is_file())]
    if absent:
        raise MissingRequirementError(
            f"{len(absent)} of {len(hands)} pictures are missing: {some_ids(absent)}; "
            "evaluate other parts (--subset, or subsets= in Python), "
            "or name their folder (--images DIR, or images= in Python)"
        )


def input_key(hand: Hand, with_picture: bool) -> str:
    """Hash what a prediction depends on; an image counts by name, size and modification time."""
    parts: list[Any] = [hand.box_xyxy, hand.is_right]
    if with_picture and hand.image is not None:
        status = hand.image.stat()
        parts += [hand.image.name, status.st_size, status.st_mtime_ns]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _batches(
    method: Method, hands: Sequence[Hand], size: int, workers: int, failures: dict[str, str], advance: Advance
) -> Generator[list[tuple[Hand, Any]]]:
    """Yield prepared hands in batches; those whose image fails go to ``failures``."""
    batch: list[tuple[Hand, Any]] = []
    with closing(_prefetched(method, hands, workers, ahead=2 * size + workers)) as prefetched:
        for hand, future in prefetched:
            try:
                batch.append((hand, future.result()))
            except InputError as error:
                failures[hand.hand_id] = str(error)
                advance(1)
            if len(batch) == size:
                yield batch
                batch = []
    if batch:
        yield batch


def _prefetched(method: Method, hands: Sequence[Hand], workers: int, ahead: int) -> Generator[tuple[Hand, Future[Any]]]:
    """Yield hands in order, each with its prepared input; leaving early cancels what has not begun."""
    pool = ThreadPoolExecutor(max_workers=max(1, workers))
    waiting: deque[tuple[Hand, Future[Any]]] = deque()
    try:
        for hand in hands:
            waiting.append((hand, pool.submit(_prepare, method, hand)))
            if len(waiting) > ahead:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(method: Method, hand: Hand) -> Any:
    if not method.card.reads_images or hand.image is None:
        return method.prepare(hand, None)
    from hint.images import read_image

    image = read_image(hand.image)
    _check_box(hand, image)
    return method.prepare(hand, image)


def _check_box(hand: Hand, image: Image) -> None:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = hand.box_xyxy
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        raise InputError(
            f"{hand.image}: the box {[round(v, 1) for v in hand.box_xyxy]} lies outside {width}x{height} px"
        )
