"""Policies: named, versioned files that define which hands a sample may contain, and in which shares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hint.errors import InputError, first_problem
from hint.files.named_toml import NamedToml
from hint.names import FRAME_TYPES
from hint.sources.hand import SourceHand

_FILES = NamedToml("policy", "annotation.sample", "policies")

#: Source -> its name in HInt folders.
FOLDER_NAMES = {"newdays": "newdays", "visor": "epick", "ego4d": "ego4d"}
INTERACTIONS = ("hand_object", "hand_hand", "none", "unknown")

_Share = Annotated[float, Field(ge=0, le=1)]
_Field = Literal["side", "contact", "interaction", "frame_type", "box_px", "source_split"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Range(_Strict):
    """Numbers from ``min`` to ``max``, both included."""

    min: float = float("-inf")
    max: float = float("inf")


class Stratum(_Strict):
    """A part of a sample.

    Attributes:
        name: Name in the manifest.
        share: Its share of the sample.
        where: Field -> the values, or the range, of its hands.
    """

    name: str = Field(min_length=1)
    share: Annotated[float, Field(gt=0, le=1)]
    where: dict[_Field, tuple[str, ...] | Range] = {}

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Return whether a hand with these fields belongs to it."""
        return all(
            rule.min <= fields[name] <= rule.max if isinstance(rule, Range) else fields[name] in rule
            for name, rule in self.where.items()
        )


class Draw(_Strict):
    """The rules of one folder; the file of the default policy explains the keys."""

    source_splits: tuple[str, ...] = Field((), alias="from")
    videos: tuple[_Share, _Share] = (0.0, 1.0)
    actions: tuple[_Share, _Share] = (0.0, 1.0)
    frame_types: tuple[str, ...] = ()
    unit: Literal["frame", "hand", "sequence"] = "frame"
    min_frames: int = Field(1, ge=1)
    max_per_video: int = Field(0, ge=0)
    strata: tuple[Stratum, ...] = (Stratum(name="random", share=1.0),)

    @model_validator(mode="after")
    def _consistent(self) -> Draw:
        names = [stratum.name for stratum in self.strata]
        if len(set(names)) != len(names):
            raise ValueError("two strata have the same name")
        if abs(sum(stratum.share for stratum in self.strata) - 1) > 1e-9:
            raise ValueError("the shares of the strata do not add up to 1")
        if unknown := set(self.frame_types) - set(FRAME_TYPES):
            raise ValueError(f"unknown frame types: {', '.join(sorted(unknown))}")
        if self.unit == "sequence" and any(stratum.where for stratum in self.strata):
            raise ValueError("sequences are drawn whole: their strata cannot have a where")
        return self

    def admits(self, hand: SourceHand) -> bool:
        """Return whether a hand may be drawn."""
        return (
            (not self.source_splits or hand.source_split in self.source_splits)
            and (not self.frame_types or hand.frame_type in self.frame_types)
            and (self.videos == (0.0, 1.0) or _within(hand.video_id, self.videos))
            and (self.actions == (0.0, 1.0) or _within(hand.action, self.actions))
        )

    def quotas(self, n: int) -> list[int]:
        """Divide n units among the strata; the first gets the remainder.

        Args:
            n: Total number of units.
        """
        rest = [int(n * stratum.share + 1e-9) for stratum in self.strata[1:]]
        return [n - sum(rest), *rest]


class Policy(_Strict):
    """The rules of all folders.

    Attributes:
        id: Name and version.
        title: Name for people.
        hand_hand_gap: Contact with a body counts as contact with a hand up to this gap between boxes, in box sides.
        min_box_px: Lower limit of a box's longest side, px.
        draws: Folder -> its rules.
        sha256: Digest of its file.
    """

    id: str
    title: str
    hand_hand_gap: float = Field(0.1, ge=0)
    min_box_px: float = Field(0, ge=0)
    draws: dict[str, Draw]
    sha256: str

    def draw(self, source: str, split: str, *, sequences: bool = False) -> tuple[str, Draw]:
        """Return the folder of a source and split, and its rules.

        Raises:
            InputError: If the policy has no such folder.
        """
        folder = f"{split.upper()}_{FOLDER_NAMES[source]}_{'seq' if sequences else 'img'}"
        if folder not in self.draws:
            raise InputError(f"policy {self.id} has no rules for {folder}; it has {', '.join(self.draws)}")
        return folder, self.draws[folder]

    def fields(self, hand: SourceHand) -> dict[str, Any]:
        """Return the fields of a hand that strata can use."""
        return {
            "side": "right" if hand.is_right else "left",
            "contact": hand.contact,
            "interaction": self.interaction(hand),
            "frame_type": hand.frame_type,
            "box_px": hand.longest_side,
            "source_split": hand.source_split,
        }

    def interaction(self, hand: SourceHand) -> str:
        """Return one of :data:`INTERACTIONS`."""
        if hand.contact in ("self", "person"):
            return "hand_hand" if hand.hand_gap <= self.hand_hand_gap else "none"
        return {"object": "hand_object", "hand": "hand_hand", "none": "none"}.get(hand.contact, "unknown")


def _within(name: str, share: tuple[float, float]) -> bool:
    return share[0] <= _place(name) < share[1]


@lru_cache(1 << 20)
def _place(name: str) -> float:
    """Return the hash of a name as a number, uniform on 0..1."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") / 2**64


def list_policies() -> list[str]:
    """Return the names of the policies that come with the toolkit."""
    return _FILES.names()


def load_policy(name: str = "paper-v1") -> Policy:
    """Read a policy.

    Args:
        name: One of :func:`list_policies`, or the path of a ``.toml`` file.

    Raises:
        UnknownNameError: If there is no policy of that name.
        InputError: If the file is missing or malformed.
    """
    table, sha256 = _FILES.load(name)
    settings = {key: value for key, value in table.items() if not isinstance(value, dict)}
    draws = {key: value for key, value in table.items() if isinstance(value, dict)}
    try:
        return Policy.model_validate({**settings, "draws": draws, "sha256": sha256})
    except ValidationError as error:
        problem = first_problem(error, skip=("draws",))
        raise InputError(f"policy {name}: {problem}; compare it with paper-v1") from error
