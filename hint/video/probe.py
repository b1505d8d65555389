"""What ffprobe says about a video: its packets, and which of them cannot be decoded."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from hint.programs import Output, run_program
from hint.video.timeline import AFTER, Packet, Timeline, VideoError, is_evenly_spaced

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
    try:
        content: dict[str, Any] = json.loads(found or b"{}")
    except ValueError:
        content = {}
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
        announced=_announced(stream, len(own)),
    )


def _is_ordered(packets: list[dict[str, Any]], container: dict[str, Any], per_unit: Fraction) -> bool:
    """Tell whether pictures leave the decoder in the order of their timestamps, which the times of decoding vouch for.

    Matroska does not store those; there only pictures that are stored in order are.
    """
    shown = [packet["pts"] for packet in packets]
    decoded = [packet["dts"] for packet in packets if "dts" in packet]
    if len(decoded) < len(shown) or "matroska" in container["format_name"]:
        return shown == sorted(shown)
    return is_evenly_spaced(decoded, per_unit) and all(a <= b for a, b in zip(decoded, shown, strict=True))


def _announced(stream: dict[str, Any], n_packets: int) -> int:
    """Return the number of pictures a truncated file should have, 0 for a whole one."""
    announced = int(stream.get("nb_frames", 0))
    return announced if announced > n_packets else 0


def _packet(entry: dict[str, Any]) -> Packet:
    return Packet(entry["pts"], entry.get("duration", 0), "K" in entry["flags"], "D" not in entry["flags"])


def _rate(stream: dict[str, str]) -> Fraction:
    """Return the rate ffmpeg would choose: the stream's, unless that is only the resolution of its clock."""
    rate, average = (_fraction(stream[key]) for key in ("r_frame_rate", "avg_frame_rate"))
    return average if 0 < average < 70 and rate > 210 else rate or average or Fraction(25)


def _fraction(text: str) -> Fraction:
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator)) if int(denominator or 1) else Fraction(0)


class Inspection:
    """What decoding from a key frame on reports, packet by packet.

    Args:
        line: Packets of the video.
        start: Timestamp of the key frame.
    """

    def __init__(self, line: Timeline, start: int) -> None:
        self._line = line
        self._first = self._lands_on(start)

    def complaint(self, pts: int) -> str:
        """Return why a picture cannot be trusted, "" if it can."""
        stop = self._line.position[pts] + 1 + AFTER
        found = self._complaints(self._first, stop)
        if not found or not self._first:
            return next(iter(found), "")
        # Pictures between a key frame and the next may need those before it, and be missed without harm: ask once
        # more from a key frame earlier, for what the same packets bring then.
        return next(iter(self._complaints(self._earlier, stop)[self._before :]), "")

    @cached_property
    def _earlier(self) -> int:
        keys = [packet.pts for packet in self._line.packets[: self._first] if packet.is_key]
        return self._lands_on(max(keys, default=self._line.packets[0].pts))

    @cached_property
    def _before(self) -> int:
        return len(self._complaints(self._earlier, self._first))

    def _lands_on(self, start: int) -> int:
        """Return the place of the packet that is read first on the way to a key frame; not every file seeks exactly."""
        found = re.search(rb"packet\|pts=(-?\d+)", self._run(start, 1, "packet=pts").content)
        place = self._line.position.get(int(found[1])) if found else None
        return place if place is not None and place <= self._line.position[start] else 0

    def _complaints(self, first: int, stop: int) -> list[str]:
        """Return what decoding the packets ``first:stop`` brings to the log."""
        start = self._line.packets[first].pts if first else None
        return self._run(start, stop - first, "frame=pts").complaints

    def _run(self, start: int | None, n: int, entries: str) -> Output:
        """Read, or decode, n packets from a key frame or the beginning on."""
        where = "" if start is None else f"{seconds(self._line, start):.6f}"
        interval = ("-select_streams", "v:0", "-read_intervals", f"{where}%+#{n}")
        shown = ("-show_entries", entries, "-of", "compact")
        return run_program("ffprobe", "-threads", "1", *interval, *shown, str(self._line.video))


def seconds(line: Timeline, start: int) -> float:
    """Return a time to seek to for a key frame: half a frame behind it, since rounding must not fall before it."""
    return float(start * line.time_base + 1 / (2 * line.rate))
