"""Cards and files of METRO and Mesh Graphormer; cheap to import."""

from __future__ import annotations

from hint.mano.read import installed_mano, missing_mano
from hint.methods.official_file import WEIGHTS, OfficialFile, missing_files
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

#: Settings of both: the sampled vertices, what is projected. Only Mesh Graphormer uses neighbours.
DOWNSAMPLING, PROJECTION, ADJACENCY = "downsampling", "projection", "adjacency"

_LICENCE = "MIT, that of the official repository, which names no others; MANO, which both need, is non-commercial"

METRO_CARD = MethodCard(
    name="metro",
    title="METRO",
    summary="HRNet and three transformer blocks that regress the vertices of a right hand from one crop.",
    paper=(
        "Lin, Wang, Liu, End-to-End Human Pose and Mesh Reconstruction with Transformers, CVPR 2021, arXiv 2012.09760"
    ),
    weights_licence=_LICENCE,
    training_data=("FreiHAND",),
    trained_on_hint=False,
    parameters=184_543_837,
)

MESH_GRAPHORMER_CARD = MethodCard(
    name="mesh-graphormer",
    title="Mesh Graphormer",
    summary="METRO with the picture's cells as tokens and graph convolutions over the mesh.",
    paper="Lin, Wang, Liu, Mesh Graphormer, ICCV 2021, arXiv 2104.00272",
    weights_licence=_LICENCE,
    training_data=("FreiHAND",),
    trained_on_hint=False,
    parameters=168_766_048,
)

_PACKAGES = ("torch", "timm", "smplx", "safetensors", "scipy", "cv2")

_BLOB = "https://datarelease.blob.core.windows.net/metro/models"
_REPOSITORY = "https://github.com/microsoft/MeshTransformer/blob/main/metro/modeling/data"


def _file(option: str, name: str, place: str, official: tuple[str, ...], asset: str, url: str) -> OfficialFile:
    get = f"hint fetch {asset}, or put {url}/{name} into {{home}}/{place}"
    return OfficialFile(option, (name,), place, official, get)


METRO_WEIGHTS = _file(WEIGHTS, "metro_hand_state_dict.bin", "metro", ("models/metro_release",), "metro", _BLOB)
MESH_GRAPHORMER_WEIGHTS = _file(
    WEIGHTS,
    "graphormer_hand_state_dict.bin",
    "mesh-graphormer",
    ("models/graphormer_release",),
    "mesh-graphormer",
    _BLOB,
)
SAMPLING = _file(
    DOWNSAMPLING,
    "mano_downsampling.npz",
    "metro",
    ("metro/modeling/data", "src/modeling/data"),
    "metro-downsampling",
    _REPOSITORY,
)


class Metro:
    """METRO in the list of methods."""

    CARD, FILES = METRO_CARD, (METRO_WEIGHTS, SAMPLING)

    @classmethod
    def missing(cls, options: MethodOptions) -> str:
        """Tell what is missing to run it and what to type, "" where nothing is."""
        has_mano = options.mano is not None or installed_mano() is not None
        mano = "" if has_mano else missing_mano()
        return missing_packages(_PACKAGES, "models") or missing_files(cls.FILES, options, mano)


class MeshGraphormer(Metro):
    """Mesh Graphormer in the list of methods."""

    CARD, FILES = MESH_GRAPHORMER_CARD, (MESH_GRAPHORMER_WEIGHTS, SAMPLING)
