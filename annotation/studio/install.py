"""Label Studio in an environment of its own: its pins would fight with those of the toolkit."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hint import settings
from hint.errors import MissingRequirementError

#: The release that was tried; the labelling page of another one may behave differently.
VERSION = "1.23.2"
REQUIREMENT = f"label-studio=={VERSION}"
#: What a server keeps everything in, inside its data folder.
DATABASE = "label_studio.sqlite3"
#: An environment with Label Studio in it, instead of the one made here.
ENVIRONMENT_VARIABLE = "HINT_LABEL_STUDIO"
#: Environment variables that switch telemetry and update checks off.
PRIVATE = {
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
}
_READY = ".ready"
#: Folder in the environment that holds a database with tables and no rows of anybody's.
_EMPTY = "empty"
_BIN = "Scripts" if sys.platform == "win32" else "bin"


def home() -> Path:
    """Return the folder the server's environment, data and login are kept in."""
    return settings.home() / "label-studio"


def environment() -> Path:
    """Return the folder of the virtual environment, whether it is there or not."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(given).expanduser() if given else home() / f"env-{VERSION}"


def program(on_install: Callable[[str], None]) -> Path:
    """Return the ``label-studio`` program, after installing it where that was not done yet.

    Args:
        on_install: Called with a line before an installation begins.

    Raises:
        MissingRequirementError: If it cannot be installed; the message ends in what to type.
    """
    folder = environment()
    found = folder / _BIN / "label-studio"
    is_own = ENVIRONMENT_VARIABLE not in os.environ
    if found.is_file() and ((folder / _READY).is_file() or not is_own):
        return found
    if not is_own:
        raise MissingRequirementError(f"{found} is not there; ${ENVIRONMENT_VARIABLE} names an environment with it")
    on_install(f"installing Label Studio {VERSION} into {folder}: about 1 GB, two to four minutes")
    install(folder)
    return found


def empty_database() -> Path | None:
    """Return a database with all tables, to be copied; None where the environment has none.

    Creating the tables takes a minute, so it is done once, when Label Studio is installed.
    """
    found = environment() / _EMPTY / DATABASE
    return found if found.is_file() else None


def install(folder: Path) -> None:
    """Create a virtual environment with Label Studio and an empty database; an incomplete one is replaced.

    Raises:
        MissingRequirementError: If that fails.
    """
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / _BIN / "python"), "-m", "pip", "install", "--quiet", REQUIREMENT],
        [str(folder / _BIN / "label-studio"), "version", "--data-dir", str(folder / _EMPTY)],  # any command creates it
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, check=False, env={**os.environ, **PRIVATE})
        except OSError as error:
            raise _cannot(steps, str(error)) from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
            raise _cannot(steps, lines[-1][:200])
    (folder / _READY).touch()


def _cannot(steps: tuple[list[str], ...], reason: str) -> MissingRequirementError:
    commands = " && ".join(shlex.join(step) for step in steps)
    return MissingRequirementError(
        f"Label Studio could not be installed ({' '.join(reason.split())}); try it by hand: {commands} && "
        f"export {ENVIRONMENT_VARIABLE}={shlex.quote(steps[0][-1])}"
    )
