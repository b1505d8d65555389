"""What ffprobe says about a video: its packets, and which of them cannot be decoded."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from hint.programs import run_program
from hint.video.timeline import Packet, Timeline, VideoError, is_evenly_spaced

_STREAM = "index,time_base,r_frame_rate,avg_frame_rate,nb_frames"
_ENTRIES = f"packet=pts,dts,duration,flags,stream_index:stream={_STREAM}:format=start_time,nb_streams,format_name"


def probe(video: Path) -> Timeline:
    """Read the packets of a video's first video stream, decoding nothing.

    Raises:
        VideoError: If the file is missing, damaged, or has no video.
    """
    if not video.is_file():
        raise VideoError(f"{video}: no such file")
    found, complaints = run_program(
        "ffprobe", "-select_streams", "v", "-show_entries", _ENTRIES, "-of", "json", str(video)
    )
    content: dict[str, Any] = json.loads(found or b"{}")
    if not content.get("streams") or not content.get("packets"):
        reason = complaints[-1].rpartition(": ")[2] if complaints else "it has no video stream"
        raise VideoError(f"{video} is not a readable video: {reason}")
    return _timeline(video, content)


def _timeline(video: Path, content: dict[str, Any]) -> Timeline:
    stream, container = content["streams"][0], content["format"]
    time_base = Fraction(stream["time_base"])
    own = [packet for packet in content["packets"] if packet["stream_index"] == stream["index"]]
    timed = [packet for packet in own if "pts" in packet]
    rate = _rate(stream)
    return Timeline(
        video=video,
        packets=[_packet(packet) for packet in timed],
        time_base=time_base,
        rate=rate,
        start=round(Fraction(container.get("start_time", 0)) / time_base),
        is_alone=container["nb_streams"] == 1,
        is_clear=len(timed) == len(content["packets"]) and _is_ordered(timed, container, time_base * rate),
        announced=int(stream.get("nb_frames", 0)),
    )


def _is_ordered(packets: list[dict[str, Any]], container: dict[str, Any], per_unit: Fraction) -> bool:
    """Tell whether pictures leave the decoder in the order of their timestamps, which the times of decoding vouch for.

    Matroska does not store those; there only pictures that are stored in order are.
    """
    shown, decoded = ([packet.get(key) for packet in packets] for key in ("pts", "dts"))
    if None in decoded or "matroska" in container["format_name"]:
        return shown == sorted(shown)
    return is_evenly_spaced(decoded, per_unit) and all(a <= b for a, b in zip(decoded, shown, strict=True))


def _packet(entry: dict[str, Any]) -> Packet:
    return Packet(entry["pts"], entry.get("duration", 0), "K" in entry["flags"], "D" not in entry["flags"])


def _rate(stream: dict[str, str]) -> Fraction:
    """Return the rate ffmpeg would choose: the stream's, unless that is only the resolution of its clock."""
    rate, average = (_fraction(stream[key]) for key in ("r_frame_rate", "avg_frame_rate"))
    return average if 0 < average < 70 and rate > 210 else rate or average or Fraction(25)


def _fraction(text: str) -> Fraction:
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator)) if int(denominator or 1) else Fraction(0)


def complaint(line: Timeline, start: int, pts: int) -> str:
    """Return why a picture cannot be trusted, "" if it can: what its packets bring to decoders from a key frame on.

    The packet that follows is decoded as well: where damage begins within a packet of VP9, only the next one shows it.

    Args:
        line: Packets of the video.
        start: Timestamp of the key frame.
        pts: Timestamp of the picture.
    """
    stop = line.position[pts] + 2
    first = _lands_on(line, start)
    found = _complaints(line, first, stop)
    if not found or not first:
        return next(iter(found), "")
    # Pictures between a key frame and the next may need those before it, and be missed without harm: ask once more
    # from a key frame earlier, for what the same packets bring then.
    earlier = _lands_on(line, max((p.pts for p in line.packets[:first] if p.is_key), default=line.packets[0].pts))
    before = _complaints(line, earlier, first)
    return next(iter(_complaints(line, earlier, stop)[len(before) :]), "")


def _lands_on(line: Timeline, start: int) -> int:
    """Return the place of the packet that is read first on the way to a key frame; not every file seeks exactly."""
    arguments = (*_interval(line, start, 1), "-show_entries", "packet=pts", "-of", "compact")
    found = re.search(rb"packet\|pts=(-?\d+)", run_program("ffprobe", *arguments, str(line.video)).content)
    place = line.position.get(int(found[1])) if found else None
    return place if place is not None and place <= line.position[start] else 0


def _complaints(line: Timeline, first: int, stop: int) -> list[str]:
    """Return what decoding the packets ``first:stop`` brings to the log."""
    start = line.packets[first].pts if first else None
    arguments = ("-threads", "1", *_interval(line, start, stop - first), "-show_entries", "frame=pts", "-of", "compact")
    return run_program("ffprobe", *arguments, str(line.video)).complaints


def _interval(line: Timeline, start: int | None, n: int) -> list[str]:
    where = f"{seconds(line, start):.6f}" if start is not None else ""
    return ["-select_streams", "v:0", "-read_intervals", f"{where}%+#{n}"]


def seconds(line: Timeline, start: int) -> float:
    """Return a time to seek to for a key frame: half a frame behind it, since rounding must not fall before it."""
    return float(start * line.time_base + 1 / (2 * line.rate))
