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

#: When errors are as even as drawn noise: how their means over hands vary at most, in units of what noise does; joints
#: of a hand, and hands, that it takes to say so; median error beyond which nobody gains from it (all joints in the
#: middle of the box err as evenly).
_EVEN, _JOINTS_NEEDED, _HANDS_NEEDED, _GOOD = 2.0, 5, 30, 0.1

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


def looks_drawn(table: ErrorTable | MeshErrors | None) -> bool:
    """Tell whether errors look like noise that was drawn around the labels.

    Squared errors of Gaussian noise are independent and exponential, so their mean over the n joints of a hand varies
    with a variance of 1 / n of its square. Hands are easy or hard as a whole for whatever looks at them: on the
    rendered hands of the demo, HaMeR-tiny and MediaPipe have 55 times that variance.
    """
    if not isinstance(table, ErrorTable):
        return False
    counted = np.isfinite(table.error)
    joints = counted.sum(1)
    hands = joints >= _JOINTS_NEEDED
    if hands.sum() < _HANDS_NEEDED or np.median(table.error[counted]) > _GOOD:
        return False
    squares = np.where(counted, table.error, 0.0)[hands] ** 2
    joints = joints[hands]
    mean = squares.sum() / joints.sum()
    return bool(np.mean(joints * (squares.sum(1) / joints / mean - 1) ** 2) < _EVEN)
