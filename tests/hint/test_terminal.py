"""What a terminal of 80 columns shows: long lines go on below, between words; commands stay whole."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hint.cli.console import wrapped

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def shown(*arguments: str, **environment: str) -> list[str]:
    """Run a command in a terminal, and return the lines that it shows."""
    ours, theirs = pty.openpty()
    variables = {**os.environ, "COLUMNS": "80", "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "hint", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # nobody writes there any more
            pass
        process.wait()
    os.close(ours)
    return _STYLE.sub("", text.decode()).splitlines()


@pytest.mark.parametrize("command", ["doctor", "list methods --verbose", "train hamer --dry-run"])
def test_no_line_is_longer_than_the_terminal_is_wide(command: str, tmp_path: Path) -> None:
    lines = shown(*command.split(), HINT_HOME=str(tmp_path))
    assert len(lines) > 20
    for line in lines:
        before, _, word = line.rpartition(" ")
        is_command = line.lstrip().startswith(("hint ", "pip "))
        assert len(line) <= 80 or is_command or (len(word) > 38 and len(before) <= 80), (
            "only a command, and a word that fits nowhere, stick out"
        )


def test_commands_and_words_stay_whole() -> None:
    assert wrapped("hint predict a.jpg --out b", width=20) == ["hint predict a.jpg --out b"]
    assert wrapped("hint fetch metro, or download it", width=20) == ["hint fetch metro, or", "download it"]
    assert wrapped("see a-very-long-path/that-does-not-fit.jpg there", width=30, indent=5) == [
        *("see", "a-very-long-path/that-does-not-fit.jpg", "there")
    ]
    assert wrapped("a line " * 500, width=None) == ["a line " * 500]
    assert wrapped("", width=80) == [""]
