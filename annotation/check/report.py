"""The result of a check, as values, as JSON and as lines of findings.jsonl."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotation.check.criterion import Criterion
from annotation.check.finding import Finding
from annotation.check.splits import LabelSet
from hint.files import atomic_write, write_json

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
        totals = self.totals()
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

    def totals(self) -> dict[str, int]:
        """Return the numbers of hands, errors and warnings."""
        levels = Counter(finding.level for finding in self.findings)
        hands = sum(one.hands for one in self.sets if one.with_findings is not None)
        return {"hands": hands, "errors": levels["error"], "warnings": levels["warning"]}

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return self._with_findings([one.as_json() for one in self.findings])

    def summary(self) -> dict[str, Any]:
        """Return the content of check.json: everything, but of the findings their number."""
        return self._with_findings(len(self.findings))

    def _with_findings(self, findings: Any) -> dict[str, Any]:
        return {
            **self.totals(),
            "population": self.population,
            "sets": [asdict(one) for one in self.sets],
            "rules": [one.as_json() for one in self.rules],
            "findings": findings,
            "remarks": list(self.remarks),
        }


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Write JSON Lines atomically, sorted by hand and rule."""
    lines = (json.dumps(finding.as_json(), allow_nan=False, ensure_ascii=False) for finding in findings)
    with atomic_write(path) as stream:
        stream.writelines(f"{line}\n".encode() for line in lines)


def write_report(folder: Path, report: CheckReport) -> None:
    """Write findings.jsonl, check.json and, if there are findings, worst.png.

    Raises:
        WriteError: If something cannot be saved.
    """
    from annotation.check.sheet import write_sheet

    write_findings(folder / "findings.jsonl", report.findings)
    write_json(folder / "check.json", report.summary(), indent=2)
    worst, picture = report.worst(_SHOWN), folder / "worst.png"
    if worst:
        write_sheet(picture, worst, report.label_sets)
    else:
        picture.unlink(missing_ok=True)
