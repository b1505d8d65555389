"""What a training needs before its processes exchange anything: data, hand model, initial weights."""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.mano.model import ManoModel
from hint.mano.read import find_mano
from hint.methods.device import choose_device
from hint.training.checkpoints import saved_steps
from hint.training.cores import default_workers
from hint.training.datasets import TrainingDatasets, find_data, open_datasets
from hint.training.initial import read_backbone, read_mean_parameters, read_network
from hint.training.model import TrainingModel
from hint.training.precision import check_precision
from hint.training.preset import Preset, differences
from hint.training.request import TrainingRequest
from hint.training.validation import Validation
from hint.training.validation_sets import open_validation


@dataclass(frozen=True, eq=False)
class Prepared:
    """A training that can begin.

    Attributes:
        settings: What decides what is learnt, as JSON.
        device: Kind of device.
        mano: Hand model.
        datasets: The hands.
        validation: The hands to score.
        model: Networks; with their initial weights if ``step`` is 0.
        step: Steps of the last checkpoint, 0 without one.
        workers: Data-loading processes.
    """

    settings: str
    device: torch.device
    mano: ManoModel
    datasets: TrainingDatasets
    validation: Validation
    model: TrainingModel
    step: int
    workers: int

    def parts(self) -> dict[str, object]:
        """Return what must be equal in all processes of a training."""
        settings = json.loads(self.settings)
        return {"numbers of hands": settings["hands"], "checkpoints in --out": self.step, "settings": settings}


def prepare(request: TrainingRequest, quiet: bool = False) -> Prepared:
    """Open and read everything.

    Args:
        request: The training.
        quiet: Show no progress.

    Raises:
        InputError: If the folder holds a training that is not to be resumed, or something cannot be read.
        MissingRequirementError: If data, MANO or a GPU is missing.
    """
    step = _step_in(request)
    device = choose_device(request.device)
    check_precision(request.preset, device)
    mano = require_hand_and_data(request)
    datasets = open_datasets(request.preset, request.data, request.seed, quiet=quiet)
    sets = open_validation(request.preset, request.val, list(datasets.data.sources.values()))
    torch.manual_seed(request.seed)
    model = TrainingModel(request.preset.config, request.preset.drop_path)
    if not step:
        _read_initial_weights(model, request)
    workers = default_workers(device.type) if request.workers is None else request.workers
    validation = Validation(sets, request.val_every, request.out, step)
    return Prepared(settings_of(request, datasets), device, mano, datasets, validation, model, step, workers)


def settings_of(request: TrainingRequest, datasets: TrainingDatasets) -> str:
    """Return the settings that must not change on resuming, as JSON."""
    table = {"preset": request.preset.public().model_dump(mode="json"), "seed": request.seed, "hands": datasets.sizes}
    return json.dumps(table, sort_keys=True)


def require_same_settings(request: TrainingRequest, earlier: str, now: str) -> None:
    """Compare the settings of a checkpoint with those that are asked for.

    Raises:
        InputError: If they learn something else.
    """
    before, after = json.loads(earlier), json.loads(now)
    changed = differences(Preset.model_validate(before["preset"]).public(), request.preset.public())
    changed = [key for key in changed if not _may_change(key, request.preset)]
    changed += [key for key in ("seed", "hands") if before[key] != after[key]]
    if changed:
        raise InputError(
            f"{request.out} holds a training with other settings ({some_ids(changed)}); "
            "use the same settings, or choose another --out"
        )


def _may_change(key: str, preset: Preset) -> bool:
    """Tell whether a setting may change on resuming: it does not change what is learnt."""
    free = ("title", "expects", "accumulate", "gradient_checkpointing", "spread")
    return key in free or (key == "steps" and preset.optimiser.schedule == "constant")


def _step_in(request: TrainingRequest) -> int:
    """Return the steps of the training in the folder, 0 if there is none.

    Raises:
        InputError: If there is one and it is not to be resumed.
    """
    steps = saved_steps(request.checkpoints)
    if steps and not request.resume:
        raise InputError(
            f"{request.out} holds a training of {steps[-1]} steps; add --resume to continue it, or choose another --out"
        )
    return steps[-1] if steps else 0


def require_hand_and_data(request: TrainingRequest) -> ManoModel:
    """Return the hand model; look whether data is there.

    Raises:
        MissingRequirementError: If it or data is missing; all of it is named at once.
    """
    mano, lacking = None, []
    try:
        mano = find_mano(request.hand)
    except MissingRequirementError as error:
        lacking.append(str(error))
    try:
        find_data(request.preset, request.data)
    except MissingRequirementError as error:
        lacking.append(str(error))
    if mano is None or lacking:
        raise MissingRequirementError("; ".join(lacking))
    return mano


def _read_initial_weights(model: TrainingModel, request: TrainingRequest) -> None:
    initial = request.initial
    if initial.mean_parameters is not None:
        read_mean_parameters(model.network, initial.mean_parameters)
    if initial.backbone is not None:
        read_backbone(model.network, initial.backbone)
    if initial.network is not None:
        read_network(model, initial.network)
