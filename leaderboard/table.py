"""Records as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmark.record import Record
from benchmark.scores import Score
from hint.errors import printable, some_ids
from hint.skeleton import N_JOINTS
from hint.types import MethodCard

VISIBILITIES = ("all", "visible", "occluded")


def score_table(record: Record) -> Table:
    """Show every score of one record: a block per subset, a line per visibility."""
    thresholds = sorted({s.threshold for s in record.scores if s.threshold is not None})
    title = method_name(record.method, " ").append(f" · {record.protocol.id}")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("subset")
    table.add_column("joints")
    for heading in ("hands", "key-\npoints", *(f"PCK\n@{t:g}" for t in thresholds), "AUC", "mean\npx", "median\npx"):
        table.add_column(heading, justify="right")
    for subset in record.data:
        for visibility in VISIBILITIES:
            metrics = [record.value(subset.name, visibility, "pck", t) for t in thresholds]
            metrics += [record.value(subset.name, visibility, m) for m in ("auc", "epe_mean_px", "epe_median_px")]
            counted = metrics[0]
            sizes = (f"{counted.n_hands:,}", f"{counted.n_keypoints:,}") if counted else ("0", "0")
            first = subset_cell(subset.name, visibility)
            table.add_row(first, visibility, *sizes, *map(score_cell, metrics), end_section=visibility == "occluded")
    return table


def comparison_table(records: Sequence[Record], subset: str) -> Table:
    """Show several methods on one subset, as the paper's Table 3 does: thresholds within all, visible and occluded."""
    thresholds = sorted({s.threshold for record in records for s in record.scores if s.threshold is not None})
    hands = next((entry.n_hands for record in records for entry in record.data if entry.name == subset), 0)
    table = Table(
        title=Text(printable(f"PCK on {subset}, {hands:,} hands, with 95% intervals")),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
    )
    table.add_column("method", max_width=20, overflow="fold")
    for visibility in VISIBILITIES:
        for place, t in enumerate(thresholds):
            table.add_column(f"{'' if place else visibility}\n@{t:g}", justify="right")
    for record in records:
        cells = [record.value(subset, v, "pck", t) for v in VISIBILITIES for t in thresholds]
        table.add_row(method_name(record.method, "\n"), *map(score_cell, cells))
    return table


def remarks(record: Record) -> Iterator[str]:
    """Yield what a reader must know besides the numbers."""
    misses = {*record.coverage.missing, *record.coverage.non_finite}
    if misses:
        yield (
            f"{len(misses)} of {record.coverage.n_hands} hands without a full prediction count as misses: "
            + some_ids(sorted(misses))
        )
    if record.failures:
        yield f"{len(record.failures)} pictures could not be used: {some_ids(record.failures.values())}"
    for entry in record.empty_joints:
        kind = "keypoint" if entry.visibility == "all" else f"{entry.visibility} keypoint"
        lost = "" if len(entry.joints) == N_JOINTS else f" of {some_ids(entry.joints)}, left out of the mean"
        yield f"{entry.subset}: no {kind}{lost}"
    for subset in record.data:
        if subset.expected_hands not in (None, subset.n_hands):
            yield f"{subset.name}: {subset.n_hands} hands, the released set has {subset.expected_hands}"


def method_name(method: MethodCard, gap: str) -> Text:
    """Return the title of a method, followed by ``gap`` and its note."""
    name = Text(printable(method.title))
    if method.note:
        name.append(f"{gap}({printable(method.note)})", style="italic yellow")
    return name


def subset_cell(name: str, visibility: str) -> Text:
    """Show the name of a subset, letter by letter, on the first of its lines."""
    return Text(printable(name) if visibility == VISIBILITIES[0] else "")


def score_cell(score: Score | None) -> Text:
    """Show a value above half the width of its interval; together on one line, no table would fit a terminal."""
    if score is None:
        return Text("-")
    text = Text(f"{score.value:.1f}")
    if score.ci:
        text.append(f"\n±{(score.ci.high - score.ci.low) / 2:.1f}", style="dim")
    return text
