"""Run the real ``hint`` program, wait for what it prints, interrupt it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

HINT = Path(sys.executable).with_name("hint")
#: For :func:`start`: every step of a progress bar is a line.
EVERY_STEP = "import hint.progress; hint.progress.PLAIN_EVERY = 0"
_MAIN = "from hint.cli import main; main()"
#: Threads that wait without spinning: cores may be shared.
_QUIET = {"OMP_WAIT_POLICY": "PASSIVE"}
#: Seconds a command may take.
_PATIENCE = 300
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["hint.cli", "numpy", "pydantic", "rich.table", "cv2", "torch", "matplotlib.pyplot", "pandas"]
)


def hint(
    *arguments: object, code: int = 0, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own and check its exit code.

    Args:
        arguments: Of the command.
        code: The expected exit code.
        cwd: Folder to run in.
        environment: Variables besides those of this process.
    """
    done = run(*arguments, cwd=cwd, **environment)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as :func:`hint` does, whatever its exit code.

    The process is forked from one that has imported the large packages and done nothing else: starting the program anew
    would spend most of its time on imports.
    """
    variables = {**os.environ, **_QUIET, **environment}
    with TemporaryDirectory() as folder:
        streams = Path(folder, "stdout"), Path(folder, "stderr")
        child = _FORKS.Process(target=_main, args=([*map(str, arguments)], cwd or Path.cwd(), variables, streams))
        child.start()
        child.join(_PATIENCE)
        if child.exitcode is None:
            child.kill()
            raise subprocess.TimeoutExpired(["hint", *map(str, arguments)], _PATIENCE)
        stdout, stderr = (stream.read_text("utf-8") for stream in streams)
        return subprocess.CompletedProcess(arguments, child.exitcode, stdout, stderr)


def _main(arguments: list[str], cwd: Path, environment: dict[str, str], streams: tuple[Path, Path]) -> None:
    """Become ``hint``, with its output in two files."""
    for number, path in zip((1, 2), streams, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [str(HINT), *arguments]
    from hint.cli import main

    main()


def error(done: subprocess.CompletedProcess[str]) -> str:
    """Return the error message of a command, which is one line."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("hint: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def start(*arguments: object, setup: str = "pass", new_session: bool = False) -> subprocess.Popen[str]:
    """Start a command, to interrupt it.

    Args:
        arguments: Of the command.
        setup: Python code to run first, such as :data:`EVERY_STEP`.
        new_session: Give it a process group of its own, as a terminal does.
    """
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join((setup, _MAIN)), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=new_session,
        env={**os.environ, **_QUIET},
    )


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read what a command prints on stderr until a line contains a text."""
    assert process.stderr is not None
    assert any(text in line for line in process.stderr), f"ended without {text!r}"


def interrupt(process: subprocess.Popen[str], group: bool = False) -> str:
    """Send SIGINT, check that the command ends as it should, and return the rest of its stderr.

    Args:
        process: The command.
        group: Send it to the whole process group, as a terminal does on Ctrl-C.
    """
    assert process.stderr is not None
    if group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    remarks = process.stderr.read()
    assert process.wait(timeout=300) == 130, remarks
    assert "Traceback" not in remarks
    return remarks
