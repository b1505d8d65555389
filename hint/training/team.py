"""The processes that train together, on one machine or several.

``torchrun``, ``accelerate launch`` or ``hint train --processes`` start them and say in the environment where they meet.
Beside the gradients, which are Accelerate's business, they share what only one of them knows: an error of any ends
all, and the first one reports it.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from queue import Empty, SimpleQueue
from signal import SIG_IGN, SIGTERM, signal
from threading import Event, Thread
from typing import Any, TypeVar

import torch
from torch import distributed
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from hint.errors import ElsewhereError, HintError, InputError, first_line
from hint.training.cores import cores_per_process, launched_processes, number_of

Result = TypeVar("Result")

_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

#: Seconds between two looks at what the others say.
_POLL = 0.05

#: Seconds the others have to prepare; a node may have to index all tars.
_PATIENCE = 1800.0

#: Seconds that processes may start after each other, and after which one that waits says so.
_MEETING, _SILENCE = 300.0, 10.0

#: Seconds that a process has to end by itself after an error in another.
_GRACE = 5.0

#: What a process says when those it trains with are gone.
_LOST = "another process of this training has ended; see its node, and continue with --resume"

_meetings = count()


class Team:
    """This process and those it trains with; alone without a store.

    Attributes:
        rank: Number of this process, 0 for the one that prints and writes.
        world: Number of processes.
    """

    def __init__(self, rank: int = 0, world: int = 1, store: Store | None = None) -> None:
        self.rank, self.world = rank, world
        self._store = store
        self._rounds = count()
        self._over = Event()

    def agree(self, work: Callable[[], Result], same: Callable[[Result], Mapping[str, Any]] | None = None) -> Result:
        """Do something in every process; all go on, or none.

        Args:
            work: What to do.
            same: Which parts of the result must be equal in all processes, by name.

        Raises:
            HintError: If it failed here or in another process, or the results differ.
        """
        if self._store is None:
            return work()
        try:
            result = work()
        except HintError as error:
            self._compare(error, {})
            raise
        except BaseException as error:  # Ctrl-C, or a bug: the others need not wait
            with suppress(HintError):
                self._compare(error, {})
            raise
        self._compare(None, dict(same(result)) if same else {})
        return result

    def _compare(self, error: BaseException | None, parts: dict[str, Any]) -> None:
        """Tell the others how it went here; raise what went wrong anywhere, that of the first process first."""
        number = next(self._rounds)
        said_here = {"host": socket.gethostname(), "failure": _failure(error), "parts": parts}
        self._say(f"{number}/{self.rank}", said_here)
        if self.rank == 0:
            verdict = _verdict([self._hear(f"{number}/{rank}", f"process {rank}") for rank in range(self.world)])
            if verdict:
                _ignore_sigterm()
            self._say(f"{number}/verdict", verdict)
        verdict = self._hear(f"{number}/verdict", "the first process")
        if verdict and (self.rank or error is None):
            raise self._error(*verdict)

    def _error(self, message: str, code: int) -> HintError:
        """Return the error of all processes, as this one raises it."""
        if self.rank:
            return ElsewhereError(message, code)
        error = HintError(message)
        error.exit_code = code
        return error

    def share(self, error: HintError) -> HintError:
        """Tell the others why this process ends; return what it raises: of several errors, the first that was told."""
        if self._store is None or isinstance(error, ElsewhereError):
            return error
        told = self._store.compare_set("failed", "", json.dumps([str(error), error.exit_code]))
        message, code = json.loads(told)
        return error if self.rank == 0 and message == str(error) else self._error(message, code)

    def explain(self, error: BaseException) -> HintError:
        """Return why the others are gone: what one of them told, or that they cannot be reached."""
        with suppress(RuntimeError):
            return self._error(*self._hear("failed", "nobody", _GRACE))
        return _lost(error)

    def leave(self, failed: bool) -> None:
        """Part; after an error the first process is the last, as it speaks, and may be where the others meet."""
        self._over.set()
        if self._store is None or not failed:
            return
        if self.rank == 0:
            _ignore_sigterm()
        with suppress(RuntimeError):
            gone = self._store.add("gone", int(self.rank > 0))
            deadline = time.monotonic() + 2 * _GRACE
            while self.rank == 0 and gone < self.world - 1 and time.monotonic() < deadline:
                time.sleep(_POLL)
                gone = self._store.add("gone", 0)

    def watch(self, store: Store) -> None:
        """End this process when another told an error and this one does not notice: on GPUs, it waits for gradients."""
        while not self._over.wait(1.0):
            try:
                told = json.loads(store.get("failed")) if store.check(["failed"]) else None
            except RuntimeError:  # the machine of the first process is gone
                told = [_LOST, HintError.exit_code]
            if told and not self._over.wait(_GRACE):
                if self.rank == 0 or (told[0] == _LOST and _is_first_here()):
                    sys.stderr.write(f"hint: {told[0]}\n")
                    sys.stderr.flush()
                os._exit(told[1])

    def _say(self, key: str, value: Any) -> None:
        assert self._store is not None
        self._store.set(key, json.dumps(value))

    def _hear(self, key: str, who: str, patience: float = _PATIENCE) -> Any:
        """Wait for what another process says; Ctrl-C ends it, unlike a wait inside the store."""
        assert self._store is not None
        deadline = time.monotonic() + patience
        while not self._store.check([key]):
            if time.monotonic() > deadline:
                raise HintError(f"{who} has said nothing for {patience:.0f} seconds")
            time.sleep(_POLL)
        return json.loads(self._store.get(key))


@contextmanager
def joined(processes: int = 1) -> Iterator[Team]:
    """Meet the processes that the environment names, if it does.

    Args:
        processes: Processes that this one is asked to start.

    Raises:
        InputError: If the environment is incomplete, or this process is one of several and asked to start more.
        HintError: If an error ended any of the processes; an :class:`ElsewhereError` in all but the first.
    """
    world = launched_processes()
    if world is None:
        yield Team()
        return
    _check_environment(world, processes)
    # Before PyTorch, or Accelerate warns in every process that it did so itself.
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(cores_per_process())
        torch.set_num_threads(cores_per_process())
    meeting = next(_meetings)
    team = Team(int(os.environ["RANK"]), world, _store(meeting))
    Thread(target=team.watch, args=[_store(meeting)], daemon=True).start()
    try:
        yield team
    except HintError as error:
        shared = team.share(error)
        team.leave(failed=True)
        raise shared from (None if shared is error else error)
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        explained = team.explain(error)
        team.leave(failed=True)
        raise explained from error
    except BaseException:
        team.leave(failed=True)
        raise
    team.leave(failed=False)
    atexit.register(_destroy_group)


def _check_environment(world: int, processes: int) -> None:
    if missing := [name for name in _VARIABLES if name not in os.environ]:
        raise InputError(
            f"RANK is set, but not {' and '.join(missing)}: start hint train by torchrun or accelerate launch, "
            "or unset RANK"
        )
    for name in ("RANK", "LOCAL_RANK"):
        number_of(name, 0, range(world))
    number_of("LOCAL_WORLD_SIZE", 1, range(1, world + 1))
    number_of("MASTER_PORT", 0, range(1, 1 << 16))
    if processes > 1:
        raise InputError(
            f"--processes {processes} starts processes, but this is already one of {world}; leave the option out, "
            "or start hint train without torchrun"
        )


def _store(meeting: int) -> Store:
    """Return a connection to where the processes meet.

    Raises:
        HintError: If nobody is there.
    """
    place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    met: SimpleQueue[Store | Exception] = SimpleQueue()
    # In a thread, since PyTorch does not hear Ctrl-C while it waits.
    Thread(target=_meet, args=[met], daemon=True).start()
    try:
        store = met.get(timeout=_SILENCE)
    except Empty:
        if _is_first_here():
            sys.stderr.write(f"waiting for the other processes at {place}, {_MEETING / 60:.0f} minutes at most\n")
        store = met.get()
    if isinstance(store, Exception):
        raise HintError(f"cannot meet the other processes at {place} (MASTER_ADDR): {first_line(store)}") from store
    return PrefixStore(f"hint/{meeting}", store)


def _meet(met: SimpleQueue[Store | Exception]) -> None:
    try:
        store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=_MEETING)))
        store.set_timeout(timedelta(seconds=_PATIENCE))
        met.put(store)
    except Exception as error:  # of many kinds: no such machine, nobody there, too few
        met.put(error)


def _ignore_sigterm() -> None:
    """Let torchrun, which sends it once a process has failed, wait for what the first one has to say."""
    with suppress(ValueError):  # not in the main thread
        signal(SIGTERM, SIG_IGN)


def _failure(error: BaseException | None) -> tuple[str, int] | None:
    """Return message and exit code of an error."""
    if error is None:
        return None
    if isinstance(error, HintError):
        return str(error), error.exit_code
    return ("interrupted", 130) if isinstance(error, KeyboardInterrupt) else (repr(error), HintError.exit_code)


def _verdict(said: list[dict[str, Any]]) -> tuple[str, int] | None:
    """Return message and exit code of the first thing that is wrong, None if all processes may go on."""
    for rank, one in enumerate(said):
        if one["failure"]:
            message, code = one["failure"]
            return (f"process {rank} on {one['host']}: {message}" if rank else message), code
    for rank, one in enumerate(said):
        for name, value in said[0]["parts"].items():
            if one["parts"][name] != value:
                return (
                    f"process {rank} on {one['host']} has other {name} than the first process on {said[0]['host']}: "
                    f"{one['parts'][name]}, not {value}",
                    InputError.exit_code,
                )
    return None


def _is_lost(error: RuntimeError) -> bool:
    """Tell whether the other processes cannot be reached any more."""
    return isinstance(error, distributed.DistError) or "gloo" in str(error)


def _lost(error: BaseException) -> HintError:
    """Return the error for it; one process of each machine reports it."""
    return HintError(_LOST) if _is_first_here() else ElsewhereError(_LOST, HintError.exit_code)


def _is_first_here() -> bool:
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _destroy_group() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
