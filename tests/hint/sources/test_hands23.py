from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.errors import InputError
from hint.sources import Pool, read_source
from hint.sources.hands23 import CONTACT, Line, parse_box, parse_line, parse_split, read_hands23

STEM = "ND_a_cde_gh_jk_frame000051"
LEFT = (
    "left_hand | object_contact | 100.0,200.0,300.0,400.0 | 1.0,2.0,3.0,4.0 | tool_,_used | 5.0,6.0,7.0,8.0 | Pow-Pris"
)
RIGHT = "right_hand | no_contact | 500.0,200.0,600.0,300.0 | None | None | None | None"

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path, synthetic: ModuleType) -> Tree:
    """Writes texts (stem -> content) and split files (name -> stems); pictures are 1280x720."""

    def write(texts: Mapping[str, str | bytes], splits: Mapping[str, str] | None = None) -> Path:
        for folder in ("allMergedSplit", "allMergedTxt", "allMergedBlur"):
            (tmp_path / folder).mkdir()
        for split, content in (splits or {"TRAIN": "".join(f"{stem}.jpg\n" for stem in texts)}).items():
            (tmp_path / "allMergedSplit" / f"{split}.txt").write_text(content)
        for stem, text in texts.items():
            raw = text if isinstance(text, bytes) else text.encode()
            (tmp_path / "allMergedTxt" / f"{stem}.jpg.txt").write_bytes(raw)
            (tmp_path / "allMergedBlur" / f"{stem}.jpg").write_bytes(synthetic.jpeg((1280, 720)))
        return tmp_path

    return write


@pytest.mark.parametrize(("prefix", "name"), [("ND", "newdays"), ("EK", "visor")])
def test_a_synthetic_tree_is_read_exactly(
    prefix: str, name: str, tmp_path: Path, synthetic: ModuleType, agrees: Callable[[Pool, Any], None]
) -> None:
    written = synthetic.write_hands23(tmp_path, 600, seed=7, prefix=prefix, odd=0.03)
    pool = read_source(name, tmp_path)
    agrees(pool, written)
    assert len(written.left_out) == 6
    assert dict(pool.files)[tmp_path / "allMergedTxt"] == written.n_bytes
    assert pool.pictures == tmp_path


def test_other_parts_are_not_read(tmp_path: Path, synthetic: ModuleType) -> None:
    synthetic.write_hands23(tmp_path, 10, prefix="EK")
    pool = read_source("newdays", tmp_path)
    assert pool.hands == []
    assert pool.left_out.counts() == {}


def test_all_fields_of_a_hand(tree: Tree) -> None:
    pool = read_hands23(tree({STEM: f"{LEFT}\n{RIGHT}\n"}), "ND")
    left, right = pool.hands
    assert [hand.hand_id for hand in pool.hands] == [f"{STEM}_l", f"{STEM}_r"]
    assert (left.source, left.source_split, left.video_id, left.clip_id) == ("newdays", "train", *["a_cde_gh_jk"] * 2)
    assert (left.frame, left.frame_type, left.action, left.is_right) == (51, "", "", False)
    assert (left.box_xyxy, left.centre, left.size) == ((100, 200, 300, 400), (200, 300), (1280, 720))
    assert (left.contact, right.contact) == ("object", "none")
    assert (left.hand_gap, right.hand_gap) == (1.0, 2.0)
    assert (left.file, left.member) == (f"allMergedBlur/{STEM}.jpg", "")


@pytest.mark.parametrize(
    "text",
    [
        f"{LEFT}\r\n{RIGHT}\r\n",
        f"\ufeff{LEFT}\n\n{RIGHT}",
        f"{LEFT}\n{RIGHT}".replace(" | ", "|"),
        f"{LEFT}\n{RIGHT}".replace(" | ", "  |   "),
        f"{LEFT}\n{RIGHT}".replace("200.0", "'200.0'"),
        f"{LEFT}\n{RIGHT}".replace("200.0", "200"),
        f"{LEFT}\n{RIGHT}".replace("Pow-Pris", "Other"),
        f"{LEFT}\n{RIGHT}".replace("Pow-Pris", "other"),
    ],
)
def test_equivalent_lines(text: str, tree: Tree) -> None:
    first, second = read_hands23(tree({STEM: text}), "ND").hands
    assert (first.box_xyxy, second.box_xyxy) == ((100, 200, 300, 400), (500, 200, 600, 300))


@pytest.mark.parametrize("text", ["", "\n", " \r\n"])
def test_a_frame_without_hands_is_not_counted_as_left_out(text: str, tree: Tree) -> None:
    pool = read_hands23(tree({STEM: text}), "ND")
    assert (pool.hands, pool.left_out.counts()) == ([], {})


@pytest.mark.parametrize(
    ("written", "contact"),
    [
        ("no_contact", "none"),
        ("object_contact", "object"),
        ("self_contact", "self"),
        ("other_person_contact", "person"),
        ("obj_to_obj_contact", "unknown"),
        ("inconclusive", "unknown"),
        ("None", "unknown"),
    ],
)
def test_contacts(written: str, contact: str) -> None:
    assert parse_line(RIGHT.replace("no_contact", written)).contact == contact


@pytest.mark.parametrize(
    ("lines", "box", "reason"),
    [
        (["-7.5,10.0,60.0,80.0"], (0, 10, 60, 80), None),
        (["1200.0,700.0,1300.0,800.0"], (1200, 700, 1280, 720), None),
        (["1280.0,10.0,1300.0,80.0"], None, "box outside the frame"),
        (["-90.0,10.0,-10.0,80.0"], None, "box outside the frame"),
        (["60.0,10.0,60.0,80.0"], None, "box without an area"),
        (["80.0,10.0,60.0,80.0"], None, "box without an area"),
        (["None"], None, "no box"),
        (["0.0,0.0,90.0,90.0", "0.0,0.0,90.0,90.0"], (0, 0, 90, 90), "drawn twice"),
        (["0.0,0.0,90.0,90.0", "1.0,0.0,90.0,91.0"], (0, 0, 90, 90), "drawn twice"),
        (["0.0,0.0,90.0,90.0", "50.0,0.0,150.0,90.0"], (50, 0, 150, 90), "second hand of the same side"),
        (["50.0,0.0,150.0,90.0", "0.0,0.0,90.0,90.0"], (50, 0, 150, 90), "second hand of the same side"),
    ],
)
def test_unusual_boxes(lines: list[str], box: tuple[int, ...] | None, reason: str | None, tree: Tree) -> None:
    text = "\n".join(f"right_hand|no_contact|{numbers}|None|None|None|None" for numbers in lines)
    pool = read_hands23(tree({STEM: text}), "ND")
    assert [hand.box_xyxy for hand in pool.hands] == ([box] if box else [])
    assert pool.left_out.ids == ({reason: [f"{STEM}_r"]} if reason else {})


def test_a_second_hand_of_a_side_is_still_a_neighbour(tree: Tree) -> None:
    text = RIGHT + "\n" + RIGHT.replace("500.0,200.0,600.0,300.0", "650.0,200.0,700.0,300.0")
    (hand,) = read_hands23(tree({STEM: text}), "ND").hands
    assert (hand.box_xyxy, hand.hand_gap) == ((500, 200, 600, 300), 0.5)


def test_a_hand_drawn_twice_is_alone(tree: Tree) -> None:
    (hand,) = read_hands23(tree({STEM: f"{RIGHT}\n{RIGHT}"}), "ND").hands
    assert hand.hand_gap == float("inf")


def test_a_frame_of_two_splits_belongs_to_test_before_val_before_train(tree: Tree) -> None:
    other = STEM.replace("051", "101")
    splits = {"TRAIN": f"{STEM}.jpg\n{other}.jpg\n", "VAL": f"{other}.jpg\n{STEM}.jpg\n", "TEST": f"{STEM}.jpg\r\n\r\n"}
    pool = read_hands23(tree({STEM: LEFT, other: LEFT}, splits), "ND")
    assert [hand.source_split for hand in pool.hands] == ["test", "val"]
    assert sorted(pool.left_out.ids["listed again in another split"]) == [STEM, STEM, other]


def test_missing_files_are_counted(tree: Tree) -> None:
    gone, unlisted, blind = (STEM.replace("051", number) for number in ("101", "151", "201"))
    root = tree(
        {STEM: LEFT, unlisted: LEFT, blind: LEFT}, {"VAL": f"{STEM}.jpg\n{gone}.jpg\n{blind}.jpg\nND_short.jpg\n"}
    )
    (root / "allMergedBlur" / f"{blind}.jpg").unlink()
    pool = read_hands23(root, "ND")
    assert [hand.stem for hand in pool.hands] == [STEM]
    assert pool.left_out.ids == {
        "label file missing": [gone],
        "listed in no split": [unlisted],
        "name that is none of HInt's": ["ND_short.jpg"],
        "picture missing": [blind],
    }


BROKEN = [
    ("left_hand | no_contact | 1,2,3,4", "3 fields, expected 7"),
    (LEFT.replace("left_hand", "hand"), "side 'hand', expected left_hand or right_hand"),
    (LEFT.replace("object_contact", "holding"), "contact 'holding'"),
    (LEFT.replace("100.0", "abc"), "hand box 'abc,200.0,300.0,400.0' is not four numbers"),
    (LEFT.replace("100.0,", ""), "is not four numbers"),
    (LEFT.replace("100.0", "nan"), "is not finite"),
    (LEFT.replace("100.0", "inf"), "is not finite"),
]


@pytest.mark.parametrize(("line", "why"), BROKEN)
def test_a_broken_line_is_named(line: str, why: str, tree: Tree) -> None:
    root = tree({STEM: f"{RIGHT}\n{line}\n"})
    with pytest.raises(InputError, match=f"1 broken in .*allMergedTxt/{STEM}.jpg.txt line 2 .*--skip-broken") as caught:
        read_hands23(root, "ND")
    assert why in str(caught.value)
    pool = read_hands23(root, "ND", skip_broken=True)
    assert [hand.hand_id for hand in pool.hands] == [f"{STEM}_r"]
    assert pool.left_out.counts() == {"broken": 1}


def test_all_broken_lines_are_counted_and_five_shown(tree: Tree) -> None:
    with pytest.raises(InputError) as caught:
        read_hands23(tree({STEM: "x\n" * 7}), "ND")
    message = str(caught.value)
    assert message.startswith("7 broken in ")
    assert "line 5" in message
    assert "line 6" not in message
    assert "(7 in all)" in message


def test_undecodable_text_and_invalid_pictures(tree: Tree) -> None:
    other = STEM.replace("051", "101")
    root = tree({STEM: b"\xff\xfe\x00", other: LEFT})
    (root / "allMergedBlur" / f"{other}.jpg").write_text("not a picture")
    with pytest.raises(
        InputError, match=f"2 broken in .*{STEM}.jpg.txt .not UTF-8.*allMergedBlur/{other}.jpg .not a picture"
    ):
        read_hands23(root, "ND")
    assert read_hands23(root, "ND", skip_broken=True).left_out.counts() == {"broken": 2}


def test_pictures_are_needed_unless_hands_are_only_counted(tree: Tree, tmp_path: Path) -> None:
    tree({STEM: LEFT})
    (tmp_path / "allMergedBlur").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="allMergedBlur is missing: without pictures there is only --dry-run"):
        read_hands23(tmp_path, "ND")
    assert len(read_hands23(tmp_path, "ND", pictures=False).hands) == 1


@pytest.mark.parametrize("missing", ["allMergedSplit", "allMergedTxt"])
def test_a_wrong_root_error_names_the_expected_paths(missing: str, tree: Tree, tmp_path: Path) -> None:
    tree({STEM: LEFT})
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(
        InputError, match=r"does not contain Hands23; looked for allMergedSplit/.*allMergedTxt/.*allMergedBlur/"
    ):
        read_hands23(tmp_path, "ND")


def test_progress_counts_frames(tmp_path: Path, synthetic: ModuleType) -> None:
    synthetic.write_hands23(tmp_path, 500, keep=False)
    calls: list[tuple[int, int]] = []
    read_hands23(tmp_path, "ND", on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] > 256
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_split_files_may_have_blank_lines() -> None:
    assert parse_split("a.jpg\r\n\r\n b.jpg \n") == ["a.jpg", "b.jpg"]


numbers = st.floats(-5000, 5000, allow_nan=False)


@given(
    box=st.tuples(numbers, numbers, numbers, numbers),
    quoted=st.tuples(*[st.booleans()] * 4),
    blank=st.sampled_from(["", " "]),
)
def test_boxes_round_trip_exactly(box: tuple[float, ...], quoted: tuple[bool, ...], blank: str) -> None:
    text = f",{blank}".join(f"'{v!r}'" if q else repr(v) for v, q in zip(box, quoted, strict=True))
    assert parse_box(text) == box


@given(
    side=st.sampled_from([("left_hand", False), ("right_hand", True)]),
    contact=st.sampled_from(sorted(CONTACT)),
    rest=st.lists(st.sampled_from(["None", "tool_,_held", "1.0,2.0,3.0,4.0", "Pre-Circ"]), min_size=4, max_size=4),
    bar=st.sampled_from(["|", " | ", " |", "\t|  "]),
)
def test_lines_round_trip(side: tuple[str, bool], contact: str, rest: list[str], bar: str) -> None:
    line = bar.join([side[0], contact, "1.5,2.5,3.5,4.5", *rest])
    assert parse_line(line) == Line(side[1], CONTACT[contact], (1.5, 2.5, 3.5, 4.5))
