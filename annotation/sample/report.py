"""A page that compares samples with the pools they were drawn from."""

from __future__ import annotations

import base64
import html
import io
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from annotation.sample.distribution import Comparison, Described, Distribution, compare, distribution, holm
from annotation.sample.examples import Example, examples
from annotation.sample.plots import Drawn, draw_distributions
from annotation.sample.summary import Summary, read_summary, summary_path
from hint.errors import InputError
from hint.files import write_bytes
from hint.files.manifest import SampledHand, read_manifest

#: Corrected p value below which a sample differs from its pool.
LEVEL = 0.01


@dataclass(frozen=True)
class SampleReport:
    """One sample compared with its pool.

    Attributes:
        manifest: The manifest.
        summary: Its summary.
        hands: Hands in the sample.
        videos: Videos in the sample.
        sample: Distribution of the whole sample.
        tested: Stratum that is compared: the one without conditions, which should keep the distribution; "" if every
            stratum has conditions.
        comparisons: One per feature.
        examples: A few of its hands.
    """

    manifest: Path
    summary: Summary
    hands: int
    videos: int
    sample: Distribution
    tested: str
    comparisons: list[Comparison]
    examples: list[Example]

    @property
    def title(self) -> str:
        """A one-line description."""
        what = f"stratum {self.tested}" if self.tested else "no random stratum"
        return f"{self.summary.folder}, {self.hands:,} hands of {self.videos:,} videos, {what}"

    def verdicts(self) -> list[tuple[float, str]]:
        """Return the corrected p value of each comparison, and "kept", "differs" or "-"."""
        corrected = holm([one.p_value for one in self.comparisons])
        return [
            (p, "-" if not one.degrees else "differs" if p < LEVEL else "kept")
            for one, p in zip(self.comparisons, corrected, strict=True)
        ]

    def rows(self) -> list[list[str]]:
        """Return the table of comparisons as strings."""
        return [
            [one.feature, f"{one.statistic:.1f}", str(one.degrees), f"{one.p_value:.3f}", f"{p:.3f}", verdict]
            for one, (p, verdict) in zip(self.comparisons, self.verdicts(), strict=True)
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        comparisons = [
            asdict(one) | {"p_corrected": p, "verdict": verdict}
            for one, (p, verdict) in zip(self.comparisons, self.verdicts(), strict=True)
        ]
        return {
            "manifest": str(self.manifest),
            "summary": self.summary.model_dump(),
            "hands": self.hands,
            "videos": self.videos,
            "sample": self.sample,
            "tested": self.tested,
            "comparisons": comparisons,
        }


def compare_manifest(manifest: Path) -> SampleReport:
    """Compare a sample with its pool, as described in its summary.

    Raises:
        InputError: If manifest or summary cannot be read, or do not belong together.
    """
    hands = read_manifest(manifest)
    if not hands[0].policy:
        raise InputError(f"{manifest} was not drawn by a policy from a pool, so there is nothing to compare it with")
    summary = read_summary(summary_path(manifest))
    if {(hand.folder, hand.policy_sha256, hand.seed) for hand in hands} != {
        (summary.folder, summary.policy_sha256, summary.seed)
    }:
        raise InputError(f"{manifest} and {summary_path(manifest)} belong to different samples; draw the sample again")
    tested = next((s.name for s in summary.strata if s.available == summary.units), "")
    drawn = distribution(_units([hand for hand in hands if hand.stratum == tested], summary.unit))
    return SampleReport(
        manifest=manifest,
        summary=summary,
        hands=len(hands),
        videos=len({hand.video for hand in hands}),
        sample=distribution(_units(hands, summary.unit)),
        tested=tested,
        comparisons=compare(summary.pool, drawn, summary.units) if tested else [],
        examples=examples(manifest, hands),
    )


def _units(hands: Sequence[SampledHand], unit: str) -> list[list[Described]]:
    groups: dict[Hashable, list[Described]] = defaultdict(list)
    for hand in hands:
        key: Hashable = (hand.clip, hand.action, hand.side) if unit == "sequence" else hand.hand_id
        groups[key].append(_describe(hand))
    return list(groups.values())


def _describe(hand: SampledHand) -> Described:
    x1, y1, x2, y2 = hand.box_xyxy or (0, 0, 0, 0)
    return Described(
        source=hand.source,
        source_split=hand.source_split,
        frame_type=hand.frame_type,
        side=hand.side,
        contact=hand.contact,
        interaction=hand.interaction,
        box_px=max(x2 - x1, y2 - y1),
        centre=hand.centre,
        size=hand.size,
    )


def write_report(page: Path, reports: Sequence[SampleReport]) -> None:
    """Write the self-contained page, and its picture beside it."""
    picture = io.BytesIO()
    draw_distributions(picture, [Drawn(one.summary.folder, one.summary.pool, one.sample) for one in reports])
    write_bytes(page.with_suffix(".png"), picture.getvalue())
    template = Template(files("annotation.sample").joinpath("report.html").read_text(encoding="utf-8"))
    content = template.substitute(
        title=html.escape(", ".join(one.summary.folder for one in reports)),
        level=LEVEL,
        sections="".join(map(_section, reports)),
        picture=base64.b64encode(picture.getvalue()).decode(),
    )
    write_bytes(page, content.encode())


def _section(report: SampleReport) -> str:
    summary = report.summary
    facts = (
        f"{report.hands:,} hands of {report.videos:,} videos, drawn from {summary.units:,} {summary.unit}s with "
        f"{summary.hands:,} hands of {summary.videos:,} videos; policy {summary.policy}, seed {summary.seed}"
    )
    strata = [[s.name, f"{s.drawn:,}", f"{s.available:,}"] for s in summary.strata]
    left_out = [[reason, f"{count:,}"] for reason, count in summary.left_out.items()]
    return "\n".join(
        (
            f"<h2>{html.escape(summary.folder)}</h2>",
            f"<p>{html.escape(facts)}</p>",
            f'<div class="examples">{"".join(map(_figure, report.examples))}</div>' if report.examples else "",
            _table(["stratum", "drawn", f"of {summary.unit}s"], strata),
            _table(["left out of the pool", "count"], left_out) if left_out else "",
            _table(["feature", "chi-square", "degrees", "p", "p, corrected", "verdict"], report.rows())
            if report.tested
            else "<p>Every stratum has conditions, so no part of the sample is meant to keep the distribution.</p>",
        )
    )


def _figure(example: Example) -> str:
    source = f"data:image/jpeg;base64,{base64.b64encode(example.jpeg).decode()}"
    caption = html.escape(example.caption)
    return f'<figure><img src="{source}" alt="Hand: {caption}"><figcaption>{caption}</figcaption></figure>'


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f'<td class="{html.escape(cell)}">{html.escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
