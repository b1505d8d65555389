"""Whole folders or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hint.errors import WriteError
from hint.files.atomic_folder import atomic_folder

#: Ends as a killed process does, when the folder is half filled or between the two renames.
_KILLED = """
import os, signal, sys
from pathlib import Path
from hint.files.atomic_folder import atomic_folder
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
with atomic_folder(Path(sys.argv[1])) as new:
    (new / "half").write_text("new")
    if sys.argv[2] == "filling":
        kill()
    rename, Path.rename = Path.rename, lambda a, b: rename(a, b) if not a.name.endswith("-new") else kill()
"""


def fill(path: Path, text: str) -> None:
    with atomic_folder(path) as new:
        (new / "whole").write_text(text)


def fill_half(path: Path) -> None:
    with atomic_folder(path) as new:
        (new / "half").touch()
        raise KeyError


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("moment", ["filling", "renaming"])
def test_a_killed_run_leaves_the_old_folder_to_the_next(moment: str, tmp_path: Path) -> None:
    place = tmp_path / "a[1]"
    fill(place, "old")
    killed = subprocess.run([sys.executable, "-c", _KILLED, place, moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) > 1  # the old folder, and what was left
    with pytest.raises(KeyError):
        fill_half(place)
    assert names(tmp_path) == ["a[1]/whole"]
    assert (place / "whole").read_text() == "old"
    fill(place, "new")
    assert names(tmp_path) == ["a[1]/whole"]
    assert (place / "whole").read_text() == "new"


def test_two_runs_leave_each_other_alone(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with atomic_folder(place) as first:
        (first / "whole").write_text("first")
        fill(place, "second")
        assert (first / "whole").read_text() == "first"
    assert (place / "whole").read_text() == "first"
    assert names(tmp_path) == ["out/whole"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting a disk needs root")
def test_a_disk_is_not_replaced(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("disks cannot be mounted here")
    try:
        with pytest.raises(WriteError, match="name a folder in it"):
            fill(tmp_path, "new")
        fill(tmp_path / "site", "new")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
