"""Every ``hint`` command of the README and the pages can be typed: it exists, and so do its options."""

import re
import shlex
from pathlib import Path

import pytest

from hint.cli import COMMANDS
from hint.cli.command import make_command

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

#: A line of its own in a block of code, or inline code.
COMMAND = re.compile(r"^(?: {4,})?hint ([^\n]+)$|`hint ([^`\n]+)`", re.MULTILINE)
#: A synopsis shows alternatives and optional parts, so it is no command.
SYNOPSIS = re.compile(r"\bCOMMAND\b|[\[\](){}|]|\.\.\.|…")


def commands(page: Path) -> list[list[str]]:
    """Return the commands of a page, split as a shell would."""
    text = page.read_text().replace("\\\n", " ")
    found = (whole or inline for whole, inline in COMMAND.findall(text))
    lines = (line.partition(" #")[0].partition(" && ")[0] for line in found)
    return [shlex.split(line) for line in lines if not SYNOPSIS.search(line)]


def unknown(words: list[str]) -> str:
    """Return the first word that means nothing to the command line, "" if all do."""
    name, *rest = words
    if name.startswith("--"):
        return ""
    if name not in COMMANDS:
        return name
    command = make_command(COMMANDS[name][0])
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] in command.commands:
            command = command.commands[rest.pop(0)]
        elif "run" in command.commands:  # what hint prelabel does if it is given a manifest at once
            command = command.commands["run"]
        else:
            return rest[0]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return next((option for option in options if option not in known | {"--help"}), "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_can_be_typed(page: Path) -> None:
    assert {" ".join(words): word for words in commands(page) if (word := unknown(words))} == {}


def test_commands_are_found_and_judged() -> None:
    assert len(commands(ROOT / "README.md")) > 30
    assert unknown(["eval", "--data", "x", "--colour"]) == "--colour"
    assert unknown(["studio", "shove"]) == "shove"
    assert unknown(["guess"]) == "guess"
