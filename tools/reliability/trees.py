"""What a command left in a folder: whether files are whole, and whether they are those of an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

#: Keys that say how a run went, not what came out.
_STORY = {
    "timing",
    "created",
    "reused",
    "computed",
    "seconds",
    "hands_per_second",
    "started",
    "finished",
    "peak_memory",
}

Tree = dict[str, str]


def tree(folder: Path) -> Tree:
    """Return the relative name of every file with a digest of what came out of the command.

    TensorBoard's files, which are named after the time and are logs, are left out.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    files = [path for path in files if not path.name.startswith("events.out.tfevents")]
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def differences(found: Tree, expected: Tree, varying: set[str]) -> list[str]:
    """Name the files that differ from those of an undisturbed run."""
    lines = [f"{name} is missing" for name in expected if name not in found]
    lines += [f"{name} is left over" for name in found if name not in expected]
    other = [name for name, digest in expected.items() if name not in varying and found.get(name, digest) != digest]
    return lines + [f"{name} has other content" for name in other]


def halves(folder: Path, expected: Tree) -> list[str]:
    """Name the files under their final names that are not whole."""
    found = []
    for name, digest in tree(folder).items():
        is_final = not any(part.startswith(".") for part in Path(name).parts)
        if is_final and digest != expected.get(name) and (problem := _damage(folder / name)):
            found.append(f"{name} is half written: {problem}")
    return found


def _digest(path: Path) -> str:
    content = path.read_bytes() if path.is_file() else b"a link"
    with suppress(ValueError, struct.error):  # it is not whole
        content = _outcome(content, path.suffix)
    return hashlib.sha256(content).hexdigest()


def _outcome(content: bytes, suffix: str) -> bytes:
    """Return what of a file does not tell how the run went."""
    if suffix in (".json", ".jsonl"):
        lines = content.splitlines() if suffix == ".jsonl" else [content]
        return json.dumps([_without_story(json.loads(line)) for line in lines]).encode()
    return _without_metadata(content) if suffix == ".safetensors" else content


def _without_story(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_story(held) for key, held in value.items() if key not in _STORY}
    return [_without_story(held) for held in value] if isinstance(value, list) else value


def _without_metadata(content: bytes) -> bytes:
    """Return the names and values of tensors: beside them stands when they were trained."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    return json.dumps(header).encode() + content[8 + size :]


def _damage(path: Path) -> str:
    try:
        _read(path)
    except Exception as error:  # whatever a reader makes of half a file
        return f"{type(error).__name__}: {error}"
    return ""


def _read(path: Path) -> None:
    """Read a file to its end by what its name says it is."""
    kind = path.suffix.lower()
    if kind == ".npz":
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                _ = file[key]
    elif kind == ".json":
        json.loads(path.read_bytes())
    elif kind == ".jsonl":
        for line in path.read_bytes().splitlines():
            json.loads(line)
    elif kind == ".zip" and (bad := zipfile.ZipFile(path).testzip()):
        raise ValueError(bad)
    elif kind in (".jpg", ".png") and cv2.imread(str(path)) is None:
        raise ValueError("no picture")
    elif kind in (".jpg", ".png", ".html", ".csv", ".md", ".obj", ".bvh", ".toml"):
        _check_end(path.read_bytes(), kind)


def _check_end(content: bytes, kind: str) -> None:
    ends = {".jpg": b"\xff\xd9", ".png": b"IEND\xaeB`\x82", ".html": b"</html>"}
    end = ends.get(kind, b"")
    if not content or not content.rstrip().endswith(end.rstrip()):
        raise ValueError("it ends early")
