"""Follow hands through a video: join their boxes from frame to frame, agree on a side, fill gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hint.box import Box, overlap
from hint.detection.detection import Detection

#: Minimum overlap (intersection over union) of two boxes of the same hand.
MIN_OVERLAP = 0.3
#: A hand is another one if it was last seen more frames ago.
LONGEST_GAP = 10
#: Among overlapping boxes the side decides, where it was read alike: it counts as this much overlap.
_SAME_SIDE = 0.3
#: Two tracks are one hand found twice if they overlap this much in most of the frames that they share.
_TWICE = 0.5
#: A hand seen in fewer frames is taken for a mistake of the detector, except in short videos.
SHORTEST = 3
#: Videos of fewer frames are short.
_SHORT_VIDEO = 10


@dataclass(frozen=True)
class Tracked:
    """A hand in a frame of a video.

    Attributes:
        detection: Where it is; all of a track have the same side.
        track: Number of the hand in the video, from 0.
        filled: Whether the detector did not see it here, and the box lies between those of frames before and after.
    """

    detection: Detection
    track: int
    filled: bool = False


@dataclass
class _Track:
    number: int
    box: Box
    frame: int
    votes: float

    def likes(self, hand: Detection) -> float:
        """Return how well a hand continues this track, 0 where it does not."""
        common = overlap(self.box, hand.box_xyxy)
        return common + _SAME_SIDE * (self.votes * _vote(hand) > 0) if common >= MIN_OVERLAP else 0.0


class Tracker:
    """Numbers hands from frame to frame, from 0 in the order they appear.

    The pairs that fit best are joined first. Only boxes and sides count, so two hands of the same side that cross may
    swap numbers.

    Args:
        sure_sides: Whether a hand keeps its side; else sides are guesses, and may change within a track.
    """

    def __init__(self, sure_sides: bool = False) -> None:
        self._tracks: list[_Track] = []
        self._next, self._sure_sides = 0, sure_sides

    def update(self, frame: int, hands: Sequence[Detection]) -> list[int]:
        """Return the track of each hand of a frame."""
        self._tracks = [t for t in self._tracks if frame - t.frame <= LONGEST_GAP]
        pairs = [(track.likes(hand), k, track) for k, hand in enumerate(hands) for track in self._tracks]
        found: dict[int, _Track] = {}
        for fit, k, track in sorted(pairs, key=lambda pair: -pair[0]):
            differs = self._sure_sides and track.votes * _vote(hands[k]) < 0
            if fit > 0 and not differs and k not in found and track.frame < frame:
                found[k] = track
                track.frame = frame
        return [self._number(frame, hand, found.get(k)) for k, hand in enumerate(hands)]

    def _number(self, frame: int, hand: Detection, track: _Track | None) -> int:
        if track is None:
            track = _Track(self._next, hand.box_xyxy, frame, 0.0)
            self._tracks.append(track)
            self._next += 1
        track.box = hand.box_xyxy
        track.votes += _vote(hand)
        return track.number


@dataclass
class _Path:
    """A hand through the video: frame -> detection."""

    seen: dict[int, Detection] = field(default_factory=dict)

    def start(self) -> tuple[int, Box]:
        """Return the first frame, and the box there."""
        first = min(self.seen)
        return first, self.seen[first].box_xyxy

    def filled(self) -> dict[int, tuple[Detection, bool]]:
        """Return frame -> detection and whether it was filled in; all of one side."""
        is_right = sum(map(_vote, self.seen.values())) >= 0
        frames = sorted(self.seen)
        whole = {frame: (replace(hand, is_right=is_right), False) for frame, hand in self.seen.items()}
        for first, last in pairwise(frames):
            for frame in range(first + 1, last if last - first <= LONGEST_GAP else 0):
                box = _between(self.seen[first].box_xyxy, self.seen[last].box_xyxy, (frame - first) / (last - first))
                whole[frame] = Detection(box, is_right), True
        return whole

    def is_same(self, other: _Path) -> bool:
        """Tell whether the other one is this hand, found twice."""
        mine, others = self.filled(), other.filled()
        shared = mine.keys() & others.keys()
        close = sum(overlap(mine[k][0].box_xyxy, others[k][0].box_xyxy) > _TWICE for k in shared)
        return 2 * close > len(shared)


def follow(frames: Sequence[Sequence[Detection]], given: bool = False) -> list[list[Tracked]]:
    """Follow the hands of a video.

    Each hand gets one side: that of most of its detections, weighted by their scores. Where it was not found in fewer
    than :data:`LONGEST_GAP` frames in a row, boxes are filled in between. Of a hand that was found twice, say as a left
    and as a right one, one track remains. What shows up in fewer than :data:`SHORTEST` frames is dropped.

    Args:
        frames: What was found in each frame, in order.
        given: Whether somebody gave these boxes: then none is left out or filled in.

    Returns:
        The hands of each frame, by their tracks, which are numbered in the order they appear.
    """
    paths: dict[int, _Path] = {}
    tracker = Tracker()
    for frame, hands in enumerate(frames):
        for number, hand in zip(tracker.update(frame, hands), hands, strict=True):
            paths.setdefault(number, _Path()).seen[frame] = hand
    tracked: list[list[Tracked]] = [[] for _ in frames]
    shortest = SHORTEST if len(frames) >= _SHORT_VIDEO else 1
    kept = [path for path in _without_doubles(paths.values()) if len(path.seen) >= shortest]
    for number, path in enumerate(sorted(paths.values(), key=_Path.start) if given else kept):
        for frame, (hand, is_filled) in path.filled().items():
            if not (given and is_filled):
                tracked[frame].append(Tracked(hand, number, is_filled))
    return tracked


def _without_doubles(paths: Iterable[_Path]) -> list[_Path]:
    """Merge paths of the same hand into the longest, in the order they begin, from left to right."""
    kept: list[_Path] = []
    for path in sorted(paths, key=lambda path: -len(path.seen)):
        double = next((other for other in kept if other.is_same(path)), None)
        if double is None:
            kept.append(path)
        else:
            double.seen = {**path.seen, **double.seen}
    return sorted(kept, key=_Path.start)


def _between(a: Box, b: Box, share: float) -> Box:
    x1, y1, x2, y2 = (round(u + share * (v - u), 2) for u, v in zip(a, b, strict=True))
    return x1, y1, x2, y2


def _vote(hand: Detection) -> float:
    """Return what a detection says about the side: positive for right, 0 for nothing."""
    if hand.is_right is None:
        return 0.0
    weight = 1.0 if hand.score is None else hand.score
    return weight if hand.is_right else -weight
