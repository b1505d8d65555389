"""Join the shards of a run into the file that one run would have written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from annotation.prelabel.hands import Shard
from hint.errors import InputError, some_ids
from hint.files import read_predictions, write_predictions
from hint.files.manifest import read_manifest
from hint.types import Predictions

_NAME = re.compile(r"(?P<run>.+)\.(?P<number>\d+)of(?P<count>\d+)\.npz")


@dataclass(frozen=True)
class Merged:
    """Result of a merge.

    Attributes:
        path: The merged file.
        hands: Rows in it.
        missing: Hand ids of the manifest that no shard contains.
        missing_shards: The shards they belong to, such as "3/8".
    """

    path: Path
    hands: int
    missing: list[str]
    missing_shards: list[str]

    def __repr__(self) -> str:
        return f"<{self.hands} hands merged, {len(self.missing)} missing: {self.path}>"


def merge(shards: Sequence[str | Path], manifest: str | Path | None = None) -> Merged:
    """Join shards, in the order of the manifest, beside the first of them.

    Args:
        shards: Files written by ``hint prelabel --shard``.
        manifest: The manifest; None for the one beside the first shard, as its name says.

    Raises:
        InputError: If they are not shards of one run, differ in method, settings or thresholds, or share hands.
    """
    paths = [Path(shard) for shard in shards]
    run, count = _run_of(paths)
    parts = [read_predictions(path) for path in paths]
    _refuse_mixed(paths, parts)
    method = str(parts[0].meta.get("method", ""))
    lines = read_manifest(Path(manifest) if manifest else paths[0].with_name(f"{run.removesuffix(f'.{method}')}.jsonl"))
    _refuse_shared(parts)
    joined = _ordered(parts, [line.hand_id for line in lines])
    target = paths[0].with_name(f"{run}.npz")
    write_predictions(target, joined)
    merged = set(joined.hand_id.tolist())
    missing = [line.hand_id for line in lines if line.hand_id not in merged]
    parts_of_run = [Shard(number, count) for number in range(1, count + 1)]
    missing_shards = [f"{s.number}/{count}" for s in parts_of_run if any(s.holds(hand_id) for hand_id in missing)]
    return Merged(target, len(joined), missing, missing_shards)


def _run_of(paths: Sequence[Path]) -> tuple[str, int]:
    """Return the name of the run and its number of shards, from the file names."""
    matches = [_NAME.fullmatch(path.name) for path in paths]
    odd = [str(path) for path, match in zip(paths, matches, strict=True) if match is None]
    if odd:
        raise InputError(f"not named like shards: {some_ids(odd)}; --shard 2/8 writes <FOLDER>.<method>.2of8.npz")
    runs = {(match["run"], int(match["count"])) for match in matches if match}
    if len(runs) > 1:
        raise InputError(f"shards of several runs: {some_ids(sorted(f'{run} in {count}' for run, count in runs))}")
    return runs.pop()


def _settings(part: Predictions) -> dict[str, Any]:
    return {key: value for key, value in part.meta.items() if key != "inputs"}


def _refuse_mixed(paths: Sequence[Path], parts: Sequence[Predictions]) -> None:
    first = _settings(parts[0])
    for path, part in zip(paths, parts, strict=True):
        other = _settings(part)
        if json.dumps(other, sort_keys=True) == json.dumps(first, sort_keys=True):
            continue
        keys = [key for key in {**first, **other} if first.get(key) != other.get(key)]
        raise InputError(
            f"{path} and {paths[0]} were not made the same way (they differ in {', '.join(keys)}); run the shard again "
            "with the same settings and --overwrite always"
        )
    if "inputs" not in parts[0].meta or "fingerprint" not in first:
        raise InputError(f"{paths[0]} was not written by hint prelabel")


def _refuse_shared(parts: Sequence[Predictions]) -> None:
    ids, times = np.unique(np.concatenate([part.hand_id for part in parts]), return_counts=True)
    if (times > 1).any():
        raise InputError(
            f"several shards contain the same hands: {some_ids(ids[times > 1].tolist())}; pass each shard once"
        )


def _ordered(parts: Sequence[Predictions], ids: Sequence[str]) -> Predictions:
    """Return the rows in the order of the manifest, with the digests of their inputs."""
    joined = Predictions.concatenate(parts)
    keys = [key for part in parts for key in part.meta["inputs"]]
    row_of = {hand_id: row for row, hand_id in enumerate(joined.hand_id.tolist())}
    rows = [row_of[hand_id] for hand_id in ids if hand_id in row_of]
    # Keys in the order in which the engine writes them, so that equal rows give equal bytes.
    meta = {key: [keys[row] for row in rows] if key == "inputs" else value for key, value in joined.meta.items()}
    picked = joined.select(rows)
    return replace(picked, hand_id=picked.hand_id.astype(np.str_), meta=meta)
