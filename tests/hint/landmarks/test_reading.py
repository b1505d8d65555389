"""One hand, read from its box."""

import math

import cv2
import numpy as np
import pytest

from hint.landmarks.files import missing
from hint.landmarks.reading import HandReader, Reading
from hint.methods.synthetic_hands import SyntheticHand, synthetic_hands

pytestmark = pytest.mark.skipif(missing() != "", reason=f"MediaPipe's networks: {missing()}")


@pytest.fixture(scope="module")
def reader() -> HandReader:
    return HandReader(threads=1)


@pytest.fixture(scope="module")
def drawn() -> list[SyntheticHand]:
    return synthetic_hands()[:8]


def side_of(d: SyntheticHand) -> float:
    x1, y1, x2, y2 = d.hand.box_xyxy
    return max(x2 - x1, y2 - y1)


def distance(reading: Reading, points: np.ndarray, d: SyntheticHand) -> float:
    return float(np.linalg.norm(reading.keypoints - points, axis=1).mean() / side_of(d))


def test_drawn_hands_are_read_in_the_picture(reader: HandReader, drawn: list[SyntheticHand]) -> None:
    for d in drawn:
        reading = reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right)
        assert distance(reading, d.keypoints_2d, d) < 0.06
        assert reading.is_right == d.hand.is_right
        assert (reading.right > 0.5) == d.hand.is_right
        assert reading.score > 0.9


def test_a_side_that_is_not_given_is_found(reader: HandReader, drawn: list[SyntheticHand]) -> None:
    for d in drawn[:4]:
        told, found = (reader.read(d.picture, d.hand.box_xyxy, side) for side in (d.hand.is_right, None))
        assert found.is_right == d.hand.is_right
        assert np.array_equal(found.keypoints, told.keypoints)


def test_a_reading_does_not_depend_on_what_was_read_before(reader: HandReader, drawn: list[SyntheticHand]) -> None:
    def all_of(hands: list[SyntheticHand]) -> list[np.ndarray]:
        return [reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right).keypoints for d in hands]

    assert np.array_equal(all_of(drawn[:4]), all_of(drawn[3::-1])[::-1])


def test_the_mirrored_picture_gives_the_mirrored_hand(reader: HandReader, drawn: list[SyntheticHand]) -> None:
    d = drawn[2]
    mirrored = d.mirrored()
    first = reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right)
    other = reader.read(mirrored.picture, mirrored.hand.box_xyxy, mirrored.hand.is_right)
    last = d.picture.shape[1] - 1
    assert other.is_right != first.is_right
    assert distance(other, first.keypoints * (-1, 1) + (last, 0), d) < 0.01
    assert other.world * (-1, 1, 1) == pytest.approx(first.world, abs=0.003)
    assert other.right == pytest.approx(1 - first.right, abs=0.02)


TURNS = {
    "to the right": (1, cv2.ROTATE_90_CLOCKWISE),
    "over": (2, cv2.ROTATE_180),
    "to the left": (3, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


@pytest.mark.parametrize(("quarters", "code"), TURNS.values(), ids=TURNS.keys())
def test_a_turned_picture_gives_the_turned_hand(
    quarters: int, code: int, reader: HandReader, drawn: list[SyntheticHand]
) -> None:
    d = drawn[5]
    first = reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right)
    height, width = d.picture.shape[:2]
    angle = quarters * math.pi / 2
    turn = np.round([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shift = {1: (height - 1, 0), 2: (width - 1, height - 1), 3: (0, width - 1)}[quarters]

    def turned(points: np.ndarray) -> np.ndarray:
        return points @ turn.T + shift

    corners = turned(np.reshape(d.hand.box_xyxy, (2, 2)))
    box = (*corners.min(0).tolist(), *corners.max(0).tolist())
    other = reader.read(cv2.rotate(d.picture, code), box, d.hand.is_right)
    assert distance(other, turned(first.keypoints), d) < 0.03
    flat = first.world[:, :2] @ turn.T
    assert np.linalg.norm(other.world[:, :2] - flat, axis=1).mean() < 0.006
    assert other.world[:, 2] == pytest.approx(first.world[:, 2], abs=0.015)


def test_a_larger_picture_gives_the_same_hand(reader: HandReader, drawn: list[SyntheticHand]) -> None:
    d, times = drawn[4], 6
    first = reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right)
    picture = np.repeat(np.repeat(d.picture, times, axis=0), times, axis=1)
    box = tuple((edge + 0.5) * times - 0.5 for edge in d.hand.box_xyxy)
    large = reader.read(picture, box, d.hand.is_right)
    assert distance(large._replace(keypoints=(large.keypoints + 0.5) / times - 0.5), first.keypoints, d) < 0.03
    assert large.region.side / times == pytest.approx(first.region.side, rel=0.1)


def test_world_landmarks_are_a_hand_in_metres_in_the_axes_of_the_picture(
    reader: HandReader, drawn: list[SyntheticHand]
) -> None:
    for d in drawn[:4]:
        reading = reader.read(d.picture, d.hand.box_xyxy, d.hand.is_right)
        assert 0.12 < np.linalg.norm(reading.world[12] - reading.world[0]) < 0.25
        for axis in (0, 1):  # drawn flat and frontal
            assert np.corrcoef(reading.keypoints[:, axis], reading.world[:, axis])[0, 1] > 0.9


HARD = {
    "blank": (np.full((300, 300, 3), 127, np.uint8), (100.0, 100.0, 200.0, 200.0)),
    "outside": (np.zeros((40, 30, 3), np.uint8), (-500.0, -500.0, -400.0, -450.0)),
    "far outside": (np.zeros((40, 30, 3), np.uint8), (1e7, 1e7, 1e7 + 4, 1e7 + 9)),
    "one pixel": (np.zeros((1, 1, 3), np.uint8), (0.0, 0.0, 1.0, 1.0)),
    "tiny box": (np.zeros((100, 100, 3), np.uint8), (50.0, 50.0, 50.001, 50.001)),
}


@pytest.mark.parametrize(("picture", "box"), HARD.values(), ids=HARD.keys())
def test_where_no_hand_is_the_score_is_low_and_nothing_fails(
    picture: np.ndarray, box: tuple[float, ...], reader: HandReader
) -> None:
    reading = reader.read(picture, box, True)
    assert reading.score < 0.05
    assert np.isfinite(reading.keypoints).all()
    assert np.isfinite(reading.world).all()
