"""Jobs on a real Ray cluster of two nodes: what it does when jobs, workers and nodes fail."""

import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import hint
from object_store import object_store
from ray_cluster import NODE, ray_cluster
from ray_jobs import Brightness, Squares

from hint.engine import Ready, Work, run
from hint.engine.parts import marked, require_mark
from hint.engine.ray_engine import RayEngine
from hint.errors import InputError, WriteError
from hint.files import storage
from hint.images import encode_image
from hint.training.fit_labels import fit_labels
from hint.types import Hand, HandLabels

#: Seconds that a test may take; a cluster that is stuck must not hold up the others.
_LIMIT = 240


@pytest.fixture(scope="module")
def bucket() -> Iterator[Path]:
    """A bucket that the nodes of the cluster can reach."""
    with object_store("hands") as url:
        yield Path(url)


@pytest.fixture(scope="module")
def cluster(bucket: Path) -> Iterator[Any]:
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
    results = list(RayEngine().run(Squares(tmp_path, seconds=0.1, workers=2, deadly=3), range(12)))
    assert results == [-3 if job == 3 else job * job for job in range(12)]
    begun = _begun(tmp_path)
    assert begun.pop("3") == 3
    assert set(begun.values()) == {1}


def test_jobs_of_a_lost_node_go_to_the_others(cluster: Any, tmp_path: Path) -> None:
    (node,) = cluster.worker_nodes
    results = []
    try:
        for result in RayEngine().run(Squares(tmp_path, seconds=0.3, workers=2), range(16)):
            results.append(result)
            if len(results) == 3:
                cluster.remove_node(node, allow_graceful=False)
    finally:
        cluster.add_node(**NODE)
    assert results == [job * job for job in range(16)]
    assert sum(_begun(tmp_path).values()) <= 18  # none but what the node was at


def test_what_a_job_raises_is_raised_and_the_rest_is_stopped(cluster: Any, tmp_path: Path) -> None:
    jobs = RayEngine().run(Squares(tmp_path, seconds=0.1, refused=5), range(200))
    with closing(jobs), pytest.raises(InputError, match=r"^job 5 is refused$"):
        assert list(jobs)
    stopped = sum(_begun(tmp_path).values())
    time.sleep(1)
    assert sum(_begun(tmp_path).values()) == stopped < 100


def _hands(folder: Path, count: int) -> list[Hand]:
    """Write a picture for every two hands; the third is cut short."""
    rng = np.random.default_rng(0)
    for k in range(0, count, 2):
        content = encode_image(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8), ".png")
        storage.write_bytes(folder / f"{k:03d}.png", content[:99] if k == 4 else content)
    return [
        Hand(f"hand{k}", (1, 2, 20 + k % 5, 20), k % 2 == 0, folder / f"{k // 2 * 2:03d}.png") for k in range(count)
    ]


def _places(folder: Path) -> list[Path]:
    """Return the folders of parts of results."""
    return [folder / name for name in storage.folders_in(folder)]


def _on_ray(recipe: Brightness) -> Ready:
    """Return a method that is known already, to run on the cluster."""
    return replace(Ready.load(recipe), recipe=recipe, engine=RayEngine())


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_bytes_of_one_process(
    cluster: Any, bucket: Path, tmp_path: Path
) -> None:
    hands, expected, path = _hands(bucket / "pictures", 60), tmp_path / "one.npz", tmp_path / "predictions.npz"
    alone = run(Ready.load(Brightness()), hands, save_to=expected)
    assert len(alone.failures) == 2
    assert "004.png: the picture is cut short" in alone.failures["hand5"]

    ready = _on_ray(Brightness(seconds=0.1))

    @contextmanager
    def stop(label: str, total: int) -> Iterator[Callable[[int], None]]:
        done = []

        def advance(hands: int) -> None:
            done.append(hands)
            if sum(done) >= 20:
                signal.raise_signal(signal.SIGINT)

        yield advance

    with pytest.raises(KeyboardInterrupt):
        run(ready, hands, save_to=path, work=Work(parts=bucket / "parts"), show=stop)
    assert not path.exists()
    (place,) = _places(bucket / "parts")
    assert storage.files_in(place)

    resumed = run(ready, hands, save_to=path, work=Work(parts=bucket / "parts"))
    assert 14 <= resumed.reused < 60
    assert resumed.failures == alone.failures
    assert path.read_bytes() == expected.read_bytes()
    assert storage.files_in(place) == {}
    assert {file.name for file in tmp_path.iterdir()} == {"one.npz", "predictions.npz"}


def test_the_command_reads_labels_and_pictures_from_a_store_and_scores_as_one_process_does(
    cluster: Any, bucket: Path, hint_root: Path, tmp_path: Path
) -> None:
    for file in sorted(hint_root.rglob("*.*")):
        storage.write_bytes(bucket / "HInt" / file.relative_to(hint_root), file.read_bytes())
    for file in hint_root.rglob("*.jpg"):
        file.unlink()
    command, url = ("eval", "--method", "mediapipe"), storage.url_of(bucket / "HInt")
    hint(*command, "--data", hint_root, "--images", url, "--out", tmp_path / "one")
    shared = ("--engine", "ray", "--parts", storage.url_of(bucket / "parts"))
    done = hint(*command, "--data", url, "--out", tmp_path / "ray", *shared, "--json")
    assert json.loads(done.stdout)["status"] == "complete"  # what the cluster says goes elsewhere
    assert "log level" not in done.stderr
    for name in ("predictions.npz", "errors.npz"):
        one, ray = (tmp_path / run / "mediapipe" / name for run in ("one", "ray"))
        assert ray.read_bytes() == one.read_bytes()


def test_predict_reads_a_folder_in_a_store_and_writes_the_bytes_of_one_process(
    cluster: Any, bucket: Path, tmp_path: Path
) -> None:
    rng, folder = np.random.default_rng(0), bucket / "photographs"
    for k in range(11):
        content = encode_image(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8), ".jpg")
        storage.write_bytes(folder / f"{k:02d}.jpg", content[:99] if k == 7 else content)
    place = storage.url_of(folder)
    boxes = [
        {"image": f"{place}/{k:02d}.jpg", "box_xyxy": [4, j, 40, 40], "is_right": True}
        for k in range(11)
        for j in (1, 2)
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    command = ("predict", place, "--boxes", tmp_path / "boxes.json", "--method", "box-centre")
    shared = ("--parts", storage.url_of(bucket / "predict-parts"))
    hint(*command, "--out", tmp_path / "out", "--shard", "2/2", *shared, code=1)
    (parts,) = _places(bucket / "predict-parts")
    joined = hint(*command, "--out", tmp_path / "out", *shared, "--engine", "ray", "--json", code=1)
    assert json.loads(joined.stdout)["reused"] == 10
    assert storage.files_in(parts) == {}
    hint(*command, "--out", tmp_path / "one", code=1)
    for name in ("predictions.npz", "hands.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"predictions.npz", "hands.jsonl"}


def test_a_full_disk_of_one_worker_ends_the_run_and_costs_no_row_of_others(cluster: Any, tmp_path: Path) -> None:
    hands, path, full = _hands(tmp_path / "pictures", 300), tmp_path / "predictions.npz", tmp_path / "full"
    expected = tmp_path / "one.npz"
    run(Ready.load(Brightness()), hands, save_to=expected)
    full.touch()
    with pytest.raises(WriteError, match=r"cannot write .*predictions\.parts/\w+\.npz: File too large$"):
        run(_on_ray(Brightness(0.01, full)), hands, save_to=path)
    assert not full.exists()
    resumed = run(Ready.load(Brightness()), hands, save_to=path)
    assert resumed.reused > 30
    assert path.read_bytes() == expected.read_bytes()


def test_hands_are_fitted_with_the_bytes_of_one_process(cluster: Any, labels: HandLabels, tmp_path: Path) -> None:
    for out, engine in (("one", "local"), ("ray", "ray")):
        fit_labels(labels, tmp_path / out, mano="procedural", work=Work(engine))
    for name in ("fits.npz", "hands.jsonl"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert {file.name for file in (tmp_path / "ray").iterdir()} == {file.name for file in (tmp_path / "one").iterdir()}


def test_a_folder_that_a_node_does_not_share_is_named(tmp_path: Path) -> None:
    with marked(tmp_path / "parts") as mark:
        require_mark(mark)
    assert not mark.exists()
    with pytest.raises(InputError, match=rf"{socket.gethostname()} does not see .*parts; give an --out that every"):
        require_mark(mark)


def test_a_cluster_that_crashed_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1\n")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(InputError, match=r"at 127\.0\.0\.1:1 .*ray_current_cluster is of a cluster .* ray stop"):
        list(RayEngine().run(Squares(tmp_path), range(3)))


def test_what_is_no_cluster_is_said_at_once(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 .*ray start --head"):
        list(RayEngine(address="127.0.0.1:1").run(Squares(tmp_path), range(3)))
    with pytest.raises(InputError, match="on a node of the cluster"):
        list(RayEngine(address="ray://127.0.0.1:10001").run(Squares(tmp_path), range(3)))
    with pytest.raises(InputError, match="no GPU"):
        list(RayEngine(device="cuda").run(Squares(tmp_path), range(3)))
