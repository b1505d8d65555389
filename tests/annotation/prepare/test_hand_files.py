import io
from pathlib import Path

import numpy as np
import pytest

from annotation.prepare.hand_files import HandFiles, check_geometry, check_hand, inspect_picture
from hint.files import read_evaluation_npz
from hint.files.pairs import HandRecord, read_record
from hint.images import is_cut, write_image


@pytest.fixture
def hand(root: Path) -> HandFiles:
    folder = root / "TEST_newdays_img"
    return HandFiles(folder, sorted(folder.glob("*.json"))[0].stem, True, True)


def record(points: list[tuple[float, float]], exists: bool, box: tuple[float, ...] = (1, 1, 5, 5)) -> HandRecord:
    rest = 21 - len(points)
    return HandRecord(
        list(box),
        [[x, y] for x, y in points] + [[1.0, 1.0]] * rest,
        [exists] * len(points) + [True] * rest,
        [False] * 21,
    )


@pytest.mark.parametrize(
    ("x", "y", "inside"),
    [(0, 0, True), (63.9, 47.9, True), (64, 9, False), (9, -0.1, False)],
    ids=["first corner", "last corner", "right of it", "above it"],
)
def test_a_joint_exists_where_it_lies_in_the_picture(x: float, y: float, inside: bool) -> None:
    assert check_geometry(record([(x, y)], inside), 64, 48) == []
    assert check_geometry(record([(x, y)], not inside), 64, 48) == [("existence", "joints 0 of 64x48 px")]


@pytest.mark.parametrize(
    ("box", "outside"),
    [((-9, 1, 0, 9), True), ((-9, 1, 0.1, 9), False), ((3, 48, 9, 50), True), ((3, 47, 9, 50), False)],
    ids=["left of it", "over the left edge", "below it", "over the lower edge"],
)
def test_a_box_may_leave_the_picture_but_not_lie_outside(box: tuple[float, ...], outside: bool) -> None:
    assert [kind for kind, _ in check_geometry(record([], True, box), 64, 48)] == ["box"] * outside


def test_released_hands_give_no_warning(shared: Path) -> None:
    labels = read_evaluation_npz(shared / "data" / "hint_eval_npz", "TEST_epick_img")
    columns = (labels.box_xyxy, labels.keypoints_2d, labels.existence, labels.occlusion)
    hands = [HandRecord(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]
    assert len(hands) == 1906
    assert [faults for hand in hands if (faults := check_geometry(hand, 1920, 1080))] == []


class Counting(io.BufferedReader):
    total = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.total += len(content)
        return content


def test_the_end_of_a_picture_is_found_by_reading_backwards(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))
    whole = (tmp_path / "a.jpg").read_bytes()
    assert len(whole) > 8192, "the tail must be a part of the file for this test"
    assert not is_cut(io.BytesIO(whole))
    assert not is_cut(io.BytesIO(whole + bytes(9000))), "data may follow the end marker"
    long = io.BytesIO(whole[:-2] + bytes(1 << 20) + whole[-2:])
    assert not is_cut(reads := Counting(long))
    assert reads.total < 10_000
    scan = whole.rindex(b"\xff\xda")
    for length in (*range(scan + 2, len(whole), 997), len(whole) - 1):
        assert is_cut(io.BytesIO(whole[:length])), length
    thumbnail = whole[:2] + whole + whole[2:]
    assert not is_cut(io.BytesIO(thumbnail))
    for length in range(len(whole) + 2 + scan, len(thumbnail), 997):
        assert is_cut(io.BytesIO(thumbnail[:length])), length


def test_damaged_files_are_faults_and_never_stop_the_check(hand: HandFiles) -> None:
    rng = np.random.default_rng(1)
    paths = [hand.folder / f"{hand.stem}{suffix}" for suffix in (".json", ".jpg")]
    originals = [path.read_bytes() for path in paths]
    kinds = set()
    for _ in range(300):
        for path, original in zip(paths, originals, strict=True):
            content = bytearray(original[: rng.integers(1, len(original) + 1)])
            for place in rng.integers(0, min(len(content), 700), 3):
                content[place] = rng.integers(256)
            path.write_bytes(content)
        kinds |= {fault.kind for fault in check_hand(hand).faults}
    assert kinds >= {"label", "picture", "cut picture"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 100_000, id="100,000 brackets"),
        pytest.param(f'[{{"bbox": [[1, 2, {"9" * 400}, 4]]}}]', id="number beyond floats"),
        pytest.param("\xff", id="not JSON"),
        pytest.param("null", id="null"),
        pytest.param("[{}]", id="no keys"),
    ],
)
def test_odd_json_is_refused_with_a_reason(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a_l.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r".{5,}"):
        read_record(path)


def test_a_number_beyond_floats_is_not_finite(hand: HandFiles) -> None:
    path = hand.folder / f"{hand.stem}.json"
    path.write_text(path.read_text().replace("31.25", "9" * 400))
    assert [(f.kind, f.reason) for f in check_hand(hand).faults] == [
        ("label", "bbox has a value that is not a finite number, or far outside any picture")
    ]


def test_files_that_disappear_are_named(hand: HandFiles) -> None:
    for suffix in (".json", ".jpg"):
        (hand.folder / f"{hand.stem}{suffix}").unlink()
    assert [fault.kind for fault in check_hand(hand).faults] == ["label", "picture"]
    assert inspect_picture(hand.folder / "none.jpg").reason == "No such file or directory"
