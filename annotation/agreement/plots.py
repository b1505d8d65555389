"""Plots of agreement: curves, bars, and the hands with the largest disagreement."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from annotation.agreement.pairs import Pairs
from annotation.agreement.result import Agreement, AgreementCurve
from hint.errors import InputError, plain
from hint.files import write_bytes
from hint.images import read_image
from hint.render import cut_tile
from hint.skeleton import BONES
from hint.types import Double, HandLabels, Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _GREEN = "#0072b2", "#d55e00", "#009e73"
_STYLES = {"all": (_BLUE, "-"), "visible": (_GREEN, "--"), "occluded": (_ORANGE, ":")}
_COLUMNS, _SIDE = 5, 480


class _Style(NamedTuple):
    """How an annotator is drawn."""

    colour: str
    line: Literal["-", "--"]
    marker: str


#: The first annotator is solid with discs, the second dashed with squares: they differ without colour, too.
_FIRST, _SECOND = _Style(_BLUE, "-", "o"), _Style(_ORANGE, "--", "s")


def draw_agreement(path: Path, result: Agreement) -> None:
    """Write curves of agreement by distance, and bars by joint, as one PNG."""
    figure = Figure(figsize=(11.5, 7.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.15, 1], squeeze=False)[:, 0]
    left, right = top.subplots(1, 2)
    _draw_palm_curve(left, result)
    _draw_box_curves(right, result)
    _draw_bars(bottom.subplots(1, 1), result)
    title = f"Agreement of two annotations: {result.hands:,} hands, {result.clips:,} clips"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    _save(figure, path)


def _draw_palm_curve(axes: Axes, result: Agreement) -> None:
    _plain(axes, "joints visible for both, by palm lengths", "distance / palm length", "% of joints closer than that")
    for curve in result.curves:
        if curve.normaliser == "palm":
            _draw_curve(axes, curve, _BLUE, "-", "these annotations")
    axes.plot(result.within_palms, result.paper.within, "D", color="black", markersize=6, label="paper", zorder=5)
    axes.axvline(result.within_palms, color="#999", linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 0.5)
    axes.legend(loc="lower right", frameon=False, fontsize=9)


def _draw_box_curves(axes: Axes, result: Agreement) -> None:
    _plain(
        axes, "the ceiling of a leaderboard: PCK of one annotator on the other", "distance / longest side of the box"
    )
    for curve in result.curves:
        if curve.normaliser == "box_longest_side":
            _draw_curve(axes, curve, *_STYLES[curve.visibility], f"{curve.visibility} ({curve.n:,} joints)")
    axes.set_xlim(0, 0.3)
    axes.legend(loc="lower right", frameon=False, fontsize=9)


def _draw_curve(axes: Axes, curve: AgreementCurve, colour: str, style: str, label: str) -> None:
    axes.plot(curve.thresholds, curve.values, color=colour, linestyle=style, linewidth=1.8, label=label)
    if curve.low and curve.high:
        axes.fill_between(curve.thresholds, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)


def _plain(axes: Axes, title: str, x: str, y: str = "") -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.set_ylim(0, 102)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_bars(axes: Axes, result: Agreement) -> None:
    within = f"within {result.within_palms:g} palm lengths"
    _plain(axes, "by joint, with 95% intervals over clips", "", "%")
    place = np.arange(len(result.per_joint))
    bars = (("occlusion", "occlusion agrees", -0.2, _ORANGE, "//"), ("within", within, 0.2, _BLUE, ""))
    for name, label, shift, colour, hatch in bars:
        scores = [getattr(row, name) for row in result.per_joint]
        values = np.array([np.nan if s.value is None else s.value for s in scores])
        ends = np.array([(s.ci.low, s.ci.high) if s.ci else (v, v) for s, v in zip(scores, values, strict=True)])
        error = np.maximum(0, np.stack([values - ends[:, 0], ends[:, 1] - values]))
        axes.bar(place + shift, values, 0.38, color=colour, alpha=0.75, hatch=hatch, edgecolor="white", label=label)
        axes.errorbar(place + shift, values, error, fmt="none", ecolor="#333", elinewidth=0.9, capsize=2)
    names = [row.name.replace("_", " ") for row in result.per_joint]
    axes.set_xticks(place, names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlim(-0.7, len(place) - 0.3)
    axes.legend(loc="lower left", bbox_to_anchor=(0.62, 1.0), ncols=2, frameon=False, fontsize=9)


def draw_worst(path: Path, pairs: Pairs, result: Agreement) -> None:
    """Write the hands with the largest disagreement, with both annotations, as one PNG."""
    rows = {str(hand_id): k for k, hand_id in enumerate(pairs.a.hand_id.tolist())}
    lines = -(-len(result.worst) // _COLUMNS)
    figure = Figure(figsize=(2.6 * _COLUMNS, 3.0 * lines + 0.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, one in zip(panels, result.worst, strict=False):
        _draw_pair(panel, pairs, rows[one.hand_id])
        flags = f"{one.flags} flag{'' if one.flags == 1 else 's'} differ{'s' if one.flags == 1 else ''}"
        panel.set_title(f"{_short(one.hand_id)}\n{one.distance:.2f} palm lengths, {flags}", fontsize=8, loc="left")
    handles = [
        Line2D([], [], label=label, color=style.colour, linestyle=style.line, marker=style.marker, markerfacecolor="w")
        for label, style in (
            (f"first: {plain(Path(result.a).name)}", _FIRST),
            (f"second: {plain(Path(result.b).name)}", _SECOND),
        )
    ]
    handles.append(Line2D([], [], color="black", marker="o", linestyle="", label="filled black: occluded"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=10, handlelength=3.5)
    _save(figure, path)


def _short(hand_id: str) -> str:
    return plain(hand_id if len(hand_id) <= 32 else f"{hand_id[:9]}…{hand_id[-22:]}")


def _draw_pair(axes: Axes, pairs: Pairs, k: int) -> None:
    both = [labels.keypoints_2d[k][labels.existence[k]] for labels in (pairs.a, pairs.b)]
    corners = np.concatenate([pairs.a.box_xyxy[k].reshape(2, 2), *both])
    shown = (*corners.min(0).tolist(), *corners.max(0).tolist())
    tile = cut_tile(_picture(pairs, k), shown, side=_SIDE, shown=1.1)
    axes.imshow(tile.image)
    for labels, style in ((pairs.a, _FIRST), (pairs.b, _SECOND)):
        _draw_hand(axes, labels, k, tile.place(labels.keypoints_2d[k]), style)
    axes.set_xlim(0, _SIDE)
    axes.set_ylim(_SIDE, 0)


def _draw_hand(axes: Axes, labels: HandLabels, k: int, points: Double, style: _Style) -> None:
    seen = labels.visibility[k]
    halo = [Stroke(linewidth=3.2, foreground="white"), Normal()]
    for a, b in BONES:
        if seen[a] and seen[b]:
            line = ([points[a][0], points[b][0]], [points[a][1], points[b][1]])
            axes.plot(*line, color=style.colour, linestyle=style.line, linewidth=1.5, path_effects=halo)
    for state, fill in ((2, "white"), (1, "black")):
        x, y = points[seen == state].T
        axes.scatter(x, y, s=17, marker=style.marker, facecolor=fill, edgecolor=style.colour, linewidth=1.2, zorder=4)


def _picture(pairs: Pairs, k: int) -> Image | None:
    for labels in (pairs.a, pairs.b):
        path = Path(str(labels.image[k]))
        if labels.image[k] and path.is_file():
            try:
                return read_image(path)
            except InputError:
                continue
    return None


def _save(figure: Figure, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
