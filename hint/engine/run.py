"""Run a method over many hands: whoever does the work writes parts, and at the end they become one file.

A later run of the same method with the same settings computes only rows that are absent or whose input changed. Columns
that do not come from the method but follow from its rows (a first guess of occlusion, say) are computed again whenever
parts are merged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hint.engine.engine import Engine
from hint.engine.hands import HandSetup
from hint.engine.inputs import check_pictures, input_key
from hint.engine.jobs import JobDone, Pace, Queue
from hint.engine.merge import Complete, unchanged
from hint.engine.parts import marked, shared_place
from hint.engine.recipe import Ready, Recipe
from hint.engine.results import Results, only_run
from hint.engine.shard import Shard
from hint.engine.work import HERE, Work
from hint.errors import HintError, InputError, some_ids
from hint.types import Hand, Method, Predictions

Advance = Callable[[int], None]
#: Takes what is counted and how many there are; gives what to call with the number just done.
Show = Callable[[str, int], AbstractContextManager[Advance]]


def silent(label: str, total: int) -> AbstractContextManager[Advance]:
    """Show no progress."""
    return nullcontext(lambda steps: None)


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
    method: Method | Recipe | Ready,
    hands: Sequence[Hand],
    *,
    save_to: Path | None = None,
    overwrite: bool = False,
    complete: Complete = unchanged,
    meshes: bool = False,
    shard: Shard | None = None,
    work: Work = HERE,
    show: Show = silent,
) -> RunResult:
    """Predict hands with a method.

    Args:
        method: What to run: a method, a recipe of one, or one that is ready on the engine of ``work`` already.
        hands: N hands with unique ids.
        save_to: Predictions npz to write, and to resume from; None writes nothing that stays.
        overwrite: Start over; the first row that is done replaces the file.
        complete: Adds columns that follow from the rows; computed again for rows of an earlier run.
        meshes: Keep vertices; a method without them is refused after its first batch.
        shard: Predict this part only, and leave merging to a later run without; its rows are returned.
        work: Who does the work.
        show: Shows progress, such as :func:`hint.progress.progress`.

    Raises:
        InputError: If images are absent, ``save_to`` holds predictions of other settings, another run is writing it,
            or the method has no meshes and ``meshes`` asks for them.
        WriteError: If results cannot be written; what is done stays.
        HintError: If an engine gave up, or forgot hands.
        KeyboardInterrupt: On Ctrl-C; what is done stays.
    """
    if shard is not None and overwrite:
        raise InputError("shards only add to what is there: remove that first, and leave out --overwrite")
    started = time.perf_counter()
    ready = method if isinstance(method, Ready) else Ready.load(method, work.find_engine())
    card, header = ready.identity.card, ready.identity.header
    place = shared_place(work.parts_path, header, map(_named, hands)) if work.parts_path else None
    if shard is not None:
        hands = [hands[row] for row in np.sort(Queue.of(hands, card.reads_images).part(shard).rows).tolist()]
    ids, keys = np.array([hand.hand_id for hand in hands], np.str_), _keys(hands, card.reads_images)
    with _place(save_to) as path, only_run(path, shard), show(f"{card.title}: hands", len(hands)) as advance:
        results = Results(path, header, meshes=meshes, overwrite=overwrite, place=place, is_shard=shard is not None)
        stored = results.find(ids, keys)
        reused = int(stored.is_done.sum())
        advance(reused)
        todo = Queue.of(hands, card.reads_images).only(~stored.is_done)
        failures: dict[str, str] = {}
        with nullcontext() if ready.engine.is_local else marked(results.place) as mark:
            setup = HandSetup(ready.recipe, header, results.place, work.batch_size, work.workers, meshes, mark)
            for done in _jobs_done(ready.engine, setup, todo, hands, keys):
                failures |= done.failures
                advance(done.hands)
                if done.hands > len(done.failures):
                    results.replace_earlier()
        stored = results.find(ids, keys)
        if forgotten := [i for i in ids[~stored.is_done].tolist() if i not in failures]:
            raise HintError(
                f"neither predicted nor refused: {some_ids(forgotten)}; run the same command again to go on"
            )
        rows = results.gather(stored, complete)
        if shard is None:
            results.merge(stored, complete)
    return RunResult(rows, failures, reused, time.perf_counter() - started)


def _jobs_done(
    engine: Engine, setup: HandSetup, queue: Queue, hands: Sequence[Hand], keys: NDArray[np.str_]
) -> Iterator[JobDone]:
    """Yield what became of jobs; hands of those that killed their workers are tried again, picture by picture."""
    pace, lost = Pace.even(len(queue.rows)) if engine.takes_all else Pace(), dict[str, str]()
    with closing(engine.run(setup, queue.jobs(hands, keys, pace))) as results:
        for done in results:
            pace.saw(done)
            if done.lost:
                lost |= done.failures
            else:
                yield done
    if lost:
        again = queue.only(np.array([hand.hand_id in lost for hand in hands], bool))
        with closing(engine.run(setup, again.jobs(hands, keys, Pace(1)))) as results:
            yield from results


def _named(hand: Hand) -> str:
    """Return what tells a hand from those of other labels, wherever its picture is."""
    return f"{hand.hand_id} {hand.box_xyxy} {hand.is_right} {hand.image.name if hand.image else ''}"


def _keys(hands: Sequence[Hand], with_pictures: bool) -> NDArray[np.str_]:
    """Return the key of each hand.

    Raises:
        MissingRequirementError: If pictures are missing.
    """
    versions = check_pictures(hands) if with_pictures else None
    return np.array([input_key(hand, with_pictures, versions) for hand in hands], np.str_)


@contextmanager
def _place(save_to: Path | None) -> Iterator[Path]:
    """Give the file to write; one that does not stay where none is asked for."""
    if save_to is not None:
        yield save_to
        return
    with TemporaryDirectory(prefix="hint-") as folder:
        yield Path(folder, "predictions.npz")
