"""Train from Python: ``hint.train``, and the plan of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hint.errors import MissingRequirementError

if TYPE_CHECKING:
    from hint.training.plan import TrainingPlan
    from hint.training.preset import Preset
    from hint.training.run import TrainingResult

#: Where the training data is looked for by default.
DATA = Path("hamer_training_data")


def train(
    preset: str | Path | Preset,
    *,
    data: str | Path = DATA,
    out: str | Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    precision: str | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    processes: int = 1,
    resume: bool = False,
    weights: str | Path | None = None,
    backbone_weights: str | Path | None = None,
    mean_params: str | Path | None = None,
    mano: str | None = None,
    save_every: int = 1000,
    keep: int = 2,
    val: str | Path | Sequence[str | Path] = (),
    val_every: int = 1000,
    track: Sequence[str] = (),
) -> TrainingResult:
    """Train HaMeR, or a smaller relative of it.

    Args:
        preset: A preset, its name or its ``.toml``.
        data: Folder that holds the training data.
        out: Folder for checkpoints, curves and weights; by default ``runs/PRESET``.
        seed: Random seed.
        steps: Optimiser steps, instead of the preset's.
        batch_size: Hands per step over all processes, instead of the preset's.
        device: "auto", "cpu" or "cuda".
        precision: "fp32", "bf16" or "fp16" (needs a GPU), instead of the preset's.
        settings: Further changes of the preset, such as ``{"optimiser.learning_rate": 1e-4}``.
        workers: Data-loading processes per training process; by default on a GPU its share of the cores less one, 1
            to 16, on a CPU one, or none if there is a core per process. The hands are the same for any number.
        processes: Training processes to start, one per GPU; 1 under torchrun and accelerate launch, which start them.
        resume: Continue the training in ``out``.
        weights: Start from the weights of a whole HaMeR.
        backbone_weights: Start the backbone from these weights: ``vitpose_backbone.pth``, a file of timm's, or
            ``timm:resnet50.tv_in1k``, which timm downloads.
        mean_params: Start from the means in ``mano_mean_params.npz``.
        mano: MANO file, or "procedural"; by default the preset's choice.
        save_every: Steps between checkpoints.
        keep: Number of checkpoints to keep.
        val: Hands to score while training: folders of tars, or labels of any format with their pictures; of a HInt
            root, its VAL folders. The best weights are kept in ``best.safetensors``.
        val_every: Steps between two scores.
        track: "wandb", "mlflow" or both: where curves and pictures go besides TensorBoard.

    Returns:
        Where the weights are, and how long it took.

    Raises:
        InputError: If the training cannot be done as asked: unknown preset, other settings than before, unreadable
            data, too little memory.
        MissingRequirementError: If packages, data, MANO or a GPU are missing.
        WriteError: If a checkpoint cannot be written.
        HintError: If a loss is not finite, or another process of the training failed.
        KeyboardInterrupt: On Ctrl-C, after writing a checkpoint; ``resume=True`` continues from it.
    """
    _require_packages()
    from hint.training.launch import run_processes
    from hint.training.request import InitialWeights, TrainingRequest
    from hint.training.run import run_training
    from hint.training.team import joined
    from hint.training.trackers import check_trackers

    def asked() -> TrainingRequest:
        check_trackers(track)
        chosen = _changed(preset, settings, steps=steps, batch_size=batch_size, precision=precision)
        return TrainingRequest(
            preset=chosen,
            data=Path(data),
            out=_folder(out, chosen),
            seed=seed,
            resume=resume,
            initial=InitialWeights(_path(weights), _path(backbone_weights), _path(mean_params)),
            mano=mano,
            device=device,
            processes=processes,
            workers=workers,
            save_every=save_every,
            keep=keep,
            val=tuple(Path(place) for place in ([val] if isinstance(val, (str, Path)) else val)),
            val_every=val_every,
            track=tuple(track),
        )

    with joined(processes) as team:
        request = team.agree(asked)
        return run_training(request, team) if processes == 1 else run_processes(request)


def plan_training(
    preset: str | Path | Preset,
    *,
    data: str | Path = DATA,
    out: str | Path | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    precision: str | None = None,
    settings: Mapping[str, Any] | None = None,
    processes: int = 1,
    weights: str | Path | None = None,
    backbone_weights: str | Path | None = None,
    mean_params: str | Path | None = None,
    mano: str | None = None,
    measure: bool | None = None,
) -> TrainingPlan:
    """Say which data a training finds, what it trains, and how long it takes; nothing is written.

    Args:
        preset: As for :func:`train`, like the arguments that are not listed here.
        data: Folder that holds the training data.
        out: Folder for the results.
        steps: Optimiser steps.
        batch_size: Hands per step.
        device: "auto", "cpu" or "cuda".
        precision: "fp32", "bf16" or "fp16".
        settings: Further changes of the preset.
        processes: Training processes.
        weights: Weights of a whole HaMeR to start from.
        backbone_weights: Weights of the backbone to start from.
        mean_params: Means to start from.
        mano: MANO file, or "procedural".
        measure: Time some steps on random hands; by default only if no data is missing.

    Raises:
        InputError: If the training cannot be done as asked.
        MissingRequirementError: If packages or a GPU are missing; missing data and MANO are in the plan.
    """
    _require_packages()
    from hint.training.cores import launched_processes
    from hint.training.plan import make_plan
    from hint.training.request import InitialWeights, TrainingRequest

    chosen = _changed(preset, settings, steps=steps, batch_size=batch_size, precision=precision)
    initial = InitialWeights(_path(weights), _path(backbone_weights), _path(mean_params))
    folder = _folder(out, chosen)
    together = launched_processes() or processes
    request = TrainingRequest(chosen, Path(data), folder, initial=initial, mano=mano, device=device, processes=together)
    return make_plan(request, measure)


def _require_packages() -> None:
    from hint.requirements import missing_packages

    needed = ("torch", "timm", "smplx", "safetensors", "scipy", "cv2", "accelerate", "tensorboard")
    if lacking := missing_packages(needed, "train"):
        raise MissingRequirementError(f"training {lacking}")


def _changed(preset: str | Path | Preset, settings: Mapping[str, Any] | None, **own: Any) -> Preset:
    from hint.training.preset import load_preset

    given = [(key, value) for key, value in own.items() if value is not None]
    return load_preset(preset, [*(settings or {}).items(), *given])


def _folder(out: str | Path | None, preset: Preset) -> Path:
    return Path(out) if out is not None else Path("runs") / preset.id


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
