"""Where the numbers and pictures of a training go: TensorBoard, and Weights & Biases or MLflow on request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accelerate.tracking import GeneralTracker, MLflowTracker, TensorBoardTracker, WandBTracker

from hint.errors import InputError, MissingRequirementError, first_line
from hint.files.atomic import write_json
from hint.files.json_file import parse_json
from hint.images import write_image
from hint.requirements import missing_packages
from hint.types import Image

#: Services besides TensorBoard; each is also the name of its package and of its extra.
SERVICES = ("wandb", "mlflow")

#: Project of Weights & Biases, and experiment of MLflow.
_PROJECT = "hint"

_IDS = "trackers.json"


def check_trackers(names: Sequence[str]) -> None:
    """Check names of :data:`SERVICES`.

    Raises:
        InputError: If one is unknown.
        MissingRequirementError: If its package is missing.
    """
    unknown = [name for name in names if name not in SERVICES]
    if unknown:
        raise InputError(f"no tracker is called {', '.join(unknown)}; known: {', '.join(SERVICES)}")
    for name in names:
        if lacking := missing_packages([name], name):
            raise MissingRequirementError(f"--track {name} {lacking}")


class Trackers:
    """All of them as one. A service that fails is said and left; TensorBoard and the training go on.

    Args:
        folder: Folder of the training; TensorBoard's files go below it, and the ids of runs into ``trackers.json``.
        names: Names of :data:`SERVICES`.
        settings: Dotted names and values to show beside the run.
        step: Steps done; a training that goes on continues its runs.

    Raises:
        MissingRequirementError: If a service cannot be reached at the start.
    """

    def __init__(self, folder: Path, names: Sequence[str], settings: Mapping[str, Any], step: int = 0) -> None:
        # After a crash, hides the entries of steps that will be repeated.
        board = TensorBoardTracker("tensorboard", folder, purge_step=step or None)
        board.start()
        ids = _read_ids(folder / _IDS) if step else {}
        services = [_open(name, folder, ids.get(name), settings) for name in names]
        self._trackers: list[GeneralTracker] = [board, *services]
        if services:
            write_json(folder / _IDS, {service.name: _id(service) for service in services}, indent=1)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._tell(lambda tracker: tracker.log(dict(values), step=step))

    def picture(self, step: int, name: str, picture: Image) -> None:
        """Add a picture (H,W,3) RGB."""
        self._tell(lambda tracker: _show(tracker, step, name, picture))

    def close(self) -> None:
        """End the runs."""
        self._tell(lambda tracker: tracker.finish())

    def _tell(self, use: Callable[[GeneralTracker], None]) -> None:
        """Do something with each; a service that fails is let go."""
        for tracker in list(self._trackers):
            try:
                use(tracker)
            except Exception as error:  # services raise types of their own
                if isinstance(tracker, TensorBoardTracker):
                    raise
                self._trackers.remove(tracker)
                sys.stderr.write(f"{tracker.name} failed ({first_line(error)}); going on without it\n")


def _open(name: str, folder: Path, run: str | None, settings: Mapping[str, Any]) -> GeneralTracker:
    """Start a run, or go on with one."""
    tracker: GeneralTracker
    if name == "wandb":
        tracker = WandBTracker(
            _PROJECT, name=folder.resolve().name, dir=str(folder), id=run, resume="allow" if run else None
        )
    else:
        tracker = MLflowTracker(_PROJECT, run_id=run, run_name=folder.resolve().name)
    try:
        tracker.start()
        if run is None:  # the settings of a run stay as they are
            tracker.store_init_configuration(dict(settings))
    except Exception as error:  # services raise types of their own
        advice = {
            "wandb": "log in with wandb login, or set WANDB_MODE=offline",
            "mlflow": "MLFLOW_TRACKING_URI says where runs go",
        }[name]
        raise MissingRequirementError(f"--track {name}: {first_line(error)}; {advice}") from error
    return tracker


def _id(tracker: GeneralTracker) -> str:
    run: Any = tracker.tracker
    return str(run.id if isinstance(tracker, WandBTracker) else run.info.run_id)


def _read_ids(path: Path) -> dict[str, str]:
    try:
        found = parse_json(path.read_bytes()) if path.is_file() else {}
    except ValueError as error:
        raise InputError(f"{path}: not JSON; remove it to start new runs of the trackers") from error
    return {str(name): str(run) for name, run in found.items()} if isinstance(found, dict) else {}


def _show(tracker: GeneralTracker, step: int, name: str, picture: Image) -> None:
    if isinstance(tracker, TensorBoardTracker):
        tracker.log_images({name: picture[None]}, step=step, dataformats="NHWC")
    elif isinstance(tracker, WandBTracker):
        tracker.log_images({name: [picture]}, step=step)
    elif isinstance(tracker, MLflowTracker):
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"step_{step:08d}.png"
            write_image(path, picture)
            tracker.log_artifact(str(path), name)
