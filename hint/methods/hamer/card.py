"""HaMeR's card and weights; cheap to import."""

from __future__ import annotations

from pathlib import Path

from hint import settings
from hint.methods.official_file import NAME_WEIGHTS
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

CARD = MethodCard(
    name="hamer",
    title="HaMeR",
    summary="Hand mesh recovery: ViT-H and a transformer decoder that regress MANO from one crop.",
    paper="Pavlakos et al., Reconstructing Hands in 3D with Transformers, CVPR 2024, arXiv 2312.05251",
    weights_licence="not stated; the file embeds MANO arrays, which are non-commercial",
    training_data=(
        "FreiHAND",
        "InterHand2.6M",
        "MTC",
        "RHD",
        "COCO-WholeBody",
        "Halpe",
        "MPII+NZSL",
        "HO-3D",
        "H2O-3D",
        "DexYCB",
    ),
    trained_on_hint=False,
    parameters=670_409_946,
)

#: A small network with random weights, for trying things out.
TINY_RANDOM = "tiny-random"

_OFFICIAL = "_DATA/hamer_ckpts/checkpoints/hamer"

#: What has to be installed.
PACKAGES = ("torch", "timm", "smplx", "safetensors", "scipy", "cv2")


def installed_weights() -> Path | None:
    """Return the released weights in the usual places, safetensors first, None where there are none."""
    places = [
        place
        for suffix in (".safetensors", ".ckpt")
        for place in settings.candidates(f"weights/hamer{suffix}", _OFFICIAL + suffix)
    ]
    return next((place for place in places if place.is_file()), None)


def missing_weights() -> str:
    """Return what to type to get the released weights, "" if they are installed."""
    if installed_weights():
        return ""
    return f"needs its weights: hint fetch hamer (or name them with {NAME_WEIGHTS}; hamer-tiny comes with the toolkit)"


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run HaMeR and what to type, "" where nothing is."""
    return missing_packages(PACKAGES, "models") or (missing_weights() if options.weights is None else "")
