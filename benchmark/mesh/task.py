"""Protocols that score joints and meshes in metres on a 3D dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmark.matching import BoxedHand
from benchmark.mesh.error_table import compute_mesh_errors, write_mesh_errors
from benchmark.mesh.protocol import MeshProtocol
from benchmark.mesh.scores import score_mesh_errors
from benchmark.record import SubsetEntry
from benchmark.task import Given, Scored, Task
from hint.errors import InputError
from hint.files.competition import write_competition_files
from hint.files.freihand import freihand_views, read_freihand, to_freihand
from hint.files.hand_lists import read_two_lists
from hint.files.ho3d import FROM_HINT, ho3d_views, read_ho3d, to_ho3d
from hint.files.mesh_labels import MeshLabels, MeshViews
from hint.hand_rows import spread
from hint.skeleton import JOINT_NAMES
from hint.types import Double, Hand, Predictions


class Meshes(NamedTuple):
    """Predictions in the order of joints and the axes of a dataset, a row for every label.

    Attributes:
        joints: (N,21,3) metres; NaN where there is no prediction.
        vertices: (N,V,3) metres, likewise.
    """

    joints: Double
    vertices: Double


class _Layout(NamedTuple):
    """How one dataset is read, shown to methods, and what its order of joints and axes is.

    Attributes:
        ahead: Sign of z in front of the camera.
    """

    read: Callable[[Path], MeshLabels]
    views: Callable[[Path, Sequence[str]], MeshViews]
    convert: Callable[[Predictions, MeshViews], tuple[Double, Double]]
    joint_names: tuple[str, ...]
    ahead: int


_LAYOUTS = {
    "freihand": _Layout(read_freihand, freihand_views, to_freihand, JOINT_NAMES, 1),
    "ho3d": _Layout(read_ho3d, ho3d_views, to_ho3d, tuple(JOINT_NAMES[k] for k in FROM_HINT), -1),
}


#: Hands digested at a time.
_BLOCK = 1 << 6


def joint_names(protocol: MeshProtocol) -> tuple[str, ...]:
    """Return the names of the 21 joints in the order of the dataset of a protocol."""
    return _LAYOUTS[protocol.layout].joint_names


class MeshTask(Task[Meshes]):
    """The evaluation set of a 3D dataset under a protocol.

    Args:
        folder: The dataset.
        protocol: Rules.
        limit: Hands to score, spread evenly; None = all.

    Raises:
        InputError: If the ground truth cannot be used.
    """

    needs_meshes = True
    protocol: MeshProtocol

    def __init__(self, folder: Path, protocol: MeshProtocol, limit: int | None) -> None:
        self.protocol = protocol
        self._folder, self._layout = folder, _LAYOUTS[protocol.layout]
        everything = self._layout.read(folder)
        self._n_hands = len(everything)
        self._rows = spread(self._n_hands, limit)
        self._labels = everything.select(self._rows) if len(self._rows) < len(everything) else everything
        self._views: MeshViews | None = None

    def hands(self) -> list[Hand]:
        """Return the hands that are scored.

        Raises:
            MissingRequirementError: If pictures are missing.
        """
        self._views = self._layout.views(self._folder, self._labels.hand_id.tolist())
        return self._views.hands

    def fingerprint(self) -> dict[str, Any]:
        """Return where the boxes of :meth:`hands` come from."""
        return {"boxes": self._views.boxes} if self._views else {}

    def convert(self, predictions: Predictions) -> Meshes:
        """Bring predictions into the order of joints and the axes of the dataset."""
        if self._views is None:
            raise ValueError("hands() must be called before their predictions are converted")
        place = {hand_id: row for row, hand_id in enumerate(self._labels.hand_id.tolist())}
        rows = [place[hand_id] for hand_id in predictions.hand_id.tolist()]
        parts = self._layout.convert(predictions, self._views)
        full = [np.full((len(place), *part.shape[1:]), np.nan) for part in parts]
        for whole, part in zip(full, parts, strict=True):
            whole[rows] = part
        return Meshes(full[0], full[1])

    def given(self, predictions: Predictions | Path, boxes: Path | Sequence[BoxedHand] | None) -> Given[Meshes]:
        """Read a ``pred.json`` as the competitions take it.

        Raises:
            InputError: If it is no such file, or holds another number of hands than the ground truth.
        """
        if not isinstance(predictions, Path):
            raise InputError(f"protocol {self.protocol.id} scores a pred.json; give its path")
        joints, vertices = read_two_lists(predictions)
        _check_counts(predictions, joints, vertices, self._n_hands)
        fingerprint = {"predictions_sha256": _digest(joints, vertices)}
        if len(self._rows) < self._n_hands:
            joints, vertices = joints[self._rows], vertices[self._rows]
        return Given(Meshes(joints, vertices), fingerprint)

    def score(self, answers: Meshes, seed: int) -> Scored:
        """Score the set."""
        labels, protocol = self._labels, self.protocol
        table, coverage = compute_mesh_errors(labels, answers.joints, answers.vertices, protocol)
        scores = score_mesh_errors(table, protocol, self._layout.joint_names, seed)
        subset = SubsetEntry(
            name=protocol.id,
            n_hands=len(labels),
            n_clips=len(set(labels.clip_id.tolist())),
            expected_hands=protocol.hands,
            labels_sha256=_labels_sha256(labels),
        )
        return Scored(scores, coverage, (subset,), table, tuple(_axes_remarks(answers.joints, self._layout.ahead)))

    def write_errors(self, table: Any, path: Path) -> None:
        """Write an error table."""
        write_mesh_errors(table, path)

    def export(self, answers: Meshes, folder: Path) -> None:
        """Write the files the competition takes."""
        write_competition_files(folder, answers.joints, answers.vertices)


def _check_counts(path: Path, joints: Double, vertices: Double, expected: int) -> None:
    if joints.shape[1] != 21:
        swapped = "; the first list must be the joints" if vertices.shape[1] == 21 else ""
        raise InputError(f"{path}: {joints.shape[1]} joints per hand, expected 21{swapped}")
    if len(joints) != len(vertices):
        raise InputError(f"{path}: joints of {len(joints)} hands and vertices of {len(vertices)}; give both of each")
    if len(joints) != expected:
        raise InputError(
            f"{path} holds {len(joints)} hands, the ground truth {expected}; predict every hand, in its order"
        )


def _axes_remarks(joints: Double, ahead: int) -> Iterator[str]:
    """Say so where hands are not in front of the camera: unaligned scores then compare other axes or origins."""
    behind = int((ahead * joints[..., 2] < 0).any(1).sum())
    if behind:
        sign = ">" if ahead > 0 else "<"
        yield (
            f"{behind} of {len(joints)} hands are not entirely in front of the camera, where z {sign} 0 in this "
            "dataset: unaligned scores mean nothing unless axes and origin are the camera's"
        )


def _labels_sha256(labels: MeshLabels) -> str:
    """Digest the ground truth; coordinates count to a thousandth of a millimetre."""
    digest = hashlib.sha256("\n".join(labels.hand_id.tolist()).encode())
    for points in (labels.joints, labels.vertices):
        for start in range(0, len(points), _BLOCK):
            digest.update(np.rint(points[start : start + _BLOCK] * 1e6).astype("<i8").data)
    return digest.hexdigest()


def _digest(*arrays: Double) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
