"""The script that disturbs every command, on the quickest of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_what_is_disturbed_survives(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "reliability.md").read_text())
    command = ("-m", "tools.reliability", "--kills", "3", "--only", "submit", "--only", "export, pairs")
    done = subprocess.run(
        [sys.executable, *command, "--out", tmp_path / "tried", "--write", page],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^\| (submit|export, pairs) \| \d+ \|", page.read_text(), re.MULTILINE)
    assert rows == ["export, pairs", "submit"]
    assert "\n| check | " in page.read_text(), "what was not tried stays as it was"
