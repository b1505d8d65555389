"""What HandOccNet is and where its weights lie; cheap to import."""

from __future__ import annotations

from pathlib import Path

from hint import settings
from hint.fetch import ASSETS
from hint.methods.requirements import missing_packages
from hint.types import MethodCard

_NAME = "snapshot_demo.pth.tar"
_PACKAGES = ("torch", "timm", "smplx", "safetensors", "cv2")


def _card(name: str, suffix: str, summary: str) -> MethodCard:
    return MethodCard(
        name=name,
        title=f"HandOccNet ({suffix})",
        summary=summary,
        paper=(
            "Park et al., HandOccNet: Occlusion-Robust 3D Hand Mesh Estimation Network, CVPR 2022, arXiv 2203.14564"
        ),
        weights_licence="not stated; the file embeds MANO arrays, which are non-commercial",
        training_data=("HO-3D or DexYCB: not stated for the published file",),
        parameters=39_319_352,
    )


def installed_weights() -> Path | None:
    """Return the released weights in the usual places, None where there are none."""
    places = settings.candidates(f"handoccnet/{_NAME}", f"demo/{_NAME}", _NAME)
    return next((place for place in places if place.is_file()), None)


def missing() -> str:
    """Tell what is missing to run HandOccNet and what to type, "" where nothing is."""
    packages = missing_packages(_PACKAGES, "models")
    if packages or installed_weights():
        return packages
    by_hand = ASSETS["handoccnet"].by_hand.format(home=settings.home())
    return f"needs its weights: {by_hand.partition(': ')[2]} (or name the file with --weights; random needs none)"


class Param:
    """The method that shows its MANO hand."""

    CARD = _card(
        "handoccnet-param", "param", "Feature pyramid and transformers; MANO joints, laid onto its own 2D joints."
    )
    missing = staticmethod(missing)


class NoParam:
    """The method that shows the joints of its heat maps."""

    CARD = _card("handoccnet-noparam", "no param", "Feature pyramid and transformers; the 2D joints of its heat maps.")
    missing = staticmethod(missing)


#: By name of the method.
CARDS = {about.CARD.name: about.CARD for about in (Param, NoParam)}
