"""Frames as JPEG, with the very bytes the ffmpeg on PATH would write if it decoded the whole video."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import cpu_count
from pathlib import Path

from hint.programs import passthrough, require_ffmpeg, run_program, start_program
from hint.video.jpegs import split_jpegs
from hint.video.probe import Inspection, probe, seconds
from hint.video.timeline import DamagedVideoError, FrameRangeError, Run, Timeline, join

#: Frames asked of one ffmpeg at most: it refuses filter expressions of more than about 100 terms.
_LONGEST_RUN = 50

_JPEG = ("-qscale:v", "1", "-c:v", "mjpeg", "-f", "image2pipe", "-")
_CHUNK = 1 << 20

#: Frame -> JPEG, and frame -> why it is refused.
Pictures = dict[int, bytes]
Reasons = dict[int, str]


def cut_jpegs(video: Path, frames: Iterable[int], *, workers: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield frames of a video as JPEG, byte-identical to the files of ``ffmpeg -i video -qscale:v 1 %10d.jpg``.

    Only the groups of pictures that hold the frames are decoded. Videos of a variable rate, with several video
    streams or with times that repeat or go backward are decoded from the start, since their numbering is known to
    ffmpeg alone. Nothing is left on disk.

    Args:
        video: The video; of several video streams ffmpeg chooses.
        frames: Numbers from 0: frame n is the file numbered n+1.
        workers: Groups of pictures decoded at the same time, by default one per core.

    Yields:
        (number, JPEG), numbers ascending.

    Raises:
        VideoError: If the video cannot be read.
        DamagedVideoError: If decoding some of the frames reported an error; after all others were yielded.
        FrameRangeError: If it is shorter than a frame number asks; after all others were yielded.
        MissingRequirementError: If ffmpeg is absent or too old.
    """
    require_ffmpeg()
    line = probe(video)
    numbers = sorted(set(frames))
    if not numbers:
        return
    if line.is_even:
        yield from _by_seeking(line, numbers, workers or cpu_count() or 1)
    else:
        yield from _from_the_start(line, numbers)


def _by_seeking(line: Timeline, numbers: list[int], workers: int) -> Iterator[tuple[int, bytes]]:
    length = len(line.slots)
    runs = line.runs([number for number in numbers if number < length], longest=_LONGEST_RUN)
    damaged: Reasons = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            for pictures, reasons in pool.map(partial(_cut_run, line), runs):
                yield from pictures.items()
                damaged |= reasons
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    _raise_for(line, damaged, [number for number in numbers if number >= length], length)


def _raise_for(line: Timeline, damaged: Reasons, outside: list[int], length: int) -> None:
    beyond = FrameRangeError(line.video, length, outside, line.announced) if outside else None
    if damaged:
        raise DamagedVideoError(line.video, damaged, f"; {beyond}" if beyond else "")
    if beyond:
        raise beyond


def _cut_run(line: Timeline, run: Run) -> tuple[Pictures, Reasons]:
    """Return the pictures of a run, and why others are refused."""
    timestamps = [*run.places, *line.following(run)]
    jpegs, reason = _decode(line, run.start, timestamps)
    if not reason:
        return _numbered(run, dict(zip(run.places, jpegs, strict=False))), {}
    groups = line.runs(run.numbers, near=0)
    if len(groups) == 1:
        return _cut_group(line, groups[0], jpegs if len(jpegs) == len(timestamps) else [], reason)
    middle = len(groups) // 2
    first, second = (_cut_run(line, join(half)) for half in (groups[:middle], groups[middle:]))
    return first[0] | second[0], first[1] | second[1]


def _cut_group(line: Timeline, run: Run, jpegs: list[bytes], reason: str) -> tuple[Pictures, Reasons]:
    """Return the pictures before damage in a run that starts at one key frame, and why others are refused.

    Args:
        line: Packets of the video.
        run: The frames.
        jpegs: Its pictures, if all came out.
        reason: What decoding them together reported. It may be harmless: about pictures after them, or before the key
            frame, or because the container cannot seek exactly.
    """
    inspection = Inspection(line, run.start)
    order = sorted(run.places, key=line.position.__getitem__)
    n_sound = bisect_left(order, True, key=lambda pts: inspection.complaint(pts) != "")
    sound = sorted(order[:n_sound])
    if n_sound < len(order):
        reason = inspection.complaint(order[n_sound])
        jpegs = []
    for start in (run.start, None):
        if len(jpegs) < len(sound):
            jpegs, _ = _decode(line, start, sound)
    cut = dict(zip(sound, jpegs, strict=False)) if len(jpegs) >= len(sound) else {}
    return _numbered(run, cut), {n: reason for pts, places in run.places.items() if pts not in cut for n in places}


def _numbered(run: Run, jpegs: Mapping[int, bytes]) -> Pictures:
    return {place: jpegs[pts] for pts, places in run.places.items() if pts in jpegs for place in places}


def _decode(line: Timeline, start: int | None, timestamps: Sequence[int]) -> tuple[list[bytes], str]:
    """Return one JPEG per timestamp, ascending, and what there is to say against them.

    Args:
        line: Packets of the video.
        start: Timestamp of the key frame to start from; None for the beginning.
        timestamps: Those of the pictures.
    """
    where: list[str] = []
    if start is not None and start > line.start:
        where = ["-noaccurate_seek", "-ss", f"{seconds(line, start - line.start):.6f}"]
    chosen = "+".join(f"eq(pts,{pts})" for pts in timestamps)
    output, complaints = run_program(
        *("ffmpeg", "-nostats", "-nostdin", "-threads", "1", "-copyts", *where, "-i", str(line.video)),
        # A fine encoder clock, since pictures of a variable rate may be closer than the stream's own.
        *("-map", "0:v:0", "-vf", f"select='{chosen}'", *passthrough(), "-enc_time_base", "1:1000000"),
        *("-frames:v", str(len(timestamps)), *_JPEG),
    )
    jpegs = list(split_jpegs([output]))
    if len(jpegs) != len(timestamps):
        complaints.append(f"{len(jpegs)} of {len(timestamps)} pictures came out")
    return jpegs, next(iter(complaints), "")


def _from_the_start(line: Timeline, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield frames of a full decode, nothing if it reports an error: which frames that concerns is not known."""
    wanted, found = set(numbers), Pictures()
    length = 0
    with start_program("ffmpeg", "-nostats", "-nostdin", "-i", str(line.video), *_JPEG) as running:
        for number, jpeg in enumerate(split_jpegs(iter(partial(running.output.read, _CHUNK), b""))):
            length = number + 1
            if number in wanted:
                found[number] = jpeg
            if number == numbers[-1]:
                running.process.kill()
                break
        complaints = running.complaints(max(running.process.wait(), 0))
    damaged = {number: complaints[0] for number in found if complaints}
    if not damaged:
        yield from found.items()
    _raise_for(line, damaged, [number for number in numbers if number not in found], length)
