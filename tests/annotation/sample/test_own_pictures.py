"""Manifests of one's own photographs and labels: ``hint sample photos`` and ``hint sample labels``."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import error, hint
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from annotation.sample.hand_names import name_of_hand, name_of_label
from annotation.sample.labels import sample_labels
from annotation.sample.photos import sample_photos
from annotation.studio.validate import require_file_names
from hint.detection import Detection, Picture
from hint.errors import InputError
from hint.files import read_labels, read_predictions, write_coco, write_pairs
from hint.files.manifest import SampledHand, read_manifest
from hint.images import read_image
from hint.names import parse_name
from hint.types import HandLabels

FOLDER = "TRAIN_photos_img"


class TwoHands:
    """A detector that finds two hands, the right one of the picture first."""

    identity = "two hands"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def detect(self, picture: Picture, image: np.ndarray) -> list[Detection]:
        self.seen.append(picture.name)
        return [Detection((60.0, 30.0, 90.0, 80.0), False, 0.9), Detection((20.0, 30.0, 50.0, 80.0), True, 0.8)]


def photograph(path: Path, orientation: int = 1, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(seed).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def upright(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


@given(names=st.lists(st.text(min_size=1, max_size=90), unique_by=lambda n: unicodedata.normalize("NFC", n)))
def test_names_are_unique_and_safe_whatever_the_pictures_are_called(names: list[str]) -> None:
    ids = [name_of_hand(name, k, right) for name in names for k, right in ((0, True), (1, False))]
    assert len(set(ids)) == len(ids)
    require_file_names(ids)
    assert all(len(hand_id.encode()) <= 255 for hand_id in ids)
    sides = [parsed.is_right for hand_id in ids if (parsed := parse_name(hand_id))]
    assert sides == [True, False] * len(names)


def test_labels_keep_names_that_are_names_and_get_a_side_where_they_lack_one() -> None:
    assert name_of_label("ND_abcdefghijk_frame000012_l", False) == "ND_abcdefghijk_frame000012_l"
    assert name_of_label("frame_7", True) == "frame_7_r"
    assert name_of_label("frame_7_l", True) == "frame_7_l_r"
    assert name_of_label("../up", False).endswith("_l")
    assert "/" not in name_of_label("../up", False)
    composed, decomposed = (unicodedata.normalize(form, "Küche") for form in ("NFC", "NFD"))
    assert name_of_hand(composed, 0, True) == name_of_hand(decomposed, 0, True) == "Küche_0_r"


def test_photographs_become_a_manifest_and_stay_as_they_are(tmp_path: Path) -> None:
    photos = tmp_path / "my photos"
    plain = photograph(photos / "IMG 1.JPG")
    turned = photograph(photos / "b.png", orientation=6)
    photograph(photos / "week2" / "c.jpg")
    before = state(photos)
    found = sample_photos(photos, out=tmp_path / "out", detector=TwoHands())
    assert state(photos) == before
    assert (found.hands, found.added, found.photos, found.turned) == (4, 4, 2, ["b"])
    assert found.below == [str(photos / "week2")]
    lines = {line.hand_id: line for line in read_manifest(found.manifest)}
    first, *_, last = lines.values()
    assert (first.side, first.box_xyxy, first.origin) == ("right", (20, 30, 50, 80), "IMG 1.JPG"), "from the left"
    assert (last.hand_id, last.side, last.size, last.video) == ("b_1_l", "left", (120, 160), "b")
    assert (tmp_path / "out" / first.image).read_bytes() == plain.read_bytes()
    copy = tmp_path / "out" / last.image
    assert np.array_equal(read_image(copy), upright(turned)), "stored as a viewer shows it"
    done = hint("prelabel", found.manifest, "--method", "box-centre", "--json")
    assert json.loads(done.stdout)["found"] == 4


def test_a_second_run_adds_new_photographs_and_nothing_else(tmp_path: Path) -> None:
    photos, out, detector = tmp_path / "photos", tmp_path / "out", TwoHands()
    photograph(photos / "a.jpg")
    sample_photos(photos, out=out, detector=detector)
    before = state(out / FOLDER)
    photograph(photos / "b.jpg", seed=1)
    found = sample_photos([photos / "b.jpg", photos / "a.jpg"], out=out, detector=detector)
    assert (found.hands, found.added, detector.seen) == (4, 2, ["a", "b"])
    assert before.items() <= state(out / FOLDER).items()
    manifest = found.manifest.read_bytes()
    (out / FOLDER / "a_1_l.jpg").unlink()
    assert sample_photos(photos, out=out, detector=detector).added == 0
    assert state(out / FOLDER).keys() > before.keys(), "a lost picture is written again"
    assert found.manifest.read_bytes() == manifest
    photograph(photos / "a.jpg", seed=2)
    with pytest.raises(InputError, match=r"a_0_r is another picture than in .*--overwrite always"):
        sample_photos(photos, out=out, detector=detector)
    assert found.manifest.read_bytes() == manifest
    assert (out / FOLDER / "a_0_r.jpg").read_bytes() == before[str(out / FOLDER / "a_0_r.jpg")][0]
    line = json.loads(manifest.splitlines()[0])
    (out / FOLDER / "thesis.txt").write_text("mine")
    found.manifest.write_bytes(
        manifest + json.dumps({**line, "hand_id": "z_r", "image": f"{FOLDER}/thesis.txt"}).encode()
    )
    assert sample_photos(photos, out=out, detector=detector, overwrite="always").added == 4
    assert (out / FOLDER / "thesis.txt").read_text() == "mine"


class Cutting(TwoHands):
    """A detector during whose work somebody copies the photograph anew, and has come half way."""

    def detect(self, picture: Picture, image: np.ndarray) -> list[Detection]:
        assert picture.path is not None
        content = picture.path.read_bytes()
        picture.path.write_bytes(content[: len(content) // 2])
        return super().detect(picture, image)


def test_a_photograph_that_changes_while_it_is_read_is_a_failure_until_it_rests(tmp_path: Path) -> None:
    path = photograph(tmp_path / "photos" / "a.jpg")
    content = path.read_bytes()
    found = sample_photos(path.parent, out=tmp_path / "out", detector=Cutting())
    assert found.failures == {"a": f"{path} changed while it was read; run the same command again"}
    assert not list((tmp_path / "out").rglob("*.jpg"))
    path.write_bytes(content)
    assert sample_photos(path.parent, out=tmp_path / "out", detector=TwoHands()).added == 2
    assert (tmp_path / "out" / FOLDER / "a_0_r.jpg").read_bytes() == content


def test_boxes_of_ones_own_on_the_command_line(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photograph(photos / "a.jpg", orientation=6)
    photograph(photos / "b.jpg", seed=1)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 no")
    boxes = tmp_path / "boxes.jsonl"
    rows = [
        {"image": "a.jpg", "box_xyxy": [10, 90, 60, 150], "is_right": False},
        {"image": "a.jpg", "box_xyxy": [70, 90, 110, 150], "is_right": True, "hand_id": "thumb up"},
        {"image": "elsewhere.jpg", "box_xyxy": [10, 90, 60, 150], "is_right": True},
    ]
    boxes.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    command = ("sample", "photos", photos, "--boxes", boxes, "--out", out, "--split", "val", "--name", "lab3")
    done = hint(*command, code=1)
    assert "2 hands of 2 photographs, 2 of them new" in done.stdout
    assert "broken.jpg" in done.stderr
    assert "there is no box in 1 photograph: b" in done.stderr
    assert "1 of the 3 boxes belong to no photograph" in done.stderr
    manifest = out / "VAL_lab3_img.jsonl"
    assert f"hint prelabel {manifest} --method mediapipe\n" in done.stderr
    guessed = manifest.with_suffix(".mediapipe.npz")
    assert f"hint studio push {manifest} --predictions {guessed} --project" in done.stderr
    lines = read_manifest(manifest)
    assert [line.side for line in lines] == ["left", "right"]
    assert [line.size for line in lines] == [(120, 160)] * 2, "upright"
    assert lines[1].hand_id == name_of_label("thumb up", True)
    assert "nothing to compare it with" in error(hint("sample", "report", out / "VAL_lab3_img.jsonl", code=2))
    boxes.write_text(f"{json.dumps(rows[0])}\n")
    assert "had hands in" in error(hint(*command, code=2))
    assert "use lower-case letters" in error(hint(*command[:-1], "My Lab", code=2))
    assert "boxes or a detector" in error(hint(*command, "--detector", "other", code=2))


def test_a_run_that_is_refused_leaves_no_hand_without_its_picture(tmp_path: Path) -> None:
    photograph(tmp_path / "photos" / "a.jpg")
    boxes = [{"image": "a.jpg", "box_xyxy": [10, 20, 60, 90], "is_right": True, "hand_id": name} for name in ("x", "X")]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    command = ("sample", "photos", tmp_path / "photos", "--boxes", tmp_path / "boxes.json", "--out", tmp_path / "out")
    assert "differ in capital letters" in error(hint(*command, code=2))
    assert not (tmp_path / "out" / FOLDER).with_suffix(".jsonl").exists()
    (tmp_path / "boxes.json").write_text(json.dumps([{**boxes[0], "image": "\ud800.jpg"}]))
    assert "no path" in error(hint(*command, code=2))


@pytest.fixture
def labelled(tmp_path: Path, make: Callable[..., HandLabels]) -> HandLabels:
    """Eight hands with pictures, of which four belong to the training set."""
    labels = make(8, images=tmp_path / "pictures")
    for k, path in enumerate(labels.image.tolist()):
        photograph(Path(path), orientation=6, seed=k)
    return labels


def test_labels_become_manifests_with_the_same_ids_boxes_and_bytes(tmp_path: Path, labelled: HandLabels) -> None:
    write_pairs(tmp_path / "data" / "TEST_newdays_img", labelled)
    done = hint("sample", "labels", tmp_path / "data", "--out", tmp_path / "out", "--points", "--json")
    (part,) = json.loads(done.stdout)
    assert (part["hands"], part["renamed"]) == (8, {})
    lines = read_manifest(Path(part["manifest"]))
    assert [line.hand_id for line in lines] == sorted(labelled.hand_id.tolist())
    found = read_labels(tmp_path / "data")
    for line, box, image in zip(lines, found.box_xyxy.tolist(), found.image.tolist(), strict=True):
        assert line.box_xyxy == tuple(box)
        assert (tmp_path / "out" / line.image).read_bytes() == Path(image).read_bytes()
        assert line.size == (160, 120), "as stored: so are the labels"
    points = read_predictions(Path(part["points"]))
    assert np.allclose(points[found.hand_id.tolist()].keypoints_2d, found.keypoints_2d)
    assert np.array_equal(points[found.hand_id.tolist()].occlusion, found.occlusion)


def test_a_draw_of_labels_only_grows(tmp_path: Path, labelled: HandLabels) -> None:
    write_coco(tmp_path / "hands.json", labelled)
    out = tmp_path / "out"

    def draw(n: int, **more: Any) -> list[SampledHand]:
        (part,) = sample_labels(tmp_path / "hands.json", out=out, n=n, points=True, **more)
        assert part.points is not None
        assert sorted(read_predictions(part.points).hand_id.tolist()) == [
            h.hand_id for h in read_manifest(part.manifest)
        ]
        return read_manifest(part.manifest)

    few = draw(3, seed=4)
    assert [line for line in draw(6, seed=4) if line in few] == few
    assert len(draw(3, seed=4)) == 6, "nothing is taken away"
    with pytest.raises(InputError, match="drawn otherwise"):
        draw(3, seed=5)
    assert len(draw(2, seed=5, overwrite="always")) == 2
    assert "there are only 8 hands" in error(hint("sample", "labels", tmp_path / "hands.json", "-n", 9, code=2))
    Path(labelled.image[0]).unlink()
    done = hint("sample", "labels", tmp_path / "hands.json", "--out", tmp_path / "other", code=3)
    assert f"1 of 8 hands have no picture: {labelled.hand_id[0]}" in error(done)
    assert not (tmp_path / "other").exists()
