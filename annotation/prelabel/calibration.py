"""Calibration files: thresholds chosen on labels, what they were chosen on, and for which method they hold."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from annotation.prelabel.guess import Thresholds
from hint.errors import InputError
from hint.files import write_bytes
from hint.types import Method

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Separation(BaseModel):
    """How well scores tell two kinds of joints apart.

    Attributes:
        positives: Joints the labels say yes of: they exist, or are occluded.
        negatives: The others.
        auc: Area under the ROC curve; 0.5 is chance. None where one kind is absent.
        informative: Whether the scores say more than chance.
        balanced_accuracy: Mean of the shares of positives and negatives that are guessed right; None likewise.
        true_positives: Positives guessed to be.
        false_negatives: Positives missed.
        false_positives: Negatives taken for positives.
        true_negatives: Negatives guessed to be.
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


class CalibrationFile(BaseModel):
    """What a calibration file holds.

    Attributes:
        method: Name of the method the scores came from, "" where the predictions do not say.
        fingerprint_sha256: Digest of its settings, "" likewise.
        hands: Labelled hands with a prediction.
        existence_at: See :class:`annotation.prelabel.guess.Thresholds`.
        occlusion_below: Likewise.
        existence: How well the guess of existence fits the labels.
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


@dataclass(frozen=True)
class Calibration:
    """A calibration file that was read.

    Attributes:
        path: The file.
        content: What it holds.
        sha256: Its digest.
    """

    path: Path
    content: CalibrationFile
    sha256: str

    def thresholds(self, method: Method) -> Thresholds:
        """Return the thresholds, for the method they were chosen for.

        Raises:
            InputError: If the method is another one, or runs with other settings.
        """
        made_for = (self.content.method, self.content.fingerprint_sha256)
        if made_for[0] and made_for != (method.card.name, fingerprint_sha256(method.fingerprint)):
            other = made_for[0] if made_for[0] != method.card.name else f"other settings of {method.card.name}"
            raise InputError(
                f"{self.path} was made for {other}, whose scores mean something else; calibrate on predictions of "
                "this run: hint prelabel calibrate"
            )
        return Thresholds(self.content.existence_at, self.content.occlusion_below, self.sha256)


def fingerprint_sha256(fingerprint: dict[str, Any]) -> str:
    """Return the digest of a method's fingerprint."""
    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()


def write_calibration(path: Path, content: CalibrationFile) -> None:
    """Write a calibration file as TOML, atomically; what is None is left out."""
    values = content.model_dump()
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if key not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(v)}" for key, v in table.items() if v is not None)]
    write_bytes(path, ("# Written by hint prelabel calibrate.\n" + "\n".join(lines) + "\n").encode())


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: If it is absent or no such file.
    """
    try:
        raw = path.read_bytes()
        table = tomllib.loads(raw.decode())
        for name in ("existence", "occlusion"):
            table[name] = {"auc": None, "balanced_accuracy": None, **table.get(name, {})}
        content = CalibrationFile.model_validate(table)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; hint prelabel calibrate writes it") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is no calibration: {where}: {first['msg']}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is no calibration: {error}") from error
    return Calibration(path, content, hashlib.sha256(raw).hexdigest())
