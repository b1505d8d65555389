"""Videos and pictures that several splits share, and annotators unlike the others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.check.annotators import Habit, habits, robust_z
from annotation.check.hands import Hands
from annotation.check.measured_set import measure_set
from annotation.check.splits import NEAR_DUPLICATE, LabelSet, near_duplicates, nearest_in, picture_hash, shared_clips
from hint.images import write_image
from hint.types import HandLabels, Predictions


def scene(rng: np.random.Generator, width: int = 320, height: int = 240) -> np.ndarray:
    """A picture with some structure: blurred noise of several sizes."""
    total = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 40):
        coarse = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 4
    return np.clip(total, 0, 255).astype(np.uint8)


def bits_between(a: Path, b: Path) -> int:
    first, second = picture_hash(a), picture_hash(b)
    assert first is not None
    assert second is not None
    return (first ^ second).bit_count()


def test_a_copy_with_another_size_brightness_and_compression_is_similar(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    most = 0
    for _ in range(40):
        picture = scene(rng)
        write_image(tmp_path / "a.jpg", picture)
        brighter = np.clip(picture.astype(float) * 1.1 + 5, 0, 255).astype(np.uint8)
        noisy = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
        smaller = cv2.resize(picture, (200, 150), interpolation=cv2.INTER_AREA)
        shifted = np.roll(picture, 1, axis=1)
        for name, changed in (("b", brighter), ("c", noisy), ("d", smaller), ("e", shifted)):
            write_image(tmp_path / f"{name}.jpg", changed, quality=60)
            most = max(most, bits_between(tmp_path / "a.jpg", tmp_path / f"{name}.jpg"))
    assert most <= NEAR_DUPLICATE.threshold


def test_other_pictures_are_far(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for k in range(60):
        write_image(tmp_path / f"{k}.jpg", scene(rng))
    hashes = np.array([picture_hash(tmp_path / f"{k}.jpg") for k in range(60)], dtype=np.uint64)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])[np.triu_indices(60, 1)]
    assert distance.min() > NEAR_DUPLICATE.threshold + 3


def test_blank_pictures_have_no_hash(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.png", np.full((64, 64, 3), 90, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 not really")
    (tmp_path / "empty.jpg").touch()
    for name in ("grey.png", "broken.jpg", "empty.jpg", "absent.jpg"):
        assert picture_hash(tmp_path / name) is None


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 30))
def test_the_nearest_is_the_nearest(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    mine, others = (rng.integers(0, 2**63, k, dtype=np.uint64) for k in (n, m))
    distance, place = nearest_in(mine, others)
    for value, far, at in zip(mine.tolist(), distance.tolist(), place.tolist(), strict=True):
        slow = [(value ^ other).bit_count() for other in others.tolist()]
        assert far == min(slow) == slow[at]


def with_pictures(labels: HandLabels, folder: Path, pictures: list[np.ndarray]) -> HandLabels:
    paths = [folder / f"{hand_id}.jpg" for hand_id in labels.hand_id.tolist()]
    for path, picture in zip(paths, pictures, strict=True):
        write_image(path, picture)
    return replace(labels, image=np.array([str(path) for path in paths]))


def test_near_duplicates_are_searched_between_splits_only(make: Callable[..., HandLabels], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pictures = [scene(rng) for _ in range(8)]
    test = with_pictures(make(4, seed=1), tmp_path / "test", [pictures[0], pictures[1], pictures[2], pictures[2]])
    train = with_pictures(make(5, seed=2, subset="train_newdays"), tmp_path / "train", [pictures[2], *pictures[4:]])
    sets = [LabelSet(tmp_path, test), LabelSet(tmp_path, train)]
    found = {(s, k): (bits, other) for s, k, bits, other in near_duplicates(sets)}
    assert len(found) == 9
    close = {key: other for key, (bits, other) in found.items() if bits <= NEAR_DUPLICATE.threshold}
    assert set(close) == {(0, 2), (0, 3), (1, 0)}
    assert close[0, 2] == train.hand_id[0]
    assert list(near_duplicates([LabelSet(tmp_path, test)])) == []


def test_shared_clips_are_found_by_source_and_clip(make: Callable[..., HandLabels]) -> None:
    test, train, val = make(4, seed=1), make(4, seed=1, subset="train_newdays"), make(4, seed=3, subset="val_newdays")
    other = replace(test, hand_id=np.array([f"x{k}_r" for k in range(4)]))  # the same clip names, another source
    names = shared_clips([LabelSet(Path(), one) for one in (test, train, val)])
    assert {s for s, _ in names} == {0, 1}
    assert len(names) == 8
    assert set(names.values()) == {(2, "TEST, TRAIN")}
    assert shared_clips([LabelSet(Path(), other), LabelSet(Path(), train)]) == {}
    assert shared_clips([LabelSet(Path("a"), test), LabelSet(Path("b"), test)]) == {}, (
        "two annotators are no two splits"
    )


def test_one_annotator_of_many_stands_out(good: HandLabels, hands: Callable[..., Hands]) -> None:
    rng = np.random.default_rng(0)
    people = []
    for k in range(6):
        labels = good.select(slice(200 * k, 200 * (k + 1)))
        share = 0.9 if k == 4 else 0.4 + 0.01 * k
        labels = replace(labels, occlusion=rng.random((200, 21)) < share)
        start = labels.keypoints_2d + rng.normal(0, 1 if k == 2 else 8, (200, 21, 2))
        one = hands(labels)
        given = Predictions(labels.hand_id, start)
        moved = measure_set(LabelSet(Path(), labels), one.population, one.picture, given, None, []).moved
        people.append(habits([labels], moved, {"zigzag": rng.random(200) < 0.02}))
    for name, odd in (("occluded", 4), ("displacement", 2), ("out of the picture", None), ("findings of zigzag", None)):
        scores = robust_z([person[name] for person in people])
        assert np.flatnonzero(abs(scores) > 5).tolist() == ([] if odd is None else [odd]), (name, scores)


def test_annotators_that_differ_by_chance_do_not_stand_out() -> None:
    rng = np.random.default_rng(1)
    odd = 0
    for _ in range(300):
        shares = [rng.random(100) < 0.1 for _ in range(5)]
        odd += bool((abs(robust_z([Habit(s.mean(), s.std(ddof=1) / 10) for s in shares])) > 5).any())
    assert odd <= 2


def test_three_annotators_are_too_few_for_outliers() -> None:
    assert np.isnan(robust_z([Habit(0.1, 0.01), Habit(0.1, 0.01), Habit(0.9, 0.01)])).all()
    nothing_known = [Habit(float("nan"), float("nan"))] * 5
    assert np.isnan(robust_z(nothing_known)).all()
    assert robust_z([Habit(0.1, 0.0)] * 5).tolist() == [0] * 5


def test_sets_know_their_split(make: Callable[..., HandLabels]) -> None:
    assert LabelSet(Path(), make(2, subset="val_ego4d")).split == "val"
    assert LabelSet(Path(), make(2, subset="anna")).split == "test"
    with pytest.raises(AttributeError):
        LabelSet(Path(), make(2)).split = "train"  # type: ignore[misc]
