"""The error table of a 3D protocol: how far every joint and vertex of every hand is from the truth.

Scores are means of the per-hand columns, curves and per-joint numbers follow from the distances, so a model runs once.
Vertex distances are kept in single precision to halve the file (125 MB for the largest set); no score depends on them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import Coverage
from benchmark.mesh.alignment import fit_similarity, move_other_mesh, procrustes, scale_and_translate
from benchmark.mesh.f_score import f_scores
from benchmark.mesh.metrics import area_under_curve, curve_thresholds, distances
from benchmark.mesh.protocol import MeshProtocol
from hint.errors import InputError
from hint.files import read_npz, write_npz
from hint.files.mesh_labels import MeshLabels
from hint.types import Bool, Double, Float, Strings
from hint.workers import in_threads

#: Stored in every file, so that other files are recognised.
FORMAT = "hint-mesh-error-table-1"

#: Alignment -> prefix of its mean errors and suffix of its other scores. Leaderboards show the numbers after Procrustes
#: alignment.
_AFFIXES = {"none": ("", "_raw"), "procrustes": ("pa_", ""), "scale_translation": ("st_", "_st")}

#: Names of metrics: mean errors, areas under curves and F-scores.
_VALUE = re.compile(r"(pa_|st_)?mp[jv]pe_mm|auc_[jv](_raw|_st)?|f_at_[\d.]+mm(_raw|_st)?")

#: Hands computed at a time by one thread; bounds its memory to about 30 MB.
_CHUNK = 64

#: A prediction with a coordinate this far away, metres, does not count as one.
_FAR = 1e9

#: HO-3D's wrist and base of the middle finger, the bone that scale-translation alignment scales.
_ROOT, _TIP = 0, 4

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class MeshErrors:
    """Errors of one method on one 3D evaluation set.

    A hand without a finite prediction has infinite distances and means, and 0 in everything that is a share.

    Attributes:
        hand_id: (N,) unique ids.
        clip_id: (N,) sequence of each hand.
        joints: Alignment -> (N,21) distance in metres.
        vertices: Alignment -> (N,V) distance in metres; empty where the mesh has other vertices than the truth.
        values: Metric -> (N,) value of each hand; the score is their mean.
        n_vertices: Vertices of the truth.
    """

    hand_id: Strings
    clip_id: Strings
    joints: dict[str, Double]
    vertices: dict[str, Float]
    values: dict[str, Double]
    n_vertices: int

    def __len__(self) -> int:
        return len(self.hand_id)

    def digest(self) -> str:
        """Return a sha256 of the errors."""
        digest = hashlib.sha256("\n".join(self.hand_id.tolist()).encode())
        for name in sorted(self.values):
            digest.update(np.ascontiguousarray(self.values[name]).tobytes())
        return digest.hexdigest()


def compute_mesh_errors(
    labels: MeshLabels, joints: NDArray[np.floating], vertices: NDArray[np.floating], protocol: MeshProtocol
) -> tuple[MeshErrors, Coverage]:
    """Compare predictions with the truth, some hands at a time on every core.

    Args:
        labels: N hands.
        joints: (N,21,3) metres, in the order and axes of the labels; a hand that was not predicted is NaN.
        vertices: (N,W,3) metres, likewise. Meshes with another number of vertices get only F-scores.
        protocol: Rules.

    Raises:
        InputError: If shapes disagree.
    """
    _check_shapes(labels, joints, vertices)
    starts = range(0, len(labels), _CHUNK)

    def work(start: int, _: object) -> Arrays:
        rows = slice(start, start + _CHUNK)
        given = joints[rows].astype(np.float64), vertices[rows].astype(np.float64)
        return _chunk((labels.joints[rows], labels.vertices[rows]), given, protocol)

    parts = dict(in_threads(work, starts))
    columns = {key: np.concatenate([parts[start][key] for start in starts]) for key in parts[0]}
    missing = np.isnan(joints).all((1, 2)) & np.isnan(vertices).all((1, 2))
    unusable = np.isinf(columns["joints.none"]).any(1) | columns.pop("no_mesh")
    ids = labels.hand_id
    coverage = Coverage(tuple(ids[missing].tolist()), tuple(ids[unusable & ~missing].tolist()), len(labels))
    return _from_columns(labels.hand_id, labels.clip_id, columns, labels.vertices.shape[1]), coverage


def _check_shapes(labels: MeshLabels, joints: NDArray[np.floating], vertices: NDArray[np.floating]) -> None:
    n = len(labels)
    if joints.shape != (n, 21, 3):
        raise InputError(f"joints have shape {joints.shape}, expected {(n, 21, 3)}: 21 joints of every hand")
    if vertices.shape[0] != n or vertices.shape[2:] != (3,):
        raise InputError(f"vertices have shape {vertices.shape}, expected ({n}, V, 3): a mesh of every hand")
    if n == 0:
        raise InputError("there is no hand to score")


def _chunk(truth: tuple[Double, Double], given: tuple[Double, Double], protocol: MeshProtocol) -> Arrays:
    """Return the columns of some hands, named "joints.<alignment>", "vertices.<alignment>" and "values.<metric>".

    Args:
        truth: Joints (n,21,3) and vertices (n,V,3), metres.
        given: Joints (n,21,3) and vertices (n,W,3), metres.
        protocol: Rules.
    """
    thresholds = curve_thresholds(protocol.curve_maximum, protocol.curve_points)
    (joints, has_joints), (vertices, has_mesh) = (_usable(points) for points in given)
    columns: Arrays = {"no_mesh": ~has_mesh}
    for alignment in protocol.alignments:
        distance = _distances(truth[0], _align(alignment, truth[0], joints), has_joints)
        columns |= {f"joints.{alignment}": distance, **_point_values("j", alignment, distance, thresholds)}
    meshes = {"none": vertices}
    if vertices.shape == truth[1].shape:
        meshes["procrustes"] = procrustes(truth[1], vertices)
        for alignment, mesh in meshes.items():
            distance = _distances(truth[1], mesh, has_mesh)
            columns[f"vertices.{alignment}"] = distance.astype(np.float32)
            columns |= _point_values("v", alignment, distance, thresholds)
    else:
        meshes["procrustes"] = move_other_mesh(vertices, fit_similarity(truth[0], joints))
        has_mesh = np.logical_and(has_mesh, has_joints)
    for alignment, mesh in meshes.items():
        shares = f_scores(truth[1], mesh, protocol.f_thresholds) * has_mesh[:, None]
        names = [f"values.{name}" for name in _f_names(alignment, protocol)]
        columns |= dict(zip(names, shares.T, strict=True))
    return columns


def _distances(truth: Double, points: Double, counts: Bool) -> Double:
    return np.where(counts[:, None], distances(truth, points), np.inf)


def _usable(points: Double) -> tuple[Double, Bool]:
    """Return points with zeros for hands without usable coordinates, and which hands are usable."""
    usable: Bool = np.all(np.abs(points) < _FAR, axis=(1, 2))
    return np.where(usable[:, None, None], points, 0.0), usable


def _align(alignment: str, truth: Double, points: Double) -> Double:
    if alignment == "procrustes":
        return procrustes(truth, points)
    if alignment == "scale_translation":
        return scale_and_translate(truth, points, _ROOT, _TIP)
    return points


def _point_values(letter: str, alignment: str, distance: Double, thresholds: Double) -> Arrays:
    before, after = _AFFIXES[alignment]
    return {
        f"values.{before}mp{letter}pe_mm": 1000 * distance.mean(1),
        f"values.auc_{letter}{after}": area_under_curve(distance, thresholds).mean(1),
    }


def _f_names(alignment: str, protocol: MeshProtocol) -> Sequence[str]:
    return [f"f_at_{1000 * t:g}mm{_AFFIXES[alignment][1]}" for t in protocol.f_thresholds]


def _from_columns(hand_id: Strings, clip_id: Strings, columns: Arrays, n_vertices: int) -> MeshErrors:
    def group(kind: str) -> dict[str, NDArray[Any]]:
        return {key.partition(".")[2]: value for key, value in columns.items() if key.startswith(f"{kind}.")}

    return MeshErrors(hand_id, clip_id, group("joints"), group("vertices"), group("values"), n_vertices)


def write_mesh_errors(table: MeshErrors, path: Path) -> None:
    """Write a table as npz: the whole file or none of it."""
    groups: dict[str, Arrays] = {"joints": {**table.joints}, "vertices": {**table.vertices}, "values": {**table.values}}
    columns = {f"{kind}.{name}": array for kind, group in groups.items() for name, array in group.items()}
    header = {"format": np.array(FORMAT), "hand_id": table.hand_id, "clip_id": table.clip_id}
    write_npz(path, {**header, "n_vertices": np.array(table.n_vertices), **columns})


def read_mesh_errors(path: Path, largest: int | None = None) -> MeshErrors:
    """Read what :func:`write_mesh_errors` wrote.

    Args:
        path: The file.
        largest: Bytes it may unpack to, None for any number.

    Raises:
        InputError: If the file is missing or is not an error table of this version.
    """
    arrays = read_npz(path, ["format", "hand_id", "clip_id", "n_vertices"], largest)
    if str(arrays["format"]) != FORMAT:
        raise InputError(f"{path}: format {arrays['format']}, this version reads {FORMAT}; score the predictions again")
    _check_columns(path, arrays)
    return _from_columns(arrays["hand_id"], arrays["clip_id"], arrays, int(arrays["n_vertices"]))


def _check_columns(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse columns that no table has, or of other types and sizes."""
    n, v = len(np.atleast_1d(arrays["hand_id"])), int(np.atleast_1d(arrays["n_vertices"])[0])
    shapes = {"joints": (n, 21), "vertices": (n, v), "values": (n,)}
    for key, array in arrays.items():
        kind, _, name = key.partition(".")
        if key in ("format", "n_vertices"):
            fits = array.shape == () and array.dtype.kind in "Uiu"
        elif key in ("hand_id", "clip_id"):
            fits = array.shape == (n,) and array.dtype.kind == "U"
        else:
            known = name in _AFFIXES if kind != "values" else _VALUE.fullmatch(name)
            fits = bool(known) and array.dtype.kind == "f" and array.shape == shapes.get(kind)
        if not fits:
            raise InputError(f"{path}: {key} is not a column of an error table, or of another type or size")
    if not n or len(set(arrays["hand_id"].tolist())) != n:
        raise InputError(f"{path}: it holds no hand, or a hand id twice; score the predictions again")


def check_values(table: MeshErrors, protocol: MeshProtocol) -> None:
    """Refuse values of hands that do not follow from the distances of their joints and vertices, or are no shares.

    Raises:
        InputError: If there are such values.
    """
    thresholds = curve_thresholds(protocol.curve_maximum, protocol.curve_points)
    expected: Arrays = {}
    for letter, group in (("j", table.joints), ("v", table.vertices)):
        for alignment, distance in group.items():
            expected |= _point_values(letter, alignment, distance.astype(np.float64), thresholds)
    shares = {name for alignment in _AFFIXES for name in _f_names(alignment, protocol)}
    for name, values in table.values.items():
        if name in shares:
            fits = bool(((values >= 0) & (values <= 1)).all())
        else:
            found = expected.get(f"values.{name}")
            fits = found is not None and bool(np.allclose(found, values, rtol=1e-5, atol=1e-5))
        if not fits:
            raise InputError(f"{name} does not follow from the distances")
    if "procrustes" not in table.joints or any((group < 0).any() for group in table.joints.values()):
        raise InputError("joints have no distance after Procrustes alignment, or a negative one")
