"""Downloads from a real server with real faults, archives that mean harm, and receipts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hint import fetch as fetching
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.fetch import (
    ASSETS,
    Asset,
    FetchError,
    KnownDigest,
    Member,
    SingleFile,
    archive,
    fetch,
    receipt,
    receipt_path,
    transfer,
)

WEIGHTS = os.urandom(300_000)  # does not compress, so the archive has a size worth resuming
CONFIG = b"MODEL: {IMAGE_SIZE: 256}\n"
FILES = {"_DATA/vitpose/big.pth": bytes(50_000), "_DATA/w/hand.ckpt": WEIGHTS, "_DATA/w/config.yaml": CONFIG}
MEMBERS = (
    Member("_DATA/w/hand.ckpt", "weights/hand.ckpt", 400_000, hashlib.sha256(WEIGHTS).hexdigest()),
    Member("_DATA/w/config.yaml", "weights/hand.yaml", 1_000),
)


def tar_gz(files: dict[str, bytes], extra: list[tarfile.TarInfo] = [], first: bool = False) -> bytes:  # noqa: B006
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info in extra if first else []:
            tar.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in [] if first else extra:
            tar.addfile(info)
    return buffer.getvalue()


ARCHIVE = tar_gz(FILES)


class Files(BaseHTTPRequestHandler):
    """Serves one body with Range and If-Range; the server's list of faults is used up one request at a time."""

    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        fault, _, value = server.faults.pop(0).partition(":") if server.faults else ("", "", "")
        if fault == "status":
            self.send_response(int(value))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "redirect":
            self.send_response(302)
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
        self.send_header("Content-Type", "text/html" if fault == "page" else "application/gzip")
        for name, content in server.validators.items():
            self.send_header(name, content)
        if fault == "no-length":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) + (int(value) if fault == "too-short-by" else 0)))
        self.end_headers()
        self.wfile.write(body[: int(value)] if fault in ("drop", "stall") else body)
        self.wfile.flush()
        if fault == "stall":
            server.released.wait(20)
        if fault in ("drop", "stall", "too-short-by", "no-length"):
            self.close_connection = True

    def _start(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        current = self.headers.get("If-Range") in self.server.validators.values()
        return int(asked[1]) if asked and current else 0

    def log_message(self, *_: object) -> None: ...


class FileServer(ThreadingHTTPServer):
    daemon_threads = True
    body = ARCHIVE

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Files)
        self.faults: list[str] = []
        self.asked: list[str | None] = []
        self.validators = {"ETag": '"one"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/a.tar.gz"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer()) as running:
        yield running


@pytest.fixture(autouse=True)
def hand(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small asset on the test server; the waits between attempts are cut short, as are the timeouts."""
    asset = Asset("free for all", server.url, "hand.tar.gz", MEMBERS)
    monkeypatch.setitem(ASSETS, "hand", asset)
    monkeypatch.setattr(transfer, "BACKOFF_S", 0.001)
    monkeypatch.setattr(transfer, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(transfer, "PROGRESS_BYTES", 50_000)


def in_place(home: Path) -> bool:
    return (home / "weights/hand.ckpt").read_bytes() == WEIGHTS and (home / "weights/hand.yaml").read_bytes() == CONFIG


def left_over(home: Path) -> set[str]:
    return {path.name for path in (home / "downloads").iterdir()} - {"hand.lock"}


# Downloads


def test_fetch_keeps_what_is_listed_and_nothing_else(server: FileServer, hint_home: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    report = fetch("hand", on_progress=lambda *step: seen.append(step))
    assert in_place(hint_home)
    assert {p.name for p in report.files} == {"hand.ckpt", "hand.yaml"} == {p.name for p in report.new}
    assert report.source == server.url
    assert {p.name for p in hint_home.rglob("*") if p.is_file()} == {
        "hand.ckpt",
        "hand.yaml",
        "hand.receipt.json",
        "hand.lock",
    }
    downloads = [step for step in seen if step[0] == "download"]
    assert downloads[-1] == ("download", len(ARCHIVE), len(ARCHIVE))
    assert seen[-1][0] == "unpack"
    assert seen[-1][1] <= seen[-1][2]


def test_second_fetch_asks_nobody(server: FileServer, hint_home: Path) -> None:
    fetch("hand")
    report = fetch("hand")
    assert len(server.asked) == 1
    assert not report.new
    assert len(report.files) == 2


def test_dropped_connection_is_continued(server: FileServer, hint_home: Path) -> None:
    server.faults = ["drop:100000", "drop:50000"]
    fetch("hand")
    assert in_place(hint_home)
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_progress_of_a_continued_download_starts_where_it_stopped(server: FileServer) -> None:
    server.faults = ["drop:100000"]
    done: list[int] = []
    fetch("hand", on_progress=lambda stage, n, _: done.append(n) if stage == "download" else None)
    assert done == sorted(done)
    assert done[-1] == len(ARCHIVE)


def test_server_without_range_starts_over(server: FileServer, hint_home: Path) -> None:
    server.faults = ["drop:100000", "no-range"]
    fetch("hand")
    assert in_place(hint_home)
    assert server.asked == [None, "bytes=100000-"]


def test_changed_file_starts_over(server: FileServer, hint_home: Path) -> None:
    old = os.urandom(len(ARCHIVE))
    server.body, server.faults = old, [f"drop:{100_000}"] + ["status:503"] * 5
    with pytest.raises(FetchError, match="503"):
        fetch("hand")
    server.body, server.validators = ARCHIVE, {"ETag": '"two"'}
    fetch("hand")
    assert server.asked[-1] == "bytes=100000-"
    assert in_place(hint_home)


@pytest.mark.parametrize(
    ("validators", "second"),
    [
        ({"ETag": 'W/"weak"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, "bytes=100000-"),
        ({"ETag": 'W/"weak"'}, None),
        ({}, None),
    ],
    ids=["weak ETag and a date", "weak ETag", "none"],
)
def test_only_a_strong_validator_is_trusted(server: FileServer, validators: dict[str, str], second: str | None) -> None:
    server.validators, server.faults = validators, ["drop:100000"]
    fetch("hand")
    assert server.asked == [None, second]


def test_download_from_elsewhere_starts_over(server: FileServer, hint_home: Path) -> None:
    server.faults = ["drop:100000", "status:403"]
    with pytest.raises(FetchError, match="403"):
        fetch("hand")
    fetch("hand", url=server.url + "?mirror")
    assert server.asked == [None, "bytes=100000-", None]
    assert in_place(hint_home)


def test_file_that_shrank_starts_over(server: FileServer, hint_home: Path) -> None:
    server.faults = ["drop:100000", "status:416"]
    fetch("hand")
    assert server.asked == [None, "bytes=100000-", None]
    assert in_place(hint_home)


def test_answer_with_another_part_starts_over(server: FileServer, hint_home: Path) -> None:
    server.faults = ["drop:100000", "other-part"]
    fetch("hand")
    assert server.asked == [None, "bytes=100000-", None]
    assert in_place(hint_home)


def test_passing_failure_is_tried_again(server: FileServer, hint_home: Path) -> None:
    server.faults = ["status:500", "status:503", "status:429"]
    fetch("hand")
    assert in_place(hint_home)
    assert len(server.asked) == 4


def test_lasting_failure_is_given_up(server: FileServer) -> None:
    server.faults = ["status:500"] * 50
    with pytest.raises(FetchError, match=r"answered 500.*5 times; type `hint fetch hand`"):
        fetch("hand")
    assert len(server.asked) == 5


def test_attempts_that_bring_bytes_do_not_count(server: FileServer, hint_home: Path) -> None:
    server.faults = ["status:500"] * 4 + ["drop:60000"] * 3 + ["status:500"] * 3
    fetch("hand")
    assert in_place(hint_home)


def test_server_that_never_gets_further_is_given_up(server: FileServer) -> None:
    server.validators, server.faults = {}, ["drop:100000"] * 50
    with pytest.raises(FetchError, match=r"ended after 100000 of \d+ bytes, 5 times"):
        fetch("hand")
    assert len(server.asked) < 8


@pytest.mark.parametrize(("code", "words"), [(404, "no such file"), (403, "refused"), (410, "gone"), (418, "418")])
def test_final_answer_is_not_asked_twice(server: FileServer, code: int, words: str) -> None:
    server.faults = [f"status:{code}"]
    with pytest.raises(FetchError, match=words) as caught:
        fetch("hand")
    assert "\n" not in str(caught.value)
    assert "--url" in str(caught.value)
    assert len(server.asked) == 1


def test_silent_server_times_out_and_is_continued(server: FileServer, hint_home: Path) -> None:
    server.faults = ["stall:100000"]
    fetch("hand")
    assert server.asked == [None, "bytes=100000-"]
    assert in_place(hint_home)


def test_announced_length_that_never_comes(server: FileServer, hint_home: Path) -> None:
    server.faults = ["too-short-by:10"] + ["too-short-by:10"] * 9
    with pytest.raises(FetchError, match="ended after"):
        fetch("hand")
    assert not (hint_home / "weights").exists()


def test_length_not_announced(server: FileServer, hint_home: Path) -> None:
    server.faults = ["no-length"]
    fetch("hand")
    assert in_place(hint_home)


def test_web_page_instead_of_a_file(server: FileServer) -> None:
    server.faults = ["page"]
    with pytest.raises(FetchError, match="web page"):
        fetch("hand")


def test_redirect_is_followed(server: FileServer, hint_home: Path) -> None:
    server.faults = [f"redirect:{server.url}?moved"]
    fetch("hand")
    assert in_place(hint_home)


def test_redirect_to_a_file_is_refused(server: FileServer) -> None:
    server.faults = ["redirect:file:///etc/hostname"]
    with pytest.raises(FetchError, match="302"):
        fetch("hand")


def test_refused_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(FetchError, match=r"refuses connections; type `hint fetch hand` to try again"):
            fetch("hand", url=url)


def test_unknown_host() -> None:
    with pytest.raises(FetchError, match=r"cannot find nowhere\.invalid"):
        fetch("hand", url="https://nowhere.invalid/a.tar.gz")


@pytest.fixture(autouse=True)
def new_connections() -> Iterator[None]:
    """Let every test trust its own certificates: since Python 3.13 urllib keeps those it met first."""
    urllib.request.install_opener(None)  # type: ignore[arg-type]  # None, as before the first request
    yield
    urllib.request.install_opener(None)  # type: ignore[arg-type]


def certificate(folder: Path, *, expired: bool) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")
    config, key, pem = folder / "ca.cnf", folder / "key.pem", folder / "cert.pem"
    (folder / "index.txt").touch()
    config.write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n"
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature,keyCertSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n"
        "[req]\ndistinguished_name=n\n[n]\n"
    )
    request = f"openssl req -new -newkey rsa:2048 -nodes -keyout {key} -out {folder}/r.csr -subj /CN=t -config {config}"
    subprocess.run(request.split(), check=True, capture_output=True)
    until = "20210101000000Z" if expired else "20990101000000Z"
    sign = f"openssl ca -batch -selfsign -rand_serial -config {config} -keyfile {key} -in {folder}/r.csr -out {pem}"
    subprocess.run([*sign.split(), "-startdate", "20200101000000Z", "-enddate", until], check=True, capture_output=True)
    return pem, key


@pytest.mark.parametrize(
    ("expired", "trusted", "words"),
    [(True, True, "certificate has expired"), (False, False, "self-signed certificate"), (False, True, None)],
    ids=["expired", "unknown", "trusted"],
)
def test_certificate_must_hold(
    server: FileServer,
    tmp_path: Path,
    hint_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    expired: bool,
    trusted: bool,
    words: str | None,
) -> None:
    pem, key = certificate(tmp_path, expired=expired)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    url = server.url.replace("http:", "https:")
    if words is None:
        fetch("hand", url=url)
        assert in_place(hint_home)
        return
    with pytest.raises(FetchError, match=words.replace("-", ".")) as caught:
        fetch("hand", url=url)
    assert "\n" not in str(caught.value)


def test_encrypted_address_that_sends_on_to_a_plain_one(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, key = certificate(tmp_path, expired=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with serving(FileServer()) as encrypted:
        encrypted.socket = context.wrap_socket(encrypted.socket, server_side=True)
        encrypted.faults = [f"redirect:{server.url}"]
        with pytest.raises(FetchError, match="not encrypted"):
            fetch("hand", url=encrypted.url.replace("http:", "https:"))


SCRIPT = """
import sys
from hint.fetch import ASSETS, Asset, Member, fetch
ASSETS["hand"] = Asset("free", sys.argv[1], "hand.tar.gz", (Member("_DATA/w/hand.ckpt", "weights/hand.ckpt", 400_000),))
print("go", flush=True)
fetch("hand")
"""


def wait_for(condition: object, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupt_keeps_what_came_and_the_next_fetch_goes_on(server: FileServer, hint_home: Path) -> None:
    server.faults = ["stall:100000"]
    with subprocess.Popen([sys.executable, "-c", SCRIPT, server.url], stderr=subprocess.PIPE) as running:
        part = hint_home / "downloads/hand.tar.gz.part"
        wait_for(lambda: part.exists() and part.stat().st_size > 0)
        with pytest.raises(FetchError, match="another `hint fetch hand` is running"):
            fetch("hand")
        running.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in running.communicate()[1]
    here = part.stat().st_size
    assert 0 < here <= 100_000
    fetch("hand")
    assert server.asked == [None, f"bytes={here}-"]
    assert in_place(hint_home)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_fetch_leaves_no_lock(server: FileServer, hint_home: Path) -> None:
    server.faults = ["stall:100000"]
    with subprocess.Popen([sys.executable, "-c", SCRIPT, server.url]) as running:
        wait_for(lambda: (hint_home / "downloads/hand.tar.gz.part").exists())
        running.kill()
    fetch("hand")
    assert in_place(hint_home)


# Room on the disk


def test_no_room_is_said_before_the_body_is_read(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Member(MEMBERS[0].path, MEMBERS[0].keep_as, 10**18)
    monkeypatch.setitem(ASSETS, "hand", Asset("free", server.url, "hand.tar.gz", (huge,)))
    done: list[int] = []
    with pytest.raises(FetchError, match=r"GB free, 1000000000\.0 GB are needed to download hand.tar.gz"):
        fetch("hand", on_progress=lambda _stage, n, _size: done.append(n))
    assert not done


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=640k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    monkeypatch.setenv("HINT_HOME", str(disk))
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs")
def test_download_is_kept_until_there_is_room_to_unpack(small_disk: Path, server: FileServer) -> None:
    (small_disk / "downloads").mkdir()
    (small_disk / "downloads/hand.tar.gz").write_bytes(ARCHIVE)
    with pytest.raises(FetchError, match=r"needed to unpack hand.tar.gz: make room or set HINT_HOME"):
        fetch("hand")
    assert left_over(small_disk) == {"hand.tar.gz"}
    assert subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    fetch("hand")
    assert in_place(small_disk)
    assert not server.asked


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs")
def test_disk_that_fills_up_while_writing(small_disk: Path, server: FileServer) -> None:
    server.faults = ["no-length"]
    server.body = os.urandom(900_000)
    small = (Member("x", "weights/x", 1_000),)
    ASSETS["hand"] = Asset("free", server.url, "hand.tar.gz", small)
    with pytest.raises(FetchError, match=r"No space left on device"):
        fetch("hand")


# Other sources


def test_archive_got_otherwise(server: FileServer, hint_home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own archive.tar.gz"
    own.write_bytes(ARCHIVE)
    report = fetch("hand", url=str(own))
    assert in_place(hint_home)
    assert report.source == str(own)
    assert own.exists()
    shutil.rmtree(hint_home)
    fetch("hand", url=own.as_uri())
    assert in_place(hint_home)
    assert not server.asked


@pytest.mark.parametrize("url", ["/nowhere/a.tar.gz", "file:///nowhere/a.tar.gz", "ftp://host/a.tar.gz"], ids=["path", "file URL", "ftp"])
def test_source_that_cannot_be_used(url: str) -> None:
    with pytest.raises(InputError):
        fetch("hand", url=url)


def test_key_of_a_signed_address_is_not_recorded(server: FileServer) -> None:
    report = fetch("hand", url=server.url + "?token=hush")
    assert report.source == server.url
    assert "hush" not in receipt_path("hand").read_text()


def test_unknown_name_and_mano() -> None:
    with pytest.raises(UnknownNameError, match="did you mean hamer"):
        fetch("hammer")
    with pytest.raises(MissingRequirementError, match=r"mano\.is\.tue\.mpg\.de.*MANO_RIGHT\.pkl.*mano/"):
        fetch("mano")


def test_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HINT_HOME", str(tmp_path / "file/home"))
    with pytest.raises(FetchError, match="HINT_HOME"):
        fetch("hand")


# Single files


@pytest.fixture
def weights_file(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An asset that is one file on the test server, of whose digest eight digits are known."""
    server.body = WEIGHTS
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    asset = Asset("free for all", server.url, single=SingleFile("weights/net.pth", KnownDigest(sha256[:8])))
    monkeypatch.setitem(ASSETS, "net", asset)
    return sha256


def test_single_file_is_kept_as_it_is(server: FileServer, hint_home: Path, weights_file: str) -> None:
    server.faults = ["drop:100000"]
    report = fetch("net")
    assert (hint_home / "weights/net.pth").read_bytes() == WEIGHTS
    assert report.files == report.new == (hint_home / "weights/net.pth",)
    assert server.asked == [None, "bytes=100000-"]
    assert receipt("net")["files"] == {"weights/net.pth": {"bytes": len(WEIGHTS), "sha256": weights_file}}
    assert {p.name for p in (hint_home / "downloads").iterdir()} == {"net.lock"}
    assert fetch("net").new == ()
    assert len(server.asked) == 2


def test_single_file_of_another_digest_is_refused(server: FileServer, hint_home: Path, weights_file: str) -> None:
    server.body = WEIGHTS[::-1]
    with pytest.raises(FetchError, match=rf"expected {weights_file[:8]}\.\.\.: it is damaged"):
        fetch("net")
    assert not (hint_home / "weights/net.pth").exists()
    assert {p.name for p in (hint_home / "downloads").iterdir()} == {"net.lock"}
    server.body = WEIGHTS
    fetch("net")
    (hint_home / "weights/net.pth").write_bytes(WEIGHTS[::-1])
    with pytest.raises(FetchError, match="is not the file it should be; move it away and type `hint fetch net`"):
        fetch("net")


def test_single_file_got_otherwise(server: FileServer, hint_home: Path, weights_file: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(WEIGHTS)
    assert fetch("net", url=str(mine)).new == (hint_home / "weights/net.pth",)
    assert mine.read_bytes() == WEIGHTS
    assert server.asked == []
    # A few digits are no proof against somebody who forges a file, so the server must prove who it is.
    with pytest.raises(InputError, match="--insecure is for archives with a known checksum"):
        fetch("net", insecure=True)


def test_weights_of_openmmlab_are_known_by_the_digits_in_their_name() -> None:
    singles = {name: asset for name, asset in ASSETS.items() if asset.single and "openmmlab" in asset.url}
    assert set(singles) == {"rtmpose-m-hand5", "hrnetv2-w18-wholebody-hand"}
    for name, asset in singles.items():
        assert asset.url.startswith("https://download.openmmlab.com/mmpose/")
        assert re.search(rf"-{asset.single.digest.head}_\d{{8}}\.pth$", asset.url)
        assert asset.single.keep_as == f"weights/{name}.pth"


def test_what_came_first_is_known_where_no_checksum_is_published(
    server: FileServer, hint_home: Path, weights_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ASSETS, "net", Asset("free for all", server.url, single=SingleFile("weights/net.pth")))
    assert fetch("net").new
    assert receipt("net")["files"]["weights/net.pth"]["sha256"] == weights_file
    (hint_home / "weights/net.pth").write_bytes(b"something else")
    with pytest.raises(FetchError, match="is not the file it should be"):
        fetch("net")


# Receipts


def test_receipt_tells_what_came_from_where(server: FileServer, hint_home: Path) -> None:
    assert receipt("hand") is None
    fetch("hand")
    written = receipt("hand")
    assert written is not None
    assert written["source"] == server.url
    assert written["licence"] == "free for all"
    assert written["files"]["weights/hand.ckpt"] == {
        "bytes": len(WEIGHTS),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
    }


def test_file_changed_on_disk(hint_home: Path) -> None:
    fetch("hand")
    (hint_home / "weights/hand.ckpt").write_bytes(b"mine")
    with pytest.raises(FetchError, match=r"hand.ckpt is not the file it should be; move it away"):
        fetch("hand")
    assert (hint_home / "weights/hand.ckpt").read_bytes() == b"mine"


def test_only_missing_files_are_brought(hint_home: Path) -> None:
    fetch("hand")
    (hint_home / "weights/hand.ckpt").unlink()
    report = fetch("hand")
    assert [p.name for p in report.new] == ["hand.ckpt"]
    assert in_place(hint_home)


def test_release_with_another_digest_is_refused(server: FileServer, hint_home: Path) -> None:
    server.body = tar_gz({**FILES, "_DATA/w/hand.ckpt": b"other"})
    with pytest.raises(FetchError, match=r"hand.ckpt in .* has sha256 .*, expected .*`hint fetch hand`\)$"):
        fetch("hand")
    assert left_over(hint_home) == set()
    assert not (hint_home / "weights").exists()


def test_unlisted_digest_is_fixed_at_first_use(server: FileServer, hint_home: Path) -> None:
    fetch("hand")
    (hint_home / "weights/hand.yaml").unlink()
    server.body = tar_gz({**FILES, "_DATA/w/config.yaml": b"changed: yes"})
    with pytest.raises(FetchError, match=r"if the change is meant, remove .*hand.receipt.json first"):
        fetch("hand")
    receipt_path("hand").unlink()
    fetch("hand")
    assert (hint_home / "weights/hand.yaml").read_bytes() == b"changed: yes"


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"files": null}', '{"files": {"a": {}}}'],
    ids=["empty", "list", "no files", "file without digest"],
)
def test_damaged_receipt(hint_home: Path, text: str) -> None:
    fetch("hand")
    receipt_path("hand").write_text(text)
    with pytest.raises(InputError, match="remove it"):
        fetch("hand")


# Unpacking


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack_bytes(content: bytes, folder: Path) -> dict[Member, str]:
    packed = folder / "a.tar.gz"
    packed.write_bytes(content)
    return archive.unpack(packed, MEMBERS, folder / "out")


@pytest.mark.parametrize(
    "name",
    ["/etc/evil", "../evil", "_DATA/../../evil", "..\\evil"],
    ids=["absolute", "parent", "parent inside", "backslash"],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="leads out of it"):
        unpack_bytes(tar_gz({name: b"x", **FILES}), tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "_DATA/w/config.yaml"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
    ],
    ids=["symbolic link", "hard link", "character device", "block device", "fifo", "folder"],
)
def test_member_must_be_a_plain_file(tmp_path: Path, kind: bytes, target: str) -> None:
    harmful = special("_DATA/w/hand.ckpt", kind, target)
    with pytest.raises(FetchError, match="no plain file"):
        unpack_bytes(tar_gz({"_DATA/w/config.yaml": CONFIG}, [harmful], first=True), tmp_path)


def test_links_elsewhere_in_the_archive_are_passed_over(tmp_path: Path) -> None:
    links = [special("_DATA", tarfile.SYMTYPE, "/tmp"), special("_DATA/w", tarfile.SYMTYPE, "/etc")]
    digests = unpack_bytes(tar_gz(FILES, links, first=True), tmp_path)
    assert digests[MEMBERS[0]] == MEMBERS[0].sha256
    written = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if not p.is_dir()}
    assert written == {"weights/hand.ckpt", "weights/hand.yaml"}


def test_names_with_a_leading_dot_are_the_same(tmp_path: Path) -> None:
    assert len(unpack_bytes(tar_gz({f"./{name}": content for name, content in FILES.items()}), tmp_path)) == 2


def test_member_larger_than_expected_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="more than 1000"):
        unpack_bytes(tar_gz({**FILES, "_DATA/w/config.yaml": bytes(2_000_000)}), tmp_path)
    assert not (tmp_path / "out/weights/hand.yaml").exists()


def test_endless_zeros_end_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 5_000_000)
    with pytest.raises(FetchError, match="unpacks to more than 5000000"):
        unpack_bytes(tar_gz({"filler": bytes(20_000_000), **FILES}), tmp_path)


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME], ids=["PAX", "global PAX", "GNU long name"]
)
def test_header_of_gigabytes_is_not_read_into_memory(tmp_path: Path, kind: bytes) -> None:
    info = special("long", kind)
    info.size = 3 << 30
    with pytest.raises(FetchError, match="header of 3221225472 bytes"):
        unpack_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT)), tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ARCHIVE[: len(ARCHIVE) // 2], "cut short"),
        (b"<html>please log in</html>", "no .tar.gz"),
        (b"", "does not hold|no .tar.gz"),
        (gzip.compress(b"no tar"), "no .tar.gz"),
        (tar_gz({"_DATA/w/hand.ckpt": WEIGHTS}), "does not hold _DATA/w/config.yaml"),
    ],
    ids=["cut short", "web page", "empty", "no tar", "member missing"],
)
def test_damaged_archive(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        unpack_bytes(content, tmp_path)


def test_archive_scratched_in_the_middle_of_a_member(tmp_path: Path) -> None:
    packed = bytearray(tar_gz({"w": os.urandom(3_000_000)}))
    # Random bytes are stored in blocks of at most 65535; a block cannot begin with these bits.
    packed[2_000_000:2_070_000] = b"\xff" * 70_000
    (tmp_path / "a.tar.gz").write_bytes(packed)
    with pytest.raises(FetchError, match="damaged"):
        archive.unpack(tmp_path / "a.tar.gz", [Member("w", "w", 5_000_000)], tmp_path / "out")


def test_damaged_download_is_thrown_away_and_a_file_of_the_users_is_not(
    server: FileServer, hint_home: Path, tmp_path: Path
) -> None:
    server.body = own_bytes = ARCHIVE[:200_000]
    with pytest.raises(FetchError, match="cut short"):
        fetch("hand")
    assert left_over(hint_home) == set()
    own = tmp_path / "own.tar.gz"
    own.write_bytes(own_bytes)
    with pytest.raises(FetchError, match="cut short"):
        fetch("hand", url=str(own))
    assert own.exists()
    server.body = ARCHIVE
    fetch("hand")
    assert in_place(hint_home)


PLAIN_TAR = gzip.decompress(tar_gz({"_DATA/w/hand.ckpt": b"abc", "_DATA/w/config.yaml": CONFIG}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 2600), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_ends_in_a_plain_error(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(PLAIN_TAR)
    for place, value in changes:
        damaged[place] = value
    try:
        digests = unpack_bytes(gzip.compress(bytes(damaged)), tmp_path)
    except FetchError:
        return
    assert set(digests) == set(MEMBERS)


def test_table_of_assets_is_sound() -> None:
    for name, asset in fetching.ASSETS.items():
        assert asset.licence, name
        assert bool(asset.url) != bool(asset.by_hand), name
        assert all(re.fullmatch(r"([0-9a-f]{64})?", member.sha256) for member in asset.members), name
    assert json.dumps([m.path for m in ASSETS["hamer"].members]).count("_DATA/") == 3
