"""agreement.json: the agreement of two annotations, in a stable format."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hint.files import write_bytes
from hint.files.json_model import read_model


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class IntervalEntry(_Model):
    """A percentile interval over clips, in the unit of the value."""

    level: float
    low: float
    high: float


class Score(_Model):
    """A number: percent for shares, unscaled for kappa; null if nothing could be compared."""

    value: float | None
    n: int
    ci: IntervalEntry | None


class JointRow(_Model):
    """Agreement at one joint, or at the joints of one finger.

    Attributes:
        name: Joint or finger.
        existence: Percent of all hands.
        occlusion: Percent of the joints that exist for both.
        occlusion_kappa: Cohen's kappa of occlusion.
        within: Percent of the joints visible for both that are within 0.25 palm lengths.
        visible: Number of joints visible for both.
        median_distance: Median distance of those, palm lengths.
        sigma: Standard deviation of one annotator's points that exist for both, in units of the root of the box area,
            as OKS needs it; None if there are none, or in files of earlier versions.
    """

    name: str
    existence: Score
    occlusion: Score
    occlusion_kappa: Score
    within: Score
    visible: int
    median_distance: float | None
    sigma: float | None = None


class AgreementCurve(_Model):
    """Percent of joints whose two points are within a threshold.

    Attributes:
        normaliser: "palm", or "box_longest_side": the unit of the error in protocol hint-v1.
        aggregation: "joints" (all joints pooled) or "mean_over_joints_of_subset_ratio" (as in hint-v1).
        visibility: "all" that exist for both, "visible" or "occluded" for both.
        n: Number of joints.
        thresholds: Thresholds in units of the normaliser.
        values: Percent.
        low: Lower ends of the intervals, null without intervals.
        high: Upper ends of the intervals.
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
    """Mean displacement of a pre-labelled joint by an annotator, palm lengths.

    Attributes:
        joint: Name of the joint.
        along: Towards the fingers, along the line wrist - middle knuckle.
        across: Towards the thumb's side.
    """

    joint: str
    along: Score
    across: Score


class Audit(_Model):
    """How one annotator changed the pre-labels of one method.

    Attributes:
        annotator: "a" or "b".
        prelabels: File of the pre-labels.
        method: Name of the method; of the file if unknown.
        hands: Hands it pre-labelled.
        untouched_hands: Percent of hands none of whose points was moved.
        untouched_points: Percent of points that were not moved.
        moved_median: Median displacement of moved points, palm lengths.
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
    """Agreement depending on the pre-labels: percent of joints within 0.25 palm lengths.

    Attributes:
        prelabels: File of the pre-labels.
        both_moved: For joints that both annotators moved.
        otherwise: For the other joints.
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
    """The numbers the HaMeR paper reports for HInt, percent."""

    hands: int = 90
    occlusion: float = 90.5
    existence: float = 100.0
    within: float = 94.6


class Disagreement(_Model):
    """A hand: mean distance of joints that exist for both, palm lengths; number of joints whose flags differ."""

    hand_id: str
    distance: float
    flags: int


class Agreement(_Model):
    """The complete result; see docs/check.md.

    Attributes:
        a: Path of the first annotation.
        b: Path of the second annotation.
        hands: Hands in both.
        clips: Clips of those hands; intervals resample clips.
        only_a: Hands without a second annotation.
        only_b: Hands without a first one.
        palm: The unit of distances.
        within_palms: Distance up to which points count as the same, palm lengths.
        existence: Agreement on existence flags, percent of all joints.
        existence_kappa: Cohen's kappa of existence.
        occlusion: Agreement on occlusion flags, percent of joints that exist for both.
        occlusion_kappa: Cohen's kappa of occlusion.
        within: Percent of the joints visible for both that are within that distance.
        same_points: Percent of the joints that exist for both whose points are identical to 0.01 px.
        paper: The numbers of the paper.
        per_joint: Agreement at the 21 joints.
        per_finger: Agreement at wrist and fingers.
        curves: Agreement by distance.
        prelabels: How annotators changed the pre-labels.
        anchoring: How that affects agreement.
        worst: Hands with the largest disagreement.
        remarks: Notes for the reader.
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

    def __repr__(self) -> str:
        within = "" if self.within.value is None else f", {self.within.value:.1f}% within {self.within_palms:g} palms"
        return f"<agreement of {self.a} and {self.b}: {self.hands} hands of {self.clips} clips{within}>"

    __str__ = __repr__

    def to_json(self) -> str:
        """Return indented JSON."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def write_agreement(path: Path, agreement: Agreement) -> None:
    """Write agreement.json atomically."""
    write_bytes(path, agreement.to_json().encode())


def read_agreement(path: Path) -> Agreement:
    """Read agreement.json.

    Raises:
        InputError: If it is missing or invalid.
    """
    return read_model(Agreement, path, "a result of hint agreement")
