"""The first pass over a video: all its hands are found and followed before any is predicted.

So a hand has one side and one number from its first frame on. What was found is kept in ``detections.jsonl``, a line
for each frame, and is not searched again when the run is resumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from hint.detection import GROUP, ChoosingDetector, Detection, Detector, Picture, Tracked, follow
from hint.files import atomic_write
from hint.files.json_file import parse_json
from hint.prediction.boxes import KnownBoxes
from hint.prediction.source import Source


def is_searched_first(source: Source, detector: Detector) -> bool:
    """Tell whether all of the source is searched first: a video, unless its boxes and sides are known."""
    return source.rate is not None and not (isinstance(detector, KnownBoxes) and detector.has_sides)


def find_and_follow(
    source: Source, detector: ChoosingDetector, folder: Path | None, start_over: bool, advance: Callable[[int], None]
) -> list[list[Tracked]]:
    """Find the hands of a video and follow them; only boxes are kept in memory.

    Args:
        source: The video.
        detector: What finds the hands.
        folder: Folder of ``detections.jsonl``, None to write nothing.
        start_over: Whether to ignore what it holds.
        advance: Called with the number of frames just done.

    Returns:
        The hands of each frame, up to one that cannot be decoded.
    """
    from hint.video import VideoError

    frames = []
    with suppress(VideoError):  # the second pass comes to the same frame, and reports it
        for hands in _found(source, detector, folder, start_over):
            frames.append(hands)
            advance(1)
    return follow(frames, given=isinstance(detector.detector, KnownBoxes))


def _found(source: Source, detector: Detector, folder: Path | None, start_over: bool) -> Iterator[list[Detection]]:
    log = None
    try:
        for picture in source.pictures():
            log = log or DetectionFile(folder, f"{picture.key}, {detector.identity}", source.total, start_over)
            yield log.hands(picture, detector)
    finally:
        if log is not None:
            log.close()


class DetectionFile:
    """What was found in each frame, as a file that grows.

    Detectors may follow hands through :data:`GROUP` frames, so a group that is not complete is searched again: results
    do not depend on when a run was interrupted.

    Args:
        folder: Where ``detections.jsonl`` lies, None to write nothing.
        key: Names the video and the detector; a file of another key is replaced.
        total: Number of frames of the video.
        start_over: Whether to replace it anyway.
    """

    def __init__(self, folder: Path | None, key: str, total: int, start_over: bool = False) -> None:
        self._known: list[list[Detection]] = []
        self._file: IO[str] | None = None
        if folder is None:
            return
        path = folder / "detections.jsonl"
        if not start_over and path.is_file():
            known = _read(path, key)
            self._known = known if len(known) == total else known[: len(known) // GROUP * GROUP]
        with atomic_write(path) as file:
            lines = [{"key": key}, *map(_line, self._known)]
            file.write("".join(f"{json.dumps(line)}\n" for line in lines).encode())
        self._file = path.open("a", encoding="utf-8")

    def hands(self, picture: Picture, detector: Detector) -> list[Detection]:
        """Return the hands of the next frame, from the file or from the detector."""
        number = picture.frame or 0
        if number < len(self._known):
            return self._known[number]
        hands = detector.detect(picture, picture.read())
        if self._file is not None:
            self._file.write(f"{json.dumps(_line(hands))}\n")
        return hands

    def close(self) -> None:
        """Write what is left to be written."""
        if self._file is not None:
            self._file.close()


def _line(hands: list[Detection]) -> list[dict[str, object]]:
    return [asdict(hand) for hand in hands]


def _read(path: Path, key: str) -> list[list[Detection]]:
    """Return the hands of each frame, of none if the key is another."""
    header, *lines = path.read_text("utf-8", errors="replace").splitlines() or [""]
    frames: list[list[Detection]] = []
    with suppress(ValueError, TypeError, KeyError):  # a line may have been cut off, or be of something else
        if parse_json(header) == {"key": key}:
            frames.extend(map(_hands, lines))
    return frames


def _hands(line: str) -> list[Detection]:
    return [Detection(**{**hand, "box_xyxy": tuple(hand["box_xyxy"])}) for hand in parse_json(line)]
