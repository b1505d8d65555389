"""Where the toolkit keeps and finds files that are not part of it: weights, MANO, caches."""

import os
import sys
from pathlib import Path

import platformdirs

#: Environment variable with a folder to use instead of the platform's data folder.
HOME_VARIABLE = "HINT_HOME"

#: Environment variable with a folder to use instead of the platform's cache folder.
CACHE_VARIABLE = "HINT_CACHE"


def home() -> Path:
    """Return the folder of downloads and converted files (``$HINT_HOME`` or the platform's data folder)."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("hint"))


def cache_folder() -> Path:
    """Return the folder of what can be computed again (``$HINT_CACHE`` or the platform's cache folder)."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("hint"))


def environment() -> Path:
    """Return the folder of files that come with a Python environment, whoever uses it."""
    return Path(sys.prefix) / "share" / "hint-toolkit"


def candidates(*relative: str) -> list[Path]:
    """Return the places a file may be in, best first: the home folder, then ``_DATA`` of the official repositories.

    Args:
        relative: Path below ``home()``, then paths below the working folder that official scripts use.
    """
    return [home() / relative[0], *(Path(r) for r in relative[1:])]
