"""Which pictures were searched for hands and what was found, kept in ``hands.jsonl`` from run to run."""

from __future__ import annotations

from pathlib import Path

from hint.detection import Picture
from hint.prediction.boxes import KnownBoxes, read_boxes
from hint.prediction.detections import BoxLine, DetectedHand, FrameDetections, lines_of, write_lines
from hint.types import Hand


class DetectionLog:
    """Detections of this run, and those of earlier runs into the same folder.

    Args:
        detector: Identity of the detector; its earlier detections are reused while it stays the same.
        folder: Folder of ``hands.jsonl``, None to write nothing.
    """

    def __init__(self, detector: str, folder: Path | None) -> None:
        self.frames: dict[str, FrameDetections] = {}
        self._detector, self._folder = detector, folder
        self._earlier: KnownBoxes | None = None
        self._others: dict[tuple[str | None, int | None], list[BoxLine]] = {}
        self._keys: dict[str, str] = {}

    def load(self, keys: dict[str, str]) -> None:
        """Take over what an earlier run wrote.

        Args:
            keys: File -> key of the picture that was searched, as :meth:`pictures` returned them.
        """
        if self._folder is None or not (self._folder / "hands.jsonl").is_file():
            return
        self._earlier, self._keys = read_boxes(self._folder / "hands.jsonl"), dict(keys)
        for line in self._earlier.lines:
            self._others.setdefault((line.image, line.frame), []).append(line)

    def earlier(self, picture: Picture) -> FrameDetections | None:
        """Return what an earlier run found in a picture, None for one to search (again)."""
        if self._earlier is None or self._keys.get(_file(picture)) != self._key(picture):
            return None
        lines = self._earlier.of(picture)
        if lines is None or lines[0].size is None:
            return None
        hands = [
            DetectedHand(
                Hand(line.hand_id, line.box_xyxy, bool(line.is_right), picture.path),
                line.score,
                line.track,
                bool(line.filled),
            )
            for line in lines
            if line.box_xyxy is not None and line.hand_id is not None
        ]
        return FrameDetections(picture, lines[0].size, tuple(hands))

    def note(self, frame: FrameDetections) -> None:
        """Note what was found in a picture."""
        self.frames[frame.picture.name] = frame
        if self._folder is None:
            return
        first = lines_of(frame, self._folder)[0]
        self._others.pop((first.image, first.frame), None)
        if self._keys.get(_file(frame.picture)) != self._key(frame.picture):  # all frames of it are out of date
            self._others = {name: lines for name, lines in self._others.items() if name[0] != first.image}

    def others(self) -> list[BoxLine]:
        """Return what earlier runs found in pictures that this run has not come to, or is not about."""
        taken = {found.hand.hand_id for frame in self.frames.values() for found in frame.hands}
        return [line for lines in self._others.values() for line in lines if line.hand_id not in taken]

    def lines(self) -> list[BoxLine]:
        """Return what this run found, then :meth:`others`."""
        folder = self._folder or Path()
        return [*(line for frame in self.frames.values() for line in lines_of(frame, folder)), *self.others()]

    def pictures(self) -> dict[str, str]:
        """Return file -> what changes when a picture must be searched again."""
        return self._keys | {_file(f.picture): self._key(f.picture) for f in self.frames.values()}

    def write(self) -> None:
        """Write ``hands.jsonl``."""
        if self._folder is not None:
            write_lines(self._folder / "hands.jsonl", self.lines())

    def _key(self, picture: Picture) -> str:
        return f"{picture.key}, {self._detector}"


def _file(picture: Picture) -> str:
    """Return the file of a picture: all frames of a video share one."""
    return str(picture.path.resolve()) if picture.path else picture.name
