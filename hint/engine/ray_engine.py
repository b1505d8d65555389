"""Run jobs on a Ray cluster: a dataset of jobs, mapped by a pool of actors that each load what jobs need once.

Ray Data schedules, holds back what would not fit in memory, and gives the jobs of a lost worker or node to others. An
actor gets one job at a time, so that a job that kills its worker takes no other down with it.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import socket
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hint.chatter import without_chatter
from hint.engine.engine import Job, Result, Setup
from hint.errors import HintError, InputError
from hint.settings import HOME_VARIABLE
from hint.version import __version__
from hint.workers import answer, unpacked

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset

#: Times that a job is begun, if its worker dies under it or the node is lost.
_ATTEMPTS = 3
_WHY_LOST = f"the process that tried it died, {_ATTEMPTS} times in a row; for lack of memory?"
#: Cores of a worker without a GPU, where nodes have so many.
_CORES = 4
#: Seconds that a cluster has to answer.
_PATIENCE = 10.0
#: What Ray reads from the environment when it starts; a user's own settings stay.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
#: What it prints about that.
_CHATTER = re.compile(rb".*Set ray log level from environment variable")

#: What came of a job: its result, or what it raised and where; see :func:`hint.workers.answer`.
_Answer = tuple[Any, Exception | None, str]


@dataclass(frozen=True)
class RayEngine:
    """Runs jobs on a Ray cluster: that of ``RAY_ADDRESS``, one that runs on this machine, or a new one of its own.

    Jobs are sent to the cluster before the first one begins, so they should be small: names of files, not pixels.

    Attributes:
        workers: Workers at the same time; None: one per GPU of the cluster, without GPUs one per four cores.
        device: "cuda" or "cpu"; None: GPUs where the cluster has any.
        address: Address of the cluster, as ``ray.init`` takes it; None: see above.
    """

    workers: int | None = None
    device: str | None = None
    address: str | None = None
    is_local, takes_all = False, True

    def run(self, setup: Setup[Job, Result], jobs: Iterable[Job]) -> Generator[Result, None, None]:
        """Yield the results of jobs, in order of jobs; see :class:`hint.engine.engine.Engine`.

        Raises:
            InputError: If there is no cluster at the address, or none of its nodes has what a worker needs.
            HintError: If workers cannot start.
            Exception: Whatever a job raises.
        """
        listed = list(jobs)
        if not listed:
            return
        with _cluster(self.address), _errors_of_ray(), closing(_answers(setup, listed, self)) as answers:
            for job, found in zip(listed, answers, strict=True):
                yield setup.lost(job, _WHY_LOST) if found is None else unpacked(*found)


@dataclass(frozen=True)
class _Pool:
    """How many workers there are at most, and what each takes of its node."""

    workers: int
    cores: int
    device: str

    def resources(self) -> dict[str, int]:
        """Return what Ray keeps for a worker."""
        return {"num_gpus": 1} if self.device == "cuda" else {"num_cpus": self.cores}


@dataclass(frozen=True)
class _Origin:
    """What workers take over from the process that starts a run: there, paths and names of modules mean the same."""

    folder: str
    modules: tuple[str, ...]
    home: str | None
    version: str

    @staticmethod
    def here() -> _Origin:
        """Return this process."""
        return _Origin(str(Path.cwd()), tuple(sys.path), os.environ.get(HOME_VARIABLE), __version__)

    def enter(self) -> None:
        """Become like that process.

        Raises:
            InputError: If this node has another version of the toolkit.
        """
        if self.version != __version__:
            raise InputError(
                f"{socket.gethostname()} has hint {__version__}, not {self.version}: install one version on all nodes"
            )
        with suppress(OSError):  # on this node there is no such folder: paths that matter are absolute
            os.chdir(self.folder)
        sys.path += [folder for folder in self.modules if folder not in sys.path]
        if self.home is not None:
            os.environ.setdefault(HOME_VARIABLE, self.home)


class _Begun:
    """An actor beside the caller that counts how often jobs are begun; Ray itself would try a deadly one for ever."""

    def __init__(self) -> None:
        self._times: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Return how often a job was begun, this time included."""
        self._times[number] += 1
        return self._times[number]

    @staticmethod
    def start() -> Any:
        """Start the actor, and return its handle."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return ray.remote(num_cpus=0, scheduling_strategy=here)(_Begun).remote()


class _Worker:
    """An actor's share of the work: loads what jobs need, then answers one job at a time.

    What goes wrong is an answer too. To Ray it would be a fault of the worker, to be tried again.
    """

    def __init__(self, setup: bytes, device: str, origin: _Origin, begun: Any) -> None:
        def load() -> Any:
            origin.enter()
            return pickle.loads(setup)(device)

        self._begun, self._loaded = begun, answer(load)

    def __call__(self, jobs: pyarrow.Table) -> pyarrow.Table:
        """Answer the one job of a table."""
        import pyarrow

        found = self._answer(jobs["number"][0].as_py(), jobs["job"][0].as_py())
        return pyarrow.table({"answer": [pickle.dumps(found)]})

    def _answer(self, number: int, job: bytes) -> _Answer | None:
        import ray

        stream, error, _ = self._loaded
        if error is not None:
            return self._loaded
        if ray.get(self._begun.begin.remote(number)) > _ATTEMPTS:
            return None
        return answer(lambda: _only(stream(iter([pickle.loads(job)]))))


def _only(results: Iterable[Any]) -> Any:
    """Return the one result, after its stream has ended."""
    (result,) = results
    return result


def _find_pool(engine: RayEngine) -> _Pool:
    """Return what workers the cluster has room for.

    Raises:
        InputError: If it has no GPU, but must.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if engine.device == "cuda" and not gpus:
        raise InputError("the Ray cluster has no GPU; add --device cpu, or nodes with GPUs")
    if gpus and engine.device != "cpu":
        return _Pool(engine.workers or gpus, 0, "cuda")
    counts = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    if not counts:
        raise InputError("the Ray cluster has no core to work on: start its nodes with --num-cpus 1 or more")
    share = sum(counts) // engine.workers if engine.workers else _CORES
    cores = max(min(share, max(counts)), 1)
    return _Pool(engine.workers or sum(count // cores for count in counts), cores, "cpu")


def _dataset(setup: Setup[Any, Any], jobs: Sequence[Any], pool: _Pool) -> Dataset:
    """Return the answers to jobs as a dataset that nothing has begun to compute."""
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = [{"number": number, "job": pickle.dumps(job)} for number, job in enumerate(jobs)]
    workers = min(pool.workers, len(rows))
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Worker,
        fn_constructor_args=(pickle.dumps(setup), pool.device, _Origin.here(), _Begun.start()),
        batch_size=1,
        batch_format="pyarrow",
        # An idle worker may leave, and make room for the one of a lost node.
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=1
        ),
        **pool.resources(),
    )
    options = dataset.context
    options.execution_options.preserve_order = True
    options.enable_progress_bars = options.print_on_execution_start = False
    return dataset


def _answers(setup: Setup[Any, Any], jobs: Sequence[Any], engine: RayEngine) -> Generator[_Answer | None, None, None]:
    """Yield the answers to jobs in order, None for those that kill their workers."""
    for row in _dataset(setup, jobs, _find_pool(engine)).iter_rows():
        yield pickle.loads(row["answer"])


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Be connected to a cluster.

    Raises:
        InputError: If there is none at the address.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    _check_address(address or os.environ.get("RAY_ADDRESS", ""))
    try:
        with without_chatter(_CHATTER):
            ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise HintError(f"{_last_line(error)}; if the cluster asks for a token, set RAY_AUTH_MODE=token") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Check at once that somebody listens at HOST:PORT: Ray would wait for minutes.

    Args:
        address: What the user says; "" for the cluster of this machine, if there is one.

    Raises:
        InputError: If nobody does, or it is the address for clients, which cannot run datasets.
    """
    if address.startswith("ray://"):
        raise InputError(f"{address} is for clients of Ray: type the command on a node of the cluster, or use ray job")
    advice = "start one with ray start --head, or correct RAY_ADDRESS"
    if not address and (left := _file_of_this_machine()).is_file():
        address, advice = left.read_text().strip(), f"{left} is of a cluster that is no more, which ray stop removes"
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise InputError(f"no Ray cluster answers at {address} ({error.strerror or error}): {advice}") from error


def _file_of_this_machine() -> Path:
    """Return where Ray writes the address of the cluster it started on this machine."""
    return Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")


@contextmanager
def _errors_of_ray() -> Iterator[None]:
    """Say in one line what Ray gives up for; what it prints meanwhile goes to stderr, since results go to stdout.

    Raises:
        HintError: If it gave up.
    """
    from ray.exceptions import RayError

    with redirect_stdout(sys.stderr):
        try:
            yield
        except RayError as error:
            raise HintError(f"the Ray cluster gave up: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
