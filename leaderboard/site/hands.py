"""Galleries: worst, median and best hands of a method, and the hands two methods disagree on most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hint.types import Double, Strings
from leaderboard.draws import hand_errors
from leaderboard.entry import Entry
from leaderboard.metric import fixed
from leaderboard.ranking import Section
from leaderboard.site.board import Board
from leaderboard.site.page import Page

if TYPE_CHECKING:
    from leaderboard.site.pictures import Pictures

#: Hands of each kind on a page.
SHOWN = 6

#: Larger errors count as this much; the end of the tabulated curve of hint-v1.
_MAXIMUM = 0.3


@dataclass(frozen=True)
class Figure:
    """One hand.

    Attributes:
        hand_id: Its name.
        pictures: (caption, address, text for screen readers).
        text: Numbers below.
        on_paper: Whether the hand is drawn without its picture.
    """

    hand_id: str
    pictures: tuple[tuple[str, str, str], ...]
    text: str
    on_paper: bool


@dataclass(frozen=True)
class Group:
    """Hands that belong together: "worst", ..., on one subset."""

    title: str
    remark: str
    figures: tuple[Figure, ...]


def gallery_path(entry: Entry) -> str:
    """Return the address of the gallery of a record."""
    return f"gallery/{entry.slug}.html"


def gallery_page(board: Board, entry: Entry, pictures: Pictures | None) -> Page:
    """Make the gallery of a record; without pictures it lists ids and errors."""
    shown = [] if board.hide_hands else [section for section in board.sections if entry in section.entries]
    blocks = [(section, list(_groups(entry, section, pictures))) for section in shown]
    why_not = "the labels of this board are not public" if board.hide_hands else _why_not(entry, pictures)
    context = {"entry": entry, "blocks": blocks, "why_not": why_not}
    return Page(gallery_path(entry), "gallery.html", f"Hands of {entry.name}", context)


def _why_not(entry: Entry, pictures: Pictures | None) -> str:
    if entry.mesh_errors is not None:
        return "hands of 3D protocols are not shown"
    if entry.errors is None:
        return entry.problem or "hands of OKS protocols are not shown"
    if pictures is None:
        return "the site was built without --data, so hands are listed and not shown"
    return "" if entry.predictions else "there is no predictions.npz beside the record, so only labels are shown"


def _groups(entry: Entry, section: Section, pictures: Pictures | None) -> Iterator[Group]:
    if entry.errors is None or section.subset not in entry.errors.subsets:
        return
    hands, error = hand_errors(entry.errors, section.subset, _MAXIMUM)
    ids, clips = entry.errors.hand_id[hands], entry.errors.clip_id[hands]
    lost = ~np.isfinite(entry.errors.error[hands]).any(1)
    able = np.flatnonzero(~np.isnan(error) & ~lost)
    order = able[np.argsort(error[able], kind="stable")]
    from_middle = order[np.argsort(np.abs(np.arange(len(order)) - (len(order) - 1) / 2), kind="stable")]
    median = different_clips(from_middle, clips)
    picks = {
        "worst": different_clips(order[::-1], clips),
        "median": median[np.argsort(error[median], kind="stable")],
        "best": different_clips(order, clips),
    }
    for title, rows in picks.items():
        yield Group(title, "", tuple(_figure(entry, ids[k], error[k], pictures) for k in rows))
    if lost.any():
        rows = np.flatnonzero(lost)
        figures = tuple(_figure(entry, ids[k], error[k], pictures) for k in different_clips(rows, clips))
        yield Group("not predicted", f"{len(rows)} hands, {len(figures)} of them shown", figures)


def different_clips(rows: NDArray[np.int64], clips: Strings) -> NDArray[np.int64]:
    """Return the first hands of an order that are from different clips; if there are too few, other hands follow."""
    _, first = np.unique(clips[rows], return_index=True)
    order = np.concatenate([np.sort(first), np.setdiff1d(np.arange(len(rows)), first)])
    return np.asarray(rows[np.sort(order[:SHOWN])])


def _figure(entry: Entry, hand_id: str, error: float, pictures: Pictures | None) -> Figure:
    text = f"mean error {fixed(error, 3)} box sides"
    return figure(hand_id, [entry], text, pictures)


def figure(hand_id: str, entries: Sequence[Entry], text: str, pictures: Pictures | None) -> Figure:
    """Show a hand: its labels, then each record's prediction."""
    if pictures is None or not pictures.has(hand_id):
        return Figure(hand_id, (), text, False)
    shown = [("ground truth", pictures.truth(hand_id), f"{hand_id}: labelled keypoints")]
    for entry in entries:
        if entry.predictions is not None:
            points = pictures.keypoints(entry.predictions, hand_id)
            text_of = "predicted keypoints" if points is not None else "no prediction"
            shown.append((entry.name, pictures.prediction(hand_id, points), f"{hand_id}: {text_of} of {entry.name}"))
    return Figure(hand_id, tuple(shown), text, not pictures.has_pixels(hand_id))


def disagreements(a: Entry, b: Entry, subset: str, pictures: Pictures | None) -> list[Figure]:
    """Show the hands on which the mean errors of two records differ most."""
    if a.errors is None or b.errors is None:
        return []
    hands, first = hand_errors(a.errors, subset, _MAXIMUM)
    second: Double = hand_errors(b.errors, subset, _MAXIMUM)[1]
    gap = np.nan_to_num(np.abs(first - second), nan=-1.0)
    order = np.argsort(-gap, kind="stable")
    ids, clips = a.errors.hand_id[hands], a.errors.clip_id[hands]
    rows = different_clips(order[gap[order] > 0], clips)
    return [
        figure(ids[k], [a, b], f"{a.name} {fixed(first[k], 3)}, {b.name} {fixed(second[k], 3)} box sides", pictures)
        for k in rows
    ]
