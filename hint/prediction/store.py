"""The results of ``hint predict``: what was detected and predicted, and the folder it is written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint.detection import Picture
from hint.engine import Results, Store, input_key
from hint.engine.earlier import reading_earlier
from hint.files import read_predictions, write_predictions
from hint.files.camera_file import Calibration
from hint.prediction.camera import picture_camera
from hint.prediction.detection_log import DetectionLog
from hint.prediction.detections import FrameDetections
from hint.prediction.mano_file import read_mano, write_mano
from hint.types import Hand, ManoMethod, ManoParameters, Method, Predictions


@dataclass(frozen=True, eq=False)
class HandResult:
    """What a method predicted for one hand.

    Attributes:
        hand: The hand.
        predictions: One row.
        parameters: One row, None for methods that do not pose MANO.
    """

    hand: Hand
    predictions: Predictions
    parameters: ManoParameters | None


class PredictionStore(Store):
    """Results with the pictures they belong to.

    The folder holds ``predictions.npz``, ``mano.npz`` and ``hands.jsonl``.

    Args:
        method: What predicts.
        detector: Identity of the detector.
        folder: Where results are written, None to keep them in memory only.
        lens: Focal length of whole pictures, px, or their camera; None for what they state, or the default.
        overwrite: Whether to ignore what the folder holds.

    Raises:
        InputError: If the folder holds predictions of other settings.
    """

    def __init__(
        self,
        method: Method,
        detector: str,
        folder: Path | None,
        lens: float | Calibration | None = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__(method)
        self.log = DetectionLog(detector, folder, lens)
        self._method, self._folder = method, folder
        self._focal_length = lens.focal_length if isinstance(lens, Calibration) else lens
        if folder is not None and not overwrite and (folder / "predictions.npz").is_file():
            self._load(folder)

    def note(self, frame: FrameDetections) -> None:
        """Note the hands of a picture, and ask for them."""
        self.log.note(frame)
        for found in frame.hands:
            self.ask(found.hand.hand_id, _key(found.hand, frame.picture))

    def result(self, hand: Hand, picture: Picture) -> HandResult | None:
        """Return what was predicted for a hand, None if that is not done, or was done for another box or picture."""
        if not self.holds(hand.hand_id, _key(hand, picture)):
            return None
        row = self.get(hand.hand_id)
        return HandResult(hand, row.predictions, row.parameters) if row is not None else None

    def results(self, frame: FrameDetections) -> list[HandResult]:
        """Return what was predicted for the hands of a picture, as far as it is done."""
        found = [self.result(detected.hand, frame.picture) for detected in frame.hands]
        return [result for result in found if result is not None]

    def count(self) -> int:
        """Return the number of hands that are done, with those of earlier runs."""
        return len(self._done()) + len(self._others())

    def write(self, results: Results, ending: str, meta: dict[str, Any]) -> None:
        """Write predictions and MANO parameters; ``ending`` goes behind the names of both files."""
        if self._folder is None:
            return
        if isinstance(self._method, ManoMethod):
            lines = {line.hand_id: line for line in self.log.lines()}
            hands = [lines[hand_id] for hand_id in results.predictions.hand_id.tolist()]
            cameras = [
                picture_camera(line.size, line.focal_length, line.principal_point) for line in hands if line.size
            ]
            sides = np.array([line.is_right for line in hands], bool)
            ids = np.array([line.hand_id for line in hands], np.str_)
            parameters = results.parameters or no_parameters()
            write_mano(self._folder / f"mano{ending}.npz", ids, sides, parameters, cameras, self._method.faces)
        # Last, since an earlier run is recognised by it.
        write_predictions(self._folder / f"predictions{ending}.npz", replace(results.predictions, meta=meta))

    def _others(self) -> list[str]:
        return [line.hand_id for line in self.log.others() if line.hand_id is not None and line.hand_id in self._row_of]

    def _is_empty(self) -> bool:
        return self._folder is None or not self.log.frames

    def _write(self) -> None:
        results = self.all_rows()
        meta = {**self.header, "focal_length": self._focal_length, "pictures": self.log.pictures()}
        self.log.write()
        self.write(results, "", meta | {"inputs": results.predictions.meta["inputs"]})

    def _load(self, folder: Path) -> None:
        with reading_earlier():
            predictions = read_predictions(folder / "predictions.npz")
        self._check(predictions, folder)
        pictures, earlier = predictions.meta.get("pictures"), Results(predictions)
        with reading_earlier():
            self.log.load(pictures if isinstance(pictures, dict) else {})
            if isinstance(self._method, ManoMethod):
                earlier = _with_parameters(predictions, folder / "mano.npz")
        self._take_over(earlier)


def join(rows: Sequence[HandResult]) -> Results:
    """Return the results of single hands as one."""
    return Results.concatenate([Results(row.predictions, row.parameters) for row in rows])


def no_parameters() -> ManoParameters:
    """Return the MANO parameters of no hand."""
    shapes = ((1, 3, 3), (15, 3, 3), (10,), (3,), (3,), (), (3,))
    return ManoParameters(*(np.empty((0, *shape), np.float32) for shape in shapes))


def _with_parameters(predictions: Predictions, path: Path) -> Results:
    """Return those hands of a file whose MANO parameters were written too."""
    ids, parameters = read_mano(path) if path.is_file() else ([], no_parameters())
    row_of = {hand_id: row for row, hand_id in enumerate(ids)}
    rows = [row for row, hand_id in enumerate(predictions.hand_id.tolist()) if hand_id in row_of]
    meta = {**predictions.meta, "inputs": [predictions.meta["inputs"][row] for row in rows]}
    kept = replace(predictions.select(np.array(rows, np.intp)), meta=meta)
    return Results(kept, parameters.select(np.array([row_of[i] for i in kept.hand_id.tolist()], np.intp)))


def _key(hand: Hand, picture: Picture) -> str:
    turned = f" orientation {picture.orientation}" if picture.orientation != 1 else ""
    return f"{input_key(hand, with_picture=False)} {picture.key}{turned}"
