"""Sigmas of HInt's own: how far the points of two annotators are apart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.oks.protocol import OksProtocol
from hint.errors import InputError, counted, first_problem, some_ids
from hint.files.json_file import read_json
from hint.skeleton import JOINT_NAMES

#: Percent of points that both annotators left where a pre-label put them, from which a reader is warned.
_ANCHORED = 1.0
#: Sigma of points that lie anywhere in the box; and hands that nobody annotates.
_LARGEST, _MOST = 1.0, 10**9

_Number = Annotated[int, Field(ge=1, le=_MOST)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Compared(_Model):
    n: int


class _Joint(_Model):
    """A joint: its sigma, null where it never exists for both; of its occlusion flags, how many were compared."""

    name: str
    sigma: Annotated[float, Field(le=_LARGEST)] | None = None
    occlusion: _Compared


class _Doubles(_Model):
    """What ``agreement.json`` says about points."""

    schema_version: Literal["hint-agreement-1"] = Field(alias="schema")
    hands: _Number
    clips: _Number
    same_points: Annotated[float, Field(ge=0, le=100)]
    per_joint: tuple[_Joint, ...]


def with_agreement(protocol: OksProtocol, path: Path) -> tuple[OksProtocol, tuple[str, ...]]:
    """Replace the sigmas of a protocol by those of two annotators.

    Args:
        protocol: Rules.
        path: ``agreement.json`` of ``hint agreement``, or its folder.

    Returns:
        The rules, and what a reader must know beside the numbers.

    Raises:
        InputError: If it is no such file, an earlier version wrote it, or it holds too few doubles.
    """
    file = path / "agreement.json" if path.is_dir() else path
    try:
        doubles = _Doubles.model_validate(read_json(file))
    except (ValidationError, UnicodeEncodeError) as error:
        raise InputError(f"{file} is not a result of hint agreement: {first_problem(error)}") from error
    sigmas = _sigmas(doubles, protocol.minimum_doubles, file)
    source = f"two annotators of {counted(doubles.hands, 'hand')} of {counted(doubles.clips, 'clip')}"
    anchored = (
        f"{doubles.same_points:.1f}% of the points behind the sigmas were left alone by both annotators, so the sigmas "
        "are too small and OKS too strict",
    )
    return protocol.with_sigmas(sigmas, source), anchored if doubles.same_points >= _ANCHORED else ()


def _sigmas(doubles: _Doubles, least: int, file: Path) -> list[float]:
    """Return the sigmas in HInt's order of joints."""
    joints = {joint.name: joint for joint in doubles.per_joint}
    if len(joints) < len(doubles.per_joint):
        raise InputError(f"{file} is not a result of hint agreement: it names a joint twice")
    if absent := [name for name in JOINT_NAMES if name not in joints]:
        raise InputError(f"{file} is not a result of hint agreement: it lacks {some_ids(absent)}")
    few = [f"{name} {joints[name].occlusion.n}" for name in JOINT_NAMES if joints[name].occlusion.n < least]
    if few:
        raise InputError(
            f"{file}: too few doubles for sigmas of one's own, every joint needs {least}: {some_ids(few)}; "
            "annotate more hands twice, or leave out --agreement"
        )
    found = {name: joints[name].sigma for name in JOINT_NAMES}
    if None in found.values():
        raise InputError(f"{file} was written by an earlier version, without sigmas; repeat hint agreement")
    if zero := [name for name, sigma in found.items() if not sigma or sigma < 0]:
        raise InputError(
            f"{file}: sigma is not positive for {some_ids(zero)}: both annotators left every point alone; "
            "annotate without pre-labels, or leave out --agreement"
        )
    return [sigma for sigma in found.values() if sigma is not None]
