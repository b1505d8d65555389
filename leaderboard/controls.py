"""Controls that see the ground truth, known by name and by result: what a record says of itself is not believed."""

from __future__ import annotations

import numpy as np

from benchmark.error_table import ErrorTable
from benchmark.mesh.error_table import MeshErrors
from hint.methods.oracle_noise import CARD
from hint.types import MethodCard

#: Closer to a label than its annotator could repeat it: box sides, and the share of keypoints that may be so by chance.
#: PCK grows with the square of small thresholds, so a method that has half of its keypoints within 0.05 box sides has
#: half a percent of them within 0.005.
_CLOSE, _BY_CHANCE = 0.005, 0.1

#: The same for joints in 3D, metres after alignment.
_CLOSE_3D = 0.0002

_SEES = "a control that sees the ground truth"


def why_control(card: MethodCard, table: ErrorTable | MeshErrors | None) -> str:
    """Return why a record is a control that sees the ground truth, "" if it is none."""
    names = {card.name.lower(), card.title.lower()}
    if card.needs_labels or names & {CARD.name.lower(), CARD.title.lower()}:
        return _SEES
    share = 0.0 if table is None else _close(table)
    if share <= _BY_CHANCE:
        return ""
    return f"{_SEES}, by its result: {100 * share:.0f}% of the keypoints are closer to the labels than a guess can be"


def _close(table: ErrorTable | MeshErrors) -> float:
    """Return the share of annotated keypoints that are as good as their labels."""
    if isinstance(table, ErrorTable):
        annotated = table.visibility > 0
        return float((table.error[annotated] <= _CLOSE).mean()) if annotated.any() else 0.0
    return float(np.mean(table.joints["procrustes"] <= _CLOSE_3D)) if "procrustes" in table.joints else 0.0
