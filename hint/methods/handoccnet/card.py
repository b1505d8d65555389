"""HandOccNet's cards and files; cheap to import."""

from __future__ import annotations

from hint.fetch import ASSETS
from hint.methods import official_file
from hint.methods.official_file import OfficialFile, missing_files
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

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
        trained_on_hint=False,
        parameters=39_319_352,
    )


WEIGHTS = OfficialFile(
    official_file.WEIGHTS,
    ("snapshot_demo.pth.tar",),
    "handoccnet",
    ("demo", "."),
    ASSETS["handoccnet"].by_hand.partition(": ")[2],
)
FILES = (WEIGHTS,)


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run HandOccNet and what to type, "" where nothing is."""
    return missing_packages(_PACKAGES, "models") or missing_files(FILES, options)


class Param:
    """The method that returns its MANO joints."""

    CARD = _card(
        "handoccnet-param", "param", "Feature pyramid and transformers; MANO joints, laid onto its own 2D joints."
    )
    FILES = FILES
    missing = staticmethod(missing)


class NoParam:
    """The method that returns the joints of its heat maps."""

    CARD = _card("handoccnet-noparam", "no param", "Feature pyramid and transformers; the 2D joints of its heat maps.")
    FILES = FILES
    missing = staticmethod(missing)


#: By name of the method.
CARDS = {about.CARD.name: about.CARD for about in (Param, NoParam)}
