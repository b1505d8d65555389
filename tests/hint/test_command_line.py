"""The program as a whole: its overview, its start, completion, and the parts that commands share."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from hint.cli import COMMANDS, SECTIONS, main, overview
from hint.cli.command import as_app, make_command
from hint.cli.console import finish, resumable, show_rows
from hint.cli.options import MethodFlags, RunFlags, with_bundles
from hint.errors import InputError
from hint.version import __version__


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hint", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables)


def test_the_overview_names_every_command_in_its_section_in_80_columns() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout == overview()
    assert max(map(len, done.stdout.splitlines())) <= 80
    sections = done.stdout.split("\n\n")
    for title, commands in SECTIONS.items():
        block = next(section for section in sections if section.startswith(f"{title}:"))
        assert [line.split()[0] for line in block.splitlines()[1:]] == list(commands)


def test_no_command_prints_the_overview_and_fails() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, overview())


def test_the_version_is_printed() -> None:
    assert run("--version").stdout.strip() == __version__


@pytest.mark.parametrize(("word", "answer"), [("evl", "did you mean eval"), ("--jsn", "no such option: --jsn")])
def test_a_wrong_first_word_is_one_line(word: str, answer: str) -> None:
    done = run(word)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert answer in done.stderr


@pytest.mark.parametrize(
    ("arguments", "after"),
    [(["predict", ""], ""), (["predict", "a.jpg", "--out", ""], "--out"), (["fit", "--out="], "--out")],
)
def test_an_empty_argument_is_not_the_current_folder(
    arguments: list[str], after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"hint: an argument{after and f' after {after}'} is empty;")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_result_goes_to_a_url(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([command, "x", "--out=s3://key:secret@bucket/results"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("hint: s3://***@bucket/results: results go to a disk")
    assert not list(tmp_path.iterdir())


def test_a_name_longer_than_any_file_has_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["view", "results", "--data", "labels", "--with", "fiftyone", "--out", "a" * 300])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"hint: {'a' * 40}...: the name is longer than names of files can be\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_plain_and_fits_80_columns(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(make_command_app(name), ["--help"])
    assert done.exit_code == 0
    assert "<bool>" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def make_command_app(name: str) -> typer.Typer:
    from hint.imports import load

    assert make_command(COMMANDS[name][0])
    return as_app(load(COMMANDS[name][0]))


def cpu_seconds(*command: str) -> float:
    """The least of several starts: the rest is what else the machine does."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def test_the_overview_takes_at_most_five_bare_interpreters() -> None:
    assert cpu_seconds("-m", "hint", "--help") < 5 * cpu_seconds("-c", "pass")


@pytest.mark.parametrize(
    ("line", "expected", "absent"),
    [
        ("hint ev", {"eval"}, set()),
        ("hint ", set(COMMANDS), set()),
        ("hint list ", {"methods", "protocols"}, set(COMMANDS)),
        ("hint leaderboard ", {"build", "table"}, {"eval"}),
        ("hint eval --over", {"--overwrite"}, {"--out"}),
        ("hint eval --overwrite ", {"never", "missing", "always"}, {"eval"}),
    ],
)
def test_a_shell_completes(line: str, expected: set[str], absent: set[str]) -> None:
    place = len(line.split()) - (not line.endswith(" "))
    done = run(_HINT_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(place))
    words = set(done.stdout.split())
    assert expected <= words, done.stderr
    assert not absent & words


def test_the_completion_script_is_printed() -> None:
    done = run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_HINT_COMPLETE=complete_bash" in done.stdout


def test_bundles_become_options_and_come_back_as_one_value() -> None:
    seen: list[object] = []

    @with_bundles
    def command(name: Annotated[str, typer.Argument()], method: MethodFlags, flags: RunFlags) -> None:
        """Do something."""
        seen.append((name, method.keywords(), method.own(), flags.keywords(), flags.as_json))

    words = ["x", "--device", "cpu", "--set", "a=1", "--set", "b=2", "--seed", "3", "--overwrite", "never", "--json"]
    done = CliRunner().invoke(as_app(command), words)
    assert done.exit_code == 0, done.output
    set_up = {"device": "cpu", "precision": "auto", "weights": None, "mano": None}
    assert seen == [("x", set_up, {"a": "1", "b": "2"}, {"seed": 3, "limit": None, "overwrite": "never"}, True)]
    page = CliRunner().invoke(as_app(command), ["--help"]).output
    assert "--precision" in page
    assert "--limit" in page


def test_a_bundle_keeps_its_defaults() -> None:
    @dataclass(frozen=True)
    class Pair:
        a: Annotated[int, typer.Option()] = 1
        b: Annotated[int, typer.Option()] = 2

    seen = []

    def command(pair: Pair) -> None:
        seen.append(pair)

    command.__annotations__["pair"] = Pair
    assert CliRunner().invoke(as_app(with_bundles(command)), ["--b", "5"]).exit_code == 0
    assert seen == [Pair(1, 5)]


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(InputError, match="--set sigma"):
        MethodFlags(settings=["sigma"]).own()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("ok", [False, True])
def test_commands_end_alike(as_json: bool, ok: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        finish(lambda: print("table"), {"a": 1}, as_json, notes=["mind"], files="files: out", ok=ok)  # noqa: T201
    printed = capsys.readouterr()
    assert end.value.exit_code == (0 if ok else 1)
    assert printed.out == ('{\n  "a": 1\n}\n' if as_json else "table\n")
    assert printed.err == "note: mind\nfiles: out\n"


def test_an_interrupt_names_where_results_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), resumable(tmp_path):
        raise KeyboardInterrupt
    assert str(tmp_path) in capsys.readouterr().err


def test_piped_tables_have_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    long = "words " * 60
    show_rows(("what", "text"), [("a", long), ("longer", "[b]")], title="title")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["title", "what    text", f"a       {long.rstrip()}", "longer  [b]"]
