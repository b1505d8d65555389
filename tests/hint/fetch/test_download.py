"""One file, downloaded from a server with faults, kept and recognised."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.fetch import ASSETS, Asset, FetchError, KnownDigest, SingleFile, fetch, receipt, receipt_path

if TYPE_CHECKING:
    from tests.hint.fetch.conftest import FileServer

FILE = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(FILE).hexdigest()


@pytest.fixture(autouse=True)
def net(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on the test server, with eight known digits of its digest."""
    server.body = FILE
    single = SingleFile("weights/net.pth", KnownDigest(SHA256[:8]))
    monkeypatch.setitem(ASSETS, "net", Asset("free for all", server.url, single=single))


def is_in_place(home: Path) -> bool:
    return (home / "weights/net.pth").read_bytes() == FILE


# The whole file


def test_file_and_receipt(server: FileServer, hint_home: Path, downloads: Callable[[], set[str]]) -> None:
    steps: list[tuple[str, int, int | None]] = []
    assert receipt("net") is None
    report = fetch("net", on_progress=lambda *step: steps.append(step))
    assert is_in_place(hint_home)
    assert report.files == report.new == (hint_home / "weights/net.pth",)
    assert report.source == server.url
    assert steps[-1] == ("download", len(FILE), len(FILE))
    assert downloads() == set()
    written = receipt("net") or {}
    assert (written["source"], written["licence"]) == (server.url, "free for all")
    assert written["files"] == {"weights/net.pth": {"bytes": len(FILE), "sha256": SHA256}}
    assert fetch("net").new == ()
    assert len(server.requests) == 1


def test_signature_in_the_address_is_not_recorded(server: FileServer) -> None:
    report = fetch("net", url=server.url + "?token=secret")
    assert report.source == server.url
    assert "secret" not in receipt_path("net").read_text()


# Resuming


@pytest.mark.parametrize(
    ("faults", "ranges"),
    [
        (["drop:100000", "drop:50000"], ["bytes=100000-", "bytes=150000-"]),
        (["stall:100000"], ["bytes=100000-"]),
        (["drop:100000", "no-range"], ["bytes=100000-"]),
        (["drop:100000", "status:416"], ["bytes=100000-", None]),
        (["drop:100000", "other-part"], ["bytes=100000-", None]),
        (["status:500", "status:503", "status:429"], [None, None, None]),
        (["no-length"], []),
    ],
    ids=["dropped twice", "stalled", "no ranges", "file has shrunk", "wrong part", "overloaded", "no length"],
)
def test_transient_faults(server: FileServer, hint_home: Path, faults: list[str], ranges: list[str | None]) -> None:
    server.faults = faults
    fetch("net")
    assert is_in_place(hint_home)
    assert server.requests == [None, *ranges]


def test_progress_of_a_resumed_download_starts_where_it_stopped(server: FileServer) -> None:
    server.faults = ["drop:100000"]
    done: list[int] = []
    fetch("net", on_progress=lambda _stage, n, _total: done.append(n))
    assert done == sorted(done)
    assert done[-1] == len(FILE)


@pytest.mark.parametrize(
    ("validators", "second"),
    [
        ({"ETag": 'W/"weak"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, "bytes=100000-"),
        ({"ETag": 'W/"weak"'}, None),
        ({}, None),
    ],
    ids=["weak ETag and date", "weak ETag", "none"],
)
def test_only_a_strong_validator_is_trusted(server: FileServer, validators: dict[str, str], second: str | None) -> None:
    server.validators, server.faults = validators, ["drop:100000"]
    fetch("net")
    assert server.requests == [None, second]


def test_changed_file_starts_over(server: FileServer, hint_home: Path) -> None:
    server.body, server.faults = FILE[::-1], ["drop:100000", *["status:503"] * 5]
    with pytest.raises(FetchError, match="503"):
        fetch("net")
    server.body, server.validators = FILE, {"ETag": '"two"'}
    fetch("net")
    assert server.requests[-1] == "bytes=100000-"
    assert is_in_place(hint_home)


def test_download_from_another_address_starts_over(server: FileServer, hint_home: Path) -> None:
    server.faults = ["drop:100000", "status:403"]
    with pytest.raises(FetchError, match="403"):
        fetch("net")
    fetch("net", url=server.url + "?mirror")
    assert server.requests == [None, "bytes=100000-", None]
    assert is_in_place(hint_home)


# Giving up


def test_lasting_failure(server: FileServer) -> None:
    server.faults = ["status:500"] * 50
    with pytest.raises(FetchError, match=r"500.*5 times; type `hint fetch net`"):
        fetch("net")
    assert len(server.requests) == 5


def test_attempts_that_make_progress_do_not_count(server: FileServer, hint_home: Path) -> None:
    server.faults = ["status:500"] * 4 + ["drop:60000"] * 3 + ["status:500"] * 3
    fetch("net")
    assert is_in_place(hint_home)


def test_server_that_never_gets_further(server: FileServer) -> None:
    server.validators, server.faults = {}, ["drop:100000"] * 50
    with pytest.raises(FetchError, match=r"100000 of 300000 bytes, 5 times"):
        fetch("net")
    assert len(server.requests) < 8


def test_announced_length_that_never_comes(server: FileServer, hint_home: Path) -> None:
    server.faults = ["too-short-by:10"] * 50
    with pytest.raises(FetchError, match="300000 of 300010 bytes"):
        fetch("net")
    assert not (hint_home / "weights").exists()


@pytest.mark.parametrize("code", [401, 403, 404, 410, 418])
def test_final_answer_is_not_requested_twice(server: FileServer, code: int) -> None:
    server.faults = [f"status:{code}"]
    with pytest.raises(FetchError, match=rf"{code}.*--url") as caught:
        fetch("net")
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


def test_web_page_instead_of_a_file(server: FileServer) -> None:
    server.faults = ["page"]
    with pytest.raises(FetchError, match="web page"):
        fetch("net")


def test_redirects(server: FileServer, hint_home: Path) -> None:
    server.faults = ["redirect:file:///etc/hostname", f"redirect:{server.url}?moved"]
    with pytest.raises(FetchError, match="302"):
        fetch("net")
    fetch("net")
    assert is_in_place(hint_home)


def test_refused_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        with pytest.raises(
            FetchError, match=r"refuses connections; type `hint fetch net --url http://127[^ ]+` to try again"
        ):
            fetch("net", url=f"http://127.0.0.1:{taken.getsockname()[1]}/x")


def test_unknown_host() -> None:
    with pytest.raises(FetchError, match=r"nowhere\.invalid"):
        fetch("net", url="https://nowhere.invalid/net.pth")


# Certificates


@pytest.mark.parametrize(
    ("until", "trusted", "words"),
    [("2021", True, "expired"), ("2099", False, "self.signed"), ("2099", True, None)],
    ids=["expired", "self-signed", "trusted"],
)
def test_certificate_must_be_valid(
    server: FileServer,
    certificate: Callable[[str], Path],
    hint_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    until: str,
    trusted: bool,
    words: str | None,
) -> None:
    server.encrypt(certificate(until))
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate(until)))
    if words is None:
        fetch("net", url=server.url)
        assert is_in_place(hint_home)
        return
    with pytest.raises(FetchError, match=rf"certificate.*{words}") as caught:
        fetch("net", url=server.url)
    assert "\n" not in str(caught.value)
    assert "--insecure" not in str(caught.value)


def test_encrypted_address_that_redirects_to_a_plain_one(
    server: FileServer,
    start_server: Callable[[], FileServer],
    certificate: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate("2099")))
    encrypted = start_server()
    encrypted.encrypt(certificate("2099"))
    encrypted.faults = [f"redirect:{server.url}"]
    with pytest.raises(FetchError, match="not encrypted"):
        fetch("net", url=encrypted.url)


def test_few_known_digits_do_not_replace_a_certificate() -> None:
    with pytest.raises(InputError, match=r"--insecure.*\(hint\)"):
        fetch("net", insecure=True)


# Interruptions

SCRIPT = """
import sys
from hint.cli import main
from hint.fetch import ASSETS, Asset, SingleFile
ASSETS["net"] = Asset("free for all", sys.argv[1], single=SingleFile("weights/net.pth"))
main(["fetch", "net", "--accept-licence"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_interrupted_download_resumes(server: FileServer, hint_home: Path, number: int) -> None:
    server.faults = ["stall:100000"]
    part = hint_home / "downloads/net.pth.part"
    with subprocess.Popen([sys.executable, "-c", SCRIPT, server.url], stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size):
            assert time.monotonic() < end, "nothing was downloaded"
            time.sleep(0.01)
        with pytest.raises(FetchError, match="another `hint fetch net` is running"):
            fetch("net")
        running.send_signal(number)
        remarks = running.communicate()[1]
    if number == signal.SIGINT:
        assert "hint: interrupted; hint fetch net --accept-licence goes on from there" in remarks
    here = part.stat().st_size
    assert 0 < here <= 100_000
    fetch("net")
    assert server.requests == [None, f"bytes={here}-"]
    assert is_in_place(hint_home)


def test_disk_that_fills_up(
    small_disk: Callable[[str], Path], server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HINT_HOME", str(small_disk("size=200k")))
    server.faults = ["no-length"]
    with pytest.raises(FetchError, match=r"No space left on device"):
        fetch("net")


def test_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HINT_HOME", str(tmp_path / "file/home"))
    with pytest.raises(FetchError, match="HINT_HOME"):
        fetch("net")


# Digests


def test_wrong_digest(server: FileServer, hint_home: Path, downloads: Callable[[], set[str]]) -> None:
    server.body = FILE[::-1]
    with pytest.raises(FetchError, match=rf"expected {SHA256[:8]}\.\.\."):
        fetch("net")
    assert not (hint_home / "weights/net.pth").exists()
    assert downloads() == set()
    server.body = FILE
    fetch("net")
    (hint_home / "weights/net.pth").write_bytes(FILE[::-1])
    with pytest.raises(FetchError, match="move it away and type `hint fetch net`"):
        fetch("net")


def test_first_download_sets_the_digest_if_none_is_published(
    server: FileServer, hint_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ASSETS, "net", Asset("free for all", server.url, single=SingleFile("weights/net.pth")))
    fetch("net")
    (hint_home / "weights/net.pth").write_bytes(b"something else")
    with pytest.raises(FetchError, match="move it away"):
        fetch("net")


# Other sources, the table of assets


def test_copy_of_the_users_own(server: FileServer, hint_home: Path, tmp_path: Path) -> None:
    own = tmp_path / "my own.pth"
    own.write_bytes(FILE)
    for url in (str(own), own.as_uri()):
        assert fetch("net", url=url).new == (hint_home / "weights/net.pth",)
        assert is_in_place(hint_home)
        assert own.read_bytes() == FILE
        shutil.rmtree(hint_home)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["/nowhere/net.pth", "file:///nowhere/net.pth", "ftp://host/net.pth"], ids=["path", "file URL", "ftp"]
)
def test_unusable_source(url: str) -> None:
    with pytest.raises(InputError):
        fetch("net", url=url)


def test_unknown_name_and_mano() -> None:
    with pytest.raises(UnknownNameError, match="hamer"):
        fetch("hammer")
    with pytest.raises(MissingRequirementError, match=r"mano\.is\.tue\.mpg\.de.*MANO_RIGHT\.pkl.*mano/"):
        fetch("mano")


def test_assets_are_consistent() -> None:
    for name, asset in ASSETS.items():
        assert asset.licence, name
        assert sum((bool(asset.url), asset.wheel is not None, bool(asset.by_hand))) == 1, name
        assert sum((bool(asset.members), asset.tree is not None, asset.single is not None)) == bool(asset.url), name
        assert all(re.fullmatch(r"([0-9a-f]{64})?", member.sha256) for member in asset.members), name


def test_openmmlab_puts_digests_in_file_names() -> None:
    for name in ("rtmpose-m-hand5", "hrnetv2-w18-wholebody-hand"):
        single = ASSETS[name].single
        assert single is not None
        assert re.search(rf"-{single.digest.head}_\d{{8}}\.pth$", ASSETS[name].url)
        assert single.keep_as == f"weights/{name}.pth"
