"""Where the toolkit keeps and finds what it did not bring along: weights, MANO, caches."""

import os
from pathlib import Path

import platformdirs

#: A folder of the user's own that replaces the platform's data folder.
HOME_VARIABLE = "HINT_HOME"


def home() -> Path:
    """Return the folder downloads and converted files live in (``$HINT_HOME`` or the platform's data folder)."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("hint"))


def candidates(*relative: str) -> list[Path]:
    """Return the places a file may lie in, best first: the home folder, then the official repositories' ``_DATA``.

    Args:
        relative: Path below ``home()``, then paths below the working folder that official scripts use.
    """
    return [home() / relative[0], *(Path(r) for r in relative[1:])]
