"""Frames as pixels, through PyAV, which brings its own decoders: no ffmpeg on PATH is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from hint.types import Image
from hint.video.timeline import Packet, Run, Timeline, VideoError


def read_frames(video: Path, frames: Iterable[int]) -> Iterator[tuple[int, Image]]:
    """Yield frames of a video, decoding only the groups of pictures that hold them.

    Args:
        video: The video; its first video stream is used.
        frames: Numbers from 0.

    Yields:
        (number, (H,W,3) RGB), numbers ascending.

    Raises:
        VideoError: If the video cannot be read.
        FrameRangeError: If it is shorter than a frame number asks.
    """
    if not video.is_file():
        raise VideoError(f"{video}: no such file")
    try:
        line = _timeline(video)
        for run in line.runs(frames):
            found = _collect(video, run, seek=True) or _collect(video, run, seek=False)
            if not found:
                raise VideoError(f"{video} cannot be decoded at frame {run.first}")
            yield from ((place, found[pts]) for pts, places in run.places.items() for place in places)
    except av.FFmpegError as error:
        raise VideoError(f"{video} is no readable video: {error.strerror}") from error


def _timeline(video: Path) -> Timeline:
    with av.open(str(video)) as container:
        if not container.streams.video:
            raise VideoError(f"{video} is no readable video: it has no video stream")
        stream = container.streams.video[0]
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


def _collect(video: Path, run: Run, *, seek: bool) -> dict[int, Image]:
    """Return the frames of a run by timestamp, nothing unless all are there: not every container seeks exactly."""
    found: dict[int, Image] = {}
    last = max(run.places)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        if seek:
            container.seek(run.start, stream=stream)
        for frame in container.decode(stream):
            if frame.pts in run.places:
                found[frame.pts] = np.asarray(frame.to_ndarray(format="rgb24"))
            if frame.pts is not None and frame.pts >= last:
                break
    return found if len(found) == len(run.places) else {}
