"""A part of the predictions of an evaluation, for one of several machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.arguments import check_name
from benchmark.evaluate import find_task, result_folder
from benchmark.oks.task import OksOptions
from benchmark.results import PREDICTIONS, open_results
from benchmark.rules import load_rules
from benchmark.source import MethodSource, Run
from hint.engine import HERE, Shard, Work
from hint.engine.parts import parts_folder
from hint.engine.work import require_work
from hint.errors import check_numbers, legible
from hint.files.path import as_path
from hint.methods.options import method_options


@dataclass(frozen=True)
class ShardResult:
    """What a shard left.

    Attributes:
        shard: Which part it is.
        hands: How many of its hands are predicted.
        reused: How many of these an earlier run had done.
        failures: hand_id -> why its picture could not be used.
        parts: Folder of the parts.
    """

    shard: Shard
    hands: int
    reused: int
    failures: dict[str, str]
    parts: Path

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**vars(self), "shard": str(self.shard), "parts": legible(str(self.parts))}


def evaluate_shard(
    shard: str,
    labels: str | Path,
    method: str,
    protocol: str | Path = "hint-v1",
    *,
    out: str | Path,
    name: str | None = None,
    subsets: Sequence[str] | None = None,
    images: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    overwrite: str = "missing",
    train_labels: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    weights: str | Path | None = None,
    mano: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    work: Work = HERE,
) -> ShardResult:
    """Predict a part of the hands that :func:`hint.evaluate` would predict, and score nothing.

    When all shards are done, :func:`hint.evaluate` with the same arguments joins them and scores.

    Args:
        shard: Which part, such as "2/8".
        labels: Where the labels are; this and all that follow are as of the evaluation, and the same for all shards.
        method: Name of the method.
        protocol: Says what hands there are.
        out: Folder for results, which all machines see, unless ``work`` names one for the parts.
        name: Name of the folder in it.
        subsets: Subsets to read.
        images: Folder of the pictures.
        limit: Number of hands of all shards.
        seed: Of methods that draw random numbers.
        overwrite: "missing" or "never".
        train_labels: Labels a control is fitted on.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "fp32", "bf16", ... as the method understands it.
        weights: File, or a name the method documents.
        mano: MANO file, or "procedural".
        settings: Settings of the method.
        work: Who does the work of this shard; by default this process.

    Raises:
        InputError: If an argument or labels cannot be used, or the same shard is running already.
        MissingRequirementError: If weights, packages or pictures are missing.
        WriteError: If results cannot be saved.
        KeyboardInterrupt: On Ctrl-C, after saving what is done.
    """
    part = Shard.parse(shard)
    require_work(work)
    check_name(name)
    check_numbers(0, seed=seed)
    check_numbers(1, limit=1 if limit is None else limit)
    rules = load_rules(protocol)
    options = method_options(device, precision, weights, mano, seed, settings)
    source = MethodSource(method, options, train_labels)
    results = open_results(as_path(out) / result_folder(source, rules, name), limit, overwrite)
    task = find_task(labels, rules, limit, subsets, images, OksOptions(), {"--train-data": train_labels})
    run = Run(results, limit, seed, work, work.find_engine(device))
    done = source.predict_shard(task, run, part)
    written = work.parts_path or parts_folder(results.folder / PREDICTIONS)
    return ShardResult(part, len(done.predictions), done.reused, done.failures, written)
