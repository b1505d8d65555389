"""Models of MMPose under names of their own, such as ``rtmpose``; cheap to import."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from hint.errors import UnknownNameError
from hint.methods.mmpose.card import CARD as MMPOSE
from hint.methods.mmpose.card import PRESETS
from hint.methods.mmpose.card import missing as missing_for
from hint.types import MethodCard, MethodOptions

if TYPE_CHECKING:
    from hint.methods.mmpose.method import MMPoseMethod


class NamedModel:
    """A published model of MMPose under a name of its own."""

    CARD: ClassVar[MethodCard]
    preset: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ("flip-test",)

    @classmethod
    def missing(cls, options: MethodOptions) -> str:
        """Tell what is missing and what to type, "" where nothing is."""
        return missing_for(cls._as_preset(options))

    @classmethod
    def create(cls, options: MethodOptions) -> MMPoseMethod:
        """Load the model; ``options.extra`` may hold flip-test and, for whole bodies, persons.

        Raises:
            MissingRequirementError: If packages or weights are missing.
            InputError: If weights or a setting cannot be used.
        """
        from hint.methods.mmpose.method import MMPoseMethod

        for key in options.extra:
            if key not in cls.settings:
                raise UnknownNameError(f"setting of {cls.CARD.name}", key, cls.settings)
        method = MMPoseMethod.create(cls._as_preset(options))
        method.card = replace(method.card, name=cls.CARD.name)
        return method

    @classmethod
    def _as_preset(cls, options: MethodOptions) -> MethodOptions:
        return replace(options, extra={**options.extra, "preset": cls.preset})


def _card(name: str, preset: str, summary: str) -> MethodCard:
    known = PRESETS[preset]
    return replace(
        MMPOSE,
        name=name,
        title=known.title,
        summary=f"The same as --method mmpose --set preset={preset}: {summary}.",
        paper=known.paper,
        training_data=known.training_data,
        trained_on_hint=False,
    )


class RTMPose(NamedModel):
    """MMPose's RTMPose-m, trained on five hand datasets."""

    preset = "rtmpose-m-hand5"
    CARD = _card("rtmpose", preset, "SimCC keypoints, fast on a CPU")


class RTMW(NamedModel):
    """MMPose's RTMW-x, which sees whole bodies."""

    preset = "rtmw-x-wholebody"
    settings = ("flip-test", "persons")
    CARD = _card("rtmw-wholebody", preset, "the hands of 133 keypoints of people")


class ViTPose(NamedModel):
    """ViTPose+-H for whole bodies, with the weights HaMeR's demonstration finds hands with."""

    preset = "vitpose-h-wholebody"
    settings = ("flip-test", "persons")
    CARD = _card("vitpose-wholebody", preset, "the hands of 133 keypoints of people")
