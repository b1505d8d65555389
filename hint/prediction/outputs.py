"""Files about all hands beside the predictions: smoothed ones, hands in metres, tracks with bones, tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hint.files import write_bytes
from hint.prediction.animation import ANIMATIONS, rigged_tracks
from hint.prediction.detections import FrameDetections
from hint.prediction.facts import MethodFacts
from hint.prediction.options import PredictOptions
from hint.prediction.placement import place, placed_columns, write_placed
from hint.prediction.row_files import PLACED, SMOOTH, Spool, camera_values, write_rows
from hint.prediction.rows import columns_of
from hint.prediction.table import write_table
from hint.prediction.tasks import HandResult, Results


class Outputs:
    """Gathers hands in order, on the disk, and writes the files.

    Args:
        options: What to write.
        facts: The method.
        rate: Frames per second of a video.
        parts: Folder of what is not done.
    """

    def __init__(self, options: PredictOptions, facts: MethodFacts, rate: float | None, parts: Path) -> None:
        self._options, self._facts, self._rate = options, facts, rate
        is_written = options.gathers
        self._smooth = Spool(parts / SMOOTH) if is_written and options.smooth is not None else None
        self._placed = Spool(parts / PLACED) if is_written and options.camera is not None else None
        self._frames: list[FrameDetections] = []
        self._rows: dict[str, HandResult] = {}

    @property
    def needs_rows(self) -> bool:
        """Whether what is predicted must be added."""
        options = self._options
        gathered = (options.smooth, options.camera, options.animation)
        return options.gathers and any(option is not None for option in gathered)

    def add(self, frame: FrameDetections, rows: Sequence[HandResult]) -> None:
        """Add a picture with what was predicted for its hands, smoothed if that was asked for."""
        px, _, centre = frame.intrinsics or (None, None, None)
        camera = camera_values(frame.size, px, centre)
        for row in rows:
            if self._smooth is not None:
                results = Results(row.predictions, row.parameters)
                self._smooth.add(row.hand.hand_id, columns_of(results, np.array([row.hand.is_right])), camera)
            if self._placed is not None:
                placed = placed_columns(place(row, frame, self._options.camera))
                self._placed.add(row.hand.hand_id, placed, camera)
        if self._options.animation is not None:
            self._frames.append(frame)
            self._rows |= {row.hand.hand_id: row for row in rows}

    def write(self) -> None:
        """Write the files; predictions are there already."""
        options, out = self._options, self._options.out
        if out is None or not options.gathers:
            return
        if self._smooth is not None and options.smooth is not None:
            meta = json.dumps({**self._facts.header, "one_euro": vars(options.smooth)}, allow_nan=False)
            write_rows(out, "-smooth", self._smooth.rows(), self._facts.faces, lambda: iter([meta]))
        if self._placed is not None and options.camera is not None:
            rows = self._placed.rows()
            columns = {name: rows.column(name) for name in rows.names()}
            write_placed(options.file("placed.npz"), columns, options.camera)
        self._write_tracks()
        for table in options.tables():
            if table.with_suffix(".npz").is_file():  # absent where no picture could be used
                write_table(table.with_suffix(".npz"), table)

    def _write_tracks(self) -> None:
        options, model = self._options, self._facts.hand_model
        if options.animation is not None and model is not None:
            write = ANIMATIONS[options.animation]
            for track in rigged_tracks(self._frames, self._rows, model, options.camera):
                write_bytes(options.animation_file(track.name), write(track, self._rate or 1.0))
