"""Flags against geometry as hint prepare verify has it, tiles that keep places, the contact sheet."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.check.finding import Finding
from annotation.check.hands import Hands
from annotation.check.report import CheckReport, RuleCount
from annotation.check.rules import RULES
from annotation.check.run import CRITERIA, check
from annotation.check.sheet import write_sheet
from annotation.check.splits import LabelSet
from annotation.prepare.hand_files import check_geometry
from hint.errors import InputError
from hint.files import write_pairs
from hint.files.pairs import HandRecord
from hint.images import read_image
from hint.render import cut_tile
from hint.types import HandLabels

RULE = {rule.id: rule for rule in RULES}


def test_flags_are_judged_as_by_hint_prepare_verify(good: HandLabels, hands: Callable[..., Hands]) -> None:
    rng = np.random.default_rng(0)
    some = good.select(slice(0, 300))
    points = some.keypoints_2d + rng.normal(0, 200, (300, 1, 2))
    points[:50] = np.round(points[:50] / 320) * 320  # on the edges
    exists = ((points >= 0) & (points < 640)).all(2) ^ (rng.random((300, 21)) < 0.02)
    changed = replace(some, keypoints_2d=points, existence=exists)
    joints = sum(RULE[name].measure(hands(changed)).value for name in ("outside-picture", "existence-flag"))
    for k in range(300):
        record = HandRecord(
            some.box_xyxy[k].tolist(), points[k].tolist(), exists[k].tolist(), some.occlusion[k].tolist()
        )
        reasons = [reason for kind, reason in check_geometry(record, 640, 640) if kind == "existence"]
        named = reasons[0].partition(" of ")[0].removeprefix("joints ").split(", ") if reasons else []
        assert len(named) == joints[k]


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_a_tile_keeps_positions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.zeros((200, 300, 3), np.uint8)
    x, y = int(rng.integers(40, 260)), int(rng.integers(40, 160))
    image[y - 2 : y + 3, x - 2 : x + 3, 0] = 255
    corner = np.array([x, y]) - rng.uniform(5, 30, 2)
    tile = cut_tile(image, (*corner, *(corner + rng.uniform(40, 90, 2))))
    bright = np.argwhere((tile.image[..., 0] > 128) & (tile.image[..., 1] < 100))[:, ::-1]
    np.testing.assert_allclose(bright.mean(0), tile.place((x, y)), atol=1)
    assert tile.image.shape == (240, 240, 3)


def finding(rule: str, hand_id: str, excess: float, level: str = "warning") -> Finding:
    return Finding(hand_id, "newdays", rule, "error" if level == "error" else "warning", "", 1.0, 0.0, "x: y", excess)


def test_the_worst_of_every_rule_come_first() -> None:
    found = [finding("zigzag", f"h{k}", k) for k in range(5)] + [finding("no-visible", "n", 1.0)]
    found += [finding("outside-picture", "o", 2.0, "error"), finding("outlier-annotator", "", 9.0)]
    report = CheckReport((), tuple(RuleCount(c, 1, 0) for c in CRITERIA), tuple(found), "", ())
    assert [f.hand_id for f in report.worst(4)] == ["o", "n", "h4", "h3"]
    assert (report.fails("error"), report.fails("never"), report.fails("collapsed-finger")) == (True, False, False)


@pytest.mark.parametrize("n", [1, 7, 13])
def test_a_sheet_holds_as_many_hands_as_there_are(n: int, good: HandLabels, tmp_path: Path) -> None:
    some = good.select(slice(0, n))
    some = replace(some, hand_id=np.array([r"a formula $\frac$ and a bell \a_l", *some.hand_id[1:]]))
    shown = [finding("zigzag", str(hand_id), 2.0) for hand_id in some.hand_id]
    write_sheet(tmp_path / "a.png", shown, [LabelSet(tmp_path, some)])
    write_sheet(tmp_path / "b.png", shown, [LabelSet(tmp_path, some)])
    picture = read_image(tmp_path / "a.png")
    assert picture.shape[0] / 300 == pytest.approx(-(-n // 6), abs=0.35)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        check(tmp_path / "nowhere")


def test_all_splits_of_a_root_are_checked(good: HandLabels, tmp_path: Path) -> None:
    for k, folder in enumerate(("TRAIN_newdays_img", "VAL_newdays_img", "TEST_newdays_img")):
        write_pairs(tmp_path / folder, good.select(slice(5 * k, 5 * k + 5)))
    report = check(str(tmp_path))
    assert sorted((one.split, len(one.labels)) for one in report.label_sets) == [("test", 5), ("train", 5), ("val", 5)]
    assert {one.subset for one in report.sets} == {"newdays", "val_newdays", "train_newdays"}
