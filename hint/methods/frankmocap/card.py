"""What FrankMocap's hand module is and where its files lie; cheap to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hint import settings
from hint.errors import InputError, MissingRequirementError
from hint.fetch import ASSETS
from hint.methods.requirements import missing_packages
from hint.types import MethodCard

CARD = MethodCard(
    name="frankmocap",
    title="FrankMocap (hand)",
    summary="ResNet-50 that regresses the right hand of SMPL-X in three steps from one crop.",
    paper="Rong et al., FrankMocap: A Monocular 3D Whole-Body Pose Estimation System, ICCVW 2021, arXiv 2108.06428",
    weights_licence="CC BY-NC 4.0, that of the official repository; needs SMPL-X, which is non-commercial",
    # As its first author lists them, https://github.com/facebookresearch/frankmocap/issues/35.
    training_data=("FreiHAND", "HO-3D", "MTC", "STB", "RHD"),
    parameters=26_722_054,
)


@dataclass(frozen=True)
class File:
    """A file the method reads.

    Attributes:
        setting: What names it on the command line.
        names: How it is called, the usual one first.
        folder: Where the official repository keeps it, below the working folder.
        get: How to get it.
    """

    setting: str
    names: tuple[str, ...]
    folder: str
    get: str

    def places(self) -> list[Path]:
        """Return where it may lie, best first."""
        return [place for name in self.names for place in settings.candidates(f"frankmocap/{name}", self.folder + name)]

    def installed(self) -> Path | None:
        """Return it in the usual places, None where it is in none."""
        return next((place for place in self.places() if place.is_file()), None)

    def find(self, named: str | None) -> Path:
        """Return the file that was named, or else the one in the usual places.

        Raises:
            InputError: If the named file is not there.
            MissingRequirementError: If none was named and none is found.
        """
        path = self.installed() if named is None else Path(named).expanduser()
        if path is None:
            raise MissingRequirementError(f"frankmocap {self.missing()}")
        if not path.is_file():
            raise InputError(f"{path}: no such file; {self.setting} is {self.names[0]}")
        return path

    def missing(self) -> str:
        """Say that it is missing, where to get it and where it goes."""
        return f"needs {self.names[0]}: {self.get.format(home=settings.home())} (or name it with {self.setting})"


_MODULE = "extra_data/hand_module/"

WEIGHTS = File("--weights", ("pose_shape_best.pth",), f"{_MODULE}pretrained_weights/", "type hint fetch frankmocap")
HAND_INFO = File("--set hand-info=FILE", ("SMPLX_HAND_INFO.pkl",), _MODULE, "type hint fetch frankmocap-hand-info")
MEAN = File("--set mean=FILE", ("mean_mano_params.pkl",), _MODULE, "type hint fetch frankmocap-mean")
SMPLX = File(
    "--set smplx=FILE",
    ("SMPLX_NEUTRAL.pkl", "SMPLX_NEUTRAL.npz"),
    "extra_data/smpl/",
    ASSETS["smplx"].by_hand.partition(": ")[2],
)
FILES = (WEIGHTS, HAND_INFO, MEAN, SMPLX)

_PACKAGES = ("torch", "timm", "smplx", "safetensors", "cv2")


def missing() -> str:
    """Tell what is missing to run FrankMocap and what to type, "" where nothing is."""
    packages = missing_packages(_PACKAGES, "models")
    absent = [file for file in FILES if file.installed() is None]
    if packages or not absent:
        return packages
    others = f"; then {', '.join(file.names[0] for file in absent[1:])}" if absent[1:] else ""
    return f"{absent[0].missing()}{others}; --weights random needs none"
