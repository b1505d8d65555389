"""What can be fetched: its address, its licence, and the files to keep."""

from __future__ import annotations

from dataclasses import dataclass

from hint import settings
from hint.errors import MissingRequirementError, UnknownNameError
from hint.fetch.archive import Member


@dataclass(frozen=True)
class KnownDigest:
    """A sha256 of which all digits are known, or only the first and last.

    Attributes:
        head: First hexadecimal digits, lower case.
        tail: Last ones.
    """

    head: str
    tail: str = ""

    def fits(self, sha256: str) -> bool:
        """Tell whether a sha256 agrees with the known digits."""
        return sha256.startswith(self.head) and sha256.endswith(self.tail)

    def __str__(self) -> str:
        return self.head if len(self.head) == 64 else f"{self.head}...{self.tail}"


#: Fits any file.
UNKNOWN = KnownDigest("")


@dataclass(frozen=True)
class SingleFile:
    """A download that is kept as it is.

    Attributes:
        keep_as: Path below the home folder.
        digest: Expected sha256; unknown for files published without a checksum.
    """

    keep_as: str
    digest: KnownDigest = UNKNOWN


@dataclass(frozen=True)
class Tree:
    """A folder of many small files, unpacked from a .zip.

    Attributes:
        folder: Where it goes below the home folder, unless the user names another folder.
        suffixes: Files to keep; others are left out.
        digest: Expected sha256 of the archive.
        expected_bytes: Disk space to require before the archive is here to tell.
        max_bytes: Largest total size to unpack.
        max_files: Largest number of files to unpack.
        next_steps: What to do next, for the user; ``{folder}`` stands for the folder.
    """

    folder: str
    suffixes: tuple[str, ...]
    digest: KnownDigest
    expected_bytes: int
    max_bytes: int
    max_files: int
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wheel:
    """A few files of a Python package, which is not installed.

    Attributes:
        requirement: What pip is to download, as the user has set up pip.
        tags: The wheel to choose, so that it is the same on every machine: options of ``pip download``.
        folder: Where the files go below the home folder, unless the user names another folder.
        max_bytes: Disk space to require before the wheel is here to tell.
        members: Files to keep; only the last part of ``keep_as`` counts in another folder.
    """

    requirement: str
    tags: tuple[str, ...]
    folder: str
    max_bytes: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Asset:
    """Something the toolkit uses but cannot ship.

    An asset with a ``url`` has one of ``members``, ``tree`` and ``single``.

    Attributes:
        licence: Its terms, to be shown and accepted before ``fetch``.
        url: Address of the archive or file, "" if it must be downloaded by hand.
        archive: File name of the archive until it is unpacked.
        members: Files to keep from a .tar.gz.
        tree: The folder to unpack from a .zip.
        single: The file, if ``url`` is not an archive.
        wheel: The package that holds the files, if pip downloads it.
        by_hand: What to do if there is no address; ``{home}`` stands for the home folder.
    """

    licence: str
    url: str = ""
    archive: str = ""
    members: tuple[Member, ...] = ()
    tree: Tree | None = None
    single: SingleFile | None = None
    wheel: Wheel | None = None
    by_hand: str = ""


#: OpenMMLab names its files with the first digits of their sha256.
_OPENMMLAB = "https://download.openmmlab.com/mmpose/"
_MMPOSE_LICENCE = (
    "MMPose (OpenMMLab) and its weights are Apache-2.0. The pictures they were trained on keep their own terms, some "
    "of which are for research only: "
)

_HAMER_ARCHIVE = "https://www.cs.utexas.edu/~pavlakos/hamer/data/hamer_demo_data.tar.gz"

_FRANKMOCAP = "https://dl.fbaipublicfiles.com/eft/fairmocap_data/hand_module/"
_FRANKMOCAP_LICENCE = (
    "FrankMocap (Rong et al., ICCVW 2021; Facebook, Inc.): CC BY-NC 4.0, for non-commercial use: "
    "https://github.com/facebookresearch/frankmocap/blob/main/LICENSE. Its hand is that of SMPL-X, which has terms of "
    "its own (see hint fetch smplx). No checksum is published: later downloads are compared with the first one"
)


def _frankmocap(path: str) -> Asset:
    name = path.rpartition("/")[2]
    return Asset(licence=_FRANKMOCAP_LICENCE, url=_FRANKMOCAP + path, single=SingleFile(f"frankmocap/{name}"))


_METRO_LICENCE = (
    "METRO (CVPR 2021) and Mesh Graphormer (ICCV 2021), Lin, Wang, Liu; Microsoft: MIT; no separate terms for weights "
    "and data are stated: https://github.com/microsoft/MeshTransformer/blob/main/LICENSE. They were trained on "
    "FreiHAND, which is for research only, and predict the mesh of MANO, which is non-commercial and not included"
)


def _metro(place: str) -> Asset:
    url = f"https://datarelease.blob.core.windows.net/metro/models/{place.rpartition('/')[2]}"
    return Asset(licence=_METRO_LICENCE, url=url, single=SingleFile(place))


_WILOR = "https://huggingface.co/spaces/rolpotamias/WiLoR/resolve/main/pretrained_models/"
_WILOR_LICENCE = (
    "WiLoR (Potamias et al., CVPR 2025): code and weights are CC BY-NC-ND 4.0, for non-commercial use and not to be "
    "passed on changed: https://github.com/rolpotamias/WiLoR/blob/main/license.txt. Its detector was made with "
    "ultralytics (AGPL-3.0); the other file holds arrays of the MANO hand model, which is non-commercial. No checksum "
    "is published: later downloads are compared with the first one"
)


def _wilor(name: str) -> Asset:
    return Asset(licence=_WILOR_LICENCE, url=_WILOR + name, single=SingleFile(f"wilor/{name}"))


_ANYHAND = "https://huggingface.co/chen-si-02/AnyHand-Models/resolve/main/"
_ANYHAND_LICENCE = (
    "AnyHand (Si et al., 2026): its README says that the weights are CC BY-NC-ND; the file LICENSE beside it is CC0: "
    "https://github.com/chen-si-cs/AnyHand. The file holds arrays of the MANO hand model, which is non-commercial. No "
    "checksum is published: later downloads are compared with the first one"
)


def _anyhand(name: str) -> Asset:
    return Asset(licence=_ANYHAND_LICENCE, url=_ANYHAND + name, single=SingleFile(f"anyhand/{name}"))


_HAWOR_LICENCE = (
    "HaWoR (Zhang et al., CVPR 2025): code and weights are CC BY-NC-ND 4.0, for non-commercial use and not to be "
    "passed on changed: https://github.com/ThunderVVV/HaWoR/blob/main/license.txt. The file holds arrays of the MANO "
    "hand model, which is non-commercial"
)

#: Releases after 0.10.21 carry no networks.
MEDIAPIPE = Wheel(
    requirement="mediapipe==0.10.21",
    tags=("--platform", "manylinux_2_28_x86_64", "--implementation", "cp", "--python-version", "3.12"),
    folder="mediapipe",
    max_bytes=100_000_000,
    members=(
        Member(
            "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
            "mediapipe/hand_landmark_full.tflite",
            max_bytes=6_000_000,
            sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        ),
        Member(
            "mediapipe/modules/palm_detection/palm_detection_full.tflite",
            "mediapipe/palm_detection_full.tflite",
            max_bytes=3_000_000,
            sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        ),
    ),
)

ASSETS: dict[str, Asset] = {
    "mediapipe": Asset(
        licence=(
            "MediaPipe Hands (Zhang et al., 2020; Google): code and networks are Apache-2.0: "
            "https://github.com/google-ai-edge/mediapipe/blob/master/LICENSE. Two files are kept of the package "
            f"{MEDIAPIPE.requirement}, which pip downloads as you have set it up; the package is not installed"
        ),
        wheel=MEDIAPIPE,
    ),
    # More than half of the 6 GB archive is the body-pose network of vitpose-h-wholebody.
    "hamer": Asset(
        licence=(
            "HaMeR (Pavlakos et al., CVPR 2024): the code is MIT. The weights come without terms of their own; the "
            "checkpoint holds arrays of the MANO hand model, whose licence allows non-commercial research and forbids "
            "passing them on: https://mano.is.tue.mpg.de/license.html"
        ),
        url=_HAMER_ARCHIVE,
        archive="hamer_demo_data.tar.gz",
        members=(
            Member(
                "_DATA/hamer_ckpts/checkpoints/hamer.ckpt",
                "weights/hamer.ckpt",
                max_bytes=2_700_000_000,
                sha256="e5cc06f294d88a92dee24e603480aab04de532b49f0e08200804ee7d90e16f53",
            ),
            # No digest: published copies differ in the two MANO paths written inside.
            Member("_DATA/hamer_ckpts/model_config.yaml", "weights/hamer_model_config.yaml", max_bytes=100_000),
            Member(
                "_DATA/data/mano_mean_params.npz",
                "weights/mano_mean_params.npz",
                max_bytes=100_000,
                sha256="efc0ec58e4a5cef78f3abfb4e8f91623b8950be9eff8b8e0dbb0d036ebc63988",
            ),
        ),
    ),
    "hint": Asset(
        licence=(
            "HInt (Pavlakos et al., CVPR 2024): the annotations are MIT (https://github.com/ddshan/hint). The pictures "
            "keep the terms of their sources: New Days frames come from Hands23 "
            "(https://fouheylab.eecs.umich.edu/~dandans/projects/hands23/), EPIC-KITCHENS VISOR frames are CC BY-NC "
            "4.0, for non-commercial use (https://epic-kitchens.github.io/VISOR/). Ego4D frames are not included and "
            "need an Ego4D licence (https://ego4ddataset.com)"
        ),
        url="https://fouheylab.eecs.umich.edu/~dandans/projects/hamer/HInt_annotation_partial.zip",
        archive="HInt_annotation_partial.zip",
        tree=Tree(
            folder="data/HInt_annotation",
            suffixes=(".jpg", ".json"),
            # Recorded by a third party in 2026; no checksum is published. These 12 of 64 digits reveal any damage and
            # any other release. Against deliberate forgery they are 48 bits, so the whole digest is shown after a
            # fetch, and one from a better source can be given instead.
            digest=KnownDigest("ac42d9f8", "c7fe"),
            expected_bytes=4_000_000_000,
            max_bytes=12_000_000_000,
            max_files=200_000,
            next_steps=(
                "check it with `hint prepare verify {folder}`",
                "add the Ego4D frames with `hint prepare ego4d --hint {folder} --clips DIR`",
            ),
        ),
    ),
    "wilor": _wilor("wilor_final.ckpt"),
    "wilor-detector": _wilor("detector.pt"),
    "anyhand-hamer": _anyhand("anyhand_hamer.ckpt"),
    "anyhand-wilor": _anyhand("anyhand_wilor.ckpt"),
    # The sha256 is the one by which the file is stored there.
    "hawor": Asset(
        licence=_HAWOR_LICENCE,
        url="https://huggingface.co/ThunderVVV/HaWoR/resolve/main/hawor/checkpoints/hawor.ckpt",
        single=SingleFile(
            "hawor/hawor.ckpt", KnownDigest("4d1cc43853c190d6f2c10d9b6295c73109f0faf9ef41ac817a2b31d94b4823f2")
        ),
    ),
    "rtmpose-m-hand5": Asset(
        licence=_MMPOSE_LICENCE + "COCO-WholeBody, OneHand10K, FreiHAND, RHD, Halpe",
        url=(f"{_OPENMMLAB}v1/projects/rtmposev1/rtmpose-m_simcc-hand5_pt-aic-coco_210e-256x256-74fb594_20230320.pth"),
        single=SingleFile("weights/rtmpose-m-hand5.pth", KnownDigest("74fb594")),
    ),
    "hrnetv2-w18-wholebody-hand": Asset(
        licence=_MMPOSE_LICENCE + "COCO-WholeBody",
        url=f"{_OPENMMLAB}hand/hrnetv2/hrnetv2_w18_coco_wholebody_hand_256x256-1c028db7_20210908.pth",
        single=SingleFile("weights/hrnetv2-w18-wholebody-hand.pth", KnownDigest("1c028db7")),
    ),
    "rtmw-x-wholebody": Asset(
        licence=_MMPOSE_LICENCE + "COCO-WholeBody, Halpe, UBody, InterHand2.6M and ten others",
        url=f"{_OPENMMLAB}v1/projects/rtmw/rtmw-x_simcc-cocktail14_pt-ucoco_270e-384x288-f840f204_20231122.pth",
        single=SingleFile("weights/rtmw-x-wholebody.pth", KnownDigest("f840f204")),
    ),
    "vitpose-h-wholebody": Asset(
        licence=(
            "ViTPose (Xu et al., NeurIPS 2022 and TPAMI 2023): code and weights are Apache-2.0: "
            "https://github.com/ViTAE-Transformer/ViTPose/blob/main/LICENSE. The pictures they were trained on keep "
            "their own terms. The file is taken from the archive of HaMeR's demonstration; no checksum is published"
        ),
        url=_HAMER_ARCHIVE,
        archive="hamer_demo_data.tar.gz",
        members=(
            Member(
                "_DATA/vitpose_ckpts/vitpose+_huge/wholebody.pth",
                "weights/vitpose-h-wholebody.pth",
                max_bytes=3_900_000_000,
            ),
        ),
    ),
    "frankmocap": _frankmocap("checkpoints_best/pose_shape_best.pth"),
    "frankmocap-hand-info": _frankmocap("SMPLX_HAND_INFO.pkl"),
    "frankmocap-mean": _frankmocap("mean_mano_params.pkl"),
    "smplx": Asset(
        licence="SMPL-X: non-commercial research only, no redistribution: https://smpl-x.is.tue.mpg.de/license.html",
        by_hand=(
            "SMPL-X cannot be downloaded automatically: register at https://smpl-x.is.tue.mpg.de, accept its licence, "
            "download the models and put SMPLX_NEUTRAL.pkl (or SMPLX_NEUTRAL.npz) into {home}/frankmocap/"
        ),
    ),
    "handoccnet": Asset(
        licence="HandOccNet (Park et al., CVPR 2022): no licence is stated; the file embeds MANO arrays",
        by_hand=(
            "HandOccNet cannot be downloaded automatically: download snapshot_demo.pth.tar from "
            "https://drive.google.com/drive/folders/1OlyV-qbzOmtQYdzV6dbQX4OtAU5ajBOa and put it into "
            "{home}/handoccnet/"
        ),
    ),
    # No checksum of the weights is published; that of the small file belongs to the pinned commit in its address.
    "metro": _metro("metro/metro_hand_state_dict.bin"),
    "mesh-graphormer": _metro("mesh-graphormer/graphormer_hand_state_dict.bin"),
    "metro-downsampling": Asset(
        licence=_METRO_LICENCE,
        url=(
            "https://raw.githubusercontent.com/microsoft/MeshTransformer/cefc4af50ca0fa4f58e677ad1836ed09a64b4d9a/"
            "metro/modeling/data/mano_downsampling.npz"
        ),
        single=SingleFile(
            "metro/mano_downsampling.npz",
            KnownDigest("db2b23b0ede7c34039f1d8960e2e839552e0f58d4b34a8612b4065d8a47f9c80"),
        ),
    ),
    "mano": Asset(
        licence="MANO: non-commercial research only, no redistribution: https://mano.is.tue.mpg.de/license.html",
        by_hand=(
            "MANO cannot be downloaded automatically: register at https://mano.is.tue.mpg.de, accept its licence, "
            "download the models (mano_v1_2.zip) and put its MANO_RIGHT.pkl into {home}/mano/"
        ),
    ),
}


def asset(name: str) -> Asset:
    """Look up an asset by name.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be downloaded by hand; the message says how.
    """
    if name not in ASSETS:
        raise UnknownNameError("download", name, ASSETS)
    found = ASSETS[name]
    if not found.url and found.wheel is None:
        raise MissingRequirementError(found.by_hand.format(home=settings.home()))
    return found
