"""Records of 3D protocols as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmark.record import Record
from benchmark.scores import Score
from leaderboard.table import method_name, remarks

#: Line of the table -> (what its mean errors begin with, what its other scores end with, what to call it).
_ALIGNMENTS = (("pa_", "", "Procrustes"), ("st_", "_st", "scale, translation"), ("", "_raw", "none"))

#: (beginning takes the alignment, metric, heading)
_COLUMNS = (
    (True, "mpjpe_mm", "MPJPE\nmm"),
    (True, "mpvpe_mm", "MPVPE\nmm"),
    (False, "auc_j", "AUC\njoints"),
    (False, "auc_v", "AUC\nvertices"),
    (False, "f_at_5mm", "F@5 mm"),
    (False, "f_at_15mm", "F@15 mm"),
)

#: The means that must not leave out hands.
_MEANS = ("pa_mpjpe_mm", "pa_mpvpe_mm")


def mesh_score_table(record: Record) -> Table:
    """Show the scores of one record of a 3D protocol: a line per alignment, the leaderboards' first."""
    data = record.data[0]
    title = method_name(record.method, " ").append(f" · {record.protocol.id} · {data.n_hands:,} hands")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("aligned by")
    for _, _, heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for before, after, name in _ALIGNMENTS:
        scores = [
            record.value(data.name, "all", before + metric if is_mean else metric + after)
            for is_mean, metric, _ in _COLUMNS
        ]
        if any(scores):
            table.add_row(name, *map(_cell, scores))
    return table


def mesh_remarks(record: Record) -> Iterator[str]:
    """Yield what a reader must know besides the numbers."""
    yield from remarks(record)
    name = record.data[0].name
    absent = [metric for metric in _MEANS if record.value(name, "all", metric) is None]
    if absent and (record.coverage.missing or record.coverage.non_finite):
        yield f"no {' and '.join(absent)}: a mean without some hands would flatter; distances are in errors.npz"
    elif absent:
        yield "the mesh has not the vertices of the ground truth: it gets F-scores alone, moved as its joints are"


def _cell(score: Score | None) -> Text:
    if score is None:
        return Text("-")
    digits = 2 if score.metric.endswith("_mm") else 3
    text = Text(f"{score.value:.{digits}f}")
    if score.ci:
        text.append(f"\n±{(score.ci.high - score.ci.low) / 2:.{digits}f}", style="dim")
    return text
