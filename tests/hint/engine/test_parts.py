"""Parts, shards, and what they are merged into."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.engine.devices import find_places
from hint.engine.jobs import JobDone, Pace, Queue
from hint.engine.merge import gather, merge
from hint.engine.parts import PartWriter, marked, part_files, parts_folder, shared_place
from hint.engine.results import Results, only_run
from hint.engine.shard import Shard
from hint.engine.stored import Stored, read_part
from hint.errors import InputError, WriteError
from hint.files import read_predictions, write_predictions
from hint.types import Hand, Predictions

HEADER = {"method": "mine", "fingerprint": {"version": 1}}


def rows(ids: list[str], value: float) -> dict[str, np.ndarray]:
    return {
        "keypoints_2d": np.full((len(ids), 21, 2), value, np.float32),
        "score": np.full(len(ids), value, np.float32),
        "extra": np.zeros((len(ids), 3)),
    }


def write(folder: Path, ids: str, keys: list[str], value: float, notes: tuple[str, ...] = ()) -> None:
    writer = PartWriter(folder, HEADER)
    writer.add(list(ids), keys, rows(list(ids), value), notes)
    writer.save()
    writer.save()


def flagged(predictions: Predictions) -> Predictions:
    meta = {**predictions.meta, "flags": "by score"}
    return replace(predictions, existence=np.repeat(predictions.score[:, None] > 1, 21, 1), meta=meta)


def test_parts_are_merged_to_the_bytes_of_the_usual_writer(tmp_path: Path) -> None:
    write(tmp_path, "ab", ["1", "1"], 1.0, ("a line", "another"))
    write(tmp_path, "bc", ["2", "1"], 2.0)
    write(tmp_path, "z", ["9"], 3.0)
    files = [read_part(path, HEADER) for path in part_files(tmp_path)]
    assert sorted(note for file in files for note in file.notes()) == ["a line", "another"]
    stored = Stored(files, np.array(list("cbad")), np.array(["1", "2", "1", "1"]))
    assert stored.is_done.tolist() == [True, True, True, False]
    assert len(stored) == 4, "a row nobody asked for stays"
    merge(stored.every(), tmp_path / "merged.out", HEADER, flagged)
    keypoints = np.array([2, 2, 1, 3], np.float32)
    usual = Predictions(
        np.array(list("cbaz")),
        np.broadcast_to(keypoints[:, None, None], (4, 21, 2)),
        score=keypoints,
        meta={**HEADER, "inputs": ["1", "2", "1", "9"]},
    )
    usual = flagged(usual)
    write_predictions(tmp_path / "usual.npz", replace(usual, meta={**usual.meta, "derived": ["existence"]}))
    assert (tmp_path / "merged.out").read_bytes() == (tmp_path / "usual.npz").read_bytes()
    assert gather(stored.asked(), flagged).existence[:, 0].tolist() == [True, True, False]


def test_parts_of_others_and_damaged_ones_are_one_line(tmp_path: Path) -> None:
    write(tmp_path, "a", ["1"], 1.0)
    (part,) = part_files(tmp_path)
    with pytest.raises(InputError, match=r"made with version 1 \(now 2\)"):
        read_part(part, {**HEADER, "fingerprint": {"version": 2}})
    part.write_bytes(part.read_bytes()[:300])
    with pytest.raises(InputError, match=rf"remove {part}, and its hands are predicted again"):
        read_part(part, HEADER)


WRONG: dict[str, dict[str, Any]] = {
    "objects": {"keypoints_2d": np.array([{}, {}], object)},
    "too few rows": {"keypoints_2d": np.zeros((1, 21, 2), np.float32)},
    "too many rows": {"score": np.zeros(9, np.float32)},
    "other joints": {"keypoints_2d": np.zeros((2, 20, 2), np.float32)},
    "one value": {"keypoints_2d": np.float32(1)},
    "text": {"keypoints_2d": np.full((2, 21, 2), "x")},
    "times": {"keypoints_2d": np.zeros((2, 21, 2), "M8[s]")},
    "numbers as ids": {"hand_id": np.arange(2)},
    "ids in a table": {"hand_id": np.array([["a", "b"]])},
    "one key": {"key": np.array(["1"])},
    "a list as header": {"header": np.array("[1]")},
    "a deep header": {"header": np.array("[" * 100_000)},
}


@pytest.mark.parametrize("name", WRONG)
def test_parts_of_other_shapes_are_refused_before_any_row_is_read(name: str, tmp_path: Path) -> None:
    results = Results(tmp_path / "p.npz", HEADER)
    write(results.parts, "ab", ["1", "1"], 1.0)
    (part,) = part_files(results.parts)
    with np.load(part) as good:
        np.savez(part, **{**good, **WRONG[name]})
    with pytest.raises(InputError, match="its hands are predicted again"):
        results.find(np.array(["a"]), np.array(["1"]))


def test_parts_that_lie_or_disagree_are_refused(tmp_path: Path) -> None:
    results = Results(tmp_path / "p.npz", HEADER)
    write(results.parts, "ab", ["1", "1"], 1.0)
    (part,) = part_files(results.parts)
    whole, ids, keys = part.read_bytes(), np.array(["a"]), np.array(["1"])
    with np.load(part) as good:
        arrays = dict(good)
    np.savez_compressed(part, **arrays)
    with pytest.raises(InputError, match=r"is compressed; save it with numpy\.savez; remove"):
        results.find(ids, keys)
    for shape in (b"(9, 21, 2), ", b"(2,-21, 2), "):  # the checksum is made true again by numpy's own writer
        damaged = BytesIO()
        with zipfile.ZipFile(BytesIO(whole)) as old, zipfile.ZipFile(damaged, "w") as new:
            for member in old.infolist():
                new.writestr(member, old.read(member).replace(b"(2, 21, 2), ", shape))
        part.write_bytes(damaged.getvalue())
        with pytest.raises(InputError, match="says that it is larger than it is"):
            results.find(ids, keys)
    part.write_bytes(whole)
    other = part.with_name(f"{'f' * 32}.npz")
    np.savez(other, **{**arrays, "score": np.zeros((2, 21), np.float32)})
    with pytest.raises(InputError, match=r"rows of score have shape .* remove it"):
        results.find(ids, keys)
    other.unlink()
    (results.parts / "mine.npz").write_bytes(b"not yours")
    results.merge(results.find(ids, keys), lambda found: found)
    assert [path.name for path in results.parts.iterdir()] == ["mine.npz"]
    assert read_predictions(tmp_path / "p.npz").hand_id.tolist() == ["a", "b"]


def test_a_place_for_parts_keeps_what_else_is_there(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    for name in ("labels.npz", f"{'0' * 32}.npz"):
        (place / name).write_bytes(b"mine")
    for header in (HEADER, {**HEADER, "method": "other"}):
        own = shared_place(place, header, ["a"])
        for overwrite in (False, True):
            results = Results(tmp_path / header["method"] / "p.npz", header, place=own, overwrite=overwrite)
            write_rows = PartWriter(results.place, header)
            write_rows.add(["a"], ["1"], rows(["a"], 1.0))
            write_rows.save()
            if overwrite:
                results = Results(results.path, header, place=own, overwrite=True)
            found = results.find(np.array(["a"]), np.array(["1"]))
            assert found.is_done.tolist() == [not overwrite]
            results.merge(found, lambda found: found)
    assert sorted(path.name for path in place.iterdir()) == [f"{'0' * 32}.npz", "labels.npz"]


def test_a_folder_of_parts_that_stays_empty_is_removed(tmp_path: Path) -> None:
    with marked(tmp_path / "p.parts") as mark:
        assert mark.is_file()
    assert not list(tmp_path.iterdir())
    with marked(tmp_path / "p.parts"):
        write(tmp_path / "p.parts", "a", ["1"], 1.0)
    assert len(part_files(tmp_path / "p.parts")) == 1


def test_a_full_disk_keeps_the_parts(tmp_path: Path) -> None:
    results = Results(tmp_path / "p.npz", HEADER)
    write(results.parts, "a", ["1"], 1.0)
    stored = results.find(np.array(["a"]), np.array(["1"]))
    full = Results(Path("/dev/full/p.npz"), HEADER)
    with pytest.raises(WriteError):
        full.merge(stored, lambda found: found)
    assert len(part_files(results.parts)) == 1
    results.merge(stored, lambda found: found)
    assert not results.parts.exists()
    assert json.loads(json.dumps(read_predictions(tmp_path / "p.npz").meta))["inputs"] == ["1"]


def test_shards_run_at_once_but_not_twice_and_not_beside_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    with only_run(path, Shard(1, 3)), only_run(path, Shard(2, 3)):
        with pytest.raises(InputError, match="another run is writing"), only_run(path, Shard(2, 3)):
            pass
        with pytest.raises(InputError, match="shards 1of3, 2of3 of"), only_run(path):
            pass
    with only_run(path), pytest.raises(InputError, match="another run is writing"), only_run(path, Shard(1, 3)):
        pass
    assert not parts_folder(path).exists()


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7), st.integers(1, 9))
def test_shards_and_jobs_hold_every_hand_once_and_pictures_whole(pictures: list[int], count: int, size: int) -> None:
    hands = [Hand(str(k), (0, 0, 9, 9), True, Path(str(name))) for k, name in enumerate(pictures)]
    keys, found = np.array([hand.hand_id for hand in hands], np.str_), list[list[Hand]]()
    queue = Queue.of(hands, together=True)
    for number in range(1, count + 1):
        jobs = list(queue.part(Shard(number, count)).jobs(hands, keys, Pace(size)))
        assert [job.number for job in jobs] == list(range(len(jobs)))
        assert all(job.keys == tuple(hand.hand_id for hand in job.hands) for job in jobs)
        found += [[job.hands[row] for row in rows] for job in jobs for rows in job.pictures()]
    assert sorted(int(hand.hand_id) for group in found for hand in group) == list(range(len(hands)))
    assert len(found) == len({hand.image for hand in hands})


def test_jobs_grow_while_they_are_short_and_shrink_when_they_are_long() -> None:
    pace = Pace()
    sizes = [pace.hands]
    for seconds in (0.1, 0.1, 3.0, 60.0):
        pace.saw(JobDone(0, pace.hands, seconds=seconds))
        sizes.append(pace.hands)
    assert sizes == [4, 8, 16, 16, 8]


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0", "-1/2", "1/9999999", "\u0661/\u0662"])
def test_malformed_shards_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="write number/count, such as 2/8"):
        Shard.parse(text)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(place.device, place.gpu) for place in find_places("cpu*3")] == [("cpu", None)] * 3
    assert len(find_places("2", "cpu")) == 2
    for text in ("cpu*0", "-1", "²", "cpu*-1", "cpu,", "cpu*" + "9" * 5000):
        with pytest.raises(InputError, match="write all, a number"):
            find_places(text, "cpu")
    for text in ("999999", "cpu*1025", "cpu*1000,cpu*25"):
        with pytest.raises(InputError, match="at most 1,024 processes"):
            find_places(text, "cpu")
    monkeypatch.setattr("hint.engine.devices._gpus", lambda: 2)
    assert [place.gpu for place in find_places("all")] == [0, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert [place.environment()["CUDA_VISIBLE_DEVICES"] for place in find_places("cuda:1,cuda:0")] == ["7", "4"]
    for text, message in (("3", "there are 2 GPUs"), ("cuda:2", "there are 2 GPUs"), ("gpu", "write all, a number")):
        with pytest.raises(InputError, match=message):
            find_places(text)


def test_progress_says_rate_and_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import hint.progress

    clock = iter([0.0, 0.0, 20.0, 40.0])
    monkeypatch.setattr("hint.progress.time.monotonic", lambda: next(clock))
    with hint.progress.progress("hands", 1000) as advance:
        advance(500)
        advance(100)
        advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "hands: 600/1000, 5.0/s, 1:20 left",
        "hands: 700/1000, 5.0/s, 1:00 left",
    ]
    with hint.progress.progress("tars", 0) as advance:
        advance(0)
    assert not capsys.readouterr().err, "nothing to do shows nothing"
