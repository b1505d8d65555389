"""What a check found, as values, as JSON and as lines of findings.jsonl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotation.check.rules import Criterion, Level
from hint.files import write_bytes


@dataclass(frozen=True)
class Found:
    """One finding.

    Attributes:
        hand_id: The hand, "" where an annotator is meant.
        set: Subset the hand is in, or path of the annotator.
        rule: Id of the criterion.
        level: "error" or "warning".
        joint: Joint, bone or finger, "" where the whole hand is meant.
        value: What was measured.
        threshold: What it was compared with.
        message: What was found, for people.
        excess: How far beyond the threshold, from 1 on; what the worst are chosen by.
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


@dataclass(frozen=True)
class RuleCount:
    """How often a criterion was met.

    Attributes:
        criterion: The criterion.
        judged: Hands it could tell something of; None where what it needs was not given.
        found: Findings.
    """

    criterion: Criterion
    judged: int | None
    found: int

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        rule = self.criterion
        return {
            "rule": rule.id,
            "level": rule.level,
            "says": rule.says,
            "threshold": rule.threshold,
            "unit": rule.unit,
            "judged": self.judged,
            "found": self.found,
        }


@dataclass(frozen=True)
class SetCount:
    """One set in numbers.

    Attributes:
        source: Path it was read from.
        subset: Its name.
        hands: Hands.
        occluded: Share of existing joints that are marked occluded.
        absent: Share of joints that are marked as not existing.
        untouched: Share of hands whose points all are as pre-labelled; None without pre-labels.
        displacement: Median distance of a point from its pre-label in hand sizes; None without pre-labels.
        with_findings: Share of hands with a finding; None for sets that were only compared with.
    """

    source: str
    subset: str
    hands: int
    occluded: float
    absent: float
    untouched: float | None
    displacement: float | None
    with_findings: float | None


@dataclass(frozen=True)
class Report:
    """Everything a check found.

    Attributes:
        sets: The sets in numbers.
        rules: The criteria in numbers.
        findings: Sorted by hand, then rule.
        population: How the population was measured.
        remarks: What a reader should know.
    """

    sets: tuple[SetCount, ...]
    rules: tuple[RuleCount, ...]
    findings: tuple[Found, ...]
    population: str
    remarks: tuple[str, ...]

    def worst(self, n: int) -> list[Found]:
        """Return up to n findings: of each rule the worst, then of each the second worst, and so on; errors first."""
        by_rule: dict[str, list[Found]] = {count.criterion.id: [] for count in self.rules}
        for found in sorted(self.findings, key=lambda f: -f.excess):
            if found.hand_id:
                by_rule[found.rule].append(found)
        ranked = [(place, found) for group in by_rule.values() for place, found in enumerate(group)]
        ranked.sort(key=lambda pair: (pair[0], pair[1].level))
        return [found for _, found in ranked[:n]]

    def fails(self, at: str) -> bool:
        """Tell whether there are findings of a level ("warning" includes errors), or of a rule; "never" is False."""
        levels = {"error": ("error",), "warning": ("error", "warning"), "never": ()}
        return any(f.level in levels[at] if at in levels else f.rule == at for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "hands": sum(one.hands for one in self.sets if one.with_findings is not None),
            "errors": sum(f.level == "error" for f in self.findings),
            "warnings": sum(f.level == "warning" for f in self.findings),
            "population": self.population,
            "sets": [asdict(one) for one in self.sets],
            "rules": [one.as_json() for one in self.rules],
            "findings": [one.as_json() for one in self.findings],
            "remarks": list(self.remarks),
        }


def write_findings(path: Path, findings: Sequence[Found]) -> None:
    """Write JSON Lines atomically, sorted by hand and rule."""
    lines = [json.dumps(found.as_json(), allow_nan=False, ensure_ascii=False) for found in findings]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
