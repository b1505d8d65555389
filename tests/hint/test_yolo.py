"""YOLO pose datasets, read and written; descriptions that are hostile or of something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hint.errors import InputError
from hint.files import read_labels, write_yolo
from hint.images import write_image
from hint.prediction.box_files import lines_of_file
from hint.types import HandLabels

SIZE = np.array([240.0, 200.0])


@pytest.fixture
def pictured(labels: HandLabels, tmp_path: Path) -> HandLabels:
    """Twelve hands with a picture each, half of them of a TRAIN folder."""
    images = [tmp_path / "pictures" / f"{hand_id}.jpg" for hand_id in labels.hand_id.tolist()]
    for path in images:
        write_image(path, np.zeros((200, 240, 3), np.uint8))
    half = np.arange(len(labels)) % 2 == 0
    return replace(labels, image=list(map(str, images)), subset=np.where(half, "train_newdays", "newdays"))


@pytest.mark.parametrize("named", ["folder", "data.yaml"])
def test_what_is_written_is_read(pictured: HandLabels, tmp_path: Path, named: str) -> None:
    out = tmp_path / "yolo"
    write_yolo(out, pictured)
    read = read_labels(out if named == "folder" else out / named, split="train")
    assert read.subsets == ["train"]
    expected = pictured.select([hand in set(read.hand_id.tolist()) for hand in pictured.hand_id.tolist()])
    assert len(expected) == 6
    read = read.select(np.argsort(read.hand_id))
    expected = expected.select(np.argsort(expected.hand_id))
    np.testing.assert_array_equal(read.is_right, expected.is_right)
    np.testing.assert_array_equal(read.visibility, expected.visibility)
    inside = np.clip(expected.keypoints_2d, 0, SIZE)
    np.testing.assert_allclose(read.keypoints_2d[read.existence], inside[read.existence], atol=1e-6)
    np.testing.assert_allclose(read.box_xyxy, np.clip(expected.box_xyxy, 0, np.tile(SIZE, 2)), atol=1e-6)
    assert all(Path(image).is_relative_to(out) and Path(image).is_file() for image in read.image.tolist())
    assert read_labels(out).subsets == ["test"]
    assert len(lines_of_file(out)) == 6


def line(kind: int, first: str = "0.5 0.5 2", box: str = "0.5 0.5 0.2 0.4") -> str:
    joints = " ".join(f"{0.4 + k / 100:.2f} {0.3 + k / 50:.2f} {k % 3}" for k in range(1, 21))
    return f"{kind} {box} {first} {joints}"


def dataset(folder: Path, *lines: str, **keys: str) -> Path:
    """Write one picture with its lines, as somebody else's tool does."""
    write_image(folder / "images" / "val" / "a.png", np.zeros((100, 200, 3), np.uint8))
    (folder / "labels" / "val").mkdir(parents=True)
    (folder / "labels" / "val" / "a.txt").write_text("\n".join(lines) + "\n")
    values = {
        "train": "images/train",
        "val": "images/val",
        "kpt_shape": "[21, 3]",
        "names": "[left, right, cup]",
    } | keys
    path = folder / "hands.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items()))
    return path


def test_a_dataset_of_another_tool(tmp_path: Path) -> None:
    names = [f"'{k}'" for k in [*range(2, 22), 1]]
    path = dataset(tmp_path, line(1), line(2), line(0), path=".", kpt_names=f"[{', '.join(names)}]")
    read = read_labels(path)
    assert read.subsets == ["val"]
    assert read.hand_id.tolist() == ["a_1_r", "a_3_l"]
    np.testing.assert_allclose(read.box_xyxy[0], [80, 30, 120, 70])
    np.testing.assert_allclose(read.keypoints_2d[0, :2], [[0.6 * 200, 0.7 * 100], [100, 50]])
    assert read.visibility[0, :3].tolist() == [20 % 3, 2, 1]
    assert "1 of class 'cup'" in read.notes[0]


def test_keypoints_without_visibility(tmp_path: Path) -> None:
    joints = " ".join(["0 0", *["0.5 0.25"] * 20])
    read = read_labels(dataset(tmp_path, f"0 0.5 0.5 0.2 0.4 {joints}", kpt_shape="[21, 2]"))
    assert read.visibility[0].tolist() == [0, *[2] * 20]


BAD = {
    "short": (line(0)[:-4], "67 numbers, expected 68|66 numbers"),
    "class": (line(7), "class 7 is not among"),
    "word": (line(0).replace("0.5", "half", 1), "half"),
    "nan": (line(0, box="nan 0.5 0.2 0.2"), "not finite"),
    "pixels": (line(0, box="120 80 40 40"), "not fractions"),
    "flat": (line(0, box="0.5 0.5 0 0.2"), "zero or negative size"),
    "visibility": (line(0, first="0.5 0.5 0.9"), "visibility 0.9"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_or_left_out(tmp_path: Path, case: str) -> None:
    bad, message = BAD[case]
    path = dataset(tmp_path, line(0), bad)
    with pytest.raises(InputError, match=rf"1 of 2 lines of val .*a\.txt, line 2 \(.*({message})"):
        read_labels(path)
    assert len(read_labels(path, skip_bad=True)) == 1


DEEP = "a: " + "[" * 20_000
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))
DESCRIPTIONS: dict[str, tuple[Callable[[str], str], str]] = {
    "aliases of aliases": (lambda text: BOMB + text, "aliases"),
    "depth": (lambda text: DEEP, "nested too deeply"),
    "an object": (lambda text: text + "x: !!python/object/apply:os.system ['touch ran']\n", "not readable as YAML"),
    "large": (lambda text: text + "#" * 200_000, "larger than"),
    "a list": (lambda text: "[1, 2]", "no description of a YOLO pose dataset"),
    "persons": (lambda text: text.replace("21, 3", "17, 3"), r"kpt_shape is \[17, 3\]"),
    "huge shape": (lambda text: text.replace("21, 3", "1e999, 3"), "kpt_shape is"),
    "names": (lambda text: text.replace("[left, right, cup]", "{a: 1}"), "names are neither"),
    "folders": (lambda text: text.replace("images/", "no/"), "none of the folders"),
    "device": (lambda text: text.replace("images/val", "/dev/zero"), "none of the folders"),
    "long name": (lambda text: text.replace("images/val", "a" * 5000), "none of the folders"),
    "other joints": (lambda text: text + "kpt_names: [nose, eye]\n", "kpt_names are not the joints"),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_a_hostile_description_gives_one_line(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    change, message = DESCRIPTIONS[case]
    path = dataset(tmp_path, line(0))
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=rf"hands\.yaml.*{message}") as raised:
        read_labels(path)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("val", "message"), [("/", "whole disk"), ("list.txt", "1 pictures and no line")])
def test_places_that_are_no_folders_of_pictures(tmp_path: Path, val: str, message: str) -> None:
    (tmp_path / "list.txt").write_text("a" * 5000 + ".jpg\n")
    with pytest.raises(InputError, match=message):
        read_labels(dataset(tmp_path, line(0), val=val))


def test_pictures_are_needed(labels: HandLabels, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="12 of 12 hands have no picture"):
        write_yolo(tmp_path / "yolo", labels)
    assert not (tmp_path / "yolo").exists()
