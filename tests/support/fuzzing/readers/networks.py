"""Weights, hand models and what trainings read."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fuzzing import drawn
from fuzzing.target import Target
from hint import weights
from hint.files.atomic import write_npz
from hint.mano.read import read_mano
from hint.methods.frankmocap.body import read_mean_pose
from hint.methods.mmpose.checkpoint import read_state
from hint.methods.mmpose.persons import Persons
from hint.methods.vertex_transformers.topology import read_adjacency, read_topology
from hint.training.checkpoints import State, load_state, save_state
from hint.training.mocap import read_mocap
from hint.training.preset import load_preset
from hint.training.record import check, unpickle
from hint.training.shards import ShardWriter, official_hand
from hint.training.tar_index import index_tar


def _state() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.ones(3, 2), "a.bias": torch.zeros(3), "n": torch.tensor(1)}


def _checkpoint(content: Any, zipped: bool = True) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        torch.save(content, folder / "a.pt", _use_new_zipfile_serialization=zipped)
        return folder / "a.pt"

    return make


def _safetensors(folder: Path) -> Path:
    weights.save(_state(), folder / "a.safetensors", {"training": "{}"})
    return folder / "a.safetensors"


def _training_state(folder: Path) -> Path:
    state = State(
        step=3,
        weights=_state(),
        optimisers=[{"state": {}}],
        average=None,
        scaler=None,
        settings="{}",
        metadata={"a": "b"},
    )
    return save_state(state, folder, keep=2)


class _Chumpy:
    """Stands for an array of chumpy, which is not installed."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class _Sparse(_Chumpy):
    """Stands for compressed columns of scipy of another version."""


def _pickled(value: dict[str, Any]) -> bytes:
    """Return a pickle in which the two have the names of what they stand for."""
    content = pickle.dumps(value, protocol=2)
    for kind, name in ((_Chumpy, b"chumpy.ch\nCh"), (_Sparse, b"scipy.sparse.csc\ncsc_matrix")):
        content = content.replace(f"{kind.__module__}\n{kind.__name__}".encode(), name)
    return content


@cache
def _mano_arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    parents = np.array([[2**32 - 1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14], range(16)], np.uint32)
    regressor = rng.random((16, 778))
    return {
        "v_template": rng.normal(0, 0.1, (778, 3)) * (-1, 1, 1),  # so it is a right hand
        "f": rng.integers(0, 778, (1538, 3)).astype(np.uint32),
        "shapedirs": rng.normal(0, 0.1, (778, 3, 10)),
        "posedirs": rng.normal(0, 0.1, (778, 3, 135)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": np.eye(16)[rng.integers(0, 16, 778)],
        "kintree_table": parents,
        "hands_mean": np.zeros(45),
        "hands_components": np.eye(45),
    }


def _mano_pickle(folder: Path) -> Path:
    arrays: dict[str, Any] = {
        key: np.asarray(value, np.float32 if value.dtype.kind == "f" else None) for key, value in _mano_arrays().items()
    }
    dense = arrays["J_regressor"].astype(np.float64)
    rows, columns = np.nonzero(dense.T)[::-1]
    sparse = {
        "_shape": dense.shape,
        "indptr": np.searchsorted(columns, np.arange(779)),
        "indices": rows,
        "data": dense[rows, columns],
    }
    arrays |= {"J_regressor": _Sparse(**sparse)}
    arrays |= {"shapedirs": _Chumpy(x=arrays["shapedirs"])}
    arrays["posedirs"] = arrays["posedirs"] * 0
    (folder / "MANO_RIGHT.pkl").write_bytes(_pickled(arrays))
    return folder / "MANO_RIGHT.pkl"


def _mano_npz(folder: Path) -> Path:
    np.savez_compressed(folder / "mano.npz", **{**_mano_arrays(), "posedirs": np.zeros((778, 3, 135))})
    return folder / "mano.npz"


def _topology(folder: Path) -> Path:
    down = np.zeros((195, 778))
    near = np.zeros((195, 195))
    objects = _npy_of_objects(pickle.dumps(np.array([near, near], object)[:2], 2))
    with zipfile.ZipFile(folder / "mano_downsampling.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        stream = io.BytesIO()
        np.save(stream, down)
        archive.writestr("D.npy", stream.getvalue())
        archive.writestr("A.npy", objects)
    return folder / "mano_downsampling.npz"


def _npy_of_objects(content: bytes) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    return stream.getvalue() + content


def _adjacency(folder: Path) -> Path:
    torch.save(torch.arange(195).repeat(2, 1), folder / "mano_195_adjmat_indices.pt")
    torch.save(torch.ones(195), folder / "mano_195_adjmat_values.pt")
    return folder / "mano_195_adjmat_values.pt"


def _mean_pose(folder: Path) -> Path:
    (folder / "a.pkl").write_bytes(pickle.dumps({"mean_pose": np.zeros(48)}, 2))
    return folder / "a.pkl"


def _hands() -> list[dict[str, Any]]:
    points = np.hstack([drawn.labels().keypoints_2d[0], np.ones((21, 1))])
    return [
        official_hand(
            keypoints_2d=points,
            box_xyxy=(5, 5, 30, 30),
            is_right=True,
            extra_info={"fitting_loss": np.array({"reprojection_loss": 0.1})},
        )
    ]


def _tar(folder: Path) -> Path:
    with ShardWriter(folder / "000000.tar") as shard:
        shard.add("a", np.zeros((8, 8, 3), np.uint8), _hands())
        shard.add("b", np.zeros((8, 8, 3), np.uint8), _hands())
    return folder / "000000.tar"


def _truth(folder: Path) -> Path:
    (folder / "a.data.pyd").write_bytes(pickle.dumps(_hands(), protocol=4))
    return folder / "a.data.pyd"


def _read_truth(folder: Path) -> object:
    return [check(hand, "a") for hand in unpickle((folder / "a.data.pyd").read_bytes(), "a.data.pyd")]


def _mocap(folder: Path) -> Path:
    write_npz(folder / "mocap.npz", {"hand_pose": np.zeros((3, 48)), "betas": np.zeros((3, 10))})
    return folder / "mocap.npz"


def _preset(folder: Path) -> Path:
    import hint.training

    source = Path(hint.training.__file__).parent / "presets" / "hamer-hint.toml"
    (folder / "a.toml").write_bytes(source.read_bytes())
    return folder / "a.toml"


def _persons(folder: Path) -> Path:
    lines = [
        {"image": "a.jpg", "box_xyxy": [1, 2, 30, 40], "score": 0.5},
        {"image": "b.jpg", "box_xyxy": [1, 2, 30, 40]},
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "a.jsonl"


_LIGHTNING = {"epoch": 1, "global_step": 5, "state_dict": _state(), "hyper_parameters": {"lr": 0.1}, "loops": {}}

TARGETS = (
    Target("checkpoint", "checkpoint", _checkpoint(_state()), lambda folder: weights.read_checkpoint(folder / "a.pt")),
    Target(
        "checkpoint Lightning",
        "checkpoint",
        _checkpoint(_LIGHTNING),
        lambda folder: weights.read_checkpoint(folder / "a.pt"),
    ),
    Target(
        "checkpoint before zip",
        "checkpoint",
        _checkpoint(_LIGHTNING, zipped=False),
        lambda folder: weights.read_checkpoint(folder / "a.pt"),
    ),
    Target(
        "checkpoint MMEngine",
        "checkpoint",
        _checkpoint({"state_dict": _state(), "meta": {}}),
        lambda folder: read_state(folder / "a.pt"),
    ),
    Target(
        "safetensors", "safetensors", _safetensors, lambda folder: weights.read_checkpoint(folder / "a.safetensors")
    ),
    Target("training state", "checkpoint", _training_state, lambda folder: load_state(next(folder.rglob("*.ckpt")))),
    Target("MANO pickle", "pickle", _mano_pickle, lambda folder: read_mano(folder / "MANO_RIGHT.pkl")),
    Target("MANO npz", "npz", _mano_npz, lambda folder: read_mano(folder / "mano.npz")),
    Target("mano_downsampling.npz", "zip", _topology, lambda folder: read_topology(folder / "mano_downsampling.npz")),
    Target("adjacency", "checkpoint", _adjacency, read_adjacency),
    Target("FrankMocap mean", "pickle", _mean_pose, lambda folder: read_mean_pose(folder / "a.pkl")),
    Target("training tar", "tar", _tar, lambda folder: index_tar(folder / "000000.tar")),
    Target("data.pyd", "pickle", _truth, _read_truth),
    Target("mocap npz", "npz", _mocap, lambda folder: read_mocap(folder / "mocap.npz")),
    Target("preset", "toml", _preset, lambda folder: load_preset(str(folder / "a.toml"))),
    Target("persons", "json lines", _persons, lambda folder: Persons(folder / "a.jsonl")),
)
