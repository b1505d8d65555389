"""Texts in arrays of strangers: NumPy takes any four bytes for a character, and Python fails on those that are none."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_text(array: NDArray[Any]) -> None:
    """Refuse an array with numbers in its texts that are no characters.

    Raises:
        ValueError: If there is one.
    """
    for name in array.dtype.names or ():
        check_text(array[name])
    if array.dtype.kind != "U" or not array.nbytes:
        return
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if native.view(np.uint32).max() > sys.maxunicode:
        raise ValueError("a text holds what is no character")
