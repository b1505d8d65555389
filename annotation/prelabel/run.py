"""Run a method over the hands of a manifest and guess existence and occlusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from annotation.prelabel.calibration import Calibration
from annotation.prelabel.guess import Thresholds, guess
from annotation.prelabel.hands import WHOLE, Shard, choose, output_path, require_pictures, to_hands
from hint.engine import run
from hint.errors import InputError
from hint.files.manifest import read_manifest
from hint.types import Method, Predictions


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        manifest: Written by ``hint sample``.
        name: Name of the method, which the file is called after.
        shard: Which part of the manifest.
        limit: Number of hands, spread evenly over the manifest; None for all.
        box_px: Side of the square put around the centre of a hand without a box; None leaves such hands out.
        calibration: Thresholds chosen on labels; None for the defaults.
        batch_size: Hands per forward pass.
        workers: Threads that read and crop pictures.
        overwrite: "missing" goes on from what an earlier run left, "never" refuses to touch it, "always" starts anew.
    """

    manifest: Path
    name: str
    shard: Shard = WHOLE
    limit: int | None = None
    box_px: float | None = None
    calibration: Calibration | None = None
    batch_size: int = 16
    workers: int = 2
    overwrite: str = "missing"

    @property
    def path(self) -> Path:
        """Where predictions go."""
        return output_path(self.manifest, self.name, self.shard)


@dataclass(frozen=True)
class Prelabels:
    """What a run left.

    Attributes:
        path: The file.
        predictions: Rows of the hands asked for, with existence and occlusion.
        without_box: Ids of hands that were left out because they have no box.
        failures: Id -> why its picture could not be used.
        reused: Rows an earlier run had made.
        seconds: Time spent in this run.
    """

    path: Path
    predictions: Predictions
    without_box: list[str]
    failures: dict[str, str]
    reused: int
    seconds: float

    @property
    def is_complete(self) -> bool:
        """Whether every hand asked for has a row."""
        return not self.without_box and not self.failures


def prelabel(request: Request, method: Method, advance: Callable[[int], None] = lambda steps: None) -> Prelabels:
    """Predict the hands of a manifest, or go on from an earlier run, and save them beside it.

    Args:
        request: What is asked for.
        method: What to run.
        advance: Told how many hands were done.

    Raises:
        InputError: If the manifest cannot be read, the method needs labels, the calibration is another method's, or the
            file holds predictions of other settings.
        MissingRequirementError: If pictures are absent.
        KeyboardInterrupt: On Ctrl-C, after saving.
    """
    lines = read_manifest(request.manifest)
    if method.card.needs_labels:
        raise InputError(f"{method.card.name} looks at the ground truth, which these hands do not have yet")
    if request.overwrite == "never" and request.path.exists():
        raise InputError(f"{request.path} is there already; say --overwrite missing or always")
    thresholds = request.calibration.thresholds(method) if request.calibration else Thresholds()
    hands, without = to_hands(
        choose(lines, request.shard, request.limit), request.manifest.absolute().parent, request.box_px
    )
    if method.card.reads_images:
        require_pictures(hands, request.manifest)
    sizes = {line.hand_id: line.size for line in lines}
    result = run(
        method,
        hands,
        save_to=request.path,
        overwrite=request.overwrite == "always",
        batch_size=request.batch_size,
        workers=request.workers,
        complete=lambda rows: guess(rows, sizes, thresholds),
        advance=advance,
    )
    return Prelabels(request.path, result.predictions, without, result.failures, result.reused, result.seconds)


def count_hands(request: Request) -> int:
    """Return how many hands a request is about, for a progress bar."""
    lines = choose(read_manifest(request.manifest), request.shard, request.limit)
    return len(to_hands(lines, request.manifest.parent, request.box_px)[0])
