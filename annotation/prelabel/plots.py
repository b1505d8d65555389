"""Plots of a calibration: reliability and separation of the scores."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from annotation.prelabel.calibration import CalibrationFile, Separation
from annotation.prelabel.joints import Joints
from hint.types import Bool, Double

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VISIBLE, _EXISTS, _OTHER = "#0072b2", "#009e73", "#d55e00"
#: Points of a reliability curve; each covers the same number of joints.
_BINS = 10


def draw_calibration(target: IO[bytes], joints: Joints, content: CalibrationFile) -> None:
    """Draw reliability, ROC curves and scores by label, as PNG."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    exists, inside = joints.exists, joints.inside
    visible, score = ~joints.occluded[exists], joints.visible[exists]
    _reliability(left, "visible, of those that exist", score, visible, _VISIBLE)
    _reliability(left, "exists, of those inside the frame", joints.score[inside], exists[inside], _EXISTS)
    left.plot([0, 1], [0, 1], color="#999", lw=0.8, ls="--")
    left.set(title="Reliability", xlabel="score", ylabel="share", ylim=(-0.02, 1.02))
    left.legend(loc="lower right", fontsize=8)
    _roc(middle, "visible", score, visible, content.occlusion, _VISIBLE)
    _roc(middle, "exists", joints.score[inside], exists[inside], content.existence, _EXISTS)
    middle.plot([0, 1], [0, 1], color="#999", lw=0.8, ls="--")
    middle.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    if content.occlusion.auc is not None or content.existence.auc is not None:
        middle.legend(loc="lower right", fontsize=8)
    _histograms(right, score, visible, content.occlusion_below)
    figure.suptitle(f"{content.method or 'predictions'}: {content.hands} labelled hands")
    figure.savefig(target, format="png", dpi=110)


def reliability(score: Double, positive: Bool, bins: int = _BINS) -> tuple[Double, Double]:
    """Return the mean score and share of positives of equally filled bins, in ascending order of score."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return np.array([score[part].mean() for part in parts]), np.array([positive[part].mean() for part in parts])


def _reliability(axes: Axes, label: str, score: Double, positive: Bool, colour: str) -> None:
    mean, share = reliability(score, positive)
    axes.plot(mean, share, "o-", color=colour, ms=4, label=label)


def _roc(axes: Axes, label: str, score: Double, positive: Bool, found: Separation, colour: str) -> None:
    if found.auc is None:
        return
    order = np.argsort(-score, kind="stable")
    # Joints with equal scores form one step.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    true = np.cumsum(positive[order])[last] / max(positive.sum(), 1)
    false = np.cumsum(~positive[order])[last] / max((~positive).sum(), 1)
    axes.plot(np.append(0, false), np.append(0, true), color=colour, label=f"{label}, AUC {found.auc:.3f}")


def _histograms(axes: Axes, score: Double, visible: Bool, below: float) -> None:
    axes.set(title="Scores of joints that exist", xlabel="score", ylabel="joints")
    if len(score):
        edges = np.linspace(min(score.min(), 0), max(score.max(), 1), 41)
        axes.hist([score[visible], score[~visible]], edges.tolist(), stacked=True, color=[_VISIBLE, _OTHER])
        axes.legend(["visible", "occluded"], fontsize=8)
    if below > 0:
        axes.axvline(below, color="black", lw=1, ls=":")
