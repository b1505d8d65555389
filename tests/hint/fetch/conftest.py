"""A local server with faults to choose from, and what else the tests of downloads share."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hint.fetch import transfer


class Handler(BaseHTTPRequestHandler):
    """Serves one body with Range and If-Range; each request uses up one of the server's faults."""

    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(self.headers.get("Range"))
        fault, _, value = server.faults.pop(0).partition(":") if server.faults else ("", "", "")
        if fault in ("status", "redirect"):
            self.send_response(int(value) if fault == "status" else 302)
            self.send_header("Location", value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self._start() if fault != "no-range" else 0
        body = server.body[start:]
        self.send_response(206 if start else 200)
        if start:
            shift = 7 if fault == "other-part" else 0
            self.send_header("Content-Range", f"bytes {start - shift}-{len(server.body) - 1}/{len(server.body)}")
        self.send_header("Content-Type", "text/html" if fault == "page" else "application/octet-stream")
        for name, content in server.validators.items():
            self.send_header(name, content)
        if fault != "no-length":
            self.send_header("Content-Length", str(len(body) + (int(value) if fault == "too-short-by" else 0)))
        self.end_headers()
        self.wfile.write(body[: int(value)] if fault in ("drop", "stall") else body)
        self.wfile.flush()
        if fault == "stall":
            server.released.wait(20)
        self.close_connection = fault in ("drop", "stall", "too-short-by", "no-length")

    def _start(self) -> int:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        is_current = self.headers.get("If-Range") in self.server.validators.values()
        return int(wanted[1]) if wanted and is_current else 0

    def log_message(self, *_: object) -> None: ...


class FileServer(ThreadingHTTPServer):
    """Serves one body, and remembers the Range of each request."""

    daemon_threads = True
    scheme = "http"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = b""
        self.faults: list[str] = []
        self.requests: list[str | None] = []
        self.validators = {"ETag": '"one"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/archive"

    def encrypt(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https"

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up, as the tests make them do."""


@pytest.fixture
def start_server() -> Iterator[Callable[[], FileServer]]:
    """A function that starts a server."""
    with ExitStack() as stack:

        def start() -> FileServer:
            server = FileServer()
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def server(start_server: Callable[[], FileServer]) -> FileServer:
    """A server that the assets of the test come from."""
    return start_server()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten waits and timeouts."""
    monkeypatch.setattr(transfer, "BACKOFF_S", 0.001)
    monkeypatch.setattr(transfer, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(transfer, "PROGRESS_BYTES", 50_000)


@pytest.fixture(autouse=True)
def new_connections() -> Iterator[None]:
    """Let every test trust its own certificates: since Python 3.13 urllib keeps those it met first."""
    urllib.request.install_opener(None)  # type: ignore[arg-type]  # None, as before the first request
    yield
    urllib.request.install_opener(None)  # type: ignore[arg-type]


@pytest.fixture
def downloads(hint_home: Path) -> Callable[[], set[str]]:
    """A function that lists what lies in the download folder, apart from locks."""
    return lambda: {path.name for path in (hint_home / "downloads").iterdir() if path.suffix != ".lock"}


_CA = """[ca]
default_ca=d
[d]
database=index.txt
serial=serial
new_certs_dir=.
default_md=sha256
policy=p
x509_extensions=e
[p]
commonName=supplied
[e]
subjectAltName=IP:127.0.0.1
basicConstraints=critical,CA:TRUE
keyUsage=critical,digitalSignature,keyCertSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always
[req]
distinguished_name=n
[n]
"""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that makes a self-signed certificate with its key, valid until a year."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")

    @cache
    def make(until: str) -> Path:
        folder = tmp_path_factory.mktemp("certificate")
        (folder / "index.txt").touch()
        (folder / "ca.cnf").write_text(_CA)
        for command in (
            "openssl req -new -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=t -config ca.cnf",
            "openssl ca -batch -selfsign -rand_serial -config ca.cnf -keyfile key -in csr -out pem -notext "
            f"-startdate 20200101000000Z -enddate {until}0101000000Z",
        ):
            subprocess.run(command.split(), check=True, capture_output=True, cwd=folder)
        (folder / "both").write_text((folder / "key").read_text() + (folder / "pem").read_text())
        return folder / "both"

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A function that mounts a small disk with the options of tmpfs, or changes those of the one it mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(options: str) -> Path:
        remount = "remount," if disk.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", remount + options, "none", str(disk)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a small disk needs Linux and root")
        return disk

    yield mount
    if disk.is_mount():
        subprocess.run(["umount", str(disk)], check=True)
