"""What METRO and Mesh Graphormer are and where their files lie; cheap to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hint import settings
from hint.errors import InputError, MissingRequirementError
from hint.mano.read import installed_mano, missing_mano
from hint.methods.requirements import missing_packages
from hint.types import MethodCard

#: Settings of both: the sampled vertices, what is projected. Only Mesh Graphormer looks at neighbours.
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
    parameters=184_543_837,
)

MESH_GRAPHORMER_CARD = MethodCard(
    name="mesh-graphormer",
    title="Mesh Graphormer",
    summary="METRO with the picture's cells as tokens and graph convolutions over the mesh.",
    paper="Lin, Wang, Liu, Mesh Graphormer, ICCV 2021, arXiv 2104.00272",
    weights_licence=_LICENCE,
    training_data=("FreiHAND",),
    parameters=168_766_048,
)

_PACKAGES = ("torch", "timm", "smplx", "safetensors", "scipy", "cv2")


@dataclass(frozen=True)
class File:
    """A file the methods read.

    Attributes:
        setting: What names it on the command line.
        name: How it is called.
        folder: Where it lies below the home folder.
        asset: What to fetch.
        url: Where the official one is.
        official: Where the official repositories keep it, below the working folder.
    """

    setting: str
    name: str
    folder: str
    asset: str
    url: str
    official: tuple[str, ...]

    def installed(self) -> Path | None:
        """Return it in the usual places, None where it is in none."""
        places = settings.candidates(f"{self.folder}/{self.name}", *(f"{place}/{self.name}" for place in self.official))
        return next((place for place in places if place.is_file()), None)

    def find(self, named: str | None, method: str) -> Path:
        """Return the file that was named, or else the one in the usual places.

        Raises:
            InputError: If the named file is not there.
            MissingRequirementError: If none was named and none is found.
        """
        path = self.installed() if named is None else Path(named).expanduser()
        if path is None:
            raise MissingRequirementError(f"{method} {self.missing()}")
        if not path.is_file():
            raise InputError(f"{path}: no such file; {self.setting} takes {self.name}")
        return path

    def missing(self) -> str:
        """Say that it is missing, where to get it and where it goes."""
        place = settings.home() / self.folder / self.name
        return f"needs {self.name}: type hint fetch {self.asset}, or put {self.url} at {place}, or name it with " + (
            f"{self.setting} FILE" if self.setting.startswith("--w") else f"{self.setting}=FILE"
        )


_BLOB = "https://datarelease.blob.core.windows.net/metro/models"

METRO_WEIGHTS = File(
    "--weights",
    "metro_hand_state_dict.bin",
    "metro",
    "metro",
    f"{_BLOB}/metro_hand_state_dict.bin",
    ("models/metro_release",),
)
MESH_GRAPHORMER_WEIGHTS = File(
    "--weights",
    "graphormer_hand_state_dict.bin",
    "mesh-graphormer",
    "mesh-graphormer",
    f"{_BLOB}/graphormer_hand_state_dict.bin",
    ("models/graphormer_release",),
)
SAMPLING = File(
    f"--set {DOWNSAMPLING}",
    "mano_downsampling.npz",
    "metro",
    "metro-downsampling",
    "https://github.com/microsoft/MeshTransformer/blob/main/metro/modeling/data/mano_downsampling.npz",
    ("metro/modeling/data", "src/modeling/data"),
)


class Metro:
    """METRO in the list of methods."""

    CARD, WEIGHTS = METRO_CARD, METRO_WEIGHTS

    @classmethod
    def missing(cls) -> str:
        """Tell what is missing to run it and what to type, "" where nothing is."""
        packages = missing_packages(_PACKAGES, "models")
        absent = [file.missing() for file in (cls.WEIGHTS, SAMPLING) if file.installed() is None]
        absent += [] if installed_mano() else [missing_mano()]
        if packages or not absent:
            return packages
        return f"{'; '.join(absent)}; --weights random needs none"


class MeshGraphormer(Metro):
    """Mesh Graphormer in the list of methods."""

    CARD, WEIGHTS = MESH_GRAPHORMER_CARD, MESH_GRAPHORMER_WEIGHTS
