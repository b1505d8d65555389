import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.errors import InputError
from hint.sources import Pool, read_source
from hint.sources.visor import read_visor
from hint.sources.visor_frame import box_of, hands_of_frame

FRAME = "P01_107_frame_0000000249"


def square(x: float, y: float, side: float = 100.0) -> list[list[list[float]]]:
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side]]]


def hand(side: str, contact: str | None = "hand-not-in-contact", **changes: Any) -> dict[str, Any]:
    x = 100.0 if side == "left" else 500.0
    return {
        "id": side[0],
        "name": f"{side} hand",
        "class_id": 300 if side == "left" else 301,
        "exhaustive": "y",
        "segments": square(x, 100.0),
        "in_contact_object": contact,
    } | changes


def glove(on: list[str] | None, contact: str | None = "glove-not-in-contact", **changes: Any) -> dict[str, Any]:
    return {
        "id": "g",
        "name": "glove",
        "class_id": 60,
        "exhaustive": "y",
        "segments": square(150.0, 150.0),
        "on_which_hand": on,
        "in_contact_object": contact,
    } | changes


PAN = {"id": "pan", "name": "pan", "class_id": 5, "exhaustive": "y", "segments": square(300.0, 300.0)}


def boxes_and_contacts(*annotations: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    drawn, _ = hands_of_frame([*annotations], {})
    return {"r" if one.is_right else "l": (one.box, one.contact) for one in drawn}


@pytest.mark.parametrize("contact", ["hand-not-in-contact", "g"])
def test_specks_of_a_mask_do_not_make_the_box(contact: str) -> None:
    """A slip of three points in the corner of the picture, of a bare hand and of its glove; a fingertip counts."""
    slip = [[1917.0, 1077.0], [1919.0, 1077.0], [1919.0, 1079.0]]
    tip = square(260.0, 120.0, side=10.0)
    worn = glove(["left hand"], segments=[*square(150.0, 150.0), slip])
    found = boxes_and_contacts(hand("left", contact, segments=[slip, *square(100.0, 100.0), *tip]), worn)
    assert found["l"][0] == ((100, 100, 270, 200) if contact == "hand-not-in-contact" else (100, 100, 270, 250))
    assert box_of([slip]) == (1917, 1077, 1919, 1079), "all there is"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Writes frames (name -> annotations) as one video of a split."""

    def write(frames: dict[str, Any], split: str = "train", store: str = "", video: str = "P01_107") -> Path:
        folder = tmp_path / store / "annotations" / split
        folder.mkdir(parents=True, exist_ok=True)
        content = [{"image": {"name": f"{name}.jpg", "video": video}, "annotations": a} for name, a in frames.items()]
        (folder / f"{video}.json").write_text(json.dumps({"info": {}, "video_annotations": content}))
        return tmp_path

    return write


@pytest.mark.parametrize("pictures", [False, True])
def test_a_synthetic_tree_is_read_exactly(
    pictures: bool, tmp_path: Path, synthetic: ModuleType, agrees: Callable[[Pool, Any], None]
) -> None:
    written = synthetic.write_visor(tmp_path, 60 if pictures else 600, seed=3, odd=0.05, pictures=pictures)
    pool = read_source("visor", tmp_path)
    agrees(pool, written)
    assert sum(size for path, size in pool.files if path.name != "correct.json") == written.n_bytes


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("hand-not-in-contact", "none"),
        ("pan", "object"),
        ("l", "hand"),
        ("none-of-the-above", "unknown"),
        ("inconclusive", "unknown"),
        (None, "unknown"),
        ("gone", "unknown"),
        ("r", "unknown"),
    ],
)
def test_contacts_of_a_bare_hand(contact: str | None, expected: str) -> None:
    assert boxes_and_contacts(hand("left"), hand("right", contact), PAN)["r"] == ((500, 100, 600, 200), expected)


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("glove-not-in-contact", "none"),
        ("pan", "object"),
        ("r", "hand"),
        ("l", "unknown"),
        ("inconclusive", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_worn_glove_grows_the_hand_and_decides_its_contact(contact: str | None, expected: str) -> None:
    found = boxes_and_contacts(hand("left", "g"), hand("right"), glove(["left hand"], contact), PAN)
    assert found["l"] == ((100, 100, 250, 250), expected)
    assert found["r"] == ((500, 100, 600, 200), "none")


def test_a_worn_glove_that_the_hand_does_not_name_changes_nothing() -> None:
    assert boxes_and_contacts(hand("left", "pan"), glove(["left hand"]), PAN)["l"] == ((100, 100, 200, 200), "object")


def test_touching_the_glove_of_the_other_hand_is_touching_a_hand() -> None:
    assert boxes_and_contacts(hand("left", "g"), hand("right", "g"), glove(["right hand"]))["l"][1] == "hand"


def test_a_glove_on_no_hand_is_an_object() -> None:
    assert boxes_and_contacts(hand("left", "g"), glove(None))["l"] == ((100, 100, 200, 200), "object")


def test_a_worn_glove_stands_in_for_a_hand_without_annotation() -> None:
    assert boxes_and_contacts(hand("left"), glove(["right hand"], "pan"), PAN)["r"] == ((150, 150, 250, 250), "object")


@pytest.mark.parametrize("segments", [[], None, [[[1.0, 2.0], [3.0, 4.0]]]])
def test_a_worn_glove_stands_in_for_a_hand_without_a_mask(segments: Any) -> None:
    found = boxes_and_contacts(hand("left", "inconclusive", segments=segments), glove(["left hand"], "pan"), PAN)
    assert found["l"] == ((150, 150, 250, 250), "object")


@pytest.mark.parametrize(
    "sides", [["left hand", "rigth hand"], ["rigth hand", "left hand"], ["left hand", "right hand"]]
)
def test_one_mask_of_two_gloves_gives_no_box(sides: list[str]) -> None:
    assert boxes_and_contacts(hand("left", "g"), hand("right", "g"), glove(sides, "pan"), PAN) == {
        "l": ((100, 100, 200, 200), "object"),
        "r": ((500, 100, 600, 200), "object"),
    }
    drawn, unusable = hands_of_frame([glove(sides, "pan"), PAN], {})
    assert drawn == []
    assert unusable == [("glove mask of both hands", False), ("glove mask of both hands", True)]


def test_gloves_may_lack_their_keys() -> None:
    bare = {key: value for key, value in glove(None).items() if key not in ("on_which_hand", "in_contact_object")}
    assert boxes_and_contacts(hand("left"), bare) == {"l": ((100, 100, 200, 200), "none")}


def test_hands_are_recognised_by_class_or_name() -> None:
    assert set(boxes_and_contacts(hand("left", name="hand"), hand("right", class_id=None))) == {"l", "r"}
    assert set(boxes_and_contacts(hand("left", name="hand", class_id=11), PAN)) == set()


def test_hands_without_masks_are_left_out(tree: Callable[..., Path]) -> None:
    pool = read_visor(tree({FRAME: [hand("left", segments=[]), hand("right")]}))
    assert [one.hand_id for one in pool.hands] == [f"{FRAME}_r"]
    assert pool.left_out.ids == {"hand without a mask": [f"{FRAME}_l"]}


def test_the_errata_correct_contacts(tree: Callable[..., Path]) -> None:
    root = tree({FRAME: [hand("left", "inconclusive"), hand("right"), PAN]})
    (root / "correct.json").write_text(json.dumps({f"{FRAME}.jpg": {"left hand": "pan"}}))
    pool = read_visor(root)
    assert [one.contact for one in pool.hands] == ["object", "none"]
    assert root / "correct.json" in dict(pool.files)


@pytest.mark.parametrize("store", ["", "GroundTruth-SparseAnnotations"])
@pytest.mark.parametrize("place", ["rgb_frames/train/P01", "rgb_frames/val/P01", "annotations/train", ""])
def test_pictures_are_found_zipped_and_unpacked(store: str, place: str, tree: Callable[..., Path]) -> None:
    root = tree({FRAME: [hand("left")]}, store=store)
    folder = root / store / place
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "P01_107.zip", "w") as archive:
        archive.writestr(f"deeper/{FRAME}.jpg", b"")
    (found,) = read_visor(root).hands
    assert (root / found.file, found.member) == (folder / "P01_107.zip", f"deeper/{FRAME}.jpg")
    (folder / "P01_107" / "deeper").mkdir(parents=True)
    (folder / "P01_107" / "deeper" / f"{FRAME}.jpg").touch()
    (found,) = read_visor(root).hands
    assert (root / found.file, found.member) == (folder / "P01_107" / "deeper" / f"{FRAME}.jpg", "")


def test_missing_pictures_are_named(tree: Callable[..., Path]) -> None:
    (found,) = read_visor(tree({FRAME: [hand("left")]}, split="val")).hands
    assert (found.file, found.member) == ("rgb_frames/val/P01/P01_107.zip", f"{FRAME}.jpg")


def test_a_zip_is_opened_once_and_must_hold_the_picture(
    tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [f"P01_107_frame_{number:010d}" for number in range(5)]
    root = tree({frame: [hand("left")] for frame in frames})
    path = root / "rgb_frames" / "train" / "P01" / "P01_107.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for frame in frames[1:]:
            archive.writestr(f"{frame}.jpg", b"")
    opened: list[Path] = []
    original = zipfile.ZipFile

    def recorded(file: Path) -> zipfile.ZipFile:
        opened.append(file)
        return original(file)

    monkeypatch.setattr("zipfile.ZipFile", recorded)
    pool = read_visor(root)
    assert opened == [path]
    assert [one.stem for one in pool.hands] == frames[1:]
    assert pool.left_out.ids == {"picture missing": [frames[0]]}


def test_a_frame_of_two_splits_belongs_to_val_before_train(tree: Callable[..., Path]) -> None:
    tree({FRAME: [hand("left")]}, split="train")
    pool = read_visor(tree({FRAME: [hand("right")], "stray": [hand("right")]}, split="val"))
    assert [(one.hand_id, one.source_split) for one in pool.hands] == [(f"{FRAME}_r", "val")]
    assert pool.left_out.ids == {"frame annotated again": [FRAME], "name that is none of HInt's": ["stray.jpg"]}


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        ("x", "annotation is not an object"),
        (hand("left", id=7), "annotation 7 has no name or no id"),
        (hand("left", class_id=[300], segments=[[1, 2, 3]]), "segments are not polygons of [x, y]"),
        (hand("left", segments=[[["a", "b"]] * 3]), "segments are not polygons of [x, y]"),
        (hand("left", segments=4), "segments are not polygons of [x, y]"),
        (hand("left", in_contact_object=["pan"]), "in_contact_object of l is ['pan']"),
        (glove(on="left hand"), "on_which_hand is not a list"),  # type: ignore[arg-type]
    ],
)
def test_a_broken_annotation_is_named_with_its_frame(annotation: Any, why: str, tree: Callable[..., Path]) -> None:
    other = FRAME.replace("249", "250")
    root = tree({other: [hand("left")], FRAME: [annotation]})
    with pytest.raises(
        InputError, match=r"1 broken in .*annotations/train/P01_107.json video_annotations\[1\]"
    ) as caught:
        read_visor(root)
    assert why in str(caught.value)
    pool = read_visor(root, skip_broken=True)
    assert [one.stem for one in pool.hands] == [other]
    assert pool.left_out.counts() == {"broken": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"video_annotations": [\n{]', "line 2 column 2"),
        ('{"video_annotations": NaN}', "NaN is not a number"),
        ("[]", "has no list video_annotations"),
        ('{"video_annotations": [1]}', "video_annotations[0] (has no image name)"),
    ],
)
def test_a_broken_file_is_named(content: str, why: str, tree: Callable[..., Path]) -> None:
    root = tree({FRAME: [hand("left")]})
    path = root / "annotations" / "train" / "P01_108.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"1 broken in .*annotations/train/P01_108.json") as caught:
        read_visor(root)
    assert why in str(caught.value)
    assert len(read_visor(root, skip_broken=True).hands) == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"P01_107_frame_0000000249.jpg": "pan"}'])
def test_broken_errata_are_named(content: str, tree: Callable[..., Path]) -> None:
    root = tree({FRAME: [hand("left")]})
    (root / "correct.json").write_text(content)
    with pytest.raises(InputError, match=r"1 broken in .*correct.json"):
        read_visor(root)


def test_a_broken_zip_is_named(tree: Callable[..., Path]) -> None:
    root = tree({FRAME: [hand("left")]})
    (root / "P01_107.zip").write_text("no zip")
    with pytest.raises(InputError, match=r"P01_107.zip .*not a zip file"):
        read_visor(root)


def test_progress_counts_bytes(tmp_path: Path, synthetic: ModuleType) -> None:
    written = synthetic.write_visor(tmp_path, 500, keep=False)
    calls: list[tuple[int, int]] = []
    read_visor(tmp_path, on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (written.n_bytes, written.n_bytes)
    assert len(calls) > 1


coordinates = st.floats(-100, 2000, allow_nan=False)
polygon = st.lists(st.tuples(coordinates, coordinates).map(list), max_size=6)


@given(segments=st.lists(polygon, max_size=4))
def test_boxes_enclose_all_polygons_tightly_but_specks(segments: list[list[list[float]]]) -> None:
    box = box_of(json.loads(json.dumps(segments)))
    extents = [(np.min(p, axis=0), np.max(p, axis=0)) for p in segments if len(p) >= 3]
    areas = [np.prod(high - low) for low, high in extents]
    kept = [extent for extent, area in zip(extents, areas, strict=True) if area >= 0.005 * max(areas)]
    assert (box is None) == (not kept)
    if box:
        assert box[:2] == tuple(np.min([low for low, _ in kept], axis=0))
        assert box[2:] == tuple(np.max([high for _, high in kept], axis=0))


def test_numbers_of_epic_kitchens_are_read_where_the_mapping_is(tree: Callable[..., Path]) -> None:
    root = tree({FRAME: [hand("left")], "P01_107_frame_0000000300": [hand("left")]})
    (root / "frame_mapping.json").write_text(json.dumps({"P01_107": {f"{FRAME}.jpg": "frame_0000000248.jpg"}}))
    assert [(found.frame, found.epic_frame) for found in read_visor(root).hands] == [(249, 248), (300, None)]
    (root / "frame_mapping.json").write_text("[]")
    with pytest.raises(InputError, match=r"1 broken in .*frame_mapping.json \(expected an object of objects\)"):
        read_visor(root)
