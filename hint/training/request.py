"""What a training was asked to do, in a form that other processes can be told."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hint.training.preset import Preset


@dataclass(frozen=True)
class Start:
    """What weights a training starts from; random ones where nothing is named.

    Attributes:
        weights: Of a whole HaMeR.
        backbone: Of the backbone alone.
        mean_parameters: ``mano_mean_params.npz``.
    """

    weights: Path | None = None
    backbone: Path | None = None
    mean_parameters: Path | None = None


@dataclass(frozen=True)
class Request:
    """A training.

    Attributes:
        preset: What is learned.
        data: Folder the sources lie below.
        out: Folder results go to.
        seed: Seed of everything.
        resume: Go on with what is in ``out``.
        start: First weights.
        mano: Hand to fit, None for what the preset says.
        device: "auto", "cpu" or "cuda".
        processes: Processes that train together.
        workers: Processes that prepare batches, for each of them.
        save_every: Steps between two checkpoints.
        keep: Checkpoints that stay.
        log_every: Steps between two entries of the curves.
        image_every: Steps between two pictures.
    """

    preset: Preset
    data: Path
    out: Path
    seed: int = 0
    resume: bool = False
    start: Start = Start()
    mano: str | None = None
    device: str = "auto"
    processes: int = 1
    workers: int = 0
    save_every: int = 1000
    keep: int = 2
    log_every: int = 50
    image_every: int = 1000

    @property
    def hand(self) -> str | None:
        """The hand to fit: a file, "procedural", or None for the installed one."""
        return self.mano or self.preset.mano or None

    def as_json(self) -> str:
        """Return it as text, for another process."""
        table = asdict(replace(self, preset=None)) | {"preset": self.preset.model_dump(mode="json")}  # type: ignore[arg-type]
        return json.dumps(table, default=str)

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Read what :meth:`as_json` wrote."""
        table: dict[str, Any] = json.loads(text)
        start = {name: Path(value) if value else None for name, value in table.pop("start").items()}
        preset = Preset.model_validate(table.pop("preset"))
        data, out = Path(table.pop("data")), Path(table.pop("out"))
        return cls(preset, data, out, start=Start(**start), **table)
