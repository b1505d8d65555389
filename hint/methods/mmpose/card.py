"""Card, presets and weights of MMPose's models; cheap to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hint import settings
from hint.methods.official_file import NAME_WEIGHTS, RANDOM
from hint.provenance import installed_version
from hint.requirements import missing_packages, pip_command, wheels_command
from hint.types import MethodCard, MethodOptions

CARD = MethodCard(
    name="mmpose",
    title="MMPose",
    summary="Top-down models of MMPose 1.3 (RTMPose, HRNet, RTMW, ...) with their own configs: box in, 21 points out.",
    paper="MMPose Contributors, OpenMMLab Pose Estimation Toolbox and Benchmark, https://github.com/open-mmlab/mmpose",
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0; the training pictures keep their own terms",
)

#: Distributions that are installed without their dependencies, and the versions the toolkit is tested with.
PARTS = {"mmpose": "1.3.2", "mmcv-lite": "2.1.0", "mmengine": "0.10.7"}

#: What they need at run time, as import names; the extra ``prelabel`` brings it.
_PACKAGES = (
    *("torch", "torchvision", "cv2", "scipy", "matplotlib"),
    *("addict", "json_tricks", "munkres", "yaml", "six", "termcolor", "yapf", "pycocotools"),
)


@dataclass(frozen=True)
class Preset:
    """A published model.

    Attributes:
        title: Name in tables.
        config: Its config, below the configs of the installed package.
        paper: Where it is described.
        training_data: What the published weights saw.
        is_vitpose: Whether the config is that of ViTPose for 17 joints, to be widened to whole bodies.
    """

    title: str
    config: str
    paper: str
    training_data: tuple[str, ...]
    is_vitpose: bool = False


#: Name of a published model, which is also what ``hint fetch`` calls its weights.
PRESETS = {
    "rtmpose-m-hand5": Preset(
        "RTMPose-m (Hand5)",
        "hand_2d_keypoint/rtmpose/hand5/rtmpose-m_8xb256-210e_hand5-256x256.py",
        "Jiang et al., RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose, arXiv 2303.07399",
        ("COCO-WholeBody-Hand", "OneHand10K", "FreiHAND", "RHD", "Halpe"),
    ),
    "hrnetv2-w18-wholebody-hand": Preset(
        "HRNetV2-W18 (COCO-WholeBody-Hand)",
        "hand_2d_keypoint/topdown_heatmap/coco_wholebody_hand/"
        "td-hm_hrnetv2-w18_8xb32-210e_coco-wholebody-hand-256x256.py",
        "Wang et al., Deep High-Resolution Representation Learning for Visual Recognition, arXiv 1908.07919",
        ("COCO-WholeBody-Hand",),
    ),
    "rtmw-x-wholebody": Preset(
        "RTMW-x (whole body)",
        "wholebody_2d_keypoint/rtmpose/cocktail14/rtmw-x_8xb320-270e_cocktail14-384x288.py",
        "Jiang et al., RTMW: Real-Time Multi-Person 2D and 3D Whole-body Pose Estimation, arXiv 2407.08634",
        # The 14 sets of its config; hands are labelled in the first three.
        (
            *("COCO-WholeBody", "Halpe", "UBody", "AI Challenger", "MPII", "JHMDB", "CrowdPose", "PoseTrack18"),
            *("Human-Art", "WFLW", "300W", "COFW", "LaPa", "InterHand2.6M"),
        ),
    ),
    "vitpose-h-wholebody": Preset(
        "ViTPose+-H (whole body)",
        "body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-huge_8xb64-210e_coco-256x192.py",
        "Xu et al., ViTPose++: Vision Transformer for Generic Body Pose Estimation, TPAMI 2023, arXiv 2212.04246",
        ("COCO", "AI Challenger", "MPII", "AP-10K", "APT-36K", "COCO-WholeBody"),
        is_vitpose=True,
    ),
}
DEFAULT_PRESET = "rtmpose-m-hand5"


def weights_path(preset: str) -> Path:
    """Return where the published weights of a model are once fetched."""
    return settings.home() / "weights" / f"{preset}.pth"


def missing_weights(preset: str) -> str:
    """Tell that the weights of a model are missing and what to type, "" where they are there."""
    if weights_path(preset).is_file():
        return ""
    return f"needs its weights: hint fetch {preset} (or name them with {NAME_WEIGHTS}; --weights {RANDOM} needs none)"


def missing_parts() -> str:
    """Tell which packages are missing, or there in another version, then ": " and what to type."""
    versions = {name: installed_version(name) for name in PARTS}
    # The full mmcv brings more operators under another name; it does as well.
    versions["mmcv-lite"] = versions["mmcv-lite"] or installed_version("mmcv")
    absent = [f"{name} {PARTS[name]}" for name, version in versions.items() if version is None]
    if absent:
        return f"needs {', '.join(absent)}: {pip_command('prelabel')}"
    if versions["mmpose"] != PARTS["mmpose"]:
        return f"needs mmpose {PARTS['mmpose']}, not {versions['mmpose']}: {wheels_command()}"
    return missing_packages(_PACKAGES, "prelabel")


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run a published model and what to type, "" where nothing is."""
    preset = "" if "config" in options.extra else options.extra.get("preset", DEFAULT_PRESET)
    needs_weights = options.weights is None and preset in PRESETS
    encoder = missing_packages(("timm",), "models") if preset in PRESETS and PRESETS[preset].is_vitpose else ""
    return missing_parts() or encoder or (missing_weights(preset) if needs_weights else "")
