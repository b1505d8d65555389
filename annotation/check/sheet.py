"""A contact sheet of the worst findings."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from annotation.check.finding import Finding
from annotation.check.splits import LabelSet
from hint.errors import InputError, plain
from hint.files import write_bytes
from hint.images import read_image
from hint.render import cut_tile, draw_keypoints
from hint.types import HandLabels, Image

#: Tiles of a line, their size in inches, and their side in px.
_COLUMNS, _INCHES, _SIDE = 6, 2.1, 320
#: Fewest columns; below, the caption would be wider than the sheet.
_FEWEST = 4
#: Characters of a line above a tile.
_WIDTH = 30
_CAPTION = "white joint: visible · black joint: occluded · red cross: marked as outside the picture"
_COLOUR = {"error": "#b00020", "warning": "#8a5a00"}


def write_sheet(path: Path, findings: Sequence[Finding], sets: Sequence[LabelSet]) -> None:
    """Write a PNG with one hand per finding; hands without a picture are drawn on a blank tile.

    Args:
        path: PNG to write.
        findings: What to show, in order.
        sets: The sets that were checked.
    """
    rows = {(one.subset, str(i)): (one.labels, k) for one in sets for k, i in enumerate(one.labels.hand_id.tolist())}
    columns = min(_COLUMNS, max(len(findings), _FEWEST))
    lines = -(-len(findings) // columns)
    figure = Figure(figsize=(_INCHES * columns, (_INCHES + 0.62) * lines + 0.35), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, finding in zip(panels, findings, strict=False):
        panel.imshow(_tile(*rows[finding.set, finding.hand_id]))
        panel.set_title("\n".join(_title(finding)), fontsize=7, loc="left", color=_COLOUR[finding.level])
    figure.supxlabel(_CAPTION, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def _title(finding: Finding) -> Iterator[str]:
    yield f"{finding.rule}  {finding.value:.3g}"
    yield finding.joint or " "
    name = finding.hand_id
    yield plain(name if len(name) <= _WIDTH else f"{name[:9]}…{name[-(_WIDTH - 10) :]}")


def _tile(labels: HandLabels, k: int) -> Image:
    tile = cut_tile(_picture(str(labels.image[k])), _shown(labels, k), side=_SIDE, shown=1.15)
    points = tile.place(labels.keypoints_2d[k])
    drawn = draw_keypoints(tile.image, points, labels.visibility[k], size=1.3)
    for x, y in np.round(points[~labels.existence[k]]).astype(int).tolist():
        if 0 <= x < _SIDE and 0 <= y < _SIDE:
            cv2.drawMarker(drawn, (x, y), (200, 0, 0), cv2.MARKER_TILTED_CROSS, 11, 2, cv2.LINE_AA)
    return drawn


def _shown(labels: HandLabels, k: int) -> tuple[float, ...]:
    """Return the box around the annotated box and all joints that exist."""
    box, points = labels.box_xyxy[k], labels.keypoints_2d[k][labels.existence[k]]
    corners = np.concatenate([box.reshape(2, 2), points])
    return (*corners.min(0).tolist(), *corners.max(0).tolist())


def _picture(path: str) -> Image | None:
    if not path or not Path(path).is_file():
        return None
    try:
        return read_image(Path(path))
    except InputError:
        return None
