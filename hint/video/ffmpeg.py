"""Frames as JPEG, with the very bytes the ffmpeg on PATH would write if it decoded the whole video."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import Any

from hint.errors import MissingRequirementError
from hint.video.timeline import Packet, Run, Timeline, VideoError

_ENTRIES = "packet=pts,duration,flags:stream=time_base,r_frame_rate,avg_frame_rate:format=start_time,nb_streams"

#: Frames asked of one ffmpeg at most: it refuses filter expressions of more than about 100 terms.
_LONGEST_RUN = 50


def require_ffmpeg() -> None:
    """Raise unless ffmpeg and ffprobe are on PATH.

    Raises:
        MissingRequirementError: If one of them is absent.
    """
    absent = [name for name in ("ffmpeg", "ffprobe") if shutil.which(name) is None]
    if absent:
        raise MissingRequirementError(
            f"{' and '.join(absent)} not on PATH: apt install ffmpeg, brew install ffmpeg or conda install ffmpeg"
        )


def cut_jpegs(video: Path, frames: Iterable[int], *, workers: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield frames of a video as JPEG, byte-identical to the files of ``ffmpeg -i video -qscale:v 1 %10d.jpg``.

    Nothing but the groups of pictures that hold the frames is decoded, and nothing is written to disk.

    Args:
        video: The video; its first video stream is used.
        frames: Numbers from 0: frame n is the file numbered n+1.
        workers: Groups of pictures decoded at the same time, by default one per core.

    Yields:
        (number, JPEG), numbers ascending.

    Raises:
        VideoError: If the video cannot be read.
        FrameRangeError: If it is shorter than a frame number asks.
        MissingRequirementError: If ffmpeg is absent.
    """
    require_ffmpeg()
    line = probe(video)
    runs = line.runs(frames, longest=_LONGEST_RUN)
    with ThreadPoolExecutor(workers or cpu_count() or 1) as pool:
        try:
            for run, pictures in zip(runs, pool.map(partial(_decode, line), runs), strict=True):
                for picture, places in zip(pictures, run.places.values(), strict=True):
                    yield from ((place, picture) for place in places)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def probe(video: Path) -> Timeline:
    """Read the packets of a video's first video stream with ffprobe, decoding nothing.

    Raises:
        VideoError: If the file is missing, damaged, or has no video.
    """
    if not video.is_file():
        raise VideoError(f"{video}: no such file")
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", _ENTRIES, "-of", "json", str(video)]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, start_new_session=True)
    found: dict[str, Any] = json.loads(done.stdout or b"{}")
    if done.returncode or not found.get("streams") or not found.get("packets"):
        raise VideoError(f"{video} is not a readable video: {_reason(done.stderr) or 'it has no video stream'}")
    stream, container = found["streams"][0], found["format"]
    time_base = Fraction(stream["time_base"])
    return Timeline(
        video=video,
        packets=[_packet(packet) for packet in found["packets"] if "pts" in packet],
        time_base=time_base,
        rate=_rate(stream),
        start=round(Fraction(container.get("start_time", 0)) / time_base),
        is_alone=container["nb_streams"] == 1,
    )


def _packet(entry: dict[str, Any]) -> Packet:
    return Packet(entry["pts"], entry.get("duration", 0), "K" in entry["flags"], "D" not in entry["flags"])


def _rate(stream: dict[str, str]) -> Fraction:
    """Return the rate ffmpeg would choose: the stream's, unless that is only the resolution of its clock."""
    rate, average = (_fraction(stream[key]) for key in ("r_frame_rate", "avg_frame_rate"))
    return average if 0 < average < 70 and rate > 210 else rate or average or Fraction(25)


def _fraction(text: str) -> Fraction:
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator)) if int(denominator or 1) else Fraction(0)


def _decode(line: Timeline, run: Run) -> list[bytes]:
    """Return one JPEG per timestamp of a run; start at the beginning where the container cannot seek exactly."""
    if (jpegs := _run_ffmpeg(line, run, seek=True)) is None:
        jpegs = _run_ffmpeg(line, run, seek=False)
    if jpegs is None:
        raise VideoError(f"{line.video} cannot be decoded at frame {run.first}")
    return jpegs


def _run_ffmpeg(line: Timeline, run: Run, *, seek: bool) -> list[bytes] | None:
    # Half a frame behind the key frame, so that rounding to microseconds cannot fall before it.
    seconds = float((run.start - line.start) * line.time_base + 1 / (2 * line.rate))
    where = ["-noaccurate_seek", "-ss", f"{seconds:.6f}"] if seek and run.start > line.start else []
    chosen = "+".join(f"eq(pts,{pts})" for pts in run.places)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-copyts", *where, "-i", str(line.video)]
    # A fine encoder clock, since frames of a variable rate may be closer than the stream's own.
    command += ["-map", "0:v:0", "-vf", f"select='{chosen}'", "-fps_mode", "passthrough", "-enc_time_base", "1:1000000"]
    command += ["-frames:v", str(len(run.places)), "-qscale:v", "1", "-c:v", "mjpeg", "-f", "image2pipe", "-"]
    done = subprocess.run(command, capture_output=True, check=False, start_new_session=True)
    pictures = list(split_jpegs(done.stdout))
    return pictures if len(pictures) == len(run.places) and not done.returncode else None


def _reason(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].rpartition(": ")[2] if lines else ""


def split_jpegs(stream: bytes) -> Iterator[bytes]:
    """Yield the pictures of a stream of JPEGs; a truncated one at the end is left out."""
    start = 0
    while (end := _jpeg_end(stream, start)) is not None:
        yield stream[start:end]
        start = end


def _jpeg_end(stream: bytes, start: int) -> int | None:
    """Return where the JPEG that begins at ``start`` ends.

    Segments before the scan are skipped by their length, since they may hold the end marker by chance; in the scan a
    0xff of the data is followed by 0.
    """
    place = start + 2
    while stream[place : place + 1] == b"\xff" and stream[place + 1 : place + 2] not in (b"\xda", b""):
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    end = stream.find(b"\xff\xd9", place)
    return None if end < 0 else end + 2
