"""Contact sheet of labels and predictions."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from hint.files import write_bytes
from hint.images import read_image
from hint.render import PAPER, cut_tile, draw_keypoints
from hint.types import HandLabels, Image, Predictions

#: Size of a tile on the figure in inches, and the gap between two hands of a line in tiles.
_INCHES, _GAP = 1.5, 0.15
_LAYOUT = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)

_CAPTION = "white joint: visible · black joint: occluded (as annotated, in every column) · faded: no prediction"


def sheet(path: Path, labels: HandLabels, predictions: Mapping[str, Predictions], hands: int = 12) -> None:
    """Write a PNG of labels and predictions of a few hands side by side, two hands per line.

    Args:
        path: PNG to write.
        labels: Labelled hands with pictures.
        predictions: Title of each column -> predictions.
        hands: How many hands, spread evenly over the labels.
    """
    chosen = np.linspace(0, len(labels) - 1, min(hands, len(labels))).round().astype(int).tolist()
    titles = ["ground truth", *predictions]
    lines, columns = -(-len(chosen) // 2), 2 * len(titles) + 1
    ratios = [1.0] * len(titles) + [_GAP] + [1.0] * len(titles)
    figure = Figure(figsize=(_INCHES * sum(ratios), _INCHES * lines + 0.6), dpi=120, layout=_LAYOUT)
    axes = figure.subplots(lines, columns, squeeze=False, width_ratios=ratios)
    for panel in axes.flat:
        panel.set_axis_off()
    for place, k in enumerate(chosen):
        line, right = divmod(place, 2)
        for column, tile in enumerate(_tiles(labels, k, list(predictions.values()))):
            panel = axes[line, column + right * (len(titles) + 1)]
            panel.imshow(tile)
            if line == 0:
                panel.set_title(titles[column], fontsize=10)
    figure.supxlabel(_CAPTION, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def _tiles(labels: HandLabels, k: int, predictions: Sequence[Predictions]) -> list[Image]:
    image = read_image(Path(labels.image[k]))
    points = [labels.keypoints_2d[k], *(_row(p, str(labels.hand_id[k])) for p in predictions)]
    return [_tile(image, labels.box_xyxy[k], p, labels.visibility[k]) for p in points]


def _row(predictions: Predictions, hand_id: str) -> NDArray[np.floating] | None:
    rows = np.flatnonzero(predictions.hand_id == hand_id)
    if not len(rows) or not np.isfinite(predictions.keypoints_2d[rows[0]]).any():
        return None
    return np.asarray(predictions.keypoints_2d[rows[0]])


def _tile(
    image: Image, box: NDArray[np.float64], points: NDArray[np.floating] | None, visibility: NDArray[np.uint8]
) -> Image:
    tile = cut_tile(image, box)
    if points is None:
        return (0.25 * tile.image + 0.75 * np.array(PAPER)).astype(np.uint8)
    return draw_keypoints(tile.image, tile.place(points), visibility)
