"""Presets: named files with everything a training depends on, except the data folder and the machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hint.crop import CROP_SIZE
from hint.errors import InputError, UnknownNameError, first_problem, without_url_secrets
from hint.files.named_toml import NamedToml, parse_value
from hint.methods.hamer.config import RELEASED_BOX_FACTOR, VIT, HamerConfig
from hint.training.augmentation import Augmentation
from hint.training.filters import Filters
from hint.training.losses import LossWeights
from hint.training.sources import SETS

_FILES = NamedToml("preset", "hint.training", "presets")

_Positive = Annotated[int, Field(ge=1)]
_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkSizes(_Strict):
    """Sizes of the network, by default the released ones; backbones other than the ViT need only a name."""

    backbone: str = VIT
    width: _Positive = 1280
    depth: _Positive = 32
    heads: _Positive = 16
    mlp_width: _Positive = 5120
    decoder_width: _Positive = 1024
    decoder_depth: _Positive = 6
    decoder_heads: _Positive = 8
    decoder_head_width: _Positive = 64
    decoder_mlp_width: _Positive = 1024
    box_factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = RELEASED_BOX_FACTOR

    def config(self, crop_size: int) -> HamerConfig:
        """Return the network's configuration.

        Raises:
            InputError: If timm has no such backbone.
        """
        sizes = self.model_dump() | {"crop_size": crop_size}
        if self.backbone != VIT:
            from hint.methods.hamer.convolutional import backbone_width

            sizes |= {"width": backbone_width(self.backbone), "depth": 0, "heads": 0, "mlp_width": 0}
        return HamerConfig(**sizes)


class DatasetRule(_Strict):
    """A source of hands.

    Attributes:
        weight: Share of the mixture, relative to the other weights.
        kind: "tars" in the official layout, or "labels": HInt pairs or any other format of labels.
        path: Path in the data folder; by default that of the release, or a folder of the source's name.
        hands: Expected number of hands, 0 if unknown.
        subsets: Subsets of labels to use; empty for all.
        box_factor: Factor on the boxes before cropping: 1 for the released tars, whose boxes are padded, 2 for tight
            boxes, as in HaMeR's evaluation.
    """

    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    kind: Literal["tars", "labels"] = "tars"
    path: str = ""
    hands: _Count = 0
    subsets: tuple[str, ...] = ()
    box_factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class Optimiser(_Strict):
    """AdamW of the network and the discriminator, learning-rate schedule, clipping and averaging.

    Attributes:
        learning_rate: Highest learning rate.
        weight_decay: Weight decay of AdamW.
        schedule: "constant"; "cosine" down to ``final`` of it; "one-cycle": up for 30 % of the steps, then down.
        warmup: Steps of linear warm-up.
        final: Share of the rate at the end of a cosine or one-cycle schedule.
        clip: Largest norm of the network's gradient, 0 for no clipping.
        ema: Decay of the weight average per step, 0 for no average.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    warmup: _Count = 0
    final: _Share = 0.0
    clip: Annotated[float, Field(ge=0)] = 0.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Preset(_Strict):
    """Everything that decides what a training learns.

    Attributes:
        id: Name.
        title: Display name.
        steps: Optimiser steps.
        batch_size: Hands per step, over all processes.
        sum_over: Number of hands the released losses are summed over: the batch of one GPU; at most ``batch_size``.
        accumulate: Number of parts in which a process computes its share of a batch.
        gradient_checkpointing: Keep less for the backward pass of the ViT and compute it again there; the same weights.
        spread: Spread weights, gradients and averages over the processes (FSDP): less memory, more exchanged.
        compile: Compile the backbone with ``torch.compile``; slower to begin, faster then.
        crop_size: Side of the crops, px; a multiple of 32.
        precision: "fp32", "bf16", or "fp16" with scaled losses.
        augment_on: Where crops are cut: "worker", or "device" for a whole batch at once.
        drop_path: Stochastic depth of the last ViT block; earlier ones have less.
        mano: Hand model, "" for the installed MANO.
        mocap: File of real hands for the discriminator in the data folder, "" for random plausible ones.
        expects: Weights the backbone should start from, and what to type for them; "" where random ones are meant.
        network: Sizes of the network.
        optimiser: Optimiser and schedule.
        losses: Factors of the losses.
        augmentation: Random augmentation of crops.
        filters: Selection of hands.
        datasets: Name -> source.
    """

    id: str
    title: str
    steps: _Positive
    batch_size: _Positive
    sum_over: _Positive
    accumulate: _Positive = 1
    gradient_checkpointing: bool = False
    spread: bool = False
    compile: bool = False
    crop_size: Annotated[int, Field(ge=32, multiple_of=32)] = CROP_SIZE
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    augment_on: Literal["worker", "device"] = "worker"
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mano: str = ""
    mocap: str = ""
    expects: str = ""
    network: NetworkSizes = NetworkSizes()
    optimiser: Optimiser = Optimiser()
    losses: LossWeights = LossWeights()
    augmentation: Augmentation = Augmentation()
    filters: Filters = Filters()
    datasets: Annotated[dict[str, DatasetRule], Field(min_length=1)]

    @field_validator("augmentation", "filters", mode="before")
    @classmethod
    def _known_keys(cls, value: Any, info: Any) -> Any:
        kind = {"augmentation": Augmentation, "filters": Filters}[info.field_name]
        known = {f.name for f in fields(kind)}
        if isinstance(value, dict) and (strangers := sorted(set(value) - known)):
            raise ValueError(f"no key is called {' or '.join(strangers)}; known keys: {', '.join(sorted(known))}")
        return value

    @field_validator("datasets")
    @classmethod
    def _expected(cls, value: dict[str, DatasetRule]) -> dict[str, DatasetRule]:
        """Fill in the numbers of hands of the released sets."""
        known = {name: SETS[name].samples for name in value if name in SETS}
        return {
            name: rule.model_copy(update={"hands": rule.hands or known.get(name, 0)}) for name, rule in value.items()
        }

    @model_validator(mode="after")
    def _consistent(self) -> Preset:
        if self.sum_over > self.batch_size:
            raise ValueError(
                f"losses are summed over {self.sum_over} hands of a batch of only {self.batch_size}; add --set "
                f"sum_over={self.batch_size}, or enlarge --batch-size"
            )
        if self.gradient_checkpointing and self.network.backbone != VIT:
            raise ValueError("gradient_checkpointing is for the ViT; batch norm would count every hand twice")
        if self.spread and (self.network.backbone != VIT or self.precision == "fp16" or self.compile):
            raise ValueError("spread is for the ViT in fp32 or bf16, without compile")
        return self

    @property
    def config(self) -> HamerConfig:
        """The network's configuration."""
        return self.network.config(self.crop_size)

    def public(self) -> Preset:
        """Return the preset as it is kept beside weights: no logins and keys in addresses."""
        rules = {
            name: rule.model_copy(update={"path": without_url_secrets(rule.path)})
            for name, rule in self.datasets.items()
        }
        return self.model_copy(update={"datasets": rules})

    def as_json(self) -> str:
        """Return the preset as JSON, for records and comparisons."""
        return json.dumps(self.model_dump(mode="json"))


def list_presets() -> list[str]:
    """Return the names of the presets that come with the toolkit."""
    return _FILES.names()


def load_preset(name: str | Path | Preset, changes: Iterable[tuple[str, Any]] = ()) -> Preset:
    """Read a preset, or change one.

    Args:
        name: A name of :func:`list_presets`, the path of a ``.toml``, or a preset.
        changes: Dotted key and value, texts being read as TOML, such as ("optimiser.learning_rate", "1e-4").

    Raises:
        UnknownNameError: If there is no such preset or setting.
        InputError: If the file is not a preset, or a value is invalid.
    """
    table = name.model_dump() if isinstance(name, Preset) else _FILES.load(str(name))[0]
    for key, value in changes:
        _set(table, key, parse_value(value) if isinstance(value, str) else value)
    try:
        return Preset.model_validate(table)
    except ValidationError as error:
        raise InputError(f"preset {name.id if isinstance(name, Preset) else name}: {first_problem(error)}") from error


def _set(table: dict[str, Any], key: str, value: Any) -> None:
    """Change one entry; unknown keys are refused here to suggest similar ones."""
    *groups, last = key.split(".")
    if not groups and last not in Preset.model_fields:
        raise UnknownNameError("setting", key, Preset.model_fields)
    for group in groups:
        table = table.setdefault(group, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {key}: {group} is a value, not a group of settings")
    table[last] = value


def differences(one: Preset, other: Preset) -> list[str]:
    """Return the dotted keys that differ between two presets."""
    flat, other_flat = flat_settings(one), flat_settings(other)
    return sorted(key for key in flat.keys() | other_flat.keys() if flat.get(key) != other_flat.get(key))


def flat_settings(preset: Preset) -> dict[str, Any]:
    """Return all settings by dotted key."""
    return _flat(preset.model_dump(mode="json"))


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found
