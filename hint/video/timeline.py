"""Map the places of a video's constant-rate output to its frames, from its packets alone."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from pathlib import Path

from hint.errors import InputError, some_ids

#: Part of a place by which pictures of an even clock may be off, for containers that round times.
_OFF_BEAT = Fraction(1, 4)

#: Packets to decode after those of a picture, to trust it: damage that begins within a packet of VP9 goes unnoticed
#: there, and noise in the next one may pass for a picture.
AFTER = 3

#: Decode on to the next key frame over at most this many places; a new start there costs as much.
_NEAR = 30


class VideoError(InputError):
    """A video cannot be read."""


class FrameRangeError(VideoError):
    """A frame number is beyond the end of the video.

    Attributes:
        length: Frames it has.
    """

    def __init__(self, video: Path, length: int, numbers: list[int], announced: int = 0) -> None:
        self.length = length
        has = f"ends early: it has {length} of its {announced}" if announced else f"has {length}"
        super().__init__(f"{video} {has} frames, no frame {some_ids(map(str, numbers))} (counted from 0)")


class DamagedVideoError(VideoError):
    """Decoding some frames of a video reported an error.

    Attributes:
        reasons: Frame -> why it cannot be trusted.
    """

    def __init__(self, video: Path, reasons: Mapping[int, str], more: str = "") -> None:
        self.reasons = dict(reasons)
        numbers, first = some_ids(map(str, sorted(reasons))), reasons[min(reasons)]
        super().__init__(f"{video} cannot be decoded at frame {numbers}: {first}{more}")


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed picture, in units of the stream's time base.

    Attributes:
        pts: When it is shown.
        duration: For how long, 0 if unknown.
        is_key: Whether decoding can start here.
        is_shown: False for pictures that are only decoded, before the start of an edit.
    """

    pts: int
    duration: int
    is_key: bool
    is_shown: bool = True


@dataclass(frozen=True)
class Run:
    """Frames decoded together.

    Attributes:
        start: Timestamp of the key frame to start from, in units of the time base.
        places: Timestamp -> its places in the output, timestamps ascending.
    """

    start: int
    places: dict[int, list[int]]

    @property
    def first(self) -> int:
        """Its first place."""
        return next(iter(self.places.values()))[0]

    @property
    def last(self) -> int:
        """Its last place."""
        return next(reversed(self.places.values()))[-1]

    @property
    def numbers(self) -> list[int]:
        """All its places, ascending."""
        return [place for places in self.places.values() for place in places]


def join(runs: Sequence[Run]) -> Run:
    """Return one run of several that follow each other."""
    return Run(runs[0].start, {pts: places for run in runs for pts, places in run.places.items()})


@dataclass(frozen=True)
class Timeline:
    """The packets of a video stream and their timing.

    Attributes:
        video: The file.
        packets: In order of decoding.
        time_base: Seconds per unit.
        rate: Frames per second of the output.
        start: First timestamp of the file, all streams included, in units of the time base.
        is_alone: Whether the file has no other stream; then a late first frame is not preceded by copies of it.
        is_clear: False if a full decode also depends on what the packets do not tell: on another video stream, on
            pictures without a timestamp, or on pictures that may come out of the decoder in another order than shown.
        announced: Pictures a truncated file should have, 0 for a whole one.

    Raises:
        VideoError: If there is no packet with a timestamp.
    """

    video: Path
    packets: Sequence[Packet]
    time_base: Fraction
    rate: Fraction
    start: int
    is_alone: bool
    is_clear: bool = True
    announced: int = 0

    def __post_init__(self) -> None:
        if not self.packets:
            raise VideoError(f"{self.video} has no timestamps; put it into a container such as .mp4")

    @cached_property
    def slots(self) -> list[int]:
        """Timestamp shown at each place of the output, ascending."""
        return list(_slots(self))

    @cached_property
    def is_even(self) -> bool:
        """Whether frame n is the nth picture whatever the version of ffmpeg: the clock of the pictures is the output's.

        Otherwise versions differ in what they repeat and drop.
        """
        per_unit = self.time_base * self.rate
        shown = sorted(packet.pts for packet in self.packets if packet.is_shown)
        return (
            self.is_clear
            and is_evenly_spaced(shown, per_unit)
            and all(packet.duration * per_unit < 1 + _OFF_BEAT for packet in self.packets if packet.is_shown)
        )

    @cached_property
    def position(self) -> dict[int, int]:
        """Timestamp -> place of its packet in the order of decoding."""
        return {packet.pts: place for place, packet in enumerate(self.packets)}

    def last(self, run: Run) -> int:
        """Return the timestamp of the picture of a run that is decoded last."""
        return max(run.places, key=self.position.__getitem__)

    def following(self, run: Run) -> list[int]:
        """Return the timestamp to decode up to for :data:`AFTER` more packets, none if a run gets there anyway."""
        place = self.position[self.last(run)] + 1
        after = [packet.pts for packet in self.packets[place : place + AFTER] if packet.is_shown]
        return [pts for pts in after if pts == max(after) > max(run.places)]

    def runs(self, frames: Iterable[int], longest: int = sys.maxsize, near: int = _NEAR) -> list[Run]:
        """Group places by the key frame their decoding starts from; near ones are decoded together.

        Args:
            frames: Places of the output, from 0.
            longest: Timestamps in one run at most.
            near: Decode on to the next key frame over at most this many places; 0 to start there always.

        Raises:
            FrameRangeError: If a place is beyond the end.
        """
        numbers = sorted(set(frames))
        outside = [n for n in numbers if not 0 <= n < len(self.slots)]
        if outside:
            raise FrameRangeError(self.video, len(self.slots), outside, self.announced)
        places = {pts: list(part) for pts, part in groupby(numbers, key=self.slots.__getitem__)}
        start_of = self._key_frames(set(places))
        parts: list[Run] = []
        for pts, here in places.items():
            last = parts[-1] if parts else None
            skipped = bisect_left(self.slots, start_of[pts]) - last.last if last else 0
            if last and len(last.places) < longest and skipped <= near:
                last.places[pts] = here
            else:
                parts.append(Run(start_of[pts], {pts: here}))
        return parts

    def _key_frames(self, timestamps: set[int]) -> dict[int, int]:
        """Return, for each timestamp, the last key frame decoded before it that is not shown after it.

        Pictures that follow a key frame in the file but are shown before it may need the group before.
        """
        found: dict[int, int] = {}
        keys: list[int] = []
        for packet in self.packets:
            if packet.is_key:
                keys.append(packet.pts)
            if packet.pts in timestamps:
                earlier = (key for key in reversed(keys) if key <= packet.pts)
                found[packet.pts] = next(earlier, self.packets[0].pts)
        return found


def is_evenly_spaced(times: Sequence[int], per_unit: Fraction) -> bool:
    """Tell whether the nth of some times is n places after the first, but for rounding.

    Args:
        times: In units of a time base.
        per_unit: Places per unit.
    """
    return all(abs((time - times[0]) * per_unit - place) < _OFF_BEAT for place, time in enumerate(times))


def _slots(line: Timeline) -> Iterator[int]:
    """Yield the timestamp at each place of the output.

    These are the decisions ffmpeg makes with ``-fps_mode cfr``, its default for pictures: a frame within 1.1 places
    of its turn is written once, later ones are preceded by copies of their predecessor, earlier ones are dropped. A
    frame whose packet is longer than a place is repeated.
    """
    per_unit = line.time_base * line.rate
    place, last = 0, None
    copies = [0, 0, 0]
    for pts, units in sorted((p.pts, p.duration) for p in line.packets if p.is_shown):
        when = float((pts - line.start) * per_unit)
        when += math.copysign(2.0**-17, when) if when else 0.0  # away from exact halves
        length = max(round(float(units * per_unit)), 1)
        if line.is_alone and place == 0 and when >= 0.5:
            place, when = round(when), round(when)
        early, end = when - place, when - place + length
        times = 0 if end < -1.1 else round(end) if end > 1.1 else 1
        before = round(early - 0.6) if times > 1 and early > 1.1 else 0
        copies = [before, *copies[:2]]
        for k in range(times):
            yield last if last is not None and k < before else pts
        place, last = place + times, pts
    if last is not None:
        yield from [last] * sorted(copies)[1]
