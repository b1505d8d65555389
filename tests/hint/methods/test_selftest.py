"""The self-test: it passes what keeps the contract and names what breaks it."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from hint.methods.box_centre import BoxCentre
from hint.methods.selftest import SelftestReport, selftest, selftest_labels
from hint.methods.synthetic_hands import synthetic_hands, synthetic_labels
from hint.methods.table import create
from hint.types import Hand, Image, Method, MethodCard, MethodOptions, Predictions


def passed(method: Method) -> dict[str, bool | None]:
    return {check.check: check.passed for check in selftest(method).checks}


def failed(method: Method) -> list[str]:
    report = selftest(method)
    names = [check.check for check in report.checks if check.passed is False]
    assert report.passed == (not names)
    return names


class ByPixels:
    """The centre of mass of the pixels in the box: honest, and easy to break."""

    card = MethodCard("by-pixels", "By pixels", "Centre of mass of the box.")
    fingerprint: ClassVar[dict[str, Any]] = {"version": 1}

    def prepare(self, hand: Hand, image: Image | None) -> np.ndarray:
        assert image is not None
        x1, y1, x2, y2 = (round(v) for v in hand.box_xyxy)
        part = image[max(y1, 0) : y2 + 1, max(x1, 0) : x2 + 1, 0].astype(np.float64)
        y, x = np.mgrid[max(y1, 0) : max(y1, 0) + part.shape[0], max(x1, 0) : max(x1, 0) + part.shape[1]]
        return np.array([(part * x).sum(), (part * y).sum()]) / part.sum()

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        points = np.repeat(np.stack(prepared)[:, None], 21, axis=1)
        return Predictions(np.array([hand.hand_id for hand in hands]), points)


class Swapped(ByPixels):
    def infer(self, hands, prepared):
        good = super().infer(hands, prepared)
        return good.select(np.arange(len(good))[::-1])


class Lost(ByPixels):
    def infer(self, hands, prepared):
        return super().infer(hands, prepared).select(slice(None, -1))


class HalfFound(ByPixels):
    def infer(self, hands, prepared):
        points = super().infer(hands, prepared).keypoints_2d.copy()
        points[0, 3] = np.nan
        return Predictions(np.array([hand.hand_id for hand in hands]), points)


class Restless(ByPixels):
    calls = 0

    def infer(self, hands, prepared):
        self.calls += 1
        good = super().infer(hands, prepared)
        return Predictions(good.hand_id, good.keypoints_2d + np.float32(self.calls))


class BatchBound(ByPixels):
    def infer(self, hands, prepared):
        good = super().infer(hands, prepared)
        return Predictions(good.hand_id, good.keypoints_2d + good.keypoints_2d.mean(axis=(0, 1)))


class InTheCrop(ByPixels):
    def infer(self, hands, prepared):
        good = super().infer(hands, prepared)
        corners = np.array([hand.box_xyxy[:2] for hand in hands], np.float32)[:, None]
        return Predictions(good.hand_id, good.keypoints_2d - corners)


class Scribbler(ByPixels):
    def prepare(self, hand, image):
        point = super().prepare(hand, image)
        image[0, 0] = 0
        return point


class Raising(ByPixels):
    def infer(self, hands, prepared):
        raise ValueError("no such layer")


class TupleFingerprint(ByPixels):
    fingerprint: ClassVar[dict[str, Any]] = {"crop": (256, 256)}


class ArrayFingerprint(ByPixels):
    fingerprint: ClassVar[dict[str, Any]] = {"mean": np.zeros(3)}


class LeftBlind(BoxCentre):
    def infer(self, hands, prepared):
        good = super().infer(hands, prepared)
        return Predictions(good.hand_id, good.keypoints_2d + np.float32(9))


class FindsNothing(ByPixels):
    def infer(self, hands, prepared):
        return Predictions(np.array([hand.hand_id for hand in hands]), np.full((len(hands), 21, 2), np.nan))


@pytest.mark.parametrize("name", ["mean-pose", "box-centre", "oracle-noise"])
def test_the_controls_pass(name: str) -> None:
    report = selftest(create(name, MethodOptions(labels=selftest_labels())))
    assert isinstance(report, SelftestReport)
    assert report.passed
    assert report.method == name


def test_an_honest_method_that_reads_pixels_passes() -> None:
    outcome = passed(ByPixels())
    assert False not in outcome.values()
    assert outcome["moves with the picture"] is True
    assert outcome["left and right"] is None


@pytest.mark.parametrize(
    ("method", "checks"),
    [
        (Swapped(), ["rows"]),
        (Lost(), ["rows"]),
        (HalfFound(), ["rows"]),
        (Restless(), ["repeat", "batch size and order"]),
        (BatchBound(), ["batch size and order"]),
        (InTheCrop(), ["moves with the picture"]),
        (Scribbler(), ["pictures untouched"]),
        (Raising(), ["runs"]),
        (TupleFingerprint(), ["card and fingerprint"]),
        (ArrayFingerprint(), ["card and fingerprint"]),
        (LeftBlind(), ["left and right"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_what_breaks_the_contract_is_named(method: Method, checks: list[str]) -> None:
    assert set(checks) <= set(failed(method))


def test_what_an_error_says_is_in_the_report() -> None:
    details = [check.detail for check in selftest(Raising()).checks]
    assert "ValueError: no such layer" in details


def test_a_method_that_finds_nothing_has_nothing_compared() -> None:
    outcome = passed(FindsNothing())
    assert outcome["rows"] is True
    assert outcome["moves with the picture"] is None


def test_the_drawn_hands_are_twelve_of_many_kinds_and_always_the_same() -> None:
    first, second = synthetic_hands(), synthetic_hands()
    assert len(first) == 12
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(first, second, strict=True))
    labels = synthetic_labels(first)
    sides = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)
    assert sides.min() < 10 < 250 < sides.max()
    assert 4 < labels.is_right.sum() < 8
    assert (~labels.existence).any(1).sum() == 2
    assert (labels.box_xyxy[:, :2] < 0).any()
    grey = [np.ptp(d.picture, axis=2).max() == 0 for d in first]
    assert sum(grey) == 1


def test_a_mirrored_and_a_shifted_hand_keep_their_joints_on_the_same_pixels() -> None:
    hand = synthetic_hands()[1]
    x, y = np.round(hand.keypoints_2d[9]).astype(int)
    moved = hand.shifted(5, 3)
    assert (moved.picture[y + 3, x + 5] == hand.picture[y, x]).all()
    np.testing.assert_allclose(moved.keypoints_2d, hand.keypoints_2d + np.array([5, 3]))
    other = hand.mirrored()
    assert (other.picture[y, hand.picture.shape[1] - 1 - x] == hand.picture[y, x]).all()
    assert other.hand.is_right != hand.hand.is_right
    np.testing.assert_allclose(other.mirrored().keypoints_2d, hand.keypoints_2d)


def test_a_control_is_checked_without_opencv() -> None:
    block = "import sys; sys.modules.update(cv2=None, torch=None, matplotlib=None)"
    code = (
        f"{block}; from hint.methods.selftest import selftest; from hint.methods.table import load_method; "
        "print(selftest(load_method('mean-pose')).passed)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"
