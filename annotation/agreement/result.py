"""agreement.json: what two annotators agree on, in a form other programs can rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hint.errors import InputError
from hint.files import write_bytes


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class IntervalEntry(_Model):
    """A percentile interval over clips, in the unit of the value."""

    level: float
    low: float
    high: float


class Score(_Model):
    """A number: shares in percent, kappa as it is; null where nothing could be compared."""

    value: float | None
    n: int
    ci: IntervalEntry | None


class JointRow(_Model):
    """Agreement at a joint, or at all joints of a finger.

    Attributes:
        name: Joint or finger.
        existence: Percent of all hands.
        occlusion: Percent of the joints that exist for both.
        occlusion_kappa: Cohen's kappa of the same.
        within: Percent of the joints visible for both that are within 0.25 palm lengths.
        visible: Joints that are visible for both.
        median_distance: Of those, palm lengths.
    """

    name: str
    existence: Score
    occlusion: Score
    occlusion_kappa: Score
    within: Score
    visible: int
    median_distance: float | None


class AgreementCurve(_Model):
    """Percent of joints on which two annotators lie no farther apart than a threshold.

    Attributes:
        normaliser: "palm", or "box_longest_side": the unit of the error in protocol hint-v1.
        aggregation: "joints" (all joints alike) or "mean_over_joints_of_subset_ratio" (as hint-v1 does).
        visibility: "all" that exist for both, "visible" or "occluded" for both.
        n: Joints.
        thresholds: In units of the normaliser.
        values: Percent.
        low: Lower ends of the intervals, null without intervals.
        high: Upper ends.
    """

    normaliser: Literal["palm", "box_longest_side"]
    aggregation: Literal["joints", "mean_over_joints_of_subset_ratio"]
    visibility: Literal["all", "visible", "occluded"]
    n: int
    thresholds: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


class BiasRow(_Model):
    """By how much an annotator moved a joint of the pre-label on average, palm lengths.

    Attributes:
        joint: Name.
        along: Towards the fingers, along the line wrist - middle knuckle.
        across: Towards the thumb's side.
    """

    joint: str
    along: Score
    across: Score


class Audit(_Model):
    """What one annotator did with the pre-labels of one method.

    Attributes:
        annotator: "a" or "b".
        prelabels: File of the pre-labels.
        method: Its name, as the file says, else the file's.
        hands: Hands that were pre-labelled by it.
        untouched_hands: Percent of hands none of whose points was moved.
        untouched_points: Percent of points that were not moved.
        moved_median: Median distance of the points that were moved, palm lengths.
        bias: Mean displacement of each joint.
    """

    annotator: Literal["a", "b"]
    prelabels: str
    method: str
    hands: int
    untouched_hands: float
    untouched_points: Score
    moved_median: float | None
    bias: tuple[BiasRow, ...]


class Anchoring(_Model):
    """Agreement by what both did with the pre-label of a joint: within 0.25 palm lengths, percent.

    Attributes:
        prelabels: File of the pre-labels.
        both_moved: Where both moved the point.
        otherwise: Where at least one left it.
    """

    prelabels: str
    both_moved: Score
    otherwise: Score


class PalmEntry(_Model):
    """The unit of distances: definition, whose points it is measured on, median in px."""

    definition: str
    whose: Literal["mean", "a", "b"]
    median_px: float


class Paper(_Model):
    """What the HaMeR paper reports of HInt, percent."""

    hands: int = 90
    occlusion: float = 90.5
    existence: float = 100.0
    within: float = 94.6


class Disagreement(_Model):
    """A hand: mean distance over joints that exist for both, palm lengths; joints whose flags differ."""

    hand_id: str
    distance: float
    flags: int


class Agreement(_Model):
    """The whole result; docs/check.md describes it.

    Attributes:
        a: Path of the first annotation.
        b: Path of the second one.
        hands: Hands in both.
        clips: Clips of those; intervals draw clips.
        only_a: Hands without a second annotation.
        only_b: Hands without a first one.
        palm: The unit of distances.
        within_palms: Distance up to which points count as the same.
        existence: Agreement on existence flags, percent of all joints.
        existence_kappa: Cohen's kappa of the same.
        occlusion: Agreement on occlusion flags, percent of joints that exist for both.
        occlusion_kappa: Cohen's kappa of the same.
        within: Percent of joints visible for both that are close enough.
        same_points: Percent of the joints that exist for both whose points are the same to 0.01 px.
        paper: What the paper reports.
        per_joint: The 21 joints.
        per_finger: Wrist and fingers.
        curves: Agreement by distance.
        prelabels: What annotators did with pre-labels.
        anchoring: What that did to agreement.
        worst: Hands they disagree on most.
        remarks: What a reader should know.
    """

    schema_version: Literal["hint-agreement-1"] = Field(default="hint-agreement-1", alias="schema")
    a: str
    b: str
    hands: int
    clips: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    palm: PalmEntry
    within_palms: float
    existence: Score
    existence_kappa: Score
    occlusion: Score
    occlusion_kappa: Score
    within: Score
    same_points: float
    paper: Paper
    per_joint: tuple[JointRow, ...]
    per_finger: tuple[JointRow, ...]
    curves: tuple[AgreementCurve, ...]
    prelabels: tuple[Audit, ...]
    anchoring: tuple[Anchoring, ...]
    worst: tuple[Disagreement, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> str:
        """Return indented JSON."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def write_agreement(path: Path, agreement: Agreement) -> None:
    """Write agreement.json atomically."""
    write_bytes(path, agreement.to_json().encode())


def read_agreement(path: Path) -> Agreement:
    """Read what :func:`write_agreement` wrote.

    Raises:
        InputError: If it is absent or something else.
    """
    try:
        return Agreement.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is no result of hint agreement: {where} {first['msg']}") from error
