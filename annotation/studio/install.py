"""Label Studio in an environment of its own: its pins would fight with those of the toolkit."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from hint import settings
from hint.errors import MissingRequirementError, counted
from hint.progress import PLAIN_EVERY

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


def program(on_note: Callable[[str], None]) -> Path:
    """Return the ``label-studio`` program, after installing it where that was not done yet.

    Args:
        on_note: Called with lines that tell how far an installation is.

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
    on_note(f"installing Label Studio {VERSION} into {folder}: about 1 GB, two to four minutes, once")
    install(folder, on_note)
    return found


def empty_database() -> Path | None:
    """Return a database with all tables, to be copied; None where the environment has none.

    Creating the tables takes a minute, so it is done once, when Label Studio is installed.
    """
    found = environment() / _EMPTY / DATABASE
    return found if found.is_file() else None


def install(folder: Path, on_note: Callable[[str], None] = lambda _line: None) -> None:
    """Create a virtual environment with Label Studio and an empty database; an incomplete one is replaced.

    Args:
        folder: Where; relative to the current folder or absolute.
        on_note: Called with lines that tell how far it is.

    Raises:
        MissingRequirementError: If that fails.
    """
    program, empty = folder / _BIN, folder / _EMPTY
    pip = [str(program / "python"), "-m", "pip", "install", "--progress-bar", "off"]
    steps = {
        "1 of 3: an environment": [sys.executable, "-m", "venv", "--clear", str(folder)],
        "2 of 3: packages": [*pip, "--upgrade", "pip", REQUIREMENT],
        # Any command creates the tables.
        "3 of 3: tables": [str(program / "label-studio"), "version", "--data-dir", str(empty)],
    }
    for name, step in steps.items():
        on_note(name)
        try:
            lines = _run(step, on_note)
        except OSError as error:
            raise _cannot(list(steps.values()), str(error)) from error
        if lines is not None:
            reasons = [line for line in lines if line.startswith("ERROR")] or [line for line in lines if line.strip()]
            raise _cannot(list(steps.values()), reasons[-1][:200] if reasons else "no reason given")
    (folder / _READY).touch()


def _run(step: Sequence[str], on_note: Callable[[str], None]) -> list[str] | None:
    """Run a step; tell which package is at hand now and then. Return its last lines if it fails, else None."""
    last: deque[str] = deque(maxlen=50)
    n_packages, told = 0, time.monotonic()
    environment = {**os.environ, **PRIVATE, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            n_packages += line.startswith("Collecting ")
            if line.startswith("Installing collected packages"):
                on_note(f"unpacking {counted(n_packages, 'package')}, a minute or two")
            elif line.startswith("Collecting ") and time.monotonic() - told > PLAIN_EVERY:
                told = time.monotonic()
                on_note(f"{counted(n_packages, 'package')} so far, now {line.split()[1]}")
    return list(last) if process.returncode else None


def _cannot(steps: Sequence[list[str]], reason: str) -> MissingRequirementError:
    commands = " && ".join(shlex.join(step) for step in steps)
    return MissingRequirementError(
        f"Label Studio could not be installed ({' '.join(reason.split())}); try it by hand: {commands} && "
        f"export {ENVIRONMENT_VARIABLE}={shlex.quote(steps[0][-1])}"
    )
