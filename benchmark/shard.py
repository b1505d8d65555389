"""A part of the predictions of an evaluation, for one of several machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.arguments import check_name, check_numbers
from benchmark.evaluate import mesh_task, picture_task, result_folder
from benchmark.oks.protocol import OksProtocol
from benchmark.oks.task import OksOptions
from benchmark.protocol import Protocol
from benchmark.results import PREDICTIONS, open_results
from benchmark.rules import load_rules
from benchmark.source import MethodSource, Run
from hint.engine import Shard
from hint.engine.choice import find_engine
from hint.engine.parts import parts_folder
from hint.errors import legible
from hint.files.path import as_path
from hint.types import MethodOptions


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


def predict_shard(
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
    batch_size: int = 16,
    workers: int = 2,
    engine: str = "local",
    devices: str | None = None,
    parts: str | Path | None = None,
    overwrite: str = "missing",
    train_labels: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    weights: str | None = None,
    mano: str | None = None,
    **settings: Any,
) -> ShardResult:
    """Predict a part of the hands that :func:`benchmark.evaluate.evaluate` would predict, and score nothing.

    Args:
        shard: Which part, such as "2/8". When all are done, the evaluation itself finds every hand predicted.
        labels: Where the labels are.
        method: Name of the method.
        protocol: Rules of scoring, which say what hands there are.
        out: Folder for results.
        name: Name of the folder in it.
        subsets: Subsets to read.
        images: Folder of the pictures.
        limit: Number of hands of all shards, spread evenly.
        seed: Of methods that draw random numbers.
        batch_size: Hands per forward pass.
        workers: Threads that read and crop pictures.
        engine: What runs the method.
        devices: What gets a process of its own.
        parts: Folder or URL for the parts, where not all workers see ``out``.
        overwrite: "missing" or "never".
        train_labels: Labels a control is fitted on.
        device: "auto", "cpu" or "cuda".
        precision: "fp32", "bf16", ... as the method understands it.
        weights: File, or a name the method documents.
        mano: MANO file, or "procedural".
        **settings: Settings of the method.

    Raises:
        InputError: If an argument or labels cannot be used, or the same shard is running already.
        MissingRequirementError: If weights, packages or pictures are missing.
        WriteError: If results cannot be saved.
        KeyboardInterrupt: On Ctrl-C, after saving what is done.
    """
    part = Shard.parse(shard)
    check_name(name)
    check_numbers(1, batch_size=batch_size, workers=workers, **({} if limit is None else {"limit": limit}))
    rules = load_rules(protocol)
    extra = {key: str(value) for key, value in settings.items()}
    source = MethodSource(method, MethodOptions(device, precision, weights, mano, seed=seed, extra=extra), train_labels)
    results = open_results(Path(out) / result_folder(source, rules, name), limit, overwrite)
    if isinstance(rules, Protocol | OksProtocol):
        task = picture_task(labels, rules, limit, subsets, images, OksOptions())
    else:
        task = mesh_task(labels, rules, limit, {"--subset": subsets, "--images": images, "--train-data": train_labels})
    run = Run(
        results,
        limit,
        seed,
        batch_size,
        workers,
        find_engine(engine, devices, device),
        None if parts is None else as_path(parts),
    )
    done = source.predict_shard(task, run, part)
    written = run.parts or parts_folder(results.folder / PREDICTIONS)
    return ShardResult(part, len(done.predictions), done.reused, done.failures, written)
