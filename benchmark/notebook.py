"""How results show themselves in a notebook: the score table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hint.notebook import html_table

if TYPE_CHECKING:
    from benchmark.record import Record
    from benchmark.scores import Score


def record_html(record: Record) -> str:
    """Return the scores of a record as an HTML table: a line per subset and visibility, a column per metric."""
    keys = list(dict.fromkeys((score.metric, score.threshold) for score in record.scores))
    headings = ["subset", "joints", "hands", "keypoints", *(_heading(*key) for key in keys)]
    name = f"{record.method.title} ({record.method.note})" if record.method.note else record.method.title
    state = "" if record.status == "complete" else f" · {record.status}"
    return html_table(headings, _lines(record, keys), f"{name} · {record.protocol.id}{state}")


def _heading(metric: str, threshold: float | None) -> str:
    title = metric.upper() if metric in ("pck", "auc") else metric.replace("_", " ")
    return title if threshold is None else f"{title}@{threshold:g}"


def _lines(record: Record, keys: list[tuple[str, float | None]]) -> Iterator[list[str]]:
    for subset, visibility in dict.fromkeys((score.subset, score.visibility) for score in record.scores):
        scores = [record.value(subset, visibility, *key) for key in keys]
        largest = max((score for score in scores if score), key=lambda score: score.n_keypoints)
        counts = [f"{largest.n_hands:,}", f"{largest.n_keypoints:,}"]
        yield [subset, visibility, *counts, *map(_cell, scores)]


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    spread = f" ± {(score.ci.high - score.ci.low) / 2:.2g}" if score.ci else ""
    return f"{score.value:.4g}{spread}"
