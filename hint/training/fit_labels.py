"""Annotated hands become pseudo ground truth: MANO hands fitted to their keypoints, as tars to train on.

``fits.npz`` holds the fits and is what a second run continues from, ``hands.jsonl`` says how good each is, and the
tars have the official layout, so the released code reads them as ``hint train`` does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint.engine.engine import Engine
from hint.engine.parts import marked
from hint.engine.results import only_run
from hint.engine.shard import Shard
from hint.engine.stored import Stored
from hint.engine.work import HERE, Work, require_work
from hint.errors import InputError, UnknownNameError
from hint.files import read_labels, write_bytes
from hint.files.atomic import OVERWRITE, require_writable
from hint.files.claim import claimed
from hint.files.path import as_path
from hint.hand_rows import spread
from hint.mano.model import ManoModel
from hint.mano.read import mano_or_procedural
from hint.progress import progress
from hint.training.fit_jobs import TRUST, FitSetup, fit_jobs
from hint.training.fit_sheet import write_sheet
from hint.training.fit_store import FITS, Fits, FitStore
from hint.training.fit_tars import picture_problem, write_tars
from hint.types import HandLabels


@dataclass(frozen=True, eq=False)
class FittedLabels:
    """What :func:`fit_labels` wrote.

    Attributes:
        out: The folder.
        hand_id: (N,) ids.
        quality: (N,) 0..1, 0 for hands that are not usable.
        residual: (N,) mean distance from the keypoints, as a share of the hand's extent; NaN without any joint.
        unusable: hand_id -> why it has no pose.
        without_picture: Ids of hands that are in no tar.
        damaged: hand_id -> what is wrong with its picture; these hands are in no tar either.
        tars: The tars.
        sheet: Picture of the worst and the best fits, None without pictures.
        reused: Number of fits of an earlier run.
    """

    out: Path
    hand_id: list[str]
    quality: list[float]
    residual: list[float]
    unusable: dict[str, str]
    without_picture: list[str]
    damaged: dict[str, str]
    tars: list[Path]
    sheet: Path | None
    reused: int

    def __len__(self) -> int:
        return len(self.hand_id)

    def __repr__(self) -> str:
        return f"FittedLabels({len(self)} hands, {len(self) - len(self.unusable)} usable, in {self.out})"


@dataclass(frozen=True)
class FittedShard:
    """What :func:`fit_shard` left.

    Attributes:
        shard: Which part it is.
        hands: How many hands it has.
        reused: How many of these an earlier run had fitted.
        parts: Folder of the parts.
    """

    shard: Shard
    hands: int
    reused: int
    parts: Path

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**vars(self), "shard": str(self.shard), "parts": str(self.parts)}


def fit_labels(
    labels: HandLabels | Path | str,
    out: Path | str,
    *,
    images: Path | str | None = None,
    subsets: Sequence[str] = (),
    mano: ManoModel | str | os.PathLike[str] | None = None,
    min_quality: float = 0.3,
    limit: int | None = None,
    overwrite: str = "missing",
    work: Work = HERE,
) -> FittedLabels:
    """Fit MANO hands to annotated keypoints, and write them as a source of training data.

    A second run continues the first. Hands with fewer than six joints in the frame are written without a pose.

    Args:
        labels: Labels, or where any format of them is; of a HInt root, the training hands.
        out: Folder for the results.
        images: Folder of the pictures, if they are not beside the labels.
        subsets: Subsets to use, by default all.
        mano: A hand, its file, or "procedural"; None for the installed MANO, else the procedural hand.
        min_quality: Pose and shape of worse fits are not supervised; their keypoints are.
        limit: Only this many hands, spread evenly.
        overwrite: "missing" continues, "never" refuses, "always" starts over.
        work: Who fits, such as ``hint.Work(devices="cpu*4")``; by default this process. Only ``engine`` and ``devices``
            are for fits.

    Raises:
        InputError: If the labels cannot be read, the folder holds fits of other settings, or another run writes to it.
        WriteError: If the folder cannot be written to.
        MissingRequirementError: If no MANO is there.
    """
    if not 0 <= min_quality <= 1:
        raise InputError(f"min_quality is {min_quality:g}; it must lie between 0 and 1")
    out = as_path(out)
    runs, chosen = _engine(work), _choose(labels, out, images, subsets, limit, overwrite)
    with claimed(out), only_run(out / FITS):
        return _write(chosen, out, _model(mano), min_quality, overwrite, runs)


def fit_shard(
    shard: str,
    labels: HandLabels | Path | str,
    out: Path | str,
    *,
    images: Path | str | None = None,
    subsets: Sequence[str] = (),
    mano: ManoModel | str | os.PathLike[str] | None = None,
    limit: int | None = None,
    overwrite: str = "missing",
    work: Work = HERE,
) -> FittedShard:
    """Fit a part of the hands that :func:`fit_labels` would fit, which then finds them; the options are the same.

    Args:
        shard: Which part, such as "2/8".
        labels: See there.
        out: See there.
        images: See there.
        subsets: See there.
        mano: See there.
        limit: Only this many hands of all shards.
        overwrite: "missing" or "never".
        work: See there.

    Raises:
        InputError: As there, or if the same shard is running already.
        WriteError: If the folder cannot be written to.
        MissingRequirementError: If no MANO is there.
    """
    part, out = Shard.parse(shard), as_path(out)
    if overwrite == "always":
        raise InputError("shards only add to what is there: remove that first, and leave out --overwrite")
    runs, chosen = _engine(work), _choose(labels, out, images, subsets, limit, overwrite)
    some, model = chosen.select([*part.of(range(len(chosen)))]), _model(mano)
    with only_run(out / FITS, part):
        store = _store(out, model, overwrite)
        _, reused = _fit(some, model, store, runs)
    return FittedShard(part, len(some), reused, store.parts)


def _engine(work: Work) -> Engine:
    """Return what fits."""
    require_work(work)
    if work != Work(work.engine, work.devices):
        raise InputError("fits have no batches, read no pictures and stay in out: of work=, give engine and devices")
    return work.find_engine("cpu")


def _choose(
    labels: HandLabels | Path | str,
    out: Path,
    images: Path | str | None,
    subsets: Sequence[str],
    limit: int | None,
    overwrite: str,
) -> HandLabels:
    """Check what is common to all and parts of the hands, and return them."""
    if overwrite not in OVERWRITE:
        raise UnknownNameError("overwrite", overwrite, OVERWRITE)
    require_writable(out)
    given = labels if isinstance(labels, HandLabels) else read_labels(as_path(labels), subsets, images, split="train")
    if not len(given):
        raise InputError("there is no hand to fit")
    return given.select(spread(len(given), limit))


def _store(out: Path, model: ManoModel, overwrite: str) -> FitStore:
    return FitStore(out, {"fit": 1, "mano_sha256": model.sha256(), "trust": vars(TRUST)}, overwrite)


def _write(
    chosen: HandLabels, out: Path, model: ManoModel, min_quality: float, overwrite: str, engine: Engine
) -> FittedLabels:
    store = _store(out, model, overwrite)
    stored, reused = _fit(chosen, model, store, engine)
    store.merge(stored)
    fits = Fits(store.find(stored.ids, stored.keys).asked())
    write_bytes(out / "hands.jsonl", _lines(chosen, fits).encode())
    sheet, ids = out / "fits.jpg", chosen.hand_id.tolist()
    paths = {k: Path(path) for k, path in enumerate(chosen.image.tolist()) if path and Path(path).is_file()}
    damaged = {k: problem for k, path in paths.items() if (problem := picture_problem(path))}
    kept = [k for k in paths if k not in damaged]
    tars = write_tars(out, chosen, fits, kept, min_quality, overwrite == "always")
    return FittedLabels(
        out,
        ids,
        fits.quality.tolist(),
        fits.residual.tolist(),
        {i: r for i, r in zip(ids, fits.reason.tolist(), strict=True) if r},
        [i for k, i in enumerate(ids) if k not in paths],
        {ids[k]: problem for k, problem in damaged.items()},
        tars,
        sheet if write_sheet(sheet, chosen, fits, kept, model) else None,
        reused,
    )


def _model(mano: ManoModel | str | os.PathLike[str] | None) -> ManoModel:
    return mano if isinstance(mano, ManoModel) else mano_or_procedural(None if mano is None else os.fspath(mano))


def _fit(labels: HandLabels, model: ManoModel, store: FitStore, engine: Engine) -> tuple[Stored, int]:
    """Fit what is not in the store yet; return what is there then, and how many hands were."""
    keys = [_key(labels, k) for k in range(len(labels))]
    ids, wanted = labels.hand_id, np.array(keys, np.str_)
    todo = np.flatnonzero(~store.find(ids, wanted).is_done).tolist()
    jobs = fit_jobs(labels, keys, todo)
    with (
        progress("fitting hands", len(labels)) as advance,
        nullcontext() if engine.is_local else marked(store.parts) as mark,
        closing(engine.run(FitSetup(model, store.header, store.parts, mark), jobs)) as results,
    ):
        advance(len(labels) - len(todo))
        for done in results:
            advance(done)
    return store.find(ids, wanted), len(labels) - len(todo)


def _key(labels: HandLabels, k: int) -> str:
    """Return what identifies the input of a fit."""
    parts = (labels.keypoints_2d[k], labels.existence[k], labels.occlusion[k], labels.is_right[k])
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]


def _lines(labels: HandLabels, fits: Fits) -> str:
    """Return a line of JSON for every hand, sorted by id."""
    rows = [
        {
            "hand_id": hand_id,
            "usable": not fits.reason[k],
            "reason": str(fits.reason[k]),
            "joints": int(fits.n_joints[k]),
            "residual": None if np.isnan(fits.residual[k]) else round(float(fits.residual[k]), 5),
            "quality": round(float(fits.quality[k]), 5),
        }
        for k, hand_id in enumerate(labels.hand_id.tolist())
    ]
    return "".join(json.dumps(row) + "\n" for row in sorted(rows, key=lambda row: str(row["hand_id"])))
