"""Track hands from frame to frame: a hand keeps its side, and its boxes overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hint.crop import Box
from hint.detection.detection import overlap

#: Minimum overlap (intersection over union) of two boxes of the same hand.
MIN_OVERLAP = 0.3
#: Frames without a hand after which its track ends.
LONGEST_GAP = 10


@dataclass
class _Track:
    number: int
    is_right: bool
    box: Box
    frame: int


class Tracker:
    """Numbers hands from frame to frame, from 0 in the order they appear.

    The pairs that overlap most are joined first. Only side and box count, so two hands of the same side that cross may
    swap numbers.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 0

    def update(self, frame: int, hands: Sequence[tuple[Box, bool]]) -> list[int]:
        """Return the track of each hand of a frame, given its box and whether it is a right one."""
        self._tracks = [t for t in self._tracks if frame - t.frame <= LONGEST_GAP]
        pairs = [
            (overlap(track.box, box), k, track)
            for k, (box, is_right) in enumerate(hands)
            for track in self._tracks
            if track.is_right == is_right
        ]
        found: dict[int, _Track] = {}
        for common, k, track in sorted(pairs, key=lambda pair: -pair[0]):
            if common >= MIN_OVERLAP and k not in found and track.frame < frame:
                found[k] = track
                track.frame = frame
        return [self._number(frame, hand, found.get(k)) for k, hand in enumerate(hands)]

    def _number(self, frame: int, hand: tuple[Box, bool], track: _Track | None) -> int:
        box, is_right = hand
        if track is None:
            track = _Track(self._next, is_right, box, frame)
            self._tracks.append(track)
            self._next += 1
        track.box = box
        return track.number
