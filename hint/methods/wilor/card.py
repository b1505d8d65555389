"""WiLoR's card and file; cheap to import."""

from __future__ import annotations

from hint.methods import official_file
from hint.methods.hamer.card import CARD as HAMER
from hint.methods.hamer.card import PACKAGES
from hint.methods.official_file import OfficialFile, missing_files
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

CARD = MethodCard(
    name="wilor",
    title="WiLoR",
    summary="HaMeR's ViT-H with tokens for pose, shape and camera, refined by what it saw under the mesh.",
    paper=(
        "Potamias et al., WiLoR: End-to-end 3D Hand Localization and Reconstruction in-the-wild, CVPR 2025, "
        "arXiv 2409.12259"
    ),
    weights_licence="CC BY-NC-ND 4.0; the file embeds MANO arrays, which are non-commercial",
    # pretrained_models/model_config.yaml of the official repository.
    training_data=(*HAMER.training_data, "BEDLAM", "Re:InterHand", "HOT3D", "ARCTIC"),
    trained_on_hint=False,
    parameters=639_280_664,
)

WEIGHTS = OfficialFile(
    official_file.WEIGHTS,
    ("wilor_final.ckpt",),
    "wilor",
    ("pretrained_models",),
    "hint fetch wilor",
)
FILES = (WEIGHTS,)


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run WiLoR and what to type, "" where nothing is."""
    return missing_packages(PACKAGES, "models") or missing_files(FILES, options)
