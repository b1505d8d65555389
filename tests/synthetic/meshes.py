"""Made-up evaluation sets of FreiHAND and HO-3D: ground truth, pictures, boxes and wrists in the official layouts.

Hands are clouds of points about the size of a hand; nothing about them is anatomical.
"""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .draws import jpeg

#: HO-3D's order, written out by name: where in (wrist, thumb 1-4, index 1-4, middle 1-4, ring 1-4, little 1-4) each is.
HO3D_NAMES = (
    *("wrist", "index1", "index2", "index3", "middle1", "middle2", "middle3", "little1", "little2", "little3"),
    *("ring1", "ring2", "ring3", "thumb1", "thumb2", "thumb3", "thumb4", "index4", "middle4", "ring4", "little4"),
)
PLAIN_NAMES = (
    "wrist",
    *(f"{finger}{k}" for finger in ("thumb", "index", "middle", "ring", "little") for k in (1, 2, 3, 4)),
)


@dataclass(frozen=True)
class MeshSet:
    """What was written.

    Attributes:
        joints: (N,21,3) metres, in the order and axes of the dataset.
        vertices: (N,778,3) metres, likewise.
        names: (N,) id of each hand.
    """

    joints: np.ndarray
    vertices: np.ndarray
    names: list[str]


def draw_meshes(count: int, seed: int = 0, vertices: int = 778) -> tuple[np.ndarray, np.ndarray]:
    """Draw joints and vertices of hands half a metre before the camera (x right, y down, z ahead), HInt's order."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform((-0.1, -0.1, 0.5), (0.1, 0.1, 0.8), (count, 3))[:, None]
    mesh = centre + rng.normal(0, (0.03, 0.05, 0.02), (count, vertices, 3))
    return mesh[:, :21] + rng.normal(0, 0.005, (count, 21, 3)), mesh


def write_freihand(folder: Path, count: int = 6, seed: int = 0, vertices: int = 778, pictures: bool = True) -> MeshSet:
    """Write ``evaluation_*.json`` and 224x224 pictures."""
    joints, mesh = draw_meshes(count, seed, vertices)
    _write_truth(folder, joints, mesh)
    names = [f"{k:08d}" for k in range(count)]
    for name in names if pictures else ():
        _write_picture(folder / "evaluation" / "rgb" / f"{name}.jpg", (224, 224))
    return MeshSet(joints, mesh, names)


def write_ho3d(folder: Path, count: int = 6, seed: int = 0, suffix: str = ".jpg", pictures: bool = True) -> MeshSet:
    """Write two sequences: the list, ground truth in OpenGL axes, 640x480 pictures, and meta pickles."""
    joints, mesh = draw_meshes(count, seed)
    order = [PLAIN_NAMES.index(name) for name in HO3D_NAMES]
    gl = np.diag([1.0, -1.0, -1.0])
    joints, mesh = joints[:, order] @ gl, mesh @ gl
    _write_truth(folder, joints, mesh)
    names = [f"{'SM1' if 2 * k < count else 'AP10'}/{k:04d}" for k in range(count)]
    (folder / "evaluation.txt").write_text("".join(f"{name}\n" for name in names))
    for k, name in enumerate(names if pictures else ()):
        sequence, frame = name.split("/")
        _write_picture(folder / "evaluation" / sequence / "rgb" / f"{frame}{suffix}", (640, 480))
        meta = {
            "handJoints3D": joints[k, 0],
            "handBoundingBox": [200.0 + k, 150.0, 360.0, 330.0],
            "camMat": np.diag([600.0, 600.0, 1.0]),
            "objName": "006_mustard_bottle",
        }
        path = folder / "evaluation" / sequence / "meta" / f"{frame}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(meta, protocol=2))
    return MeshSet(joints, mesh, names)


def _write_truth(folder: Path, joints: np.ndarray, vertices: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, points in (("xyz", joints), ("verts", vertices)):
        (folder / f"evaluation_{name}.json").write_text(json.dumps(points.tolist()))


def _write_picture(path: Path, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(size))
