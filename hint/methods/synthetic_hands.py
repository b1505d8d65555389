"""Twelve drawn hands, made in memory, for the self-test of methods.

Flat drawings are enough to check a contract, and MediaPipe finds a hand in most of them; they show nothing about
accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint.types import Double, Hand, HandLabels, Image

#: An open right hand seen from the palm: wrist at the origin, tip of the middle finger at distance 1, y down.
_OPEN_HAND = np.array(
    [
        *[(0.00, 0.00), (0.20, -0.10), (0.33, -0.24), (0.42, -0.37), (0.49, -0.48)],
        *[(0.15, -0.50), (0.19, -0.69), (0.21, -0.81), (0.23, -0.92)],
        *[(0.01, -0.53), (0.01, -0.75), (0.01, -0.89), (0.01, -1.00)],
        *[(-0.12, -0.50), (-0.15, -0.70), (-0.17, -0.83), (-0.18, -0.94)],
        *[(-0.23, -0.43), (-0.30, -0.57), (-0.34, -0.67), (-0.37, -0.77)],
    ]
)
_MIDDLE = np.array([0.04, -0.5])
_BACKGROUND, _SKIN = (120, 135, 140), (205, 160, 135)
#: Palm drawn as the hull of these joints, fingers as strokes from their base on, the thumb last.
_PALM, _FINGER_BASES = (0, 1, 2, 5, 9, 13, 17), (5, 9, 13, 17, 1)
#: Sub-pixel digits of OpenCV's drawing coordinates.
_SHIFT = 4


@dataclass(frozen=True)
class SyntheticHand:
    """A hand, its picture in memory, and its joints.

    Attributes:
        hand: Box, side and id; ``image`` is None.
        picture: (H,W,3) RGB.
        keypoints_2d: (21,2) px.
        is_roomy: Whether the box keeps two box sides of plain background around it, inside the picture.
    """

    hand: Hand
    picture: Image
    keypoints_2d: Double
    is_roomy: bool

    def shifted(self, dx: int, dy: int) -> SyntheticHand:
        """Return the hand in a picture with ``dx`` more columns on the left and ``dy`` more rows on top."""
        height, width, _ = self.picture.shape
        wider = np.empty((height + dy, width + dx, 3), np.uint8)
        wider[:] = self.picture[0, 0]
        wider[dy:, dx:] = self.picture
        x1, y1, x2, y2 = self.hand.box_xyxy
        moved = Hand(self.hand.hand_id, (x1 + dx, y1 + dy, x2 + dx, y2 + dy), self.hand.is_right)
        return SyntheticHand(moved, wider, self.keypoints_2d + np.array([dx, dy]), self.is_roomy)

    def mirrored(self) -> SyntheticHand:
        """Return the hand in the mirrored picture, with the other side."""
        last = self.picture.shape[1] - 1
        x1, y1, x2, y2 = self.hand.box_xyxy
        other = Hand(self.hand.hand_id, (last - x2, y1, last - x1, y2), not self.hand.is_right)
        keypoints = self.keypoints_2d * (-1, 1) + np.array([last, 0])
        return SyntheticHand(other, np.ascontiguousarray(self.picture[:, ::-1]), keypoints, self.is_roomy)


def synthetic_hands(*, painted: bool = True) -> list[SyntheticHand]:
    """Return the twelve hands: eight with room around them, then two cut by the border, one grey, one tiny.

    Args:
        painted: Whether to paint them, which takes OpenCV; pictures are plain otherwise.
    """
    hands = [
        _place(k, length=length, turn=turn, is_right=k % 2 == 0)
        for k, (length, turn) in enumerate(
            [(60, 0), (90, 20), (120, -30), (150, 45), (180, 90), (220, -90), (260, 180), (300, 10)]
        )
    ]
    hands += [
        _place(8, length=200, turn=0, is_right=True, cut=(0.3, 0.0)),
        _place(9, length=160, turn=30, is_right=False, cut=(0.0, 0.3)),
        _place(10, length=140, turn=-20, is_right=True),
        _place(11, length=6, turn=0, is_right=False),
    ]
    if painted:
        for number, drawn in enumerate(hands):
            _paint(drawn.picture, drawn.keypoints_2d)
            if number == 10:
                drawn.picture[:] = drawn.picture.mean(axis=2, keepdims=True)
    return hands


def synthetic_labels(hands: list[SyntheticHand]) -> HandLabels:
    """Return the labels of drawn hands, for methods that need the ground truth."""
    keypoints = np.stack([drawn.keypoints_2d for drawn in hands])
    sizes = np.array([drawn.picture.shape[1::-1] for drawn in hands])[:, None]
    return HandLabels(
        hand_id=np.array([drawn.hand.hand_id for drawn in hands]),
        clip_id=np.array([drawn.hand.hand_id for drawn in hands]),
        subset=np.full(len(hands), "drawn"),
        box_xyxy=np.array([drawn.hand.box_xyxy for drawn in hands]),
        is_right=np.array([drawn.hand.is_right for drawn in hands]),
        keypoints_2d=keypoints,
        existence=np.all((keypoints >= 0) & (keypoints <= sizes - 1), axis=2),
        occlusion=np.zeros((len(hands), 21), np.bool_),
        image=np.full(len(hands), ""),
    )


def _place(
    number: int, *, length: float, turn: float, is_right: bool, cut: tuple[float, float] = (0.0, 0.0)
) -> SyntheticHand:
    """Place one hand in a plain picture; ``cut`` is the share of its length that lies left of and above it."""
    local = (_OPEN_HAND - _MIDDLE) * (1 if is_right else -1, 1) @ _rotation(turn).T * length
    low, high = local.min(0), local.max(0)
    room = 2.0 * (high - low).max() + 4
    is_cut = np.array(cut) > 0
    origin = np.where(is_cut, -low - np.array(cut) * length, np.ceil(room - low))
    width, height = np.ceil(origin + high + room).astype(int).tolist()
    picture = np.full((height, width, 3), _BACKGROUND, np.uint8)
    x1, y1 = (low + origin).tolist()
    x2, y2 = (high + origin).tolist()
    hand = Hand(f"drawn_{number:02d}_{'r' if is_right else 'l'}", (x1, y1, x2, y2), is_right)
    return SyntheticHand(hand, picture, local + origin, not is_cut.any())


def _rotation(degrees: float) -> Double:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _paint(picture: Image, joints: Double) -> None:
    """Paint forearm, palm and fingers, each with a dark rim that sets it off from what lies behind."""
    import cv2

    length = float(np.linalg.norm(joints[12] - joints[0]) / np.linalg.norm(_OPEN_HAND[12]))
    wrist, elbow = joints[0], joints[0] + (joints[0] - joints[9]) * 0.8
    for rim, colour in _layers():
        _stroke(picture, wrist, elbow, (0.24 + rim) * length, colour)
        hull = cv2.convexHull(_fixed_point(joints[list(_PALM)]))
        cv2.fillConvexPoly(picture, hull, colour, cv2.LINE_AA, _SHIFT)
        for base in _FINGER_BASES:
            _stroke(picture, wrist, joints[base], (0.15 + rim) * length, colour)
    for base in _FINGER_BASES:
        for rim, colour in _layers():
            for bone in range(3):
                width = (0.12 - 0.01 * bone + rim) * length
                _stroke(picture, joints[base + bone], joints[base + bone + 1], width, colour)
    cv2.GaussianBlur(picture, (0, 0), max(0.3, 0.008 * length), dst=picture)


def _layers() -> tuple[tuple[float, tuple[int, ...]], ...]:
    return (0.02, tuple(value * 7 // 10 for value in _SKIN)), (0.0, _SKIN)


def _stroke(picture: Image, start: Double, end: Double, width: float, colour: tuple[int, ...]) -> None:
    import cv2

    a, b = _fixed_point(np.stack([start, end])).tolist()
    cv2.line(picture, a, b, colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _fixed_point(points: Double) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.round(points * 2**_SHIFT).astype(np.int32)
    return fixed
