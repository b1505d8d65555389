"""What FrankMocap's hand module is and where its files lie; cheap to import."""

from __future__ import annotations

from hint.fetch import ASSETS
from hint.methods.official_file import OfficialFile
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

_MODULE = "extra_data/hand_module"


def _file(setting: str, names: tuple[str, ...], official: str, get: str) -> OfficialFile:
    return OfficialFile(setting, names, "frankmocap", (official,), get)


WEIGHTS = _file(
    "--weights FILE", ("pose_shape_best.pth",), f"{_MODULE}/pretrained_weights", "type hint fetch frankmocap"
)
HAND_INFO = _file("--set hand-info=FILE", ("SMPLX_HAND_INFO.pkl",), _MODULE, "type hint fetch frankmocap-hand-info")
MEAN = _file("--set mean=FILE", ("mean_mano_params.pkl",), _MODULE, "type hint fetch frankmocap-mean")
SMPLX = _file(
    "--set smplx=FILE",
    ("SMPLX_NEUTRAL.pkl", "SMPLX_NEUTRAL.npz"),
    "extra_data/smpl",
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
