"""``rtmpose``: the hand model of RTMPose under its own name; cheap to import."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hint.errors import UnknownNameError
from hint.methods.mmpose.card import CARD as MMPOSE
from hint.methods.mmpose.card import PRESETS, missing
from hint.types import MethodOptions

if TYPE_CHECKING:
    from hint.methods.mmpose.method import MMPoseMethod

__all__ = ["CARD", "RTMPose", "missing"]

_PRESET = "rtmpose-m-hand5"

CARD = replace(
    MMPOSE,
    name="rtmpose",
    title=PRESETS[_PRESET].title,
    summary=f"The same as --method mmpose --set preset={_PRESET}: SimCC keypoints, fast on a CPU.",
    paper=PRESETS[_PRESET].paper,
    training_data=PRESETS[_PRESET].training_data,
    trained_on_hint=False,
)


class RTMPose:
    """MMPose's RTMPose-m, trained on five hand datasets."""

    @classmethod
    def create(cls, options: MethodOptions) -> MMPoseMethod:
        """Load the model; ``options.extra`` may hold flip-test.

        Raises:
            MissingRequirementError: If packages or weights are missing.
            InputError: If weights or a setting cannot be used.
        """
        from hint.methods.mmpose.method import MMPoseMethod

        for key in options.extra:
            if key != "flip-test":
                raise UnknownNameError("setting of rtmpose", key, ["flip-test"])
        method = MMPoseMethod.create(replace(options, extra={**options.extra, "preset": _PRESET}))
        method.card = replace(method.card, name=CARD.name)
        return method
