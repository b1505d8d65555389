"""A submission: predictions, the card of the method, and the protocol they are meant for, in one zip.

It holds no scores and no error table: whoever has the labels computes them. It also holds nothing of the machine that
made it: of predictions only ids and keypoints, of a card only what :class:`benchmark.card.Card` knows.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.card import LARGEST_CARD, Card, CardError, card_toml, parse_card
from benchmark.submission_zip import LARGEST_ZIP, SubmissionError, read_zip, zip_bytes
from hint.errors import InputError, problems_in, some_ids
from hint.files.atomic import json_bytes
from hint.files.bounded_npz import parse_npz
from hint.files.json_file import parse_json
from hint.files.npz import as_strings
from hint.types import Predictions
from hint.version import __version__

CARD, PREDICTIONS, MANIFEST = "card.toml", "predictions.npz", "submission.json"
#: File -> bytes it may have.
_LARGEST = {CARD: LARGEST_CARD, PREDICTIONS: LARGEST_ZIP, MANIFEST: 16 << 10}
_ARRAYS = ("hand_id", "keypoints_2d")
_LONGEST_ID = 255
_HEX = r"^[0-9a-f]{64}$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class ProtocolName(_Model):
    """Rules of scoring."""

    id: str = Field(pattern=r"^[\w.+-]{1,100}$")
    sha256: str = Field(pattern=_HEX)


class Manifest(_Model):
    """What a submission says about itself: the rules it is meant for, and the sha256 of its other files."""

    schema_version: Literal["hint-submission-1"] = Field(default="hint-submission-1", alias="schema")
    hint: str = Field(default=__version__, max_length=50)
    protocol: ProtocolName
    sha256: dict[str, str] = Field(max_length=2)


@dataclass(frozen=True)
class Submission:
    """What a submission holds.

    Attributes:
        card: What is declared about the method.
        predictions: Ids and keypoints.
        protocol: Rules they are meant for.
    """

    card: Card
    predictions: Predictions
    protocol: ProtocolName

    def to_bytes(self) -> bytes:
        """Return the zip; equal submissions give equal bytes."""
        card, predictions = card_toml(self.card).encode(), _npz(self.predictions)
        files = {CARD: card, PREDICTIONS: predictions}
        manifest = Manifest(protocol=self.protocol, sha256=_digests(files)).model_dump(by_alias=True)
        return zip_bytes({**files, MANIFEST: json_bytes(manifest, indent=2)})


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != MANIFEST}


def _npz(predictions: Predictions) -> bytes:
    """Return ids and keypoints, sorted by id, as numpy would save them."""
    order = np.argsort(predictions.hand_id)
    ids = np.char.encode(predictions.hand_id[order], "utf-8")
    keypoints = np.where(np.isfinite(predictions.keypoints_2d), predictions.keypoints_2d, np.float32(np.nan))[order]
    return zip_bytes({f"{name}.npy": _npy(array) for name, array in zip(_ARRAYS, (ids, keypoints), strict=True)})


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def parse_submission(content: bytes, name: str) -> Submission:
    """Read and check a submission from its bytes; ``name`` is what messages call it.

    Raises:
        SubmissionError: If it cannot be used; the message says everything that is wrong.
    """
    files = read_zip(content, name, _LARGEST)
    problems: list[str] = []
    manifest = _collect(problems, _manifest, files[MANIFEST])
    card = _collect(problems, parse_card, files[CARD])
    predictions = _collect(problems, _predictions, files[PREDICTIONS])
    problems += _changed(manifest, files) if manifest else ()
    if manifest is None or card is None or predictions is None or problems:
        raise SubmissionError(name, problems)
    return Submission(card, predictions, manifest.protocol)


def _collect(problems: list[str], read: Any, content: bytes) -> Any:
    """Return what ``read`` makes of a file; None, and more problems, if it makes nothing of it."""
    try:
        return read(content)
    except CardError as error:
        problems += (f"{CARD}: {problem}" for problem in error.problems)
    except InputError as error:
        problems.append(str(error))
    return None


def _manifest(content: bytes) -> Manifest:
    try:
        return Manifest.model_validate(parse_json(content))
    except ValidationError as error:
        raise InputError(f"{MANIFEST}: {'; '.join(problems_in(error)[:5])}") from error
    except ValueError as error:
        raise InputError(f"{MANIFEST} is not readable as JSON: {error}") from error


def _predictions(content: bytes) -> Predictions:
    try:
        arrays = parse_npz(content, _ARRAYS, _LARGEST[PREDICTIONS])
        ids = as_strings(arrays["hand_id"])
        if ids.ndim == 1 and (wrong := [hand for hand in ids.tolist() if not _is_plain(hand)]):
            raise ValueError(f"{len(wrong)} ids are empty, too long or not visible characters")
        return Predictions(ids, arrays["keypoints_2d"])
    except (InputError, ValueError, TypeError) as error:
        raise InputError(f"{PREDICTIONS}: {error}") from error


def _is_plain(hand_id: str) -> bool:
    return 0 < len(hand_id) <= _LONGEST_ID and hand_id.isprintable()


def _changed(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what to say where the files are not those the manifest was written for."""
    changed = [name for name, sha256 in _digests(files).items() if manifest.sha256.get(name) != sha256]
    if changed:
        yield f"{some_ids(changed)} changed after hint submit made the submission; make it anew"
