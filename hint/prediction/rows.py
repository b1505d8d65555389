"""What a method said about hands, kept by hand and on disk, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint.engine import input_key
from hint.errors import InputError
from hint.files import read_predictions, write_predictions
from hint.prediction.boxes import Boxes, read_boxes
from hint.prediction.mano_file import picture_camera, read_mano, write_mano
from hint.prediction.seen import BoxLine, Look, Seen, lines_of, write_lines
from hint.prediction.source import Picture
from hint.types import Hand, ManoMethod, ManoParameters, Method, Predictions

#: Seconds between two saves, and how many times as long as a save took the next one waits.
SAVE_EVERY, SAVE_SHARE = 20.0, 10.0


@dataclass(frozen=True, eq=False)
class Row:
    """What a method said about one hand.

    Attributes:
        hand: What it was asked.
        predictions: One row.
        parameters: One row, None for methods that do not pose MANO.
    """

    hand: Hand
    predictions: Predictions
    parameters: ManoParameters | None


class Rows:
    """Hands that are done.

    Args:
        method: What they are done with.
        found_by: Name of what found the hands.
        folder: Where they are kept, None for memory only.
        focal_length: Of the cameras of whole pictures, px; None for the default.
        overwrite: Whether to forget what lies in the folder.
    """

    def __init__(
        self, method: Method, found_by: str, folder: Path | None, focal_length: float | None, overwrite: bool = False
    ) -> None:
        self._method, self._found_by, self._folder, self._focal_length = method, found_by, folder, focal_length
        self._rows: dict[str, tuple[str, Predictions, ManoParameters | None]] = {}
        self._looks: dict[str, Look] = {}
        self._earlier: Boxes | None = None
        self._others: dict[tuple[str | None, int | None], list[BoxLine]] = {}
        self._keys: dict[str, str] = {}
        self.drawn_alike = False
        self._due = time.monotonic() + SAVE_EVERY
        if folder is not None and not overwrite and (folder / "predictions.npz").is_file():
            self._load(folder)

    @property
    def header(self) -> dict[str, Any]:
        """What tells rows of this method from others."""
        return {"method": self._method.card.name, "fingerprint": self._method.fingerprint}

    def earlier(self, picture: Picture) -> tuple[tuple[int, int], list[Seen]] | None:
        """Return the size and the hands of a picture that an earlier run looked at, None for one to look at anew."""
        if self._earlier is None or self._keys.get(_file(picture)) != self._key(picture):
            return None
        lines = self._earlier.of(picture)
        if lines is None or lines[0].size is None:
            return None
        hands = [
            Seen(Hand(line.hand_id, line.box_xyxy, bool(line.is_right), picture.path), line.score, line.track)
            for line in lines
            if line.box_xyxy is not None and line.hand_id is not None
        ]
        return lines[0].size, hands

    def note(self, look: Look) -> None:
        """Note what was seen in a picture."""
        self._looks[look.picture.name] = look
        if self._folder is not None:
            first = lines_of(look, self._folder)[0]
            self._others.pop((first.image, first.frame), None)
            if self._keys.get(_file(look.picture)) != self._key(look.picture):  # all frames of it are out of date
                self._others = {name: lines for name, lines in self._others.items() if name[0] != first.image}

    def row(self, hand: Hand, picture: Picture) -> Row | None:
        """Return what was said about a hand, None where it was not asked, or not about this box and picture."""
        key, predictions, parameters = self._rows.get(hand.hand_id, ("", None, None))
        if predictions is None or key != _row_key(hand, picture):
            return None
        return Row(hand, predictions, parameters)

    def add(
        self, hands: Sequence[tuple[Hand, Picture]], predictions: Predictions, parameters: ManoParameters | None
    ) -> None:
        """Keep the answer to a batch."""
        for k, (hand, picture) in enumerate(hands):
            one = slice(k, k + 1)
            row = parameters.select(one) if parameters is not None else None
            self._rows[hand.hand_id] = (_row_key(hand, picture), predictions.select(one), row)
        if time.monotonic() > self._due:
            self.save()

    def save(self) -> None:
        """Write all there is; nothing where nothing was looked at."""
        if self._folder is None or not self._looks:
            return
        started = time.monotonic()
        others = self._kept()
        rows = [row for look in self._looks.values() for row in self.of(look)]
        rows += [row for line in others if (row := self._other_row(line)) is not None]
        meta = {**self.header, "focal_length": self._focal_length}
        meta["pictures"] = self._keys | {_file(p): self._key(p) for p in (k.picture for k in self._looks.values())}
        meta["inputs"] = [self._rows[row.hand.hand_id][0] for row in rows]
        lines = [line for look in self._looks.values() for line in lines_of(look, self._folder)]
        write_lines(self._folder / "hands.jsonl", [*lines, *others])
        self.write(rows, self._folder, "", meta)
        self._due = time.monotonic() + max(SAVE_EVERY, SAVE_SHARE * (time.monotonic() - started))

    def _kept(self) -> list[BoxLine]:
        """Return what an earlier run saw in pictures this one has not come to, or is not asked for."""
        taken = {seen.hand.hand_id for look in self._looks.values() for seen in look.hands}
        return [line for lines in self._others.values() for line in lines if line.hand_id not in taken]

    def _other_row(self, line: BoxLine) -> Row | None:
        if line.hand_id not in self._rows or line.box_xyxy is None:
            return None
        _, predictions, parameters = self._rows[line.hand_id]
        return Row(Hand(line.hand_id, line.box_xyxy, bool(line.is_right)), predictions, parameters)

    def _key(self, picture: Picture) -> str:
        """Return what changes where a picture is to be looked at anew."""
        return f"{picture.key}, {self._found_by}"

    def of(self, look: Look) -> list[Row]:
        """Return what was said about the hands of a picture, as far as they are done."""
        found = [self.row(seen.hand, look.picture) for seen in look.hands]
        return [row for row in found if row is not None]

    def write(self, rows: Sequence[Row], folder: Path, ending: str, meta: dict[str, Any]) -> None:
        """Write predictions and MANO parameters of rows; ``ending`` goes behind the names of the files."""
        if (method := self._method) and isinstance(method, ManoMethod):
            sizes = {line.hand_id: line.size for line in self._kept() if line.hand_id and line.size}
            sizes |= {seen.hand.hand_id: look.size for look in self._looks.values() for seen in look.hands}
            cameras = [picture_camera(sizes[row.hand.hand_id], self._focal_length) for row in rows]
            sides = np.array([row.hand.is_right for row in rows], bool)
            ids = np.array([row.hand.hand_id for row in rows], np.str_)
            parameters = join_parameters(rows)
            write_mano(folder / f"mano{ending}.npz", ids, sides, parameters, cameras, method.faces)
        # Last, since an earlier run is known by it.
        write_predictions(folder / f"predictions{ending}.npz", replace(join(rows), meta=meta))

    def _load(self, folder: Path) -> None:
        predictions = read_predictions(folder / "predictions.npz")
        meta = predictions.meta
        if {name: meta.get(name) for name in self.header} != self.header:
            raise InputError(
                f"{folder} holds predictions of another method or of other settings ({meta.get('method')}); "
                "give another --out, or --overwrite always"
            )
        if (folder / "hands.jsonl").is_file():
            self._earlier, self._keys = read_boxes(folder / "hands.jsonl"), dict(meta.get("pictures", {}))
            for line in self._earlier.lines:
                self._others.setdefault((line.image, line.frame), []).append(line)
        self.drawn_alike = meta.get("focal_length") == self._focal_length
        parameters: dict[str, ManoParameters] = {}
        is_mano = isinstance(self._method, ManoMethod)
        if is_mano and (folder / "mano.npz").is_file():
            ids, stored = read_mano(folder / "mano.npz")
            parameters = {hand_id: stored.select(slice(k, k + 1)) for k, hand_id in enumerate(ids)}
        for k, (hand_id, key) in enumerate(zip(predictions.hand_id.tolist(), meta.get("inputs", []), strict=False)):
            if not is_mano or hand_id in parameters:
                self._rows[hand_id] = (key, predictions.select(slice(k, k + 1)), parameters.get(hand_id))


def join(rows: Sequence[Row]) -> Predictions:
    """Return the predictions of rows as one."""
    if not rows:
        return Predictions(np.empty(0, np.str_), np.empty((0, 21, 2), np.float32))
    return Predictions.concatenate([row.predictions for row in rows])


def join_parameters(rows: Iterable[Row]) -> ManoParameters:
    """Return the MANO parameters of rows as one."""
    parts = [row.parameters for row in rows if row.parameters is not None]
    shapes = ((1, 3, 3), (15, 3, 3), (10,), (3,), (3,), (), (3,))
    empty = ManoParameters(*(np.empty((0, *shape), np.float32) for shape in shapes))
    return ManoParameters.concatenate(parts) if parts else empty


def _file(picture: Picture) -> str:
    """Return what the picture lies in: all frames of a video share one."""
    return str(picture.path.resolve()) if picture.path else picture.name


def _row_key(hand: Hand, picture: Picture) -> str:
    return f"{input_key(hand, with_picture=False)} {picture.key}"
