"""Jobs in processes: results, errors, deaths, and Ctrl-C with real signals."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hint.errors import HintError, InputError
from hint.workers import in_processes


def square(number: int) -> int:
    if number < 0:
        raise InputError(f"{number} is negative")
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_each_job_comes_with_its_result() -> None:
    with closing(in_processes(square, range(7), workers=2)) as results:
        assert sorted(results) == [(k, k * k) for k in range(7)]
    assert list(in_processes(square, [])) == []


def test_an_error_in_a_process_is_raised_here() -> None:
    with pytest.raises(InputError, match="-1 is negative") as raised, closing(in_processes(square, [-1])) as results:
        list(results)
    assert "in square" in str(raised.value.__cause__)


def test_a_process_that_dies_is_an_error_not_a_hang() -> None:
    with pytest.raises(HintError, match="killed"), closing(in_processes(square, [13], workers=1)) as results:
        list(results)


UNGUARDED = """
from hint.workers import in_processes
print(sorted(in_processes(abs, [-1, -2], workers=1)))
"""


def test_a_script_that_its_processes_cannot_read_again_is_told_what_to_change(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True)
    guard = 'this script starts processes, which read it again: put what it does under if __name__ == "__main__":'
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (1, guard)
    script.write_text(UNGUARDED.replace("print", 'if __name__ == "__main__": print'))
    assert subprocess.check_output([sys.executable, script], text=True) == "[(-2, 2), (-1, 1)]\n"


def test_a_script_on_standard_input_cannot_start_processes() -> None:
    ran = subprocess.run([sys.executable, "-"], input=UNGUARDED, capture_output=True, text=True)
    assert ran.stderr.splitlines()[-1].endswith(
        "a script on standard input cannot start processes, which read it again: save it as a file"
    )
    assert ran.returncode == 1


INTERRUPTED = """
import os, sys, time
from contextlib import closing
from pathlib import Path
from hint.files import atomic_write
from hint.workers import in_processes

def write(path):
    with atomic_write(path) as stream:
        stream.write(b"half")
        stream.flush()
        Path(f"{path}.begun").touch()
        time.sleep(600)

if __name__ == "__main__":
    with closing(in_processes(write, [Path(sys.argv[1], name) for name in "ab"], workers=2)) as results:
        list(results)
"""


def is_running(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_everything(times: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    running = subprocess.Popen([sys.executable, script, tmp_path], stderr=subprocess.PIPE, start_new_session=True)
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert running.poll() is None
        time.sleep(0.02)
    for _ in range(times):
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        time.sleep(0.05)
    error = running.communicate(timeout=300)[1]
    assert b"KeyboardInterrupt" in error
    while is_running(running.pid):
        time.sleep(0.05)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_processes_end_in_the_middle_of_a_job_when_only_the_first_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    running = subprocess.Popen([sys.executable, script, tmp_path], start_new_session=True)
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    while is_running(running.pid):
        time.sleep(0.05)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.begun", "b.begun", "script.py"]
