"""A recording for rerun appears whole or not at all."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hint.errors import WriteError
from hint.viewers.recording import Recording, check_recording

pytest.importorskip("rerun", reason="rerun is not installed")


def record(path: Path) -> None:
    with Recording(path, "black", scene=False, errors=False) as recording:
        recording.at(picture=0)
        recording.picture(np.zeros((60, 60, 3), np.uint8))


def test_a_recording_without_its_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "whole.rrd")
    monkeypatch.setattr("hint.viewers.recording._FOOTER", b"an end that nobody writes")
    with pytest.raises(WriteError, match=r"cut\.rrd: .* is the disk full\?"):
        record(tmp_path / "cut.rrd")
    assert [path.name for path in tmp_path.iterdir()] == ["whole.rrd"]


def test_a_nearly_full_disk_ends_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint.viewers.recording._FREE", shutil.disk_usage(tmp_path).total + 1)
    with pytest.raises(WriteError, match=r"no recording fits into .* must stay free"):
        check_recording(tmp_path / "a.rrd", replace=False)
    with pytest.raises(WriteError, match="must stay free"):
        record(tmp_path / "a.rrd")
    assert not list(tmp_path.iterdir())
