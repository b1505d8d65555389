"""How labels and predictions show themselves in a notebook: counts, and a few hands."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.hand_rows import HandRows
from hint.types import HandLabels, Predictions

#: Hands in the gallery, and the side of their pictures in px.
_SHOWN, _SIDE = 6, 120


def rows_html(rows: HandRows[Any]) -> str:
    """Return counts and a gallery of labels or predictions as HTML.

    Raises:
        TypeError: If they are neither.
    """
    if isinstance(rows, HandLabels):
        return _page(repr(rows), html_table(_LABEL_HEADINGS, _label_counts(rows)), _label_pictures(rows))
    if isinstance(rows, Predictions):
        return _page(repr(rows), "", _prediction_pictures(rows))
    raise TypeError(f"no HTML of {type(rows).__name__}")


def html_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> str:
    """Return a table of plain strings as HTML; everything in it is escaped."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_LABEL_HEADINGS = ("subset", "hands", "clips", "left", "right", "visible", "occluded", "out of frame")


def _label_counts(labels: HandLabels) -> Iterator[list[str]]:
    for subset in labels.subsets:
        part = labels.select(labels.subset == subset)
        left = int((~part.is_right).sum())
        joints = np.bincount(part.visibility.ravel(), minlength=3).tolist()
        counts = (len(part), len(set(part.clip_id.tolist())), left, len(part) - left, joints[2], joints[1], joints[0])
        yield [subset, *(f"{count:,}" for count in counts)]


def _label_pictures(labels: HandLabels) -> Iterator[tuple[str, str]]:
    for k in _spread(len(labels)):
        hand = labels[k]
        yield hand.hand_id, _picture(hand.image, hand.box_xyxy, hand.keypoints_2d, hand.visibility)


def _prediction_pictures(predictions: Predictions) -> Iterator[tuple[str, str]]:
    for k in _spread(len(predictions)):
        points = predictions.keypoints_2d[k]
        known = points[np.isfinite(points).all(1)]
        if len(known):
            box = np.concatenate([known.min(0), known.max(0) + 1])
            yield str(predictions.hand_id[k]), _picture("", box, points, None)


def _spread(n: int) -> list[int]:
    return [int(k) for k in np.linspace(0, n - 1, min(n, _SHOWN)).round()]


def _picture(path: str, box: NDArray[Any], points: NDArray[Any], visibility: NDArray[np.uint8] | None) -> str:
    """Return a small picture of a hand as a data URI: on its picture if that can be read, else on paper."""
    from hint.errors import InputError
    from hint.images import encode_image, read_image
    from hint.render import cut_tile, draw_keypoints

    try:
        image = read_image(Path(path)) if path else None
    except InputError:
        image = None
    tile = cut_tile(image, box, side=_SIDE)
    content = encode_image(draw_keypoints(tile.image, tile.place(points), visibility, 0.7), ".jpg", 80)
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _page(title: str, table: str, pictures: Iterable[tuple[str, str]]) -> str:
    """Join the parts; without OpenCV there are no pictures."""
    shown = pictures if find_spec("cv2") else ()
    images = "".join(f'<img src="{uri}" title="{escape(name)}" alt="{escape(name)}" />' for name, uri in shown)
    return f"<div><p><code>{escape(title)}</code></p>{table}<p>{images}</p></div>"
