"""The command line: parse, call one function of the toolkit, turn errors into exit codes.

0 it worked; 1 it ran and found a problem; 2 usage or input; 3 something must be installed, downloaded or accepted;
130 interrupted. A command's module is imported when that command runs, and what is heavy only inside the command, so
that help is instant.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from hint.errors import ElsewhereError, HintError, InputError, UnknownNameError, printable

TYPE_CHECKING = False  # type checkers take it for True; typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

#: Section of the help -> command -> (where it is, what it does).
SECTIONS = {
    "Data": {
        "fetch": ("hint.cli.fetch:fetch", "Download weights or the dataset, after showing the licence."),
        "prepare": ("hint.cli.prepare:app", "Check the released dataset and cut its Ego4D frames."),
        "demo-data": ("hint.cli.demo:demo_data", "Render hands with exact labels."),
    },
    "Annotation": {
        "sample": ("hint.cli.sample:app", "Choose frames to annotate, or take pictures of your own."),
        "prelabel": ("hint.cli.prelabel:app", "Let a method guess the labels of sampled hands."),
        "studio": ("hint.cli.studio:app", "Label hands in Label Studio: push, watch, pull."),
        "check": ("hint.cli.check:check", "Check the consistency of annotations."),
        "agreement": ("hint.cli.agreement:agreement", "Measure how well two annotators agree."),
        "export": ("hint.cli.export:export", "Write reviewed labels as a dataset."),
    },
    "Prediction and evaluation": {
        "predict": ("hint.cli.predict:predict", "Predict the hands of pictures or of a video."),
        "eval": ("hint.cli.evaluate:evaluate", "Score a method, or a file of predictions, on labelled hands."),
        "view": ("hint.cli.view:view", "Look at hands and errors in FiftyOne or rerun."),
        "submit": ("hint.cli.submit:submit", "Pack predictions for somebody's leaderboard."),
        "leaderboard": (
            "hint.cli.leaderboard:app",
            "Rank results and check submissions: a website, paper tables.",
        ),
        "demo": ("hint.cli.demo:demo", "Render hands, evaluate methods on them and show a report."),
    },
    "Training": {
        "fit": ("hint.cli.fit:fit", "Fit MANO hands to annotated keypoints, to train on."),
        "train": ("hint.cli.train:train", "Train HaMeR, or a smaller relative of it."),
        "weights": ("hint.cli.weights:app", "Convert network weights, or say what they are."),
    },
    "Tools": {
        "list": ("hint.cli.listing:list_names", "List methods, policies, protocols or subsets."),
        "doctor": ("hint.cli.doctor:doctor", "Show what is installed, what is missing and how to get it."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

_OPTIONS = {
    "--version": "Print the version.",
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Print the completion script of the current shell.",
    "--help": "Show this message.",
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; the entry point of ``hint``."""
    _make_streams_safe()
    # OpenCV reads it once, when it is imported: what is wrong with a picture is said by us, with the name of its file.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        _run(list(sys.argv[1:] if arguments is None else arguments))
    except HintError as error:
        _fail(error)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        _fail(InputError(f"{str(error.filename)[:40]}...: the name is longer than names of files can be"))
    except ModuleNotFoundError as error:
        from hint.requirements import absent_package

        if (advice := absent_package(error)) is None:
            raise
        _fail(advice)
    except KeyboardInterrupt:
        _leave(130)
    sys.exit(0)


def _make_streams_safe() -> None:
    """Let a stream replace what it cannot encode, and discard what is written where it is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _leave(code: int) -> NoReturn:
    """End at once: everything is saved by now, and unloading large libraries would take seconds."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _fail(error: HintError) -> NoReturn:
    if not isinstance(error, ElsewhereError):
        text = printable(str(error), keep="\n")
        sys.stderr.write(f"hint: {text}\n")
    sys.exit(error.exit_code)


def _run(arguments: list[str]) -> None:
    """Answer what concerns the program as a whole; leave the rest to a command."""
    from hint.cli.completion import is_asked_for

    first = arguments[0] if arguments else ""
    if is_asked_for(first):
        from hint.cli.completion import complete

        complete(arguments)
    elif first in ("", "--help"):
        sys.stdout.write(overview())
        sys.exit(0 if first else 2)
    elif first == "--version":
        from hint.version import __version__

        sys.stdout.write(f"{__version__}\n")
    elif first in COMMANDS:
        _run_command(first, arguments[1:])
    elif first.startswith("-"):
        raise InputError(f"no such option: {first}; see hint --help")
    else:
        raise UnknownNameError("command", first, COMMANDS)


def _run_command(name: str, arguments: list[str]) -> None:
    from hint.cli.command import make_command
    from hint.imports import SIBLINGS, check_package

    _require_no_empty(arguments)
    _require_disk(arguments)
    for package in SIBLINGS:
        check_package(package)
    make_command(COMMANDS[name][0]).main(arguments, prog_name=f"hint {name}")


def _require_no_empty(arguments: list[str]) -> None:
    """Refuse empty arguments: as a path they would be the current folder."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option = before if not argument else argument[:-1]
        if not argument or (argument.startswith("--") and argument.find("=") == len(argument) - 1):
            after = f" after {option}" if option else ""
            raise InputError(f"an argument{after} is empty; is a variable of the shell not set?")


def _require_disk(arguments: list[str]) -> None:
    """Refuse results that are to go to a URL, before any work."""
    from pathlib import Path

    from hint.files.path import require_local

    for before, argument in zip(["", *arguments], arguments, strict=False):
        if before == "--out" or argument.startswith("--out="):
            require_local(Path(argument.removeprefix("--out=")))


def overview() -> str:
    """Return the help of the program as a whole."""
    lines = [
        "Usage: hint [OPTIONS] COMMAND [ARGS]...",
        "",
        "  Sample, annotate, evaluate and rank hand keypoints in the wild.",
    ]
    for title, commands in SECTIONS.items():
        lines += _section(title, {name: what for name, (_, what) in commands.items()}, max(map(len, COMMANDS)))
    lines += _section("Options", _OPTIONS, max(map(len, _OPTIONS)))
    return "\n".join([*lines, "", "See hint COMMAND --help for the options of a command.", ""])


def _section(title: str, rows: dict[str, str], width: int) -> list[str]:
    return ["", f"{title}:", *(f"  {name:{width}}  {what}" for name, what in rows.items())]
