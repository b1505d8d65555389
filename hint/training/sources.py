"""The ten sets HaMeR was trained on, their shares, and where they lie.

Source: HaMeR (Pavlakos et al. 2024), ``data/mix_all.yaml`` and ``configs/datasets_tar.yaml``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hint.errors import InputError, UnknownNameError
from hint.training.filters import Filters
from hint.training.tars import TarSource, find_tars

#: Where the released archives put everything.
ROOT = Path("hamer_training_data")

#: Real hand poses for the discriminator, below the same root.
MOCAP = "freihand_mocap.npz"


@dataclass(frozen=True)
class NamedSet:
    """One set of tars.

    Attributes:
        name: Folder it lies in, and its name here.
        title: Name in the literature.
        weight: Share of the released training.
        samples: Hands in it, as the release states.
        shards: Tars it has.
        parts: What its hands are annotated with.
    """

    name: str
    title: str
    weight: float
    samples: int
    shards: int
    parts: str

    def pattern(self, root: Path = ROOT) -> str:
        """Return where its tars lie, with the braces of the release."""
        return str(root / "dataset_tars" / self.name / f"{{000000..{self.shards - 1:06d}}}.tar")


SETS: dict[str, NamedSet] = {
    named.name: named
    for named in (
        NamedSet("freihand-train", "FreiHAND", 0.25, 130_240, 131, "2D, 3D, MANO"),
        NamedSet("interhand26m-train", "InterHand2.6M", 0.25, 1_424_632, 1057, "2D, 3D, MANO"),
        NamedSet("mtc-train", "MTC", 0.10, 363_947, 307, "2D, 3D"),
        NamedSet("rhd-train", "RHD", 0.05, 61_705, 42, "2D, 3D"),
        NamedSet("cocow-train", "COCO-WholeBody", 0.10, 78_666, 37, "2D"),
        NamedSet("halpe-train", "Halpe", 0.05, 34_289, 23, "2D"),
        NamedSet("mpiinzsl-train", "MPII + NZSL", 0.05, 15_184, 16, "2D"),
        NamedSet("ho3d-train", "HO3D", 0.05, 83_325, 84, "2D, 3D, MANO"),
        NamedSet("h2o3d-train", "H2O-3D", 0.05, 121_996, 61, "2D, 3D, MANO"),
        NamedSet("dex-train", "DexYCB", 0.05, 406_888, 407, "2D, 3D, MANO"),
    )
}


def find_set(name: str) -> NamedSet:
    """Return a set by its name.

    Raises:
        UnknownNameError: If there is no such set.
    """
    if name not in SETS:
        raise UnknownNameError("training set", name, SETS)
    return SETS[name]


def open_sets(
    names: Sequence[str] = (),
    root: Path = ROOT,
    filters: Filters | None = None,
    workers: int | None = None,
    on_done: Callable[[int], None] | None = None,
) -> tuple[list[TarSource], list[float]]:
    """Open named sets.

    Args:
        names: Which; all ten if none are given.
        root: Folder that holds ``dataset_tars``.
        filters: By default those of the released training.
        workers: Processes that look through tars not seen before.
        on_done: Called with the number of tars just done.

    Returns:
        The sources and their weights.

    Raises:
        MissingRequirementError: If tars are missing.
    """
    chosen = [find_set(name) for name in dict.fromkeys(names or SETS)]
    # All are looked for before the first is read: what is missing shall not be said one by one, an hour apart.
    paths = [find_tars(named.pattern(root)) for named in chosen]
    sources = [TarSource(named.name, p, filters, workers, on_done) for named, p in zip(chosen, paths, strict=True)]
    return sources, [named.weight for named in chosen]


def parse_weights(text: str) -> dict[str, float]:
    """Read ``freihand-train=0.5,rhd-train=0.5``.

    Raises:
        InputError: If a part is no name with a positive number.
    """
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError as error:
            raise InputError(f"weights are given as name=number,name=number; {part!r} is not") from error
    return weights
