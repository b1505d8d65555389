"""``hint studio serve`` as a person starts it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.studio.config import label_config
from annotation.studio.install import _run as run_step
from annotation.studio.install import program
from annotation.studio.server import KEPT, back_up, database_variables, owns_port
from hint.errors import InputError, MissingRequirementError
from hint.requirements import pip_command


def test_it_prints_its_address_and_listens_on_this_machine_only(server: Any) -> None:
    login = server.login
    assert httpx.get(f"{server.url}/health", trust_env=False).json() == {"status": "UP"}
    assert owns_port(login["pid"], server.port)
    with socket.socket() as other:
        other.bind(("127.0.0.2", server.port))  # would fail if the server had taken every address
    stderr = (server.home / "serve.err").read_text()
    assert "hint studio push MANIFEST" in stderr


def test_the_login_works_and_is_private(server: Any) -> None:
    for path in (server.home / "label-studio" / "server.json", server.data / "login.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    with httpx.Client(base_url=server.url, trust_env=False) as browser:
        browser.get("/user/login/")
        form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], **credentials(server)}
        answer = browser.post("/user/login/", data=form, headers={"Referer": f"{server.url}/user/login/"})
        assert answer.status_code == 302
        assert browser.get("/api/current-user/whoami").json()["email"] == server.login["email"]


def credentials(server: Any) -> dict[str, str]:
    return {key: server.login[key] for key in ("email", "password")}


def test_it_sends_no_telemetry(server: Any) -> None:
    page = httpx.get(f"{server.url}/user/login/", trust_env=False).text
    settings = httpx.get(
        f"{server.url}/version", headers={"Authorization": f"Token {server.login['token']}"}, trust_env=False
    )
    assert settings.status_code == 200
    assert "sentry.io" not in page
    environment = Path(f"/proc/{server.login['pid']}/environ").read_text().split("\0")
    assert "LABEL_STUDIO_COLLECT_ANALYTICS=false" in environment
    assert "LABEL_STUDIO_SENTRY_DSN=" in environment


def test_a_taken_port_or_folder_is_one_line(server: Any, new_server: Callable[..., Any]) -> None:
    done = server.hint("studio", "serve", "--port", server.port, code=2)
    assert f"port {server.port} is in use; choose another" in done.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    done = server.hint("studio", "serve", "--port", free, code=1)
    assert "another hint studio serve uses" in done.stderr


def test_ctrl_c_stops_it_and_the_next_start_makes_a_backup(server: Any) -> None:
    studio = server.client()
    studio.create("kept over a restart", label_config(), "")
    pid = server.login["pid"]
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in (server.home / "serve.err").read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    before = server.login["token"]
    server.start()
    assert server.login["token"] == before
    assert server.client().find("kept over a restart") is not None
    newest = sorted((server.data / "backups").iterdir())[-1]
    assert (newest / ".env").read_bytes() == (server.data / ".env").read_bytes()
    with closing(sqlite3.connect(newest / "label_studio.sqlite3")) as copy:
        assert ("kept over a restart",) in copy.execute("select title from project").fetchall()
        assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
    assert server.stop(signal.SIGTERM) == 0
    server.start()


def test_only_the_newest_backups_are_kept(tmp_path: Path) -> None:
    assert back_up(tmp_path) is None
    with closing(sqlite3.connect(tmp_path / "label_studio.sqlite3")) as database:
        database.execute("create table t (x)")
        database.commit()
    made = [back_up(tmp_path) for _ in range(KEPT + 3)]
    assert sorted((tmp_path / "backups").iterdir()) == made[3:]


def test_addresses_of_postgresql() -> None:
    found = database_variables("postgresql://me:a%2Fb@db.example.com/labels")
    assert found["DJANGO_DB"] == "default"
    assert [found[f"POSTGRE_{key}"] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        *("me", "a/b", "db.example.com", "5432", "labels")
    ]
    assert database_variables(None) == {}
    broken = ("postgresql://me:secret@host:x/y", "postgresql://me:secret@[host/y")
    for wrong in ("mysql://x/y", "postgresql://", "postgresql://host", "labels.sqlite3", *broken):
        with pytest.raises(InputError, match="database-url") as refused:
            database_variables(wrong)
        assert "secret" not in str(refused.value)


def test_what_cannot_be_installed_is_exit_3(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = server.hint("studio", "serve", "--port", free_port(), code=3, HINT_LABEL_STUDIO=str(tmp_path / "nowhere"))
    assert "$HINT_LABEL_STUDIO names an environment with it" in done.stderr
    monkeypatch.delenv("HINT_LABEL_STUDIO", raising=False)
    monkeypatch.setenv("HINT_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    notes: list[str] = []
    with pytest.raises(MissingRequirementError, match="--upgrade pip label-studio==") as raised:
        program(notes.append)
    assert raised.value.exit_code == 3
    assert "about 1 GB" in notes[0]
    assert [note[:6] for note in notes[1:]] == ["1 of 3", "2 of 3"]


def test_an_installation_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotation.studio.install.PLAIN_EVERY", 0)
    notes: list[str] = []
    program = "print('Collecting a==1');print('Collecting b');print('Installing collected packages: a, b')"
    assert run_step([sys.executable, "-c", program], notes.append) is None
    assert notes == ["1 package so far, now a==1", "2 packages so far, now b", "unpacking 2 packages, a minute or two"]
    assert run_step([sys.executable, "-c", "import nothing_of_this_name"], notes.append) is not None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_not_set_up_by_hint_is_not_touched(server: Any, tmp_path: Path) -> None:
    (tmp_path / "label_studio.sqlite3").write_bytes(b"")
    done = server.hint("studio", "serve", "--port", free_port(), "--data", tmp_path, code=2)
    assert "contains a Label Studio that hint did not set up" in done.stderr


def test_config_is_printed_or_written(server: Any, tmp_path: Path) -> None:
    assert server.hint("studio", "config").stdout == label_config()
    server.hint("studio", "config", "--out", tmp_path / "config.xml")
    assert (tmp_path / "config.xml").read_text() == label_config()
    assert "occluded" in server.hint("studio", "config", "--guidelines").stdout


def test_without_the_packages_the_extra_is_named() -> None:
    block = "import sys; sys.modules.update({'label_studio_sdk': None}); from hint.cli import main; main()"
    where = ["--url", "http://127.0.0.1:9", "--token-file", "-"]
    command = [sys.executable, "-c", block, "studio", "status", *where]
    done = subprocess.run(command, input="x", capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert pip_command("annotate") in done.stderr
