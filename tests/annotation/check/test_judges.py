"""The networks that judge whole hands: on simulated labels, and on the released ones."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from annotation.check.hands import Hands
from annotation.check.rules import RULES
from hint.files import read_labels
from hint.types import HandLabels

RULE = {rule.id: rule for rule in RULES}
MakeHands = Callable[..., Hands]
Damage = Callable[[HandLabels], list[HandLabels]]


def swapped(labels: HandLabels) -> list[HandLabels]:
    """Swap any two fingers, points and flags."""
    found = []
    for a, b in combinations(range(5), 2):
        order = np.arange(21)
        first, second = (slice(4 * f + 1, 4 * f + 5) for f in (a, b))
        order[first], order[second] = order[second].copy(), order[first].copy()
        arrays = {name: getattr(labels, name)[:, order] for name in ("keypoints_2d", "existence", "occlusion")}
        found.append(replace(labels, **arrays))
    return found


def shifted(labels: HandLabels) -> list[HandLabels]:
    """Move all keypoints by 0.15 of the box in any direction."""
    side = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, len(labels))
    by = 0.15 * side[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return [replace(labels, keypoints_2d=labels.keypoints_2d + by[:, None])]


# rule: how its error is put in; share of simulated hands it may find and of wrong ones it must find; the same for the
# released test hands
CASES: dict[str, tuple[Damage, float, float, float, float]] = {
    "flipped-side": (lambda labels: [replace(labels, is_right=~labels.is_right)], 0.02, 0.9, 0.025, 0.8),
    "swapped-fingers": (swapped, 0.01, 0.95, 0.02, 0.9),
    "inverted-flags": (lambda labels: [replace(labels, occlusion=~labels.occlusion)], 0.01, 0.92, 0.02, 0.8),
    "unflagged": (lambda labels: [replace(labels, occlusion=np.zeros_like(labels.occlusion))], 0.005, 0.95, 0.025, 0.9),
    "outside-box": (shifted, 0, 0.98, 0.008, 0.75),
}


def rates(name: str, labels: HandLabels, hands: MakeHands) -> tuple[float, float]:
    """Share of good hands that are found, and of hands with the error."""
    rule, damage = RULE[name], CASES[name][0]
    good, *wrong = (rule.found(rule.measure(hands(some)).value).mean() for some in (labels, *damage(labels)))
    return float(good), float(np.mean(wrong))


@pytest.mark.parametrize("name", CASES)
def test_whole_hand_errors_are_found(name: str, flagged: HandLabels, shared: Path, hands: MakeHands) -> None:
    _, most, least, most_released, least_released = CASES[name]
    good, wrong = rates(name, flagged, hands)
    assert good <= most
    assert wrong >= least
    folder = shared / "data" / "hint_eval_npz"
    if not folder.is_dir():
        pytest.skip(f"no released labels at {folder}")
    good, wrong = rates(name, read_labels(folder), hands)
    assert good <= most_released
    assert wrong >= least_released


def test_opposite_labels_get_opposite_odds(flagged: HandLabels, hands: MakeHands) -> None:
    for name, other in (
        ("flipped-side", replace(flagged, is_right=~flagged.is_right)),
        ("inverted-flags", replace(flagged, occlusion=~flagged.occlusion)),
    ):
        value, opposite = (RULE[name].measure(hands(labels)).value for labels in (flagged, other))
        both = np.isfinite(value) & np.isfinite(opposite)
        assert both.mean() > 0.9
        np.testing.assert_allclose(opposite[both], -value[both], atol=1e-9, err_msg=name)


def test_the_side_of_hands_without_flags_is_open(flagged: HandLabels, hands: MakeHands) -> None:
    bare = hands(replace(flagged, occlusion=np.zeros_like(flagged.occlusion)))
    for name, is_judged in {"flipped-side": False, "inverted-flags": False, "swapped-fingers": True}.items():
        assert np.isfinite(RULE[name].measure(bare).value).any() == is_judged


def test_place_size_and_mirroring_of_the_picture_do_not_matter(flagged: HandLabels, hands: MakeHands) -> None:
    moved = replace(flagged, keypoints_2d=0.3 * flagged.keypoints_2d + (900, -40))
    mirrored = replace(flagged, keypoints_2d=flagged.keypoints_2d * (-1, 1), is_right=~flagged.is_right)
    for name in ("flipped-side", "swapped-fingers", "inverted-flags", "unflagged"):
        expected = RULE[name].measure(hands(flagged)).value
        for other in (moved, mirrored):
            np.testing.assert_allclose(RULE[name].measure(hands(other)).value, expected, atol=1e-6, err_msg=name)


def test_points_that_do_not_exist_do_not_matter_and_few_joints_are_not_judged(
    flagged: HandLabels, hands: MakeHands
) -> None:
    exists = flagged.existence.copy()
    exists[:, 13:] = False
    exists[::2, 5:] = False
    part = replace(flagged, existence=exists)
    points = np.where(exists[..., None], part.keypoints_2d, 1e5)
    for name in ("flipped-side", "swapped-fingers", "inverted-flags", "unflagged"):
        value = RULE[name].measure(hands(part)).value
        assert np.isnan(value[::2]).all()
        assert np.isfinite(value[1::2]).mean() > 0.9
        np.testing.assert_array_equal(RULE[name].measure(hands(replace(part, keypoints_2d=points))).value, value)
