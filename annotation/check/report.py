"""The result of a check, as values, as JSON and as lines of findings.jsonl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotation.check.criterion import Criterion
from annotation.check.finding import Finding
from annotation.check.splits import LabelSet
from hint.files import write_bytes, write_json

#: Hands on the contact sheet.
_SHOWN = 24


@dataclass(frozen=True)
class RuleCount:
    """How often a criterion found something.

    Attributes:
        criterion: The criterion.
        judged: Hands it could be applied to; None if its inputs were not given.
        found: Number of findings.
    """

    criterion: Criterion
    judged: int | None
    found: int

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**self.criterion.as_json(), "judged": self.judged, "found": self.found}


@dataclass(frozen=True)
class SetCount:
    """Statistics of one set.

    Attributes:
        source: Path it was read from.
        subset: Its name.
        hands: Number of hands.
        occluded: Share of existing joints that are marked as occluded.
        absent: Share of joints that are marked as not existing.
        untouched: Share of hands whose points are all as pre-labelled; None without pre-labels.
        displacement: Median distance of points from their pre-labels, in hand sizes; None without pre-labels.
        with_findings: Share of hands with a finding; None for sets that only serve for comparison.
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
class CheckReport:
    """Result of a check.

    Attributes:
        sets: Statistics of the sets.
        rules: Counts of each criterion.
        findings: Sorted by hand, then rule.
        population: Origin of the population statistics.
        remarks: Notes for the reader.
        label_sets: The labels that were checked, for pictures.
    """

    sets: tuple[SetCount, ...]
    rules: tuple[RuleCount, ...]
    findings: tuple[Finding, ...]
    population: str
    remarks: tuple[str, ...]
    label_sets: tuple[LabelSet, ...] = ()

    def __repr__(self) -> str:
        totals = self.as_json()
        return f"<check of {totals['hands']} hands: {totals['errors']} errors, {totals['warnings']} warnings>"

    def worst(self, n: int) -> list[Finding]:
        """Return up to n findings: the worst of each rule, then the second worst of each, and so on; errors first."""
        by_rule: dict[str, list[Finding]] = {count.criterion.id: [] for count in self.rules}
        for finding in sorted(self.findings, key=lambda f: -f.excess):
            if finding.hand_id:
                by_rule[finding.rule].append(finding)
        ranked = [(rank, finding) for group in by_rule.values() for rank, finding in enumerate(group)]
        ranked.sort(key=lambda pair: (pair[0], pair[1].level))
        return [finding for _, finding in ranked[:n]]

    def fails(self, at: str) -> bool:
        """Return whether there are findings of a level ("warning" includes errors) or of a rule; "never" is False."""
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


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Write JSON Lines atomically, sorted by hand and rule."""
    lines = [json.dumps(finding.as_json(), allow_nan=False, ensure_ascii=False) for finding in findings]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def write_report(folder: Path, report: CheckReport) -> None:
    """Write findings.jsonl, check.json and, if there are findings, worst.png.

    Raises:
        WriteError: If something cannot be saved.
    """
    from annotation.check.sheet import write_sheet

    write_findings(folder / "findings.jsonl", report.findings)
    write_json(folder / "check.json", {**report.as_json(), "findings": len(report.findings)}, indent=2)
    worst, picture = report.worst(_SHOWN), folder / "worst.png"
    if worst:
        write_sheet(picture, worst, report.label_sets)
    else:
        picture.unlink(missing_ok=True)
