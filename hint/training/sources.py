"""The ten data sets of HaMeR's training, their shares and paths.

Source: HaMeR (Pavlakos et al. 2024), ``data/mix_all.yaml`` and ``configs/datasets_tar.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class NamedSet:
    """One set of tars.

    Attributes:
        name: Its folder, and its name in presets.
        title: Name in the literature.
        weight: Share in the released training.
        samples: Number of hands, as released.
        shards: Number of tars.
        parts: Annotations of its hands.
    """

    name: str
    title: str
    weight: float
    samples: int
    shards: int
    parts: str

    def pattern(self, root: Path) -> str:
        """Return the pattern of its tars in ``hamer_training_data``, with braces as in the release."""
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
