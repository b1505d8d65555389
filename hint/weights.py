"""Read third-party weights without running code in the file, and write them as safetensors."""

from __future__ import annotations

import contextlib
import pickle
import struct
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hint import safepickle
from hint.errors import InputError, WriteError, first_line, some_ids
from hint.file_hash import file_sha256
from hint.files.atomic import atomic_write
from hint.files.bounded_npz import is_zip
from hint.files.path import as_path, require_regular

#: Keys of the weights in files of training programs.
_CONTAINERS = ("state_dict", "network", "model_state_dict", "model")

#: Key of the metadata in our own checkpoints.
METADATA = "metadata"

#: Packages whose objects accompany the weights in files of training programs; dummies replace them.
_IGNORED = {
    "omegaconf",
    "yacs",
    "pathlib",
    "pytorch_lightning",
    "lightning",
    "lightning_fabric",
    "argparse",
    "typing",
}

_DAMAGE = (
    *safepickle.DAMAGE,
    RuntimeError,
    OSError,
    AssertionError,
    struct.error,
    zipfile.BadZipFile,
    SafetensorError,  # PyTorch reads those, too
)

_AGAIN = "download or copy it again"


@dataclass(frozen=True)
class Checkpoint:
    """Weights as stored in a file.

    Attributes:
        state: Key -> tensor, on the CPU; not read from the disk before it is used, where the format allows.
        metadata: Of safetensors, and of checkpoints of our own training.
        path: The file.
    """

    state: dict[str, Tensor]
    metadata: dict[str, str]
    path: Path

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose key starts with ``prefix``, without it."""
        return {key[len(prefix) :]: value for key, value in self.state.items() if key.startswith(prefix)}


class _Dummy(safepickle.State):
    """Replaces an object that accompanies the weights; everything put into it is dropped."""

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        """Drop a value."""


def _torch_globals() -> dict[tuple[str, str], Any]:
    rebuild = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
    found: dict[tuple[str, str], Any] = {("torch._utils", name): getattr(torch._utils, name) for name in rebuild}
    found |= {("torch", name): value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
    return found | {("torch", "Size"): torch.Size, ("torch", "device"): torch.device}


def _container_globals() -> dict[tuple[str, str], Any]:
    plain = (dict, list, tuple, set, frozenset, int, float, complex, str, bytes, bool)
    found: dict[tuple[str, str], Any] = {
        (module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in plain
    }
    return found | {("collections", kind.__name__): kind for kind in (OrderedDict, defaultdict, Counter, deque)}


_ALLOWED: safepickle.Allowed = {**safepickle.NUMPY, **_torch_globals(), **_container_globals()}


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Read weights from a PyTorch or safetensors file of any suffix.

    Accepts a bare state dict, the files of training programs that keep one (Lightning and others), the zip format and
    the one before it.

    Raises:
        InputError: If the file is absent, truncated, not weights, or names globals that weights never need.
    """
    path = as_path(path)
    head = _head(path)
    if head[8:9] == b"{":
        return _read_safetensors(path)
    if head.startswith(b"PK"):
        content = _read_torch(path, mmap=True)
    elif head.startswith(b"\x80"):
        content = _read_torch(path, mmap=False)
    else:
        raise InputError(f"{path}: {_describe(head)}")
    return Checkpoint(_state_dict(content, path), _metadata(content), path)


def _head(path: Path) -> bytes:
    require_regular(path)
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _describe(head: bytes) -> str:
    text = head.lstrip().lower()
    if not head.strip(b"\0"):
        return f"is empty; {_AGAIN}"
    if text.startswith((b"<!doctype", b"<html")):
        return f"is a web page, not weights; {_AGAIN}"
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the weights; type: git lfs pull"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        return "is a packed archive; unpack it and name the weights inside"
    return "is not a PyTorch or safetensors file"


def _read_safetensors(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            return Checkpoint({key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}, path)  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: not whole safetensors ({error}); {_AGAIN}") from error


def _read_torch(path: Path, mmap: bool) -> Any:
    """Read with PyTorch's own allow-list, then, for training files, with ours."""
    if mmap and not is_zip(path):
        raise InputError(f"{path}: truncated at {path.stat().st_size} bytes; {_AGAIN}")
    try:
        if mmap and _is_torchscript(path):
            raise InputError(
                f"{path}: is a TorchScript program, not weights; save model.state_dict() and name that file"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # protocols of pickles, which who reads them did not choose
            return _loaded(path, mmap)
    except _DAMAGE as error:
        raise InputError(f"{path}: damaged or not a PyTorch file ({first_line(error)}); {_AGAIN}") from error


def _loaded(path: Path, mmap: bool) -> Any:
    with contextlib.suppress(*_DAMAGE):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    # torch.load asks for nothing but these names of a pickle module.
    module = SimpleNamespace(Unpickler=_unpickler(path), load=_load_with(path), __name__="restricted")
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=module, mmap=mmap)


def _is_torchscript(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _unpickler(path: Path) -> type[pickle.Unpickler]:
    def find(module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module.partition(".")[0] in _IGNORED:
            return _Dummy
        raise InputError(
            f"{path}: asks for {module}.{name}, which weights never need: it is a whole pickled model, or worse; "
            "not opened. Save model.state_dict() with the program that wrote it and name that file"
        )

    return safepickle.restricted(find)


def _load_with(path: Path) -> Callable[..., Any]:
    def load(file: Any, **options: Any) -> Any:
        return _unpickler(path)(file, **options).load()

    return load


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        what = "settings of a training program" if isinstance(content, _Dummy) else f"a {type(content).__name__}"
        raise InputError(f"{path}: holds {what}, not weights")
    found = next((content[name] for name in _CONTAINERS if isinstance(content.get(name), dict)), content)
    others = [str(key) for key, value in found.items() if not (isinstance(key, str) and _is_plain(value))]
    if others or not found:
        raise InputError(f"{path}: holds no weights but {some_ids(others) or 'nothing'}")
    return dict(found)


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a tensor of numbers in as much memory as it needs: not sparse, absent or repeated."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
        return False
    return value.device.type == "cpu" and value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _metadata(content: Any) -> dict[str, str]:
    """Return the texts under :data:`METADATA`."""
    stored = content.get(METADATA) if isinstance(content, dict) else None
    return {str(k): v for k, v in stored.items() if isinstance(v, str)} if isinstance(stored, dict) else {}


#: End of the keys of batch norms' counters.
_COUNTER = ".num_batches_tracked"


def matching(
    checkpoint: Checkpoint, expected: Mapping[str, torch.Size], ignore: Iterable[str] = ()
) -> dict[str, Tensor]:
    """Return the tensors a network expects, as float32.

    Counters of batch norms, which nothing reads and some files lack, need not be there.

    Args:
        checkpoint: Weights read from a file.
        expected: Key -> shape, every one of which must be there.
        ignore: Prefixes of keys that may be there but are not needed.

    Raises:
        InputError: If keys are missing, unknown, or of another shape.
    """
    state, skip = checkpoint.state, tuple(ignore)
    missing = [key for key in expected if key not in state and not key.endswith(_COUNTER)]
    unknown = [key for key in state if key not in expected and not key.startswith(skip)]
    shapes = [
        f"{key} {tuple(state[key].shape)} for {tuple(shape)}"
        for key, shape in expected.items()
        if key in state and state[key].shape != shape
    ]
    problems = {"missing": missing, "unknown": unknown, "of another shape": shapes}
    listed = "; ".join(f"{kind}: {some_ids(keys)}" for kind, keys in problems.items() if keys)
    if listed:
        raise InputError(f"{checkpoint.path}: weights of another network ({listed})")
    found = {key: state.get(key, torch.tensor(0)) for key in expected}
    return {key: value.float() if value.is_floating_point() else value for key, value in found.items()}


Network = TypeVar("Network", bound=nn.Module)


def load_into(network: Network, checkpoint: Checkpoint, ignore: Iterable[str] = ()) -> Network:
    """Put weights into a network, and return it; see :func:`matching`.

    Raises:
        InputError: If they are those of another network.
    """
    expected = {key: value.shape for key, value in network.state_dict().items()}
    network.load_state_dict(matching(checkpoint, expected, ignore))
    return network


def save(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write weights as safetensors, atomically.

    Raises:
        WriteError: If the file cannot be written.
    """
    try:
        with atomic_write(path) as stream:
            save_file(_unshared(state), stream.name, metadata={"format": "pt", **metadata})
    except SafetensorError as error:
        raise WriteError(f"cannot write {path}: {error}") from error


def _unshared(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every key its own memory, as safetensors requires; tied weights are copied."""
    seen: set[int] = set()
    apart: dict[str, Tensor] = {}
    for key, value in state.items():
        apart[key] = value.clone() if value.data_ptr() in seen else value.contiguous()
        seen.add(value.data_ptr())
    return apart


def convert(source: Path, target: Path) -> None:
    """Rewrite weights as safetensors, which load faster and hold only numbers.

    Raises:
        InputError: If ``source`` is not a weights file.
        WriteError: If ``target`` cannot be written.
    """
    checkpoint = read_checkpoint(source)
    save(checkpoint.state, target, checkpoint.metadata | {"source_sha256": file_sha256(source)})
