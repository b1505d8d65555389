"""Everything that defines one training, in a form that can be sent to other processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hint.training.preset import Preset


@dataclass(frozen=True)
class InitialWeights:
    """Files a training starts from; weights are random where none is given.

    Attributes:
        network: Weights of a whole HaMeR.
        backbone: Weights of the backbone alone.
        mean_parameters: ``mano_mean_params.npz``.
    """

    network: Path | None = None
    backbone: Path | None = None
    mean_parameters: Path | None = None

    def __str__(self) -> str:
        given = {"network": self.network, "backbone": self.backbone, "mean pose": self.mean_parameters}
        return ", ".join(f"{what} from {path.name}" for what, path in given.items() if path) or "random weights"


@dataclass(frozen=True)
class TrainingRequest:
    """A training.

    Attributes:
        preset: Network, data mixture, losses and optimiser.
        data: Folder that holds the training data.
        out: Folder for checkpoints, curves and weights.
        seed: Random seed.
        resume: Continue the training in ``out``.
        initial: Initial weights.
        mano: MANO file or "procedural"; None for the preset's choice.
        device: "auto", "cpu" or "cuda".
        processes: Training processes, one per GPU.
        workers: Data-loading processes per training process; None for as many as its share of the cores can feed.
        save_every: Steps between checkpoints.
        keep: Number of checkpoints to keep.
        val: Hands that are scored while training.
        val_every: Steps between two scores.
        track: Services that curves and pictures go to, besides TensorBoard.
        log_every: Steps between points of the curves.
        image_every: Steps between pictures.
    """

    preset: Preset
    data: Path
    out: Path
    seed: int = 0
    resume: bool = False
    initial: InitialWeights = InitialWeights()
    mano: str | None = None
    device: str = "auto"
    processes: int = 1
    workers: int | None = 0
    save_every: int = 1000
    keep: int = 2
    val: tuple[Path, ...] = ()
    val_every: int = 1000
    track: tuple[str, ...] = ()
    log_every: int = 50
    image_every: int = 1000

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.out / "checkpoints"

    @property
    def hand(self) -> str | None:
        """The hand model: a file, "procedural", or None for the installed one."""
        return self.mano or self.preset.mano or None

    def as_json(self) -> str:
        """Return the request as text, for another process."""
        table = asdict(replace(self, preset=None)) | {"preset": self.preset.model_dump(mode="json")}  # type: ignore[arg-type]
        return json.dumps(table, default=str)

    @classmethod
    def from_json(cls, text: str) -> TrainingRequest:
        """Read what :meth:`as_json` wrote."""
        table: dict[str, Any] = json.loads(text)
        initial = {name: Path(value) if value else None for name, value in table.pop("initial").items()}
        preset = Preset.model_validate(table.pop("preset"))
        data, out = Path(table.pop("data")), Path(table.pop("out"))
        val, track = tuple(map(Path, table.pop("val"))), tuple(table.pop("track"))
        return cls(preset, data, out, val=val, track=track, initial=InitialWeights(**initial), **table)
