"""Tokens and keys stay out of what people see: outputs, logs, records, and the list of processes."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: Keys of services that training, tracking and storage read from the environment by themselves.
OTHERS = ("WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN")
#: What is there to hold the token: the login, the database of the server with its copies and its journal.
HOLDERS = ("login.json", "server.json", "label_studio.sqlite3", "label_studio.sqlite3-wal", "label_studio.sqlite3-shm")
MARK = "0ddba11" * 5 + "c0ffe"


@contextmanager
def listed() -> Iterator[set[bytes]]:
    """Collect the arguments of all processes of this machine, over and over."""
    found: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.003):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    found.add(process.read_bytes())
                except OSError:  # it has ended
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def holding(secret: str, *folders: Path) -> list[str]:
    """Return the files that hold a text, but those that are there to hold it."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name not in HOLDERS]
    assert files
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no list of processes to read")
def test_no_token_is_shown_written_or_listed(server: Any, sample: Any, tmp_path: Path) -> None:
    token = server.login["token"]
    (tmp_path / "token").write_text(f"{token}\n")
    environment = {**dict.fromkeys(OTHERS, MARK), "HINT_STUDIO_TOKEN": token}
    project, out = ("--project", "no token shown"), tmp_path / "work"
    there, given = ("--url", f"http://localhost:{server.port}"), ("--token-file", tmp_path / "token")
    push = ["studio", "push", sample.manifest, *project, "--upload", *there, *given]
    signed = f"http://127.0.0.1:9/a.tar.gz?Signature={MARK}"
    with listed() as arguments:
        program = [sys.executable, "-m", "hint", *map(str, push)]
        own = {**server.environment, **dict.fromkeys(OTHERS, MARK)}
        done = [subprocess.run(program, env=own, capture_output=True, text=True, check=False)]
        assert done[0].returncode == 0, done[0].stderr
        done += [
            server.hint("studio", "status", *project, *there, **environment),
            server.hint("studio", "pull", *project, *there, "--out", out / "pulled", **environment),
            server.hint("studio", "status", *project, "--url", "http://127.0.0.1:9", code=1, **environment),
            server.hint("studio", "status", *project, *there, code=2, HINT_STUDIO_TOKEN=MARK),
            server.hint("fetch", "hamer", "--url", signed, "--accept-licence", code=1),
        ]
    assert any(b"--token-file" in one for one in arguments), "the list of processes was not seen"
    assert "127.0.0.1:9 refuses connections" in done[-1].stderr
    for secret in (token, MARK):
        assert not [one for one in arguments if secret.encode() in one]
        assert not [one.args for one in done if secret in one.stdout + one.stderr]
        assert holding(secret, server.home, out) == []


def test_a_token_comes_from_a_file_that_holds_one(server: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for file, fact in (("empty", "holds no token"), ("absent", "cannot read the token")):
        done = server.hint("studio", "status", "--project", "x", "--token-file", tmp_path / file, code=2)
        assert fact in done.stderr
    done = server.hint("studio", "status", "--project", "x", "--token", "x", code=2)
    assert "No such option: --token" in done.stderr
    address = "postgresql://me:secret@host/labels"
    done = server.hint("studio", "serve", "--data", tmp_path / "data", "--database-url", address, code=2)
    assert "HINT_STUDIO_DATABASE_URL" in done.stderr
    assert "secret" not in done.stderr
