"""Build models of MMPose out of their configs."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hint.errors import InputError
from hint.methods.hamer.config import VitSizes
from hint.methods.mmpose.card import PRESETS
from hint.methods.mmpose.settings import ModelSettings
from hint.methods.mmpose.shim import mmpose_apis
from hint.skeleton import N_JOINTS
from hint.types import Image

#: What the datasets of MMPose call the joints, in HInt order.
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_FINGER_JOINTS = tuple(f"{finger}{part}" for finger in _FINGERS for part in range(1, 5))
_NAMES = ("wrist", *_FINGER_JOINTS)
#: And what those of whole bodies call them, left hand first.
_NAMES_OF_BOTH = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("hand_root", *_FINGER_JOINTS))


@dataclass(frozen=True)
class BuiltModel:
    """A model of MMPose and what there is to know about it.

    Attributes:
        network: The pose estimator, with random weights.
        pipeline: Turns a picture and a box into its input.
        dataset: Keypoints of its dataset, for the pipeline.
        joints: Index of each of the 21 joints among its keypoints; of 42 where it sees both hands, the left one first.
        flip_test: Whether it looks into a mirror too.
        config_sha256: Digest of everything in the config that bears on the result.
    """

    network: Any
    pipeline: Any
    dataset: dict[str, Any]
    joints: Sequence[int]
    flip_test: bool
    config_sha256: str

    @property
    def sees_bodies(self) -> bool:
        """Whether it wants boxes of people and finds two hands each."""
        return len(self.joints) > N_JOINTS


def preset_config(name: str) -> Path:
    """Return the config of a preset in the installed package."""
    import mmpose

    return Path(mmpose.__file__).parent / ".mim" / "configs" / PRESETS[name].config


def build(settings: ModelSettings, seed: int, vit: VitSizes | None = None) -> BuiltModel:
    """Build a model with random weights; nothing is downloaded.

    Args:
        settings: Which model.
        seed: Seed of the weights; the random state of the process is left as it was.
        vit: Sizes of its encoder, where it is ViTPose.

    Raises:
        InputError: If the config cannot be used.
    """
    apis = mmpose_apis()
    path = settings.config or preset_config(settings.preset)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        try:
            config = _read(path, settings.flip_test)
            if vit is not None:
                from hint.methods.mmpose.vitpose import widen

                widen(config, vit)
            # On the CPU first, so that a seed gives the same numbers everywhere.
            network = apis.init_model(config, None, device="cpu")
        except Exception as error:  # a config is a program, so anything can happen in it
            message = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: not a config MMPose can build ({type(error).__name__}: {message})") from error
        return _described(network, config, path)


def _read(path: Path, flip_test: bool | None) -> Any:
    from mmengine.config import Config

    config = Config.fromfile(str(path))
    # MMPose has the classes itself, MMDetection is not needed for them.
    config.model.backbone.pop("_scope_", None)
    if flip_test is not None:
        config.model.test_cfg = {**(config.model.get("test_cfg") or {}), "flip_test": flip_test}
    return config


def _described(network: Any, config: Any, path: Path) -> BuiltModel:
    from mmengine.dataset import Compose

    steps = config.test_dataloader.dataset.pipeline
    test_cfg = dict(config.model.get("test_cfg") or {})
    described = {"model": config.model.to_dict(), "pipeline": [dict(step) for step in steps]}
    return BuiltModel(
        network.eval().requires_grad_(False),
        Compose(steps),
        network.dataset_meta,
        _joints(network.dataset_meta, path),
        bool(test_cfg.get("flip_test", False)),
        hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest(),
    )


def _joints(dataset: dict[str, Any], path: Path) -> Sequence[int]:
    """Return the place of each joint of HInt among the keypoints of a dataset, by their names."""
    place: dict[str, int] = dataset["keypoint_name2id"]
    for names in (_NAMES, _NAMES_OF_BOTH):
        if set(names) <= set(place):
            return [place[name] for name in names]
    raise InputError(
        f"{path}: predicts {len(place)} keypoints of {dataset.get('dataset_name', 'an unknown dataset')}, not the "
        f"{N_JOINTS} joints of one hand"
    )


def crop_input(model: BuiltModel, image: Image, box_xyxy: Sequence[float]) -> dict[str, Any]:
    """Return the input of a model for one hand.

    Args:
        model: Its pipeline enlarges the box itself, by 1.25 as a rule.
        image: (H,W,3) RGB uint8.
        box_xyxy: px.
    """
    item: dict[str, Any] = model.pipeline(
        {
            "img": image,
            "bbox": np.array([box_xyxy], np.float32),
            "bbox_score": np.ones(1, np.float32),
            **model.dataset,
        }
    )
    # The pipeline warps each channel by itself: turning the crop to BGR, which the model wants, does for the picture.
    item["inputs"] = item["inputs"].flip(0)
    return item
