"""The training loop: from a request to weights, with checkpoints."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate.utils import gather_object

from hint.errors import HintError, InputError, WriteError, some_ids
from hint.file_hash import file_sha256
from hint.files import write_bytes
from hint.files.atomic import remove_abandoned, why_not, write_json
from hint.files.claim import claimed
from hint.methods.hamer.load import MANO_KEY
from hint.methods.hamer.network import HamerOutput
from hint.progress import progress, silence
from hint.provenance import collect
from hint.training.batch import Batch
from hint.training.broken import UnreadableHands
from hint.training.checkpoints import State, checkpoint_path, load_state, save_state, saved_steps
from hint.training.curves import Curves
from hint.training.data import loader
from hint.training.datasets import TrainingDatasets
from hint.training.learner import Learner, make_accelerator
from hint.training.model_card import model_card
from hint.training.prepared import Prepared, prepare, require_same_settings, settings_of
from hint.training.preset import Preset, flat_settings
from hint.training.request import TrainingRequest
from hint.training.stop import Stop, asked_to_stop
from hint.training.team import Team
from hint.training.trackers import Trackers
from hint.training.validation import Validation, line
from hint.weights import save

_PACKAGES = ("torch", "timm", "accelerate", "numpy", "smplx", "opencv-python-headless")


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training gave.

    Attributes:
        step: Steps done.
        weights: File of the weights.
        seconds: Time spent on the steps of this run.
        hands: Hands trained on in this run.
    """

    step: int
    weights: Path
    seconds: float
    hands: int

    def __repr__(self) -> str:
        return f"<trained for {self.step:,} steps: {self.weights}>"


@dataclass
class _Training:
    """A running training in this process."""

    request: TrainingRequest
    datasets: TrainingDatasets
    learner: Learner
    validation: Validation
    workers: int
    step: int = 0
    pending: dict[str, float] = field(default_factory=dict)

    @property
    def preset(self) -> Preset:
        return self.request.preset

    @property
    def settings(self) -> str:
        """Settings that must not change on resuming."""
        return settings_of(self.request, self.datasets)

    @property
    def metadata(self) -> dict[str, str]:
        """Description stored with the weights."""
        description = {
            "preset": self.preset.public().model_dump(mode="json"),
            "step": self.step,
            "seed": self.request.seed,
            "hands": self.datasets.sizes,
            "mocap": self.datasets.mocap.name,
            "mano": self.request.hand or "installed",
            "provenance": collect(_PACKAGES),
        }
        hand = {MANO_KEY: "procedural"} if self.request.hand == "procedural" else {}
        return {**self.learner.config.metadata(), **hand, "training": json.dumps(description)}


def run_training(request: TrainingRequest, team: Team | None = None) -> TrainingResult:
    """Train in this process, or continue a training.

    Args:
        request: The training.
        team: This process and those it trains with; by default it is alone.

    Raises:
        InputError: If settings differ from those of the training to resume, data is unreadable, memory is too small, or
            another training writes to the same folder.
        MissingRequirementError: If data, MANO or a GPU is missing.
        HintError: If a loss is not finite.
        WriteError: If a checkpoint cannot be written.
        KeyboardInterrupt: On Ctrl-C or SIGTERM, after writing a checkpoint.
    """
    team = team or Team()
    with ExitStack() as held:
        # The first process writes; the others, maybe on other machines, need not find the folder.
        team.agree(lambda: None if team.rank else _claim(request, held))
        return _train(request, team)


def _claim(request: TrainingRequest, held: ExitStack) -> None:
    held.enter_context(claimed(request.out))
    remove_abandoned(request.checkpoints)


def _train(request: TrainingRequest, team: Team) -> TrainingResult:
    # What is missing is found before the processes exchange gradients, so that one of them can say it for all.
    ready = team.agree(lambda: prepare(request, quiet=team.rank > 0), Prepared.parts)
    accelerator = make_accelerator(request.preset, ready.device)
    learner = Learner(request.preset, ready.model, ready.mano, accelerator, request.seed)
    training = _Training(request, ready.datasets, learner, ready.validation, ready.workers)
    if ready.step:
        path = checkpoint_path(training.request.checkpoints, ready.step)
        team.agree(lambda: _resume(training, load_state(path)))
    with _limits(request, accelerator.num_processes), asked_to_stop() as stop:
        return _run(training, stop)


def _resume(training: _Training, state: State) -> None:
    """Load the state of an earlier run.

    Raises:
        InputError: If its settings differ.
    """
    require_same_settings(training.request, state.settings, training.settings)
    learner = training.learner
    learner.load_official(state.weights)
    learner.load_further(state.optimisers, state.average)
    if learner.scaler is not None and state.scaler:
        learner.scaler.load_state_dict(state.scaler)
    training.step = state.step


def _run(training: _Training, stop: Stop) -> TrainingResult:
    request, preset, accelerator = training.request, training.preset, training.learner.accelerator
    main, first, began = accelerator.is_main_process, training.step, time.monotonic()
    curves = _begin(training) if main else None
    batches = loader(
        training.datasets.data,
        global_batch=preset.batch_size,
        start_step=first,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        workers=training.workers,
        pin_memory=accelerator.device.type == "cuda",
    )
    unreadable = UnreadableHands(request.out / "unreadable_hands.txt") if main else None
    if unreadable is not None:
        unreadable.add(training.datasets.unreadable)
    with (progress if main else silence)("training", preset.steps) as advance:
        advance(first)
        stopping = _validate(training, stop, curves)
        while training.step < preset.steps and not stopping:
            batch = next(batches)
            done = _step(training, batch, stop)
            stopping = done.stopping
            if unreadable is not None:
                unreadable.add(done.skipped)
            _log(training, batch, curves)
            advance(1)
            stopping = stopping or _validate(training, stop, curves)
            if stopping or training.step % request.save_every == 0 or training.step == preset.steps:
                _save(training)
        if stopping and training.step < preset.steps:
            raise KeyboardInterrupt
    if curves is not None:
        curves.close()
    seconds, weights = time.monotonic() - began, request.out / "weights.safetensors"
    _save_weights(training, weights)
    if main:
        _write_card(training, weights)
    return TrainingResult(training.step, weights, seconds, (training.step - first) * preset.batch_size)


def _validate(training: _Training, stop: Stop, curves: Curves | None) -> bool:
    """Score the weights if it is time, and keep them if they are the best; return whether to stop."""
    request, validation = training.request, training.validation
    if not validation.due(training.step, training.preset.steps):
        return False
    look = partial(curves.look, training.step) if curves is not None else _look_away
    row = validation.score(training.learner, training.step, training.workers, stop, look)
    if row is None:
        return True
    if curves is not None:
        sys.stderr.write(line(row) + "\n")
        for name, values in row["sets"].items():
            curves.numbers(training.step, values, f"val-{name}")
    if validation.best is None or row["score"] > validation.best["score"]:
        _save_weights(training, request.out / "best.safetensors")
    validation.add(row, write=curves is not None)
    return False


def _look_away(name: str, batch: Batch, output: HamerOutput) -> None:
    """Show nothing: only the first process draws."""


def _save_weights(training: _Training, path: Path) -> None:
    state = training.learner.official_state(averaged=True)
    if training.learner.accelerator.is_main_process:
        save(state, path, training.metadata)


def _write_card(training: _Training, weights: Path) -> None:
    """Write ``MODEL_CARD.md`` beside the weights; nothing was trained if no step was left."""
    if not training.pending:
        return
    description = json.loads(training.metadata["training"])
    start = str(training.request.initial)
    scores = training.validation.rows
    text = model_card(training.preset, description, training.pending, start, file_sha256(weights), scores)
    write_bytes(training.request.out / "MODEL_CARD.md", text.encode())


def _begin(training: _Training) -> Curves:
    """Write a description of the training into its folder, and open the curves."""
    out = training.request.out
    write_json(out / "run.json", {**training.metadata, "training": json.loads(training.metadata["training"])}, indent=1)
    settings = flat_settings(training.preset) | {"seed": training.request.seed}
    return Curves(Trackers(out, training.request.track, settings, training.step))


class _Done(NamedTuple):
    """What all processes say after a step: whether one was asked to stop, and which hands were unreadable."""

    stopping: bool
    skipped: list[str]


def _step(training: _Training, batch: Batch, stop: Stop) -> _Done:
    """Do a step.

    Raises:
        HintError: If a loss is not finite; the weights are not changed.
    """
    learner = training.learner
    real = training.datasets.mocap.share(
        training.step,
        training.preset.batch_size,
        learner.accelerator.process_index,
        learner.accelerator.num_processes,
        training.request.seed,
    )
    losses = learner.compute(training.step, batch, real)
    said = losses["total"].new_tensor([float(stop.asked), len(batch.skipped)])
    vector = torch.cat([torch.stack([*losses.values()]), said])
    *values, asked, skipped = learner.accelerator.reduce(vector, "sum").tolist()
    training.pending = dict(zip(losses, values, strict=True))
    if not all(map(math.isfinite, values)):
        _refuse(training, batch)
    training.pending |= learner.apply(training.step)
    training.step += 1
    return _Done(asked > 0, gather_object(list(batch.skipped)) if skipped else [])


def _refuse(training: _Training, batch: Batch) -> None:
    """Raise for a batch whose loss is not finite, and write the names of its hands."""
    keys = gather_object(list(batch.key))
    path = training.request.out / f"not_finite_step_{training.step:08d}.json"
    losses = {name: str(value) for name, value in training.pending.items()}
    if training.learner.accelerator.is_main_process:
        write_json(path, {"step": training.step, "losses": losses, "hands": keys}, indent=1)
    bad = [name for name, value in training.pending.items() if not math.isfinite(value) and name != "total"]
    kept = saved_steps(training.request.checkpoints)[-1:]
    raise HintError(
        f"step {training.step}: loss {' and '.join(bad) or 'total'} is not finite; the hands of the batch "
        f"({some_ids(keys)}) are listed in {path}; the last checkpoint, after {kept[0] if kept else 0} steps, is "
        "unchanged. Look at these hands, or use a smaller --set optimiser.learning_rate or --set optimiser.clip"
    )


def _log(training: _Training, batch: Batch, curves: Curves | None) -> None:
    request, step = training.request, training.step
    if curves is None:
        return
    if step % request.log_every == 0 or step == 1:
        curves.numbers(step, training.pending)
    if (step % request.image_every == 0 or step == 1) and training.learner.output is not None:
        last = -(-len(batch) // training.preset.accumulate) * (training.preset.accumulate - 1)
        curves.picture(step, batch.select(slice(min(last, len(batch) - 1), None)), training.learner.output)


def _save(training: _Training) -> None:
    learner = training.learner
    weights, (optimisers, average) = learner.official_state(), learner.further_state()
    if learner.accelerator.is_main_process:
        state = State(
            step=training.step,
            weights=weights,
            optimisers=optimisers,
            average=average,
            scaler=learner.scaler.state_dict() if learner.scaler is not None else {},
            settings=training.settings,
            metadata=training.metadata,
        )
        save_state(state, training.request.checkpoints, training.request.keep)
    learner.accelerator.wait_for_everyone()


@contextmanager
def _limits(request: TrainingRequest, processes: int) -> Iterator[None]:
    """Turn too little memory or disk space into an error that says what to do.

    Raises:
        InputError: If memory is too small.
        WriteError: If the curves cannot be written.
    """
    preset = request.preset
    try:
        yield
    except OSError as error:
        raise WriteError(f"cannot write below {request.out}: {why_not(error)}") from error
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "can't allocate memory" not in str(error):
            raise
        share = preset.batch_size // processes
        part = -(-share // preset.accumulate)
        raise InputError(
            f"{part} hands at once do not fit into memory; for the same training in smaller parts: "
            f"--set accumulate={2 * preset.accumulate} ({max(part // 2, 1)} at once); for a smaller batch: "
            f"--batch-size {max(preset.batch_size // 2, 1)}"
        ) from error
