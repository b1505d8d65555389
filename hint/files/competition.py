"""The two files for a hand competition: ``pred.json`` and, for the upload, ``pred.zip`` that contains it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint.files.atomic import atomic_write
from hint.files.hand_lists import write_two_lists

#: The earliest date a zip can hold, so that equal predictions give equal bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_competition_files(folder: Path, joints: NDArray[np.floating], vertices: NDArray[np.floating]) -> None:
    """Write ``pred.json`` as the official ``pred.py`` does and ``pred.zip`` as ``zip -j pred.zip pred.json`` does.

    A hand that is not finite is written as zeros, as the official template predicts: the servers do not accept NaN, and
    every hand must be there.

    Args:
        folder: Folder to write to.
        joints: (N,21,3) metres, in the dataset's order and axes.
        vertices: (N,V,3) metres.
    """
    path = folder / "pred.json"
    write_two_lists(path, _zeros_for_nan(joints), _zeros_for_nan(vertices))
    with atomic_write(folder / "pred.zip") as stream, zipfile.ZipFile(stream, "w") as archive:
        entry = zipfile.ZipInfo(path.name, _DATE)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _zeros_for_nan(hands: NDArray[np.floating]) -> NDArray[np.floating]:
    finite = np.isfinite(hands).all((1, 2), keepdims=True)
    return np.where(finite, hands, hands.dtype.type(0))
