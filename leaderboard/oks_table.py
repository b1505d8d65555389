"""AP and AR by OKS as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmark.record import Record
from hint.errors import printable
from leaderboard.table import VISIBILITIES, method_name, remarks, score_cell, subset_cell

_COLUMNS = (
    ("oks_ap", "AP"),
    ("oks_ap50", "AP\n@0.5"),
    ("oks_ap75", "AP\n@0.75"),
    ("oks_ar", "AR"),
    ("oks_ap_any_side", "AP\nany side"),
    ("oks_ar_any_side", "AR\nany side"),
)


def oks_score_table(record: Record) -> Table:
    """Show the scores of one record: a block per subset, a line per visibility, and the columns that it has."""
    present = {score.metric for score in record.scores}
    columns = [column for column in _COLUMNS if column[0] in present]
    title = method_name(record.method, " ").append(f" · {record.protocol.id}")
    table = Table(
        title=title,
        caption=Text(printable(_rules(record))),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("subset")
    table.add_column("joints")
    for heading in ("hands", "key-\npoints", *(heading for _, heading in columns)):
        table.add_column(heading, justify="right")
    for subset in record.data:
        for visibility in VISIBILITIES:
            scores = [record.value(subset.name, visibility, metric) for metric, _ in columns]
            counted = next((score for score in scores if score), None)
            sizes = (f"{counted.n_hands:,}", f"{counted.n_keypoints:,}") if counted else ("0", "0")
            first = subset_cell(subset.name, visibility)
            table.add_row(first, visibility, *sizes, *map(score_cell, scores), end_section=visibility == "occluded")
    return table


def _rules(record: Record) -> str:
    """Say which rules an option decided."""
    given = record.fingerprint
    if not given.get("whole_pictures"):
        return f"sigmas: {given.get('sigmas')}; boxes given"
    known = "all hands labelled" if given.get("all_hands_labelled") else "other hands may be unlabelled, so no AP"
    return f"sigmas: {given.get('sigmas')}; whole pictures, {known}"


def oks_remarks(record: Record) -> Iterator[str]:
    """Yield what a reader must know besides the numbers."""
    yield from remarks(record)
    if record.fingerprint.get("all_hands_labelled"):
        yield "precision counts on every hand of the pictures being labelled, as --all-hands-labelled says"
