"""MMPose as a method: a picture and a box in, 21 keypoints with scores out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hint.errors import InputError, MissingRequirementError
from hint.file_hash import file_sha256
from hint.files.path import as_path
from hint.methods.device import Portions, choose_device, device_name, float32_math
from hint.methods.hamer.config import VitSizes
from hint.methods.mmpose.card import CARD, PARTS, PRESETS, missing_parts, missing_weights, weights_path
from hint.methods.mmpose.checkpoint import load_state, read_state
from hint.methods.mmpose.model import BuiltModel, build, crop_input
from hint.methods.mmpose.settings import ModelSettings, read_settings
from hint.methods.official_file import RANDOM
from hint.methods.setup import setup_line
from hint.types import Float, Hand, Image, MethodCard, MethodOptions, Predictions

#: More crops than this exceed the caches of a CPU and take longer each.
_AT_ONCE_ON_CPU = 8


class MMPoseMethod:
    """A top-down hand model of MMPose with its weights loaded.

    Hands of many pictures go through the network together. Left and right hands are treated alike, and boxes
    are passed on unchanged.

    Args:
        model: The model.
        device: Where to compute.
        card: Its description.
        identity: What identifies the weights.
    """

    __repr__ = setup_line

    def __init__(self, model: BuiltModel, device: torch.device, card: MethodCard, identity: dict[str, Any]) -> None:
        self.card = card
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            **identity,
            "config_sha256": model.config_sha256,
            "flip_test": model.flip_test,
            "mmpose": PARTS["mmpose"],
        }
        self.device = device_name(device)
        self._model = model
        self._on_cpu, self._portions = device.type == "cpu", Portions(device)
        # In another layout, convolutions convert every input and back.
        self._network = model.network.to(device, memory_format=torch.channels_last)

    @classmethod
    def create(cls, options: MethodOptions) -> MMPoseMethod:
        """Load a model.

        Args:
            options: ``extra`` may hold preset, config, flip-test and persons.

        Raises:
            MissingRequirementError: If packages, weights or the requested GPU are missing.
            InputError: If weights, config or a setting cannot be used.
        """
        settings = read_settings(options)
        if lacking := missing_parts() or _missing_weights(settings, options):
            raise MissingRequirementError(f"mmpose {lacking}")
        device = choose_device(options.device)
        if options.weights == RANDOM:
            model = build(settings, options.seed, VitSizes.tiny() if _is_vitpose(settings) else None)
            identity: dict[str, Any] = {"weights": RANDOM, "seed": options.seed}
        else:
            path = weights_path(settings.preset) if options.weights is None else as_path(options.weights)
            model = _from_file(settings, path)
            identity = {"weights_sha256": file_sha256(path)}
        return _made(settings, (model, device, _card(settings, model, options), identity))

    def prepare(self, hand: Hand, image: Image | None) -> Any:
        """Cut the crop of a hand, and note how to get back from it."""
        if image is None:
            raise InputError(f"{hand.hand_id}: MMPose needs a picture")
        return crop_input(self._model, image, hand.box_xyxy)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Predict a batch; scores are clipped to [0, 1], not calibrated probabilities."""
        keypoints, raw = self.run(prepared)
        return Predictions(np.array([hand.hand_id for hand in hands], np.str_), keypoints, score=np.clip(raw, 0, 1))

    @torch.inference_mode()
    def run(self, prepared: Sequence[dict[str, Any]]) -> tuple[Float, Float]:
        """Return keypoints (N,21,2), px, and raw scores (N,21) for prepared crops.

        Raises:
            InputError: If the memory of the GPU does not suffice for one.
        """
        parts = math.ceil(len(prepared) / _AT_ONCE_ON_CPU) if self._on_cpu else 1
        found: list[tuple[Float, Float]] = []
        for rows in np.array_split(np.arange(len(prepared)), parts):
            found += self._portions.compute(self._forward, [prepared[k] for k in rows])
        keypoints, scores = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return keypoints, scores

    def _forward(self, prepared: Sequence[dict[str, Any]]) -> tuple[Float, Float]:
        # A batch of one takes another code path and differs from larger ones in the last digits.
        pair = [*prepared, *prepared] if len(prepared) == 1 else prepared
        batch = {
            "inputs": [item["inputs"] for item in pair],
            # The model writes its output into them.
            "data_samples": [item["data_samples"].clone() for item in pair],
        }
        with float32_math("fp32"):
            found = [sample.pred_instances for sample in self._network.test_step(batch)][: len(prepared)]
        joints = list(self._model.joints)
        keypoints = np.concatenate([instance.keypoints for instance in found])[:, joints, :2]
        scores = np.concatenate([instance.keypoint_scores for instance in found])[:, joints]
        return keypoints.astype(np.float32), scores.astype(np.float32)


def _from_file(settings: ModelSettings, path: Path) -> BuiltModel:
    state = read_state(path)
    if not _is_vitpose(settings):
        model = build(settings, seed=0)
    else:
        from hint.methods.mmpose.vitpose import own_weights

        state = own_weights(state)
        shapes = {key: tuple(value.shape) for key, value in state.items()}
        model = build(settings, 0, VitSizes.from_weights(shapes, path, "ViTPose"))
    load_state(model.network, state, path)
    return model


def _is_vitpose(settings: ModelSettings) -> bool:
    return settings.preset in PRESETS and PRESETS[settings.preset].is_vitpose


def _made(settings: ModelSettings, parts: tuple[BuiltModel, torch.device, MethodCard, dict[str, Any]]) -> MMPoseMethod:
    """Return the method for what the model sees: a hand, or a body with two."""
    from hint.methods.mmpose.whole_body import WholeBodyMethod

    if parts[0].sees_bodies:
        method = WholeBodyMethod(*parts)
        if settings.persons is not None:
            method.look_at(settings.persons)
        return method
    if settings.persons is not None:
        raise InputError(f"{parts[2].title} looks at hands; leave out --set persons={settings.persons}")
    return MMPoseMethod(*parts)


def _missing_weights(settings: ModelSettings, options: MethodOptions) -> str:
    return missing_weights(settings.preset) if options.weights is None else ""


def _card(settings: ModelSettings, model: BuiltModel, options: MethodOptions) -> MethodCard:
    parameters = sum(p.numel() for p in model.network.parameters())
    card = replace(CARD, parameters=parameters)
    if preset := PRESETS.get(settings.preset):
        card = replace(
            card, title=preset.title, paper=preset.paper, training_data=preset.training_data, trained_on_hint=False
        )
    else:
        card = replace(card, title=f"MMPose {settings.config.stem if settings.config else ''}")
    if options.weights == RANDOM:
        return replace(card, weights_licence="", training_data=(), trained_on_hint=False, note="random weights")
    if options.weights is not None:
        return replace(
            card,
            weights_licence="unknown",
            training_data=(),
            trained_on_hint=None,
            note=f"weights {Path(options.weights).name}",
        )
    return card
