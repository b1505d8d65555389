"""Calibration files: thresholds chosen on labels, the labels' statistics, and the method they are valid for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from annotation.prelabel.guess import Thresholds
from hint.engine.recipe import Identity
from hint.errors import InputError, first_problem
from hint.files import write_bytes
from hint.files.named_toml import parse_toml
from hint.files.path import refuse_device
from hint.types import Method


class Separation(BaseModel):
    """How well scores separate two kinds of joints.

    Attributes:
        positives: Joints that exist, or are occluded, according to the labels.
        negatives: The others.
        auc: Area under the ROC curve; 0.5 is chance. None if one kind is missing.
        informative: Whether the scores are better than chance.
        balanced_accuracy: Mean of the shares of positives and negatives that are guessed correctly; None likewise.
        true_positives: Positives guessed positive.
        false_negatives: Positives guessed negative.
        false_positives: Negatives guessed positive.
        true_negatives: Negatives guessed negative.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    positives: int
    negatives: int
    auc: FiniteFloat | None
    informative: bool
    balanced_accuracy: FiniteFloat | None
    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    def why_uninformative(self) -> str:
        """Say why the scores do not separate the two kinds, for people."""
        if self.auc is None:
            return "the labels contain only one kind of joint"
        if self.auc < 0.45:
            verdict = "the scores point the wrong way"
        elif self.auc <= 0.55:
            verdict = "the scores carry no information"
        else:
            verdict = "there are too few labelled joints to tell"
        return f"{verdict} (AUC {self.auc:.3f}; 0.5 is chance)"


class CalibrationFile(BaseModel):
    """Content of a calibration file.

    Attributes:
        method: Name of the method the scores came from, "" if the predictions do not name it.
        fingerprint_sha256: Digest of its settings, "" likewise.
        hands: Labelled hands with a prediction.
        existence_at: See :class:`annotation.prelabel.guess.Thresholds`.
        occlusion_below: Likewise.
        existence: How well the existence guess fits the labels.
        occlusion: Likewise, among joints that exist.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: Literal[1] = 1
    method: str
    fingerprint_sha256: str
    hands: int
    existence_at: FiniteFloat
    occlusion_below: FiniteFloat
    existence: Separation
    occlusion: Separation

    def rows(self) -> list[tuple[str, str, str]]:
        """Return a table: what, for occlusion, for existence."""
        parts = (self.occlusion, self.existence)
        cells = {
            "joints": [str(part.positives + part.negatives) for part in parts],
            "positive": [str(part.positives) for part in parts],
            "AUC": ["-" if part.auc is None else f"{part.auc:.3f}" for part in parts],
            "threshold": [f"score < {self.occlusion_below:.4g}", f"in frame, score >= {self.existence_at:.4g}"],
            "balanced accuracy": [_percent(part.balanced_accuracy) for part in parts],
            "true positives": [str(part.true_positives) for part in parts],
            "false negatives": [str(part.false_negatives) for part in parts],
            "false positives": [str(part.false_positives) for part in parts],
            "true negatives": [str(part.true_negatives) for part in parts],
        }
        return [(name, occluded, exists) for name, (occluded, exists) in cells.items()]

    def warnings(self) -> list[str]:
        """Return what was not calibrated, and why."""
        fallbacks = {"occlusion": "every existing joint is guessed visible", "existence": "the frame alone decides"}
        parts = ((name, getattr(self, name)) for name in fallbacks)
        return [
            f"{name} is not calibrated: {part.why_uninformative()}; {fallbacks[name]}"
            for name, part in parts
            if not part.informative
        ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


@dataclass(frozen=True)
class Calibration:
    """A calibration file and its digest.

    Attributes:
        path: The file.
        content: Its content.
        sha256: Its digest.
    """

    path: Path
    content: CalibrationFile
    sha256: str

    def thresholds(self, method: Method | Identity) -> Thresholds:
        """Return the thresholds for a method.

        Raises:
            InputError: If they were chosen for another method, or for other settings.
        """
        made_for = (self.content.method, self.content.fingerprint_sha256)
        if made_for[0] and made_for != (method.card.name, fingerprint_sha256(method.fingerprint)):
            other = made_for[0] if made_for[0] != method.card.name else f"other settings of {method.card.name}"
            raise InputError(
                f"{self.path} was made for {other}, whose scores are not comparable; calibrate on predictions of "
                "this method: hint prelabel calibrate"
            )
        return Thresholds(self.content.existence_at, self.content.occlusion_below, self.sha256)


def fingerprint_sha256(fingerprint: dict[str, Any]) -> str:
    """Return the digest of a method's fingerprint."""
    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()


def write_calibration(path: Path, content: CalibrationFile) -> None:
    """Write a calibration file as TOML, atomically, without the fields that are None."""
    values = content.model_dump()
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if key not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(v)}" for key, v in table.items() if v is not None)]
    write_bytes(path, ("# Written by hint prelabel calibrate.\n" + "\n".join(lines) + "\n").encode())


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: If it is missing or not a calibration file.
    """
    try:
        refuse_device(path)
        raw = path.read_bytes()
        table = parse_toml(raw)
        for name in ("existence", "occlusion"):
            table[name] = {"auc": None, "balanced_accuracy": None, **table.get(name, {})}
        content = CalibrationFile.model_validate(table)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; create it with hint prelabel calibrate") from error
    except ValidationError as error:
        raise InputError(f"{path} is not a calibration file: {first_problem(error)}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path} is not a calibration file: {error}") from error
    return Calibration(path, content, hashlib.sha256(raw).hexdigest())
