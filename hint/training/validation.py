"""Scores on hands that are not trained on, while training; the best weights are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hint.errors import HintError, InputError
from hint.files import write_bytes
from hint.files.json_file import parse_json
from hint.methods.hamer.network import HamerOutput
from hint.training.batch import Batch
from hint.training.data import Example, TrainingData, begin_worker, collate
from hint.training.learner import Learner
from hint.training.losses import supervised_losses
from hint.training.stop import Stop
from hint.training.validation_sets import ValidationSet

#: Thresholds of PCK, in sides of the tight box; the first decides which weights are best.
THRESHOLDS = (0.05, 0.1)

#: Receives the name of a set, its first hands and their predictions.
Look = Callable[[str, Batch, HamerOutput], None]

_FILE = "validation.jsonl"


class Validation:
    """The scores of a training so far.

    Args:
        sets: Hands to score, none to score nothing.
        every: Steps between two scores.
        folder: Folder of the training.
        step: Step to go on after; later scores, of a run that was killed, are forgotten and made again.

    Attributes:
        rows: Scores by step: the step, "score", which decides what is best, and the scores of every set.

    Raises:
        InputError: If earlier scores cannot be read.
    """

    def __init__(self, sets: Sequence[ValidationSet], every: int, folder: Path, step: int = 0) -> None:
        self.sets, self._every, self._path = sets, every, folder / _FILE
        try:
            lines = self._path.read_text().splitlines() if step and self._path.is_file() else []
            self.rows: list[dict[str, Any]] = [row for row in map(parse_json, lines) if row["step"] <= step]
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise InputError(f"{self._path}: not the scores of a training; remove it to go on without them") from error

    def due(self, step: int, last: int) -> bool:
        """Tell whether a step is to be scored and is not yet."""
        asked = bool(self.sets) and step > 0 and (step % self._every == 0 or step == last)
        return asked and all(row["step"] != step for row in self.rows)

    @property
    def best(self) -> dict[str, Any] | None:
        """The best scores, of equal ones the first."""
        return max(self.rows, key=lambda row: float(row["score"]), default=None)

    def add(self, row: dict[str, Any], write: bool = True) -> None:
        """Keep scores; one of the processes writes them into ``validation.jsonl``, too."""
        self.rows.append(row)
        if not write:
            return
        text = "".join(json.dumps(kept, sort_keys=True) + "\n" for kept in self.rows)
        write_bytes(self._path, text.encode())

    def score(self, learner: Learner, step: int, workers: int, stop: Stop, look: Look) -> dict[str, Any] | None:
        """Score the weights that would be kept now; the processes share the hands.

        Args:
            learner: The weights.
            step: Steps done.
            workers: Data-loading processes.
            stop: Whether this process was asked to stop.
            look: Called with the first hands of each set.

        Returns:
            A row of :attr:`rows`, not added; None if a process was asked to stop.
        """
        scores: dict[str, dict[str, float]] = {}
        for part in self.sets:
            tally = _tally(part, learner, workers, stop, look)
            asked = torch.tensor([float(stop.asked)], device=tally.device, dtype=tally.dtype)
            *sums, stopped = learner.accelerator.reduce(torch.cat([tally, asked]), "sum").tolist()
            if stopped:
                return None
            scores[part.name] = _scores(sums)
        deciding = [values[_pck(THRESHOLDS[0])] for values in scores.values()]
        return {"step": step, "score": sum(deciding) / len(deciding), "sets": scores}


def line(row: dict[str, Any]) -> str:
    """Say scores in one line."""
    parts = [
        f"{name} " + ", ".join(f"{_shown(key)} {values[key]:.1f}" for key in map(_pck, THRESHOLDS))
        for name, values in row["sets"].items()
    ]
    return f"step {row['step']:,}: " + "; ".join(parts)


def _pck(threshold: float) -> str:
    return f"pck_{threshold:g}"


def _shown(key: str) -> str:
    return key.replace("pck_", "PCK@")


_LOSSES = ("keypoints_3d", "keypoints_2d", "global_orient", "hand_pose", "betas")


def _tally(part: ValidationSet, learner: Learner, workers: int, stop: Stop, look: Look) -> Tensor:
    """Return sums over this process's share: hands, joints (21), hits per threshold (T*21), losses."""
    n = 1 + 21 * (1 + len(THRESHOLDS)) + len(_LOSSES)
    total = torch.zeros(n, dtype=torch.float64, device=learner.accelerator.device)
    for number, (batch, sides) in enumerate(_batches(part, learner, workers)):
        if stop.asked:
            break
        output = learner.predict(batch)
        if number == 0:
            look(part.name, batch, output)
        truth = batch.keypoints_2d
        known = truth[..., 2] > 0
        distance = (output.keypoints_2d - truth[..., :2]).norm(dim=-1) * sides.to(truth.device)[:, None]
        hits = [(known & (distance <= threshold)).sum(0) for threshold in THRESHOLDS]
        losses = supervised_losses(output, batch)
        values = [torch.full((1,), len(batch), device=known.device), known.sum(0), *hits]
        values += [losses[name].reshape(1) for name in _LOSSES]
        total += torch.cat([value.double() for value in values])
    return total


def _scores(sums: Sequence[float]) -> dict[str, float]:
    """Turn sums into PCK, the mean over the joints that have labels, and losses per hand."""
    hands, values = sums[0], torch.tensor(sums[1:], dtype=torch.float64)
    joints, *hits = values[: 21 * (1 + len(THRESHOLDS))].reshape(-1, 21)
    labelled = joints > 0
    shares = {
        _pck(threshold): float(100 * (hit[labelled] / joints[labelled]).mean())
        for threshold, hit in zip(THRESHOLDS, hits, strict=True)
    }
    losses = {name: float(value) / hands for name, value in zip(_LOSSES, sums[-len(_LOSSES) :], strict=True)}
    return {"hands": hands, **shares, **losses}


def _batches(part: ValidationSet, learner: Learner, workers: int) -> Iterator[tuple[Batch, Tensor]]:
    """Yield this process's hands, and the sides of their crops in sides of their tight boxes."""
    preset, accelerator = learner.preset, learner.accelerator
    mine = range(accelerator.process_index, len(part), accelerator.num_processes)
    size = max(preset.batch_size // accelerator.num_processes // preset.accumulate, 1)
    join = partial(_join, data=part.data, factor=preset.network.box_factor)
    numbers = [list(mine[start : start + size]) for start in range(0, len(mine), size)]
    loader = DataLoader(
        part.data, batch_sampler=numbers, num_workers=workers, collate_fn=join, worker_init_fn=begin_worker
    )
    for batch in loader:
        if isinstance(batch, HintError):
            raise batch
        yield batch[0].to(accelerator.device), batch[1]


def _join(
    examples: Sequence[Example | HintError], data: TrainingData, factor: float
) -> tuple[Batch, Tensor] | HintError:
    batch = collate(examples, data.crop_size)
    if isinstance(batch, HintError):
        return batch
    good = [example for example in examples if isinstance(example, Example)]
    tight = [(example.sample.box_xyxy[2:] - example.sample.box_xyxy[:2]).max() / factor for example in good]
    sides = [data.augmentation.square(example.sample, example.draw).size for example in good]
    return batch, torch.tensor([side / box for side, box in zip(sides, tight, strict=True)])
