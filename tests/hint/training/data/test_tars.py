"""Tars in the official layout: written, indexed, read back, and everything that may be wrong with them."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hint.errors import InputError, MissingRequirementError
from hint.images import encode_image
from hint.training.filters import NONE, Filters
from hint.training.shards import ShardWriter, official_hand, shard_path
from hint.training.tar_index import index_tar
from hint.training.tars import TarSource, expand_braces, find_tars

Parts = dict[str, bytes]


def hand(**changes: Any) -> dict[str, Any]:
    """Return a hand that passes every filter."""
    points = np.column_stack([np.linspace(5, 25, 21), np.linspace(5, 25, 21), np.ones(21)])
    values = official_hand(
        keypoints_2d=points,
        box_xyxy=[4, 4, 28, 28],
        is_right=True,
        hand_pose=np.full(48, 0.1),
        betas=np.full(10, 0.5),
    )
    return values | changes


def picture() -> bytes:
    return encode_image(np.full((32, 32, 3), 120, np.uint8), ".jpg")


def write_raw(path: Path, pictures: dict[str, Parts]) -> Path:
    """Write a tar without any of the writer's checks."""
    with tarfile.open(path, "w") as tar:
        for key, parts in pictures.items():
            for suffix, content in parts.items():
                header = tarfile.TarInfo(f"{key}.{suffix}")
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    return path


def one(path: Path, *hands: Any, **changes: bytes) -> Path:
    """Write a tar of one picture."""
    return write_raw(path / "000000.tar", {"a": {"jpg": picture(), "data.pyd": pickle.dumps(list(hands))} | changes})


def test_everything_written_is_read_back(tars: tuple[Path, list[Any]]) -> None:
    folder, drawn = tars
    source = TarSource("drawn", find_tars(folder), NONE, workers=1)
    expected = [(p, number, h) for p in drawn for number, h in enumerate(p.hands)]
    assert len(source) == len(expected) == 32
    assert source.broken == []
    for index, (p, number, h) in enumerate(expected):
        sample = source.read(index)
        assert sample.key == p.key + (f"#{number}" if number else "")
        assert np.array_equal(sample.keypoints_2d, h["keypoints_2d"])
        assert np.array_equal(sample.keypoints_3d, h["keypoints_3d"])
        assert np.array_equal(sample.hand_pose.ravel(), h["hand_pose"])
        x1, y1, x2, y2 = sample.box_xyxy
        assert np.allclose([(x1 + x2) / 2, (y1 + y2) / 2], h["center"])
        assert np.allclose([x2 - x1, y2 - y1], h["scale"] * 200, atol=1e-4)
        assert (sample.is_right, sample.has_hand_pose) == (h["right"] > 0, h["has_hand_pose"] > 0)
        assert np.abs(sample.image.astype(int) - p.image).mean() < 6


def test_same_calls_write_the_same_bytes(training_tars: ModuleType, tmp_path: Path) -> None:
    for name in ("first", "second"):
        training_tars.write_tars(tmp_path / name, n=4)
    assert shard_path(tmp_path / "first", 0).read_bytes() == shard_path(tmp_path / "second", 0).read_bytes()


def test_pickles_hold_what_the_released_reader_looks_up(tmp_path: Path) -> None:
    image = np.zeros((32, 40, 3), np.uint8)
    with ShardWriter(tmp_path / "a.tar") as shard:
        shard.add("key", image, [hand(), hand(personid=3)], masks=np.ones((2, 32, 40), bool))
    with tarfile.open(tmp_path / "a.tar") as tar:
        parts = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    assert list(parts) == ["key.jpg", "key.detection.npz", "key.data.pyd"]
    first, second = pickle.loads(parts["key.data.pyd"])
    shapes = {key: value.shape for key, value in first.items() if key != "extra_info"}
    assert shapes == {
        "keypoints_2d": (21, 3), "keypoints_3d": (21, 4), "center": (2,), "scale": (2,), "hand_pose": (48,),
        "betas": (10,), "right": (), "has_hand_pose": (), "has_betas": (),
    }  # fmt: skip
    assert (first["scale"] * 200).tolist() == pytest.approx([24, 24])
    assert second["extra_info"]["detection_npz_idx"] == 1
    assert second["personid"] == 3
    assert np.load(io.BytesIO(parts["key.detection.npz"]))["masks"].shape == (2, 32, 40)


def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with ShardWriter(tmp_path / "a.tar") as shard:
            shard.add("key", picture(), [hand()])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "hands"),
    [("a.b", []), ("", []), ("twice", []), ("new", [hand(betas=np.zeros(9))]), ("new", [{}]),
     ("new", [hand(center=[np.nan, 0])])],
)  # fmt: skip
def test_writer_refuses_what_readers_could_not_use(tmp_path: Path, key: str, hands: list[Any]) -> None:
    def write() -> None:
        with ShardWriter(tmp_path / "a.tar") as shard:
            shard.add("twice", picture(), [hand()])
            shard.add(key, picture(), hands)

    with pytest.raises(InputError):
        write()
    assert not (tmp_path / "a.tar").exists()


def test_flags_come_in_many_forms(tmp_path: Path) -> None:
    forms = [True, 1, 1.0, np.array(1.0), np.array([1]), np.float32(1), np.bool_(True)]
    source = TarSource("s", [one(tmp_path, *(hand(right=f, has_betas=f) for f in forms))], workers=1)
    assert len(source) == len(forms)
    assert all(source.read(i).is_right for i in range(len(forms)))


def test_folders_other_suffixes_and_masks_are_read(tmp_path: Path) -> None:
    png = encode_image(np.zeros((32, 32, 3), np.uint8), ".png")
    truth = pickle.dumps([hand()])
    path = write_raw(tmp_path / "a.tar", {
        "sub/x": {"jpeg": picture(), "data.pyd": truth},
        "sub/y": {"data.pyd": truth, "detection.npz": b"?", "png": png, "txt": b"?"},
    })  # fmt: skip
    source = TarSource("s", [path], workers=1)
    assert [source.read(i).key for i in range(2)] == ["sub/x", "sub/y"]


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/should-not-exist-hint",)


BROKEN: dict[str, Callable[[], Any]] = {
    "lacks betas": lambda: {k: v for k, v in hand().items() if k != "betas"},
    "has shape (20, 3)": lambda: hand(keypoints_2d=np.zeros((20, 3))),
    "keypoints_3d is not finite": lambda: hand(keypoints_3d=np.full((21, 4), np.nan)),
    "no area": lambda: hand(scale=np.array([0.1, 0.0])),
    "is not numeric": lambda: hand(center=["a", "b"]),
    "a hand is a dict": lambda: "text",
    "loss is not a number": lambda: hand(extra_info={"fitting_loss": {"reprojection_loss": "much"}}),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_broken_hands_are_left_out_and_named(tmp_path: Path, reason: str) -> None:
    source = TarSource("s", [one(tmp_path, hand(), BROKEN[reason](), hand())], workers=1)
    assert [source.read(i).key for i in range(len(source))] == ["a", "a#2"]
    assert len(source.broken) == 1
    assert reason in source.broken[0]
    assert "000000.tar: a: hand 1" in source.broken[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"garbage", "not a whole pickle", id="garbage"),
        pytest.param(pickle.dumps([hand()])[:-9], "not a whole pickle", id="cut short"),
        pytest.param(pickle.dumps({"no": "list"}), "not a list of hands", id="not a list"),
        pytest.param(pickle.dumps([Evil()]), "never needs", id="code"),
    ],
)
def test_broken_truth_is_left_out_and_named(tmp_path: Path, content: bytes, reason: str) -> None:
    good = {"jpg": picture(), "data.pyd": pickle.dumps([hand()])}
    path = write_raw(tmp_path / "000000.tar", {"bad": {"jpg": picture(), "data.pyd": content}, "good": good})
    source = TarSource("s", [path], workers=1)
    assert len(source) == 1
    assert len(source.broken) == 1
    assert reason in source.broken[0]
    assert not Path("/tmp/should-not-exist-hint").exists()


def test_lone_parts_are_named(tmp_path: Path) -> None:
    parts = {
        "a": {"jpg": picture()},
        "b": {"data.pyd": pickle.dumps([hand()])},
        "c": {"jpg": picture(), "data.pyd": pickle.dumps([hand()])},
    }
    source = TarSource("s", [write_raw(tmp_path / "000000.tar", parts)], workers=1)
    assert [reason.rpartition(": ")[2] for reason in source.broken] == ["has no data.pyd", "has no picture"]


@pytest.mark.parametrize("keep", [100, 700, 1600, 2048, -1024])
def test_cut_tar_fails_with_its_name(tars: tuple[Path, list[Any]], tmp_path: Path, keep: int) -> None:
    """Within a header, within a picture, between members, and right before the end mark."""
    whole = shard_path(tars[0], 0)
    with tarfile.open(whole) as tar:
        end = [m.offset_data + (m.size + 511) // 512 * 512 for m in tar][-1]
    content = whole.read_bytes()[: keep if keep > 0 else end]
    cut = tmp_path / "000007.tar"
    cut.write_bytes(content)
    with pytest.raises(InputError, match=r"000007.tar: not a complete tar .*copy it again"):
        TarSource("s", [cut], workers=1)


def test_damaged_header_fails_with_its_name(tars: tuple[Path, list[Any]], tmp_path: Path) -> None:
    damaged = tmp_path / "000003.tar"
    content = bytearray(shard_path(tars[0], 0).read_bytes())
    with tarfile.open(shard_path(tars[0], 0)) as tar:
        third = tar.getmembers()[2].offset
    content[third + 100 : third + 200] = b"x" * 100
    damaged.write_bytes(content)
    with pytest.raises(InputError, match=r"000003\.tar"):
        TarSource("s", [damaged], workers=1)


def test_what_is_no_file_fails_with_its_name(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.tar"):
        with pytest.raises(InputError, match=f"^{path}: .* directory"):
            TarSource("s", [path], workers=1)


def test_index_is_kept_until_the_tar_changes(tmp_path: Path, hint_home: Path) -> None:
    path = one(tmp_path, hand())
    assert len(index_tar(path).key) == 1
    (kept,) = (hint_home / "training-index").iterdir()
    written = kept.stat().st_mtime_ns
    assert len(index_tar(path).key) == 1
    assert kept.stat().st_mtime_ns == written
    one(tmp_path, hand(), hand())
    assert len(index_tar(path).key) == 2


def test_damaged_index_is_made_anew(tmp_path: Path, hint_home: Path) -> None:
    path = one(tmp_path, hand())
    index_tar(path)
    (kept,) = (hint_home / "training-index").iterdir()
    kept.write_bytes(b"half")
    assert len(index_tar(path).key) == 1
    assert kept.stat().st_size > 100


def test_kept_index_says_the_same(tars: tuple[Path, list[Any]]) -> None:
    first, again = (TarSource("s", find_tars(tars[0]), workers=1) for _ in range(2))
    assert [first.key(i) for i in range(len(first))] == [again.key(i) for i in range(len(again))]
    assert all((first.read(i).image == again.read(i).image).all() for i in (0, len(first) - 1))


def test_several_processes_index_alike(tars: tuple[Path, list[Any]], tmp_path: Path) -> None:
    for number in range(9):
        shutil.copy(shard_path(tars[0], number % 3), shard_path(tmp_path, number))
    done: list[int] = []
    together = TarSource("s", find_tars(tmp_path), workers=2, on_done=done.append)
    alone = TarSource("s", find_tars(tmp_path), workers=1)
    assert sum(done) == 9
    assert [together.key(i) for i in range(len(together))] == [alone.key(i) for i in range(len(alone))]


def test_braces_are_written_out() -> None:
    assert expand_braces("a/{0008..0011}.tar") == ["a/0008.tar", "a/0009.tar", "a/0010.tar", "a/0011.tar"]
    assert expand_braces("{a,b}/{1..2}") == ["a/1", "a/2", "b/1", "b/2"]
    assert expand_braces("plain.tar") == ["plain.tar"]


@pytest.mark.parametrize("pattern", ["{3..1}.tar", "{1..2.tar", "1..2}.tar", "{a,{b,c}}"])
def test_wrong_braces_are_refused(pattern: str) -> None:
    with pytest.raises(InputError):
        expand_braces(pattern)


def test_missing_tars_are_named_five_at_most(tmp_path: Path) -> None:
    (tmp_path / "000001.tar").touch()
    with pytest.raises(
        MissingRequirementError, match=r"7 of 8 tars are missing: .*000005.tar, \.\.\. \(7 in all\)"
    ) as error:
        find_tars(str(tmp_path / "{000000..000007}.tar"))
    assert str(error.value).count(".tar,") == 5
    with pytest.raises(MissingRequirementError, match=r"has no \.tar files"):
        find_tars(_made(tmp_path / "empty"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_nothing_left_says_why(tmp_path: Path) -> None:
    path = one(tmp_path, hand(), hand())
    with pytest.raises(InputError, match="2 fail the filters"):
        TarSource("s", [path], Filters(min_box=1000), workers=1)
    broken = write_raw(tmp_path / "b.tar", {"a": {"jpg": picture(), "data.pyd": b"x"}})
    with pytest.raises(InputError, match=r"b\.tar: a: not a whole pickle"):
        TarSource("s", [broken], workers=1)
