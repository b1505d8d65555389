"""Jobs on a real Ray cluster of two nodes: what it does when jobs, workers and nodes fail."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import NODE, ray_cluster
from ray_jobs import Squares

from hint.engine.ray_engine import RayEngine
from hint.errors import InputError

#: Seconds that a test may take; a cluster that is stuck must not hold up the others.
_LIMIT = 100


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """The cluster that all of these tests share."""
    with ray_cluster() as running:
        yield running


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """Ends a test that takes too long."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"the cluster took more than {_LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _begun(folder: Path) -> Counter[str]:
    """Return how often each job was begun."""
    return Counter(path.name.partition("-")[0] for path in folder.iterdir())


def test_results_come_in_order_and_a_deadly_job_is_given_up_alone(cluster: Any, tmp_path: Path) -> None:
    results = list(RayEngine().run(Squares(tmp_path, seconds=0.1, deadly=3), range(12)))
    assert results == [-3 if job == 3 else job * job for job in range(12)]
    begun = _begun(tmp_path)
    assert begun.pop("3") == 3
    assert set(begun.values()) == {1}
    assert len({path.name.partition("-")[2] for path in tmp_path.iterdir()}) >= 2  # a core of each node


def test_jobs_of_a_lost_node_go_to_the_others(cluster: Any, tmp_path: Path) -> None:
    (node,) = cluster.worker_nodes
    results = []
    try:
        for result in RayEngine().run(Squares(tmp_path, seconds=0.3), range(16)):
            results.append(result)
            if len(results) == 3:
                cluster.remove_node(node, allow_graceful=False)
    finally:
        cluster.add_node(**NODE)
    assert results == [job * job for job in range(16)]
    assert sum(_begun(tmp_path).values()) in (17, 18)  # what the node was at


def test_what_a_job_raises_is_raised_and_the_rest_is_stopped(cluster: Any, tmp_path: Path) -> None:
    jobs = RayEngine().run(Squares(tmp_path, seconds=0.1, refused=5), range(200))
    with closing(jobs), pytest.raises(InputError, match=r"^job 5 is refused$"):
        assert list(jobs)
    stopped = sum(_begun(tmp_path).values())
    time.sleep(1)
    assert sum(_begun(tmp_path).values()) == stopped < 100


def test_what_is_no_cluster_is_said_at_once(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 .*ray start --head"):
        list(RayEngine(address="127.0.0.1:1").run(Squares(tmp_path), range(3)))
    with pytest.raises(InputError, match="on a node of the cluster"):
        list(RayEngine(address="ray://127.0.0.1:10001").run(Squares(tmp_path), range(3)))
    with pytest.raises(InputError, match="no GPU"):
        list(RayEngine(device="cuda").run(Squares(tmp_path), range(3)))
