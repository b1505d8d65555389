"""How hands move, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmark.record import Record
from benchmark.scores import Score
from leaderboard.table import VISIBILITIES, subset_cell

#: Box sides per second squared, and cubed; shares are percentages.
_COLUMNS = (
    ("accel_error", "accel.\nerror, /s²"),
    ("accel_coverage", "computed\n%"),
    ("jitter", "jitter\n/s³"),
    ("jitter_ground_truth", "of labels\n/s³"),
    ("jitter_coverage", "computed\n%"),
)


def motion_table(record: Record) -> Table:
    """Show acceleration error and jitter of one record: a block per subset, a line per visibility."""
    table = Table(title="motion, in box sides", title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("subset")
    table.add_column("joints")
    table.add_column("joints of\nwindows", justify="right")
    for _, heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for subset in record.data:
        for visibility in VISIBILITIES:
            scores = [record.value(subset.name, visibility, metric) for metric, _ in _COLUMNS]
            count = f"{scores[1].n_keypoints:,}" if scores[1] else "0"
            first = subset_cell(subset.name, visibility)
            table.add_row(first, visibility, count, *map(_cell, scores), end_section=visibility == "occluded")
    return table


def motion_remarks(record: Record) -> Iterator[str]:
    """Yield what a reader must know besides the numbers."""
    for subset in record.data:
        coverage = record.value(subset.name, "all", "accel_coverage")
        if coverage is None:
            yield f"{subset.name}: no sequence, so motion is not scored"
        elif coverage.value < 100:
            yield (
                f"{subset.name}: acceleration could be computed at {coverage.value:.1f}% of the joints, so compare it "
                "with that of methods that predict the same hands only"
            )


def _cell(score: Score | None) -> Text:
    if score is None:
        return Text("-")
    is_share = score.metric.endswith("_coverage")
    text = Text(f"{score.value:.1f}" if is_share else f"{score.value:.3g}")
    if score.ci and not is_share:
        text.append(f"\n±{(score.ci.high - score.ci.low) / 2:.2g}", style="dim")
    return text
