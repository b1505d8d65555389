"""A Label Studio on this machine, for one person or a trial.

It listens on the loopback address only, keeps everything in one folder, sends no usage data, and is backed up at every
start. SQLite allows one writer at a time; teams need PostgreSQL (``--database-url``).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from urllib.parse import unquote, urlsplit

from annotation.studio.failures import StudioError
from annotation.studio.install import DATABASE, PRIVATE, empty_database, program
from annotation.studio.login import Login, last_path, login_of, login_path, write_login
from annotation.studio.page.drawing import drawing_script
from hint.errors import InputError
from hint.files import write_bytes
from hint.files.atomic import atomic_write
from hint.lock import file_lock
from hint.progress import PLAIN_EVERY

HOST = "127.0.0.1"
#: Number of backups to keep.
KEPT = 7
#: Seconds a start may take; the first one creates the tables.
START = 300.0
#: Seconds between asking the server to stop and killing it.
STOP = 15.0
_BACKUPS = "backups"


def serve(
    data: Path,
    port: int,
    on_ready: Callable[[Login], None],
    on_note: Callable[[str], None],
    database_url: str | None = None,
) -> None:
    """Run a server until Ctrl-C or SIGTERM, which stop it cleanly.

    Args:
        data: Data folder.
        port: Port on the loopback address.
        on_ready: Called once it responds.
        on_note: Called with messages for the user.
        database_url: postgresql://user:password@host:port/name; None for SQLite in ``data``.

    Raises:
        InputError: If the port is in use, or the database or the folder cannot be used.
        MissingRequirementError: If Label Studio cannot be installed.
        StudioError: If it does not start, or stops unexpectedly.
    """
    database = database_variables(database_url)
    _require_free(port)
    label_studio = program(on_note)
    data = data.expanduser().resolve()
    _make_private(data)
    with file_lock(data / "server.lock", StudioError(f"another hint studio serve uses {data}; stop it first")):
        login = login_of(data).model_copy(update={"url": f"http://{HOST}:{port}"})
        login.pictures.mkdir(parents=True, exist_ok=True)
        if saved := back_up(data):
            on_note(f"backup of the previous state: {saved}")
        if database_url is None and not _has_tables(data):
            on_note("the first start creates the tables, which takes half a minute or more")
        write_login(login_path(data), login)
        environment = {**os.environ, **_variables(login), **database}
        with _running(label_studio, login, port, environment, on_note) as process:
            login = login.model_copy(update={"pid": process.pid})
            for path in (login_path(data), last_path()):
                write_login(path, login)
            on_ready(login)
            code = process.wait()
        raise StudioError(f"Label Studio stopped unexpectedly ({code}); see {data / 'server.log'}")


def _make_private(data: Path) -> None:
    """Create the folder; only its owner may read it, because the database contains tokens."""
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        data.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(f"{data} cannot be used: {error.strerror}") from error


def _has_tables(data: Path) -> bool:
    """Tell whether the folder has a database, after giving it an empty one where that is at hand."""
    database, empty = data / DATABASE, empty_database()
    if not database.is_file() and empty is not None:
        with atomic_write(database) as copy, empty.open("rb") as tables:
            shutil.copyfileobj(tables, copy)
    return database.is_file()


def _require_free(port: int) -> None:
    """Refuse a port in use: the server itself would silently take the next one."""
    with socket.socket() as probe:
        if sys.platform != "win32":  # there it would share a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(f"port {port} is in use; choose another: hint studio serve --port {port + 1}") from error


def _variables(login: Login) -> dict[str, str]:
    """Return the environment variables that configure the server."""
    return {
        **PRIVATE,
        "LABEL_STUDIO_BASE_DATA_DIR": login.data,
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password,
        "LABEL_STUDIO_USER_TOKEN": login.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(login.pictures),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",  # hint studio ml listens on this machine, too
        "PYTHONUNBUFFERED": "1",
        **_page_variables(Path(login.data)),
    }


def _page_variables(data: Path) -> dict[str, str]:
    """Return the environment variables that add the drawing of the hand to the labelling page."""
    script = data / "drawing.js"
    write_bytes(script, drawing_script().encode())
    searched = [str(Path(__file__).parent / "page"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "HINT_STUDIO_SCRIPT": str(script),
        "DJANGO_SETTINGS_MODULE": "label_studio_settings",
        "PYTHONPATH": os.pathsep.join(searched),
    }


def refuse_password(url: str) -> None:
    """Refuse a password in an address that was an argument: everybody on a machine can list those.

    Raises:
        InputError: If there is one.
    """
    if ":" in url.partition("://")[2].rpartition("@")[0]:
        raise InputError(
            "--database-url shows the password to everybody on this machine; set HINT_STUDIO_DATABASE_URL instead"
        )


def database_variables(url: str | None) -> dict[str, str]:
    """Return the environment variables for a PostgreSQL address; none without an address.

    Raises:
        InputError: If the address is malformed.
    """
    if url is None:
        return {}
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError as error:  # it may quote the password
        raise InputError(
            "--database-url: no host, or no port; use postgresql://user:password@host:5432/name"
        ) from error
    name = parts.path.strip("/")
    if parts.scheme not in ("postgres", "postgresql") or not parts.hostname or not name:
        raise InputError("--database-url: use postgresql://user:password@host:5432/name")
    return {
        "DJANGO_DB": "default",
        "POSTGRE_NAME": unquote(name),
        "POSTGRE_USER": unquote(parts.username or "postgres"),
        "POSTGRE_PASSWORD": unquote(parts.password or ""),
        "POSTGRE_HOST": parts.hostname,
        "POSTGRE_PORT": str(port),
    }


@contextmanager
def _running(
    label_studio: Path, login: Login, port: int, environment: Mapping[str, str], on_note: Callable[[str], None]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the server and wait until it responds; stop it on exit. Ctrl-C in the terminal does not reach it."""
    log = Path(login.data) / "server.log"
    arguments = ["start", "--no-browser", "--internal-host", HOST, "--port", str(port), "--log-level", "INFO"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(label_studio), *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with interrupted_by_sigterm():
                _wait_until_ready(process, login.url, port, log, on_note)
                yield process
        finally:
            _stop(process)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM, in the main thread, end what is done as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _wait_until_ready(
    process: subprocess.Popen[bytes], url: str, port: int, log: Path, on_note: Callable[[str], None]
) -> None:
    begun, told = time.monotonic(), 0.0
    while (waited := time.monotonic() - begun) < START:
        if process.poll() is not None:
            raise StudioError(f"Label Studio did not start ({process.returncode}); see {log}")
        if _is_up(url):
            if owns_port(process.pid, port) is False:
                raise StudioError(f"port {port} was taken by another program meanwhile; choose another --port")
            return
        if waited - told > PLAIN_EVERY:
            told = waited
            on_note(f"starting Label Studio for {waited:.0f} s; its log is {log}")
        time.sleep(0.3)
    raise StudioError(f"Label Studio did not respond within {START:.0f} s; see {log}")


def _is_up(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/health", timeout=5) as answer:
            return b"UP" in answer.read()
    except OSError:
        return False


def owns_port(pid: int, port: int) -> bool | None:
    """Return whether a process listens on a TCP port; None if the system cannot tell."""
    table = Path("/proc/net/tcp")
    if not table.is_file():
        return None
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    found = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.add(str(handle.readlink()))
    return bool(listening & found)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()  # not SIGINT, which background jobs of a shell ignore
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def back_up(data: Path) -> Path | None:
    """Copy the database and the key that signs its tokens; delete the oldest copies.

    Args:
        data: Folder of a server that is not running.

    Returns:
        The folder of the copy, None if there is nothing to copy.

    Raises:
        StudioError: If the database cannot be read.
    """
    database = data / DATABASE
    if not database.is_file():
        return None
    folder = data / _BACKUPS / datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    folder.mkdir(parents=True)
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(folder / DATABASE)) as copy:
            source.backup(copy)
        if (data / ".env").is_file():
            shutil.copy2(data / ".env", folder / ".env")
    except (sqlite3.Error, OSError) as error:
        shutil.rmtree(folder)
        raise StudioError(f"{database} cannot be backed up ({error}); the last good copy is in {folder.parent}") from (
            error
        )
    for old in sorted(folder.parent.iterdir())[:-KEPT]:
        shutil.rmtree(old)
    return folder
