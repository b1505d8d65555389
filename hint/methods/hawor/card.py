"""HaWoR's card and file; cheap to import."""

from __future__ import annotations

from hint.methods import official_file
from hint.methods.hamer.card import PACKAGES
from hint.methods.official_file import OfficialFile, missing_files
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

CARD = MethodCard(
    name="hawor",
    title="HaWoR (single pictures)",
    summary="HaMeR's network with attention over the frames of a video, shown one picture as 16 equal frames.",
    paper=(
        "Zhang et al., HaWoR: World-Space Hand Motion Reconstruction from Egocentric Videos, CVPR 2025, "
        "arXiv 2501.02973"
    ),
    weights_licence="CC BY-NC-ND 4.0; the file embeds MANO arrays, which are non-commercial",
    # MULTI_SET of the model_config.yaml beside the weights; what its encoder was trained on before is not stated.
    training_data=("HOT3D", "ARCTIC", "DexYCB", "HO-3D"),
    parameters=692_700_365,
)

WEIGHTS = OfficialFile(
    official_file.WEIGHTS,
    ("hawor.ckpt",),
    "hawor",
    ("weights/hawor/checkpoints",),
    "hint fetch hawor",
)
FILES = (WEIGHTS,)


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run HaWoR and what to type, "" where nothing is."""
    return missing_packages(PACKAGES, "models") or missing_files(FILES, options)
