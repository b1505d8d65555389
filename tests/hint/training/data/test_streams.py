"""Tars read from their beginning, out of memory and from a server: every hand once per epoch, resumed exactly."""

import shutil
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread

import fsspec
import numpy as np
import pytest
import torch

from hint.errors import InputError, MissingRequirementError
from hint.training import remote
from hint.training.data import TrainingData, loader
from hint.training.remote import find_shards
from hint.training.streams import Lane, StreamSource
from hint.training.tars import TarSource, find_tars

#: Hands of the three tars: every third of 24 pictures has two.
HANDS = 32


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """Nobody has counted the hands of these tars yet."""
    monkeypatch.setenv("HINT_HOME", str(tmp_path / "home"))


@pytest.fixture
def memory(tars):
    """The tars in fsspec's memory, as a pattern."""
    for path in find_tars(tars[0]):
        fsspec.filesystem("memory").pipe(f"/bucket/{path.name}", path.read_bytes())
    yield "memory://bucket/{000000..000002}.tar"
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def serving(folder, handler=Quiet):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def keys(source, lane, n, start=0):
    return [sample.key for sample, _ in islice(source.read(lane, start), n)]


def batches(place, n, start_step=0, **options):
    source = StreamSource("far", find_shards(place), block=7)
    data = TrainingData.mix([source], seed=3, crop_size=48)
    return list(islice(loader(data, global_batch=8, start_step=start_step, **options), n))


def same(one, other):
    return one.key == other.key and torch.equal(one.crops, other.crops)


@pytest.mark.parametrize("readers", [1, 2, 3, 5])
def test_every_hand_comes_once_per_epoch_whatever_the_readers(memory, tars, readers):
    source = StreamSource("far", find_shards(memory), block=7)
    local = TarSource("near", find_tars(tars[0]), workers=1)
    read = Counter()
    for number in range(readers):
        lane = Lane(number, readers, seed=1)
        size = source._epoch(lane, 0, 0, [])
        n = sum(1 for _ in size)
        mine = keys(source, lane, n)
        assert mine != sorted(mine), "they are shuffled"
        read.update(mine)
    assert read == Counter(local.key(k) for k in range(HANDS))
    first, second = keys(source, Lane(0, 1, 1), HANDS), keys(source, Lane(0, 1, 1), 2 * HANDS)[HANDS:]
    assert first != second
    assert sorted(first) == sorted(second)


def test_what_is_read_is_what_local_tars_hold(memory, tars):
    near = TarSource("near", find_tars(tars[0]), workers=1)
    held = {near.key(k): near.read(k) for k in range(HANDS)}
    for sample, _ in islice(StreamSource("far", find_shards(memory)).read(Lane(0, 1, 0)), HANDS):
        assert np.array_equal(sample.image, held[sample.key].image)
        assert np.array_equal(sample.keypoints_3d, held[sample.key].keypoints_3d)
        assert np.array_equal(sample.box_xyxy, held[sample.key].box_xyxy)


@pytest.mark.parametrize(("rank", "world", "workers"), [(0, 1, 0), (1, 2, 0), (0, 1, 2), (1, 2, 2)])
def test_a_later_start_is_the_rest_of_the_whole(memory, rank, world, workers):
    options = {"rank": rank, "world": world, "workers": workers}
    whole = batches(memory, 16, **options)  # four epochs
    for start in (1, 5, 13):
        rest = batches(memory, 16 - start, start, **options)
        assert all(same(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_going_on_passes_over_tars_that_were_counted(memory, monkeypatch):
    source, lane = StreamSource("far", find_shards(memory), block=4), Lane(0, 1, 2)
    whole = keys(source, lane, 31)
    opened = []
    original = remote.Shard.pictures
    monkeypatch.setattr(remote.Shard, "pictures", lambda shard: opened.append(shard.url) or original(shard))
    assert keys(source, lane, 1, start=30) == whole[30:]
    assert len(opened) == 1


def test_a_server_gives_the_same_hands_to_loading_processes(memory, tars):
    with serving(tars[0]) as address:
        far = batches(address + "/{000000..000002}.tar", 3, workers=1)
    assert all(same(a, b) for a, b in zip(far, batches(memory, 3), strict=True))


def test_a_connection_that_breaks_is_opened_again(memory, tars, monkeypatch):
    broken = []

    class Breaking(Quiet):
        def copyfile(self, source, output):
            if len(broken) < 2:
                broken.append(self.path)
                output.write(source.read(5000))
                self.connection.close()
            else:
                super().copyfile(source, output)

    monkeypatch.setattr(remote, "_PAUSES", (0.0, 0.0, 0.0))
    with serving(tars[0], Breaking) as address:
        far = batches(address + "/{000000..000002}.tar", 2)
    assert broken
    assert all(same(a, b) for a, b in zip(far, batches(memory, 2), strict=True))


def test_folders_and_lists_name_tars(memory, tars, tmp_path):
    shards = find_shards(memory)
    assert find_shards("memory://bucket/") == shards
    (tmp_path / "tars.txt").write_text("\n".join(shards))
    assert find_shards(f"file://{tmp_path}/tars.txt") == shards
    assert find_shards(f"file://{tars[0]}/") == [f"file://{path}" for path in find_tars(tars[0])]


def test_what_cannot_be_read_is_named(memory, tars, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_PAUSES", ())
    with pytest.raises(MissingRequirementError, match=r"1 of 4 tars are missing: memory://bucket/000003.tar"):
        find_shards("memory://bucket/{000000..000003}.tar")
    with pytest.raises(MissingRequirementError, match="no tars"):
        find_shards("memory://nothing/")
    with pytest.raises(MissingRequirementError, match="notaprotocol"):
        find_shards("notaprotocol://bucket/000000.tar")
    folder = Path(shutil.copytree(tars[0], tmp_path / "cut"))
    whole = (folder / "000000.tar").read_bytes()
    for length in (len(whole) // 2, len(whole) - 10240):
        (folder / "000000.tar").write_bytes(whole[: length // 512 * 512])
        with pytest.raises(InputError, match=r"000000\.tar: .*(unexpected end|not a complete tar)"):
            keys(StreamSource("far", [f"file://{folder}/000000.tar"]), Lane(0, 1, 0), HANDS)


def test_an_unreadable_picture_is_replaced_and_keeps_the_rest_in_place(tars, training_tars, tmp_path):
    good = training_tars.write_tars(tmp_path / "good", n=6, per_tar=6)
    whole = (tmp_path / "good" / "000000.tar").read_bytes()
    jpeg = whole.index(b"\xff\xd8\xff")
    bad = tmp_path / "bad" / "000000.tar"
    bad.parent.mkdir()
    bad.write_bytes(whole[: jpeg + 2] + b"\0" * 200 + whole[jpeg + 202 :])
    lane, n = Lane(0, 1, 0), sum(len(drawn.hands) for drawn in good)
    expected = keys(StreamSource("far", [f"file://{tmp_path}/good/000000.tar"]), lane, n)
    read = list(islice(StreamSource("far", [f"file://{bad}"]).read(lane), n))
    assert [a != sample.key for a, (sample, _) in zip(expected, read, strict=True)].count(True) == 1
    assert [f"{bad}: p000000" in skipped[0] for _, skipped in read if skipped] == [True]
