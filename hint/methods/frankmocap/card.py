"""Card and files of FrankMocap's hand module; cheap to import."""

from __future__ import annotations

from hint.fetch import ASSETS
from hint.methods import official_file
from hint.methods.official_file import OfficialFile, missing_files
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

CARD = MethodCard(
    name="frankmocap",
    title="FrankMocap (hand)",
    summary="ResNet-50 that regresses the right hand of SMPL-X in three steps from one crop.",
    paper="Rong et al., FrankMocap: A Monocular 3D Whole-Body Pose Estimation System, ICCVW 2021, arXiv 2108.06428",
    weights_licence="CC BY-NC 4.0, that of the official repository; needs SMPL-X, which is non-commercial",
    # As its first author lists them, https://github.com/facebookresearch/frankmocap/issues/35.
    training_data=("FreiHAND", "HO-3D", "MTC", "STB", "RHD"),
    trained_on_hint=False,
    parameters=26_722_054,
)

_MODULE = "extra_data/hand_module"


def _file(option: str, names: tuple[str, ...], official: str, get: str) -> OfficialFile:
    return OfficialFile(option, names, "frankmocap", (official,), get)


WEIGHTS = _file(
    official_file.WEIGHTS, ("pose_shape_best.pth",), f"{_MODULE}/pretrained_weights", "hint fetch frankmocap"
)
HAND_INFO = _file("hand-info", ("SMPLX_HAND_INFO.pkl",), _MODULE, "hint fetch frankmocap-hand-info")
MEAN = _file("mean", ("mean_mano_params.pkl",), _MODULE, "hint fetch frankmocap-mean")
SMPLX = _file(
    "smplx",
    ("SMPLX_NEUTRAL.pkl", "SMPLX_NEUTRAL.npz"),
    "extra_data/smpl",
    ASSETS["smplx"].by_hand.partition(": ")[2],
)
FILES = (WEIGHTS, HAND_INFO, MEAN, SMPLX)

_PACKAGES = ("torch", "timm", "smplx", "safetensors", "cv2")


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run FrankMocap and what to type, "" where nothing is."""
    return missing_packages(_PACKAGES, "models") or missing_files(FILES, options)
