"""Honeypots: tasks whose answers are known, among the others, to see how well each annotator works.

Nothing that an annotator sees may tell them apart, and yet every machine must recognise them, or their labels would be
taken for new ones. So a honeypot has the name of a hand that could be in the project, and a mark in place of the digest
of its picture, which looks like one: half of it stands for the answer, the other half follows from that and the name.
The answers stay on the machine that pushed them; elsewhere they are read from the labels again.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.studio.install import home
from annotation.studio.task import HandTask
from hint.files import write_bytes
from hint.skeleton import N_JOINTS
from hint.types import HandLabels

#: Hexadecimal digits that stand for an answer, and as many that prove the mark.
_DIGITS = 32


class Known(BaseModel):
    """A known answer.

    Attributes:
        hand_id: The labelled hand; its honeypot has another name.
        keypoints: 21 points (x, y) in px of the frame.
        existence: 21 flags, True in the frame.
        occlusion: 21 flags.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    hand_id: str
    keypoints: tuple[tuple[float, float], ...] = Field(min_length=N_JOINTS, max_length=N_JOINTS)
    existence: tuple[bool, ...] = Field(min_length=N_JOINTS, max_length=N_JOINTS)
    occlusion: tuple[bool, ...] = Field(min_length=N_JOINTS, max_length=N_JOINTS)

    @property
    def key(self) -> str:
        """What stands for it in a mark: another hand or other points give another key."""
        return _digest(self.model_dump_json())


def known_answers(labels: HandLabels) -> dict[str, Known]:
    """Return hand id -> its label as a known answer."""
    rows = zip(
        labels.hand_id.tolist(),
        labels.keypoints_2d.tolist(),
        labels.existence.tolist(),
        labels.occlusion.tolist(),
        strict=True,
    )
    return {
        hand_id: Known(hand_id=hand_id, keypoints=points, existence=exists, occlusion=hidden)
        for hand_id, points, exists, hidden in rows
    }


def mark(hand_id: str, key: str) -> str:
    """Return the mark of the honeypot with a name, for the key of its answer."""
    return key + _digest(f"{key} {hand_id}")


def key_of(hand_id: str, task: HandTask) -> str | None:
    """Return the key of the answer if a task is a honeypot, else None."""
    key = task.image_sha256[:_DIGITS]
    is_digest = len(key) == _DIGITS and {*key} <= {*string.hexdigits}  # it names the file of the answer
    return key if is_digest and task.image_sha256 == mark(hand_id, key) else None


def honeypots_in(tasks: Mapping[str, HandTask]) -> dict[str, str]:
    """Return hand id -> key of the answer, for the honeypots among tasks."""
    keys = {hand_id: key_of(hand_id, task) for hand_id, task in tasks.items()}
    return {hand_id: key for hand_id, key in keys.items() if key is not None}


def remember(answers: Iterable[Known]) -> None:
    """Keep answers on this machine."""
    for one in answers:
        write_bytes(home() / "honeypots" / f"{one.key}.json", one.model_dump_json().encode())


def recall(keys: Iterable[str]) -> dict[str, Known]:
    """Return key -> answer, for those kept on this machine."""
    found = {}
    for key in keys:
        try:
            found[key] = Known.model_validate_json((home() / "honeypots" / f"{key}.json").read_bytes())
        except (OSError, ValidationError):
            continue
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
