"""Run a method over the hands of a manifest and guess existence and occlusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from annotation.prelabel.calibration import Calibration, read_calibration
from annotation.prelabel.guess import Thresholds, guess
from annotation.prelabel.hands import choose, output_path, require_pictures, to_hands
from annotation.prelabel.occlusion import NONE, with_occlusion
from hint.engine import HERE, LoadedMethod, NamedMethod, Ready, Recipe, Shard, Work, run
from hint.engine.parts import parts_folder
from hint.engine.work import require_work
from hint.errors import InputError, legible
from hint.files.atomic import require_writable
from hint.files.manifest import read_manifest
from hint.files.parquet_rows import is_parquet
from hint.files.path import as_path
from hint.files.storage import url_of, without_query
from hint.methods.options import method_options
from hint.progress import progress
from hint.types import Method, Predictions


@dataclass(frozen=True)
class Prelabels:
    """What a run left.

    Attributes:
        path: The predictions file; of a shard, the folder of the parts.
        predictions: Rows of the requested hands, with existence and occlusion.
        without_box: Ids of hands that were left out because they have no box.
        failures: Id -> why its picture could not be used.
        reused: Rows taken from an earlier run.
        seconds: Time spent in this run.
        note: Caveat of the method's card, "" for none.
        calibrated: Whether the thresholds come from a calibration.
        shard: Which part of the manifest it was, None for all.
    """

    path: Path
    predictions: Predictions
    without_box: list[str]
    failures: dict[str, str]
    reused: int
    seconds: float
    note: str = ""
    calibrated: bool = False
    shard: Shard | None = None

    def __repr__(self) -> str:
        left_out = len(self.without_box) + len(self.failures)
        return f"<{len(self.predictions)} hands pre-labelled, {left_out} left out: {self.path}>"

    @property
    def is_complete(self) -> bool:
        """Whether every requested hand has a row."""
        return not self.without_box and not self.failures

    def as_json(self) -> dict[str, Any]:
        """Return counts, paths and problems as JSON values."""
        rows = self.predictions
        exist = rows.existence if rows.existence is not None else np.empty((0, 21), bool)
        occluded = rows.occlusion if rows.occlusion is not None else exist
        return {
            "predictions": legible(str(self.path)),
            "hands": len(rows),
            "found": int(np.isfinite(rows.keypoints_2d).all((1, 2)).sum()),
            "reused": self.reused,
            "existing": int(exist.sum()),
            "occluded": int((exist & occluded).sum()),
            "occlusion_from": rows.meta.get("prelabel", {}).get("occlusion_from", "nothing"),
            "without_box": self.without_box,
            "failures": self.failures,
            "seconds": round(self.seconds, 3),
        }


def prelabel(
    manifest: str | Path,
    method: str | Method,
    *,
    out: str | Path | None = None,
    shard: str | None = None,
    limit: int | None = None,
    box_px: float | None = None,
    calibration: str | Path | Calibration | None = None,
    occlusion: str | None = None,
    overwrite: str = "missing",
    device: str = "auto",
    precision: str = "auto",
    weights: str | Path | None = None,
    mano: str | Path | None = None,
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    work: Work = HERE,
) -> Prelabels:
    """Predict the hands of a manifest, or continue an earlier run, and save them.

    Args:
        manifest: Written by ``hint sample``; or the same columns as Parquet, a file or a folder of files; or a URL.
        method: Name of a method, or a loaded one; ``device`` to ``settings`` apply to a name only.
        out: Predictions npz; None for ``<FOLDER>.<method>.npz`` beside the manifest.
        shard: Which part of the manifest to run, such as "2/8"; its rows stay in a folder of parts, which a run without
            joins when all are done. None for all.
        limit: Number of hands, spread evenly over the manifest; None for all.
        box_px: Side of the square put around the centre of a hand without a box; None leaves such hands out.
        calibration: Thresholds chosen on labels; None for the defaults.
        occlusion: What flags of occlusion come from: "picture", "score" (of the method) or "none". None is the picture
            for methods that look at one, if the packages are there. A method's own flags are always kept.
        overwrite: "missing" continues an earlier run, "never" refuses to touch it, "always" starts over.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "fp32", "bf16", ... as the method supports it.
        weights: Weights file, or a name the method documents.
        mano: MANO file, or "procedural".
        seed: Seed of methods that draw random numbers.
        settings: The method's own settings.
        work: Who does the work, such as ``hint.Work(devices="all")``; by default this process.

    Raises:
        InputError: If the manifest cannot be read, the method needs labels, the calibration is for another method, or
            the file holds predictions made with other settings.
        MissingRequirementError: If pictures, packages or weights are missing.
        KeyboardInterrupt: On Ctrl-C, after saving.
    """
    manifest, part = _path(manifest), Shard.parse(shard) if shard is not None else None
    require_work(work)
    lines = read_manifest(manifest)
    if isinstance(calibration, str | Path):
        calibration = read_calibration(as_path(calibration))
    name = method if isinstance(method, str) else method.card.name
    path = as_path(out) if out is not None else output_path(manifest, name)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the file to write, such as {path / f'{manifest.stem}.{name}.npz'}")
    require_writable(path.parent)
    if overwrite == "never" and path.exists():
        raise InputError(f"{path} already exists; use --overwrite missing or always")
    recipe: Recipe = (
        LoadedMethod(method)
        if not isinstance(method, str)
        else NamedMethod(method, method_options(device, precision, weights, mano, seed, settings))
    )
    ready = Ready.load(PrelabelRecipe(recipe, occlusion), work.find_engine(device))
    thresholds = calibration.thresholds(ready.identity) if calibration else Thresholds()
    if occlusion == NONE:
        thresholds = replace(thresholds, occlusion_below=0.0)
    folder = manifest.absolute().parent if url_of(manifest) is None else without_query(manifest).parent
    hands, without_box = to_hands(choose(lines, limit), folder, box_px)
    if ready.identity.card.reads_images:
        require_pictures(hands, manifest)
    sizes = {line.hand_id: line.size for line in lines}
    result = run(
        ready,
        hands,
        save_to=path,
        overwrite=overwrite == "always",
        complete=partial(guess, sizes=sizes, thresholds=thresholds),
        shard=part,
        work=work,
        show=progress,
    )
    calibrated, note = calibration is not None, ready.identity.card.note
    return Prelabels(
        (work.parts_path or parts_folder(path)) if part else path,
        result.predictions,
        without_box,
        result.failures,
        result.reused,
        result.seconds,
        note,
        calibrated,
        part,
    )


def _path(manifest: object) -> Path:
    if not isinstance(manifest, str | Path) or (as_path(manifest).is_dir() and not is_parquet(as_path(manifest))):
        given = f"{manifest} is a folder" if isinstance(manifest, str | Path) else type(manifest).__name__
        raise InputError(f"{given}, not a manifest; give the manifest that hint sample wrote (a .jsonl)")
    return as_path(manifest)


@dataclass(frozen=True)
class PrelabelRecipe:
    """A method for hands without labels, which guesses occlusion as asked for.

    Attributes:
        recipe: Loads the method.
        occlusion: What flags of occlusion come from, see :func:`annotation.prelabel.occlusion.with_occlusion`.
    """

    recipe: Recipe
    occlusion: str | None

    def load(self, device: str | None) -> Method:
        """Load the method.

        Raises:
            InputError: If it needs labels.
        """
        method = self.recipe.load(device)
        if method.card.needs_labels:
            raise InputError(f"{method.card.name} uses the ground truth, which these hands do not have yet")
        return with_occlusion(method, self.occlusion)
