"""Which pictures were searched for hands and what was found, kept in ``hands.jsonl`` from run to run."""

from __future__ import annotations

from pathlib import Path

from hint.detection import Picture
from hint.files.camera_file import Calibration
from hint.prediction.box_files import lines_of_file
from hint.prediction.camera import intrinsics_of
from hint.prediction.detections import BoxLine, DetectedHand, FrameDetections, lines_of, place_of, write_lines
from hint.types import Hand


class DetectionLog:
    """Detections of this run, and those of earlier runs into the same folder.

    Args:
        detector: Identity of the detector; its earlier detections are reused while it stays the same.
        folder: Folder of ``hands.jsonl``, None to write nothing.
        lens: Focal length of whole pictures, px, or their camera; None for what they state.
    """

    def __init__(self, detector: str, folder: Path | None, lens: float | Calibration | None = None) -> None:
        self.frames: dict[str, FrameDetections] = {}
        self._detector, self._folder, self._lens = detector, folder, lens
        self._earlier: dict[tuple[str | None, int | None], list[BoxLine]] = {}
        self._others: dict[tuple[str | None, int | None], list[BoxLine]] = {}
        self._keys: dict[str, str] = {}

    def load(self, keys: dict[str, str]) -> None:
        """Take over what an earlier run wrote.

        Args:
            keys: File -> key of the picture that was searched, as :meth:`pictures` returned them.
        """
        if self._folder is None or not (self._folder / "hands.jsonl").is_file():
            return
        self._keys = dict(keys)
        for line in lines_of_file(self._folder / "hands.jsonl"):
            self._earlier.setdefault((line.image, line.frame), []).append(line)
        self._others = dict(self._earlier)

    def earlier(self, picture: Picture) -> FrameDetections | None:
        """Return what an earlier run found in a picture, None for one to search (again)."""
        if self._folder is None or self._keys.get(picture.place) != self._key(picture):
            return None
        lines = self._earlier.get(place_of(picture, self._folder))
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
        first = lines[0]
        intrinsics = intrinsics_of(picture, lines[0].size, self._lens)
        doubtful, damage = bool(first.side_doubtful), first.damage or ""
        return FrameDetections(picture, lines[0].size, tuple(hands), intrinsics, doubtful, damage)

    def note(self, frame: FrameDetections) -> None:
        """Note what was found in a picture."""
        self.frames[frame.picture.name] = frame
        if self._folder is None:
            return
        image, number = place_of(frame.picture, self._folder)
        self._others.pop((image, number), None)
        if self._keys.get(frame.picture.place) != self._key(frame.picture):  # all frames of it are out of date
            self._others = {name: lines for name, lines in self._others.items() if name[0] != image}

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
        return self._keys | {f.picture.place: self._key(f.picture) for f in self.frames.values()}

    def write(self) -> None:
        """Write ``hands.jsonl``."""
        if self._folder is not None:
            write_lines(self._folder / "hands.jsonl", self.lines())

    def _key(self, picture: Picture) -> str:
        turned = f", orientation {picture.orientation}" if picture.orientation != 1 else ""
        return f"{picture.key}, {self._detector}{turned}"
