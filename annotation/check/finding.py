"""One finding of a check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from annotation.check.criterion import Level


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        hand_id: The hand, "" for findings about an annotator.
        set: Subset of the hand, or path of the annotator.
        rule: Id of the criterion.
        level: "error" or "warning".
        joint: Joint, bone or finger, "" for the whole hand.
        value: The measured value.
        threshold: The limit it was compared with.
        message: Text for people.
        excess: Ratio of value and threshold, at least 1; ranks the worst findings.
    """

    hand_id: str
    set: str
    rule: str
    level: Level
    joint: str
    value: float
    threshold: float
    message: str
    excess: float

    def as_json(self) -> dict[str, Any]:
        """Return the line of findings.jsonl."""
        line = asdict(self)
        del line["excess"]
        return {**line, "value": round(self.value, 6)}
