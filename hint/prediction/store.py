"""The folder of ``hint predict``: ``predictions.npz``, ``mano.npz`` and ``hands.jsonl``, and parts while a run goes on.

Workers write parts; what was found and predicted is read where it lies, and merged piece by piece when the run ends.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.detection import Picture
from hint.engine.earlier import reading_earlier
from hint.engine.parts import PartWriter, collect, part_files, parts_folder, remove_parts, shared_place
from hint.engine.stored import read_part, read_result
from hint.errors import InputError, first_line
from hint.files import atomic_write
from hint.files.camera_file import Calibration
from hint.files.json_file import json_lines
from hint.files.npz_columns import StoredColumn, stored_columns
from hint.files.storage import named_in
from hint.files.storage import place_of as real_place
from hint.prediction.box_files import check_lines
from hint.prediction.camera import intrinsics_of
from hint.prediction.detections import (
    BoxLine,
    DetectedHand,
    FrameDetections,
    Note,
    note_of,
    notes_of,
    place_of,
    row_key,
    search_key,
)
from hint.prediction.index import PredictionIndex
from hint.prediction.mano_file import CROP_COLUMNS
from hint.prediction.options import PredictOptions
from hint.prediction.row_files import SPOOLS, PlacesOfRows, RowsOfFiles, camera_values, write_rows
from hint.prediction.rows import MANO, POINTS, results_of
from hint.prediction.tasks import EarlierRow
from hint.types import Hand


class PredictionStore:
    """Results with the pictures they belong to.

    Args:
        header: Tells results of this method and its settings from others.
        faces: Triangles of the right hand, None for methods that do not pose MANO.
        detector: Identity of the detector; its earlier detections are reused while it stays the same.
        options: Where results are, if anything is written and reused, and whether what is there is ignored.
        inputs: What names the pictures of all shards.

    Attributes:
        count: Number of hands in the folder once it is saved, with those of earlier runs.
        parts: Folder of the parts.
        place: Where workers write them: that folder, or what the options say.

    Raises:
        InputError: If the folder holds predictions of other settings.
    """

    def __init__(
        self,
        header: Mapping[str, Any],
        faces: NDArray[np.int64] | None,
        detector: str,
        options: PredictOptions,
        inputs: Iterable[str] = (),
    ) -> None:
        self.header, self.count = header, 0
        self._faces, self._detector, self._folder, self._lens = faces, detector, options.out, options.lens
        self._is_shard, folder = options.shard is not None, options.out
        self._index = PredictionIndex()
        self._files: list[_StoredFile] = []
        self._is_saved = False
        self._result = (folder or Path()) / "predictions.npz"
        self.parts = parts_folder(self._result)
        shared = options.work.parts_path
        self.place = shared_place(shared, header, [detector, *inputs]) if shared else self.parts
        if folder is None:
            return
        if options.overwrite == "always":
            self._collect()
            self._remove_parts()
        elif self._result.is_file():
            self._load_result(folder)
        self._load_parts()

    def __enter__(self) -> PredictionStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()
        if self._is_saved:
            self._remove_parts()

    def _remove_parts(self) -> None:
        for spooled in SPOOLS:
            shutil.rmtree(self.parts / spooled, ignore_errors=True)
        remove_parts(part_files(self.parts), self.parts)

    def earlier(self, picture: Picture) -> FrameDetections | None:
        """Return what an earlier run found in a picture, None for one to search (again)."""
        if self._folder is None:
            return None
        notes = self._index.notes_at(*place_of(picture, self._folder))
        key = search_key(picture, self._detector) if notes else ""  # which looks into the picture
        lines = [BoxLine.model_validate_json(note.line) for note in notes if note.key == key]
        if not lines or lines[0].size is None:
            return None
        first = lines[0]
        hands = tuple(found for line in lines if (found := _hand_of(line, picture)) is not None)
        intrinsics = intrinsics_of(picture, lines[0].size, self._lens)
        return FrameDetections(picture, lines[0].size, hands, intrinsics, bool(first.side_doubtful), first.damage or "")

    def noted(self, picture: Picture) -> dict[str, None]:
        """Return the hands that any detector found in a picture, whatever they are made from."""
        notes = self._index.notes_at(*place_of(picture, self._folder)) if self._folder is not None else []
        return {note.hand_id: None for note in notes if note.hand_id is not None}

    def rows(self, hands: Mapping[str, str | None]) -> dict[str, EarlierRow]:
        """Return the rows of hands, as far as they are done.

        Args:
            hands: hand_id -> what its row must be made from, see :func:`row_key`; None takes the last row.
        """
        found: dict[str, EarlierRow] = {}
        for hand_id, key in hands.items():
            where = self._index.find(hand_id, key)
            if where is not None:
                stored = self._files[where.part].columns
                columns = {name: column.read([where.row]) for name, column in stored.items() if _is_predicted(name)}
                found[hand_id] = EarlierRow(where.key, results_of([hand_id], columns))
        return found

    def note(self, frame: FrameDetections) -> None:
        """Ask for the hands of a picture.

        Raises:
            InputError: If a hand of this name was asked for already.
        """
        notes = notes_of(frame, self._detector, self._folder or Path())
        keys: list[str | None] = [row_key(found.hand, frame.picture) for found in frame.hands]
        if repeated := self._index.ask(notes, keys or [None]):
            raise InputError(f"two hands are named {repeated}; give every box its own hand_id")

    def save(self) -> None:
        """Merge all parts; nothing is written where no picture was searched, or others write parts, too."""
        if self._folder is None or self._index.is_empty or self._is_shard:
            return
        self._load_parts()
        merged = self._write_lines(self._folder / "hands.jsonl")
        self.count = len(merged)
        write_rows(self._folder, "", merged, self._faces, self._meta)
        self._is_saved = True

    def _load_result(self, folder: Path) -> None:
        result = read_result(self._result, self.header)
        pictures = result.meta.get("pictures")
        keys_of = {k: v for k, v in pictures.items() if isinstance(v, str)} if isinstance(pictures, dict) else {}
        with reading_earlier():
            self._index.add_notes(_notes_of_lines(folder, keys_of))
        ids, keys = result.ids.tolist(), result.keys.tolist()
        if self._faces is None:
            self._add(_StoredFile(self._result, None), ids, keys)
            return
        mano = folder / "mano.npz"
        known = stored_columns(mano)["hand_id"].read().tolist() if mano.is_file() else []
        if known == ids:
            self._add(_StoredFile(self._result, mano), ids, keys)
        else:  # a run was killed between writing the two: what both hold becomes a part
            row_of = {hand_id: row for row, hand_id in enumerate(known)}
            both = [row for row, hand_id in enumerate(ids) if hand_id in row_of]
            points, crops = stored_columns(self._result), stored_columns(mano) if known else {}
            columns = {name: points[name].read(both) for name in POINTS if name in points}
            columns |= {f"{MANO}{n}": crops[n].read([row_of[ids[row]] for row in both]) for n in CROP_COLUMNS if known}
            writer = PartWriter(self.parts, self.header)
            writer.add([ids[row] for row in both], [keys[row] for row in both], columns)
            writer.save()

    def _add(self, file: _StoredFile, ids: Sequence[str], keys: Sequence[str]) -> None:
        self._index.add_rows(len(self._files), zip(ids, keys, range(len(ids)), strict=True))
        self._files.append(file)

    def _load_parts(self) -> None:
        """Look into the parts that were written since the last time."""
        self._collect()
        known = {file.path for file in self._files}
        new = [path for path in part_files(self.parts) if path not in known]
        for path in sorted(new, key=lambda path: path.lstat().st_mtime_ns):
            part = read_part(path, self.header)
            try:
                self._index.add_notes(map(Note.parse, part.notes()))
                self._add(_StoredFile(path, None), part.ids.tolist(), part.keys.tolist())
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"{path} is damaged: {first_line(error)}; remove it, and its hands are predicted again"
                ) from error

    def _collect(self) -> None:
        """Bring parts here from where workers put them."""
        if self.place != self.parts:
            collect(self.place, self.parts, keep=self._is_shard)

    def _write_lines(self, path: Path) -> RowsOfFiles:
        """Write ``hands.jsonl``, and return where the rows of its hands are."""
        places = PlacesOfRows()
        with atomic_write(path) as stream:
            for text, _, where in self._index.lines():
                stream.write(f"{text}\n".encode())
                if where is not None:
                    places.add(where.part, where.row, _camera_values(text))
        return places.rows(self._files)

    def _meta(self) -> Iterator[str]:
        """Yield what belongs to the results, as JSON."""
        focal_length = self._lens.focal_length if isinstance(self._lens, Calibration) else self._lens
        head = json.dumps({**self.header, "focal_length": focal_length}, allow_nan=False)
        yield f'{head[:-1]}, "pictures": {{'
        searched = (f"{json.dumps(file)}: {json.dumps(key)}" for file, key in self._index.searched())
        yield from _listed(searched)
        yield '}, "inputs": ['
        yield from _listed(json.dumps(where.key) for _, _, where in self._index.lines() if where is not None)
        yield "]}"


@dataclass(frozen=True)
class _StoredFile:
    """A part, or the predictions that parts were merged into.

    Attributes:
        path: The file.
        mano: The file with the MANO parameters of the same hands, None if they are in the first.
    """

    path: Path
    mano: Path | None

    @cached_property
    def columns(self) -> dict[str, StoredColumn]:
        """The columns, read from the disk when they are needed."""
        columns = stored_columns(self.path)
        if self.mano is None:
            return columns
        mano = stored_columns(self.mano)
        return columns | {f"{MANO}{name}": mano[name] for name in CROP_COLUMNS}


def _notes_of_lines(folder: Path, keys: Mapping[str, str]) -> Iterator[Note]:
    """Yield what ``hands.jsonl`` tells; keys are those of the files that were searched."""
    path = folder / "hands.jsonl"
    if not path.is_file():
        return
    image, file = None, ""
    for value in json_lines(path):
        (line,) = check_lines([value], path)
        if line.image is not None and line.image != image:
            image, file = line.image, real_place(named_in(folder, line.image))
            file = file if file in keys else line.image
        yield note_of(line, file, keys.get(file, ""))


def _hand_of(line: BoxLine, picture: Picture) -> DetectedHand | None:
    if line.box_xyxy is None or line.hand_id is None:
        return None
    hand = Hand(line.hand_id, line.box_xyxy, bool(line.is_right), picture.path)
    return DetectedHand(hand, line.score, line.track, bool(line.filled))


def _camera_values(text: str) -> tuple[float, ...]:
    line = json.loads(text)
    return camera_values(line.get("size"), line.get("focal_length"), line.get("principal_point"))


def _listed(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        yield f", {text}" if number else text


def _is_predicted(name: str) -> bool:
    return name in POINTS or name.startswith(MANO)
