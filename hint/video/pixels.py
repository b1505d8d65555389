"""Frames as pixels through PyAV, which has its own decoders: no ffmpeg on PATH is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from hint.errors import some_ids
from hint.types import Image
from hint.video.timeline import Packet, Run, Timeline, VideoError

#: Seconds that a video may end before its header says; the length of its last picture is not always known.
_MISSING = 0.5


def read_frames(video: Path, frames: Iterable[int]) -> Iterator[tuple[int, Image]]:
    """Yield frames of a video, decoding only the groups of pictures that hold them.

    Args:
        video: The video; of several video streams the one ffmpeg would choose is used.
        frames: Numbers from 0.

    Yields:
        (number, (H,W,3) RGB), upright if the file has its orientation; numbers ascending.

    Raises:
        VideoError: If the video cannot be read.
        FrameRangeError: If a frame number is beyond its end.
    """
    for run in timeline(video).runs(frames):
        found = _pictures(video, run)
        yield from ((place, found[pts]) for pts, places in run.places.items() for place in places)


def timeline(video: Path) -> Timeline:
    """Read the packets of a video, decoding nothing.

    Raises:
        VideoError: If the video cannot be read.
    """
    _require(video)
    try:
        return _packets(video)
    except av.FFmpegError as error:
        raise VideoError(f"{video} is not a readable video: {error.strerror}") from error


def all_frames(video: Path, on_damage: Callable[[int], None] = lambda _frame: None) -> Iterator[tuple[int, Image]]:
    """Yield every frame of a video, decoding it once and holding one frame at a time.

    Args:
        video: The video.
        on_damage: Called with the number of a frame, before that is yielded, from one whose decoding reported errors
            until the next key frame: what a decoder fills in spreads to the frames after it.

    Yields:
        (number, (H,W,3) RGB) as :func:`read_frames`.

    Raises:
        VideoError: If the video cannot be read to its end.
    """
    line = timeline(video)
    places: dict[int, list[int]] = {}
    for place, pts in enumerate(line.slots):
        places.setdefault(pts, []).append(place)
    last, is_damaged = -1, False
    try:
        with av.open(str(video)) as container:
            for frame in container.decode(_chosen(container)):
                here = places.pop(frame.pts, []) if frame.pts is not None else []
                pixels = _upright(frame) if here else None
                is_damaged = frame.is_corrupt or (is_damaged and not frame.key_frame)
                for last in here:
                    if is_damaged:
                        on_damage(last)
                    yield last, np.asarray(pixels)
    except av.FFmpegError as error:
        raise VideoError(f"{video} cannot be decoded after frame {last}: {error.strerror}") from error
    if places:
        lost = sorted(place for here in places.values() for place in here)
        raise VideoError(f"{video} cannot be decoded at frame {some_ids(map(str, lost))}")
    _require_end(line)


def _require_end(line: Timeline) -> None:
    """Raise if a video ends before its own header says so; libav takes that for its end."""
    end = float(max(packet.pts + packet.duration for packet in line.packets) * line.time_base)
    with av.open(str(line.video)) as container:
        announced = _announced_end(container)
    if announced is not None and announced - end > _MISSING:
        raise VideoError(
            f"{line.video} is cut short: it should last until {announced:.2f} s and ends at {end:.2f} s, after "
            f"{len(line.slots)} frames"
        )


def _announced_end(container: InputContainer) -> float | None:
    """Return when the pictures end according to the header, seconds by the file's clock; None if it does not say."""
    stream = _chosen(container)
    if stream.duration is not None and stream.time_base is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d\.?\d*)", stream.metadata.get("DURATION", ""))  # of Matroska
    if tag is not None:
        return 3600 * float(tag[1]) + 60 * float(tag[2]) + float(tag[3])
    if len(container.streams) > 1 or container.duration is None:  # it lasts as long as the longest stream
        return None
    return container.duration / av.time_base


def _upright(frame: av.VideoFrame) -> Image:
    turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
    return np.ascontiguousarray(turned)


def _require(video: Path) -> None:
    if not video.is_file():
        raise VideoError(f"{video}: no such file")


def _chosen(container: InputContainer) -> VideoStream:
    """Return the video stream ffmpeg would choose: the largest, where being the default is worth five megapixels."""
    return max(container.streams.video, key=_score)


def _score(stream: VideoStream) -> int:
    if stream.disposition & Disposition.attached_pic:
        return 1
    return stream.width * stream.height + 5_000_000 * bool(stream.disposition & Disposition.default)


def _packets(video: Path) -> Timeline:
    with av.open(str(video)) as container:
        if not container.streams.video:
            raise VideoError(f"{video} is not a readable video: it has no video stream")
        stream = _chosen(container)
        time_base = stream.time_base or Fraction(1, av.time_base)
        return Timeline(
            video=video,
            packets=[
                Packet(p.pts, p.duration or 0, p.is_keyframe, not p.is_discard)
                for p in container.demux(stream)
                if p.pts is not None
            ],
            time_base=time_base,
            rate=stream.guessed_rate or Fraction(25),
            start=round(Fraction(container.start_time or 0, av.time_base) / time_base),
            is_alone=len(container.streams) == 1,
        )


def _pictures(video: Path, run: Run) -> dict[int, Image]:
    """Return the frames of a run by timestamp; start at the beginning where the container does not seek exactly."""
    reasons: list[str] = []
    for seek in (True, False):
        try:
            if found := _collect(video, run, seek=seek):
                return found
        except av.FFmpegError as error:
            reasons.append(str(error.strerror))
    raise VideoError(f"{video} cannot be decoded at frame {run.first}: {next(iter(reasons), 'no picture came out')}")


def _collect(video: Path, run: Run, *, seek: bool) -> dict[int, Image]:
    """Return the frames of a run by timestamp, nothing unless all are found."""
    found: dict[int, Image] = {}
    last = max(run.places)
    with av.open(str(video)) as container:
        stream = _chosen(container)
        if seek:
            container.seek(run.start, stream=stream)
        for frame in container.decode(stream):
            if frame.pts in run.places:
                found[frame.pts] = _upright(frame)
            if frame.pts is not None and frame.pts >= last:
                break
    return found if len(found) == len(run.places) else {}
