"""Run a method over many hands: prepare in threads, infer in batches, keep what is done.

Predictions are saved every few seconds and when the run is interrupted, each row with a key of what it was made from
(box, side, picture). A later run of the same method with the same settings computes only rows that are absent or whose
input changed. Columns that are no answer of the method but follow from its rows (a first guess of occlusion, say) are
made anew whenever rows are saved.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files import read_predictions, write_predictions
from hint.types import Hand, Image, Method, Predictions

#: Seconds between two saves of what is done.
SAVE_EVERY = 20.0

Advance = Callable[[int], None]
#: Adds columns that follow from the rows, and entries of ``meta`` about them.
Complete = Callable[[Predictions], Predictions]


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes:
        predictions: Rows in the order of the hands asked for; hands that failed are absent.
        failures: hand_id -> why its picture could not be used.
        reused: How many rows an earlier run had made.
        seconds: Time spent in this run.
    """

    predictions: Predictions
    failures: dict[str, str]
    reused: int
    seconds: float


@dataclass
class _Store:
    """Rows done so far, and the file they are kept in.

    Rows of hands that are not asked for now stay in the file: another subset may have cost hours.
    """

    method: Method
    path: Path | None
    keys: dict[str, str]
    complete: Complete
    meshes: bool = False
    parts: list[Predictions] = field(default_factory=list)
    others: list[Predictions] = field(default_factory=list)
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def header(self) -> dict[str, Any]:
        return {"method": self.method.card.name, "fingerprint": self.method.fingerprint}

    def load(self) -> int:
        """Take over the rows of an earlier run that still hold; return how many."""
        if self.path is None or not self.path.is_file():
            return 0
        earlier = read_predictions(self.path)
        if {k: earlier.meta.get(k) for k in self.header} != self.header:
            raise InputError(
                f"{self.path} holds predictions made with {_difference(earlier.meta, self.header)}; "
                "give another --out, or --overwrite always"
            )
        if self.meshes and earlier.vertices is None:
            raise InputError(f"{self.path} holds no meshes; give another --out, or --overwrite always")
        earlier = earlier.without([*earlier.meta.get("derived", []), *([] if self.meshes else ["vertices"])])
        ids, keys = earlier.hand_id.tolist(), np.array(earlier.meta["inputs"], dtype=np.str_)
        same = np.array([self.keys.get(i) == key for i, key in zip(ids, keys.tolist(), strict=True)], dtype=bool)
        other = np.array([i not in self.keys for i in ids], dtype=bool)
        self.parts, self.others = [earlier.select(same)], [_with_keys(earlier.select(other), keys[other].tolist())]
        return int(same.sum())

    def add(self, rows: Predictions) -> None:
        if self.meshes and (rows.vertices is None or rows.keypoints_3d is None):
            raise InputError(f"{self.method.card.name} gives no mesh in 3D, which this protocol scores")
        # A mesh is twenty times the size of its keypoints and no 2D score looks at it.
        self.parts.append(rows if self.meshes else replace(rows, vertices=None))
        if time.monotonic() - self.saved_at > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write all rows; nothing is written where nothing was done."""
        if self.path is None or not self.parts:
            return
        rows = self.rows()
        if self.others:
            keys = [*rows.meta["inputs"], *self.others[0].meta["inputs"]]
            rows = _with_keys(Predictions.concatenate([rows, *self.others]), keys)
        whole = completed(rows, self.complete)
        write_predictions(self.path, replace(whole, meta={**self.header, **whole.meta}))
        self.saved_at = time.monotonic()

    def rows(self) -> Predictions:
        """Return the rows done, in the order of the hands."""
        if not self.parts:
            return Predictions(np.empty(0, np.str_), np.empty((0, 21, 2), np.float32))
        joined = Predictions.concatenate(self.parts)
        row_of = {hand_id: row for row, hand_id in enumerate(joined.hand_id.tolist())}
        ordered = joined.select([row_of[hand_id] for hand_id in self.keys if hand_id in row_of])
        return _with_keys(ordered, [self.keys[i] for i in ordered.hand_id.tolist()])


def completed(rows: Predictions, complete: Complete) -> Predictions:
    """Return rows with the columns that follow from them, and in ``meta["derived"]`` which these are."""
    whole = complete(rows)
    added = [f.name for f in fields(rows) if getattr(rows, f.name) is None and getattr(whole, f.name) is not None]
    return replace(whole, meta={**whole.meta, "derived": added}) if added else whole


def _as_they_are(rows: Predictions) -> Predictions:
    return rows


def _with_keys(rows: Predictions, keys: Sequence[str]) -> Predictions:
    """Note beside each row what it was made from."""
    return replace(rows, meta={"inputs": list(keys)})


def run(
    method: Method,
    hands: Sequence[Hand],
    *,
    save_to: Path | None = None,
    overwrite: bool = False,
    batch_size: int = 16,
    workers: int = 2,
    complete: Complete = _as_they_are,
    meshes: bool = False,
    advance: Advance = lambda steps: None,
) -> RunResult:
    """Predict hands with a method.

    Args:
        method: What to run.
        hands: N hands with unique ids.
        save_to: Predictions npz to keep and to go on from; None keeps nothing.
        overwrite: Start over; the file is replaced by the first save.
        batch_size: Hands per ``infer``.
        workers: Threads that read and crop pictures.
        complete: Adds columns that follow from the rows; they are made anew for rows of an earlier run.
        meshes: Keep vertices, and refuse a method that gives none with its first batch.
        advance: Told how many hands were done.

    Raises:
        InputError: If pictures are absent, ``save_to`` holds predictions of other settings, or meshes are asked for of
            a method that gives none.
        KeyboardInterrupt: On Ctrl-C, after saving.
    """
    started = time.perf_counter()
    if method.card.reads_images:
        check_pictures(hands)
    keys = {hand.hand_id: input_key(hand, method.card.reads_images) for hand in hands}
    store = _Store(method, save_to, keys, complete, meshes)
    reused = 0 if overwrite else store.load()
    advance(reused)
    done = {i for part in store.parts for i in part.hand_id.tolist()}
    failures: dict[str, str] = {}
    try:
        todo = [hand for hand in hands if hand.hand_id not in done]
        for batch in _batches(method, todo, batch_size, workers, failures, advance):
            store.add(method.infer([hand for hand, _ in batch], [ready for _, ready in batch]))
            advance(len(batch))
    finally:
        store.save()
    return RunResult(completed(store.rows(), complete), failures, reused, time.perf_counter() - started)


def check_pictures(hands: Sequence[Hand]) -> None:
    """Raise before any work if pictures are absent."""
    if any(hand.image is None for hand in hands):
        raise InputError(
            "these labels come without pictures and the method looks at them; give their folder: --images DIR"
        )
    absent = [str(hand.image) for hand in hands if not (hand.image and hand.image.is_file())]
    if absent:
        raise MissingRequirementError(
            f"{len(absent)} of {len(hands)} pictures are absent: {some_ids(absent)}; "
            "choose parts that are there with --subset, or their folder with --images"
        )


def input_key(hand: Hand, with_picture: bool) -> str:
    """Digest what a prediction depends on; a picture counts by name, size and time of change."""
    parts: list[Any] = [hand.box_xyxy, hand.is_right]
    if with_picture and hand.image is not None:
        status = hand.image.stat()
        parts += [hand.image.name, status.st_size, status.st_mtime_ns]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _batches(
    method: Method, hands: Sequence[Hand], size: int, workers: int, failures: dict[str, str], advance: Advance
) -> Iterator[list[tuple[Hand, Any]]]:
    """Yield prepared hands in batches; those whose picture fails go to ``failures``."""
    batch: list[tuple[Hand, Any]] = []
    for hand, future in _prefetched(method, hands, workers, ahead=2 * size + workers):
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


def _prefetched(method: Method, hands: Sequence[Hand], workers: int, ahead: int) -> Iterator[tuple[Hand, Future[Any]]]:
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


def _difference(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    """Name what differs between two headers, as "weights a1b2 (now c3d4)"."""
    old = {"method": earlier.get("method"), **(earlier.get("fingerprint") or {})}
    new = {"method": now["method"], **now["fingerprint"]}
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(f"{key} {_short(old.get(key))} (now {_short(new.get(key))})" for key in changed)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
