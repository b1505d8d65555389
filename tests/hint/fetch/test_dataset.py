"""The dataset: downloaded, unpacked by processes that are killed, and malicious archives refused."""

from __future__ import annotations

import hashlib
import io
import random
import re
import shlex
import shutil
import signal
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hint import doctor
from hint.errors import InputError
from hint.fetch import ASSETS, FetchError, KnownDigest, Tree, fetch, receipt, receipt_path, zipped
from hint.fetch.tree import list_path

if TYPE_CHECKING:
    from tests.hint.fetch.conftest import FileServer

RANDOM = random.Random(0)
TOP = "HInt_annotation_partial"
TREE = cast(Tree, ASSETS["hint"].tree)
FILES = {
    "TEST_newdays_img/ND_-_xAbCdEfGhI_frame000001_r.jpg": RANDOM.randbytes(30_000),
    "TEST_newdays_img/ND_-_xAbCdEfGhI_frame000001_r.json": b'[{"bbox": []}]' * 20,
    "TEST_epick_img/EK_frame_0000040462_l.jpg": RANDOM.randbytes(20_000),
    "TEST_epick_img/EK_frame_0000040462_l.json": b'[{"bbox": []}]',
    "TRAIN_ego4d_img/a_b_12_pre_frame_l.json": b"[{}]",
}


def zip_of(files: Mapping[str, bytes | tuple[zipfile.ZipInfo, bytes]], top: str = TOP + "/") -> bytes:
    """Pack files below a top folder; names that begin with ``=`` are taken as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name[1:] if name.startswith("=") else top + name, content)
    return buffer.getvalue()


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


ARCHIVE = zip_of(FILES)


@pytest.fixture(autouse=True)
def small_release(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive on the test server, with known digits at both ends of its digest."""
    server.body = ARCHIVE
    release(monkeypatch, server.url)


def release(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    small = replace(TREE, expected_bytes=100_000, digest=KnownDigest(sha(ARCHIVE)[:8], sha(ARCHIVE)[-4:]))
    monkeypatch.setitem(ASSETS, "hint", replace(ASSETS["hint"], url=url, tree=small))


def unpacked(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}


@pytest.fixture
def data(hint_home: Path) -> Path:
    return hint_home / "data/HInt_annotation"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the archive that the user has."""
    path = tmp_path / "own archive.zip"
    path.write_bytes(ARCHIVE)
    return path


# Download and unpack


def test_fetch_unpacks_below_the_home_folder(server: FileServer, data: Path, downloads: Callable[[], set[str]]) -> None:
    steps: list[tuple[str, int, int | None]] = []
    report = fetch("hint", on_progress=lambda *step: steps.append(step))
    assert unpacked(data) == FILES
    assert (report.files, report.new, report.source) == ((data,), (data,), server.url)
    assert downloads() == set()
    remarks = "\n".join(report.remarks)
    assert f"hint prepare verify {data}" in remarks
    assert f"hint prepare ego4d --hint {data} --clips DIR" in remarks
    assert sha(ARCHIVE) in remarks
    assert "5 files in 3 folders" in remarks
    assert "left out" not in remarks
    last = {stage: (done, total) for stage, done, total in steps}
    assert list(last) == ["download", "check", "compare", "unpack"]
    assert last["unpack"] == (50_298, 50_298)


def test_doctor_finds_it_wherever_it_was_unpacked(tmp_path: Path, data: Path) -> None:
    def found() -> doctor.Finding:
        return next(finding for finding in doctor.examine() if finding.name == "HInt data")

    assert found().state == "missing"
    assert found().advice.startswith("hint fetch hint")
    fetch("hint")
    assert found().detail == f"{data.parent}: TEST_epick_img, TEST_newdays_img, TRAIN_ego4d_img"
    data.rename(tmp_path / "elsewhere")
    fetch("hint", out=tmp_path / "elsewhere")
    assert found().detail.startswith(f"{tmp_path / 'elsewhere'}: TEST_epick_img")
    receipt_path("hint").write_text("{}")
    assert found().state == "missing"


def test_second_fetch_needs_no_server(server: FileServer, data: Path) -> None:
    fetch("hint")
    report = fetch("hint")
    assert len(server.requests) == 1
    assert (report.files, report.new, report.source) == ((data,), (), "")
    assert "5 files in 3 folders" in report.remarks[0]


def test_receipt_is_compact(server: FileServer, data: Path) -> None:
    fetch("hint", url=server.url + "?token=hush")
    written = receipt("hint")
    assert written is not None
    assert written["archive"] == {"bytes": len(ARCHIVE), "sha256": sha(ARCHIVE)}
    assert written["folder"] == str(data)
    assert written["source"] == server.url
    assert written["licence"] == ASSETS["hint"].licence
    assert written["folders"]["TEST_epick_img"] == {"files": 2, "bytes": 20_014}
    assert (written["list"]["files"], written["list"]["bytes"]) == (5, sum(map(len, FILES.values())))
    assert "EK_frame" not in receipt_path("hint").read_text()


def test_only_missing_files_are_written(server: FileServer, data: Path) -> None:
    fetch("hint")
    before = {path: path.stat().st_ino for path in data.rglob("*.jp*g")}
    gone = next(data.rglob("EK*.jpg"))
    gone.unlink()
    report = fetch("hint")
    assert len(server.requests) == 2
    assert report.new == (data,)
    assert unpacked(data) == FILES
    assert {path: path.stat().st_ino for path in before if path != gone} == {
        path: inode for path, inode in before.items() if path != gone
    }


def test_archive_left_by_an_interrupted_fetch_is_removed(
    hint_home: Path, own: Path, data: Path, downloads: Callable[[], set[str]]
) -> None:
    fetch("hint", url=str(own))
    shutil.copy(own, hint_home / f"downloads/{TOP}.zip")
    fetch("hint")
    assert downloads() == set()
    assert unpacked(data) == FILES


# Other places


def test_local_archive_is_kept(server: FileServer, own: Path, tmp_path: Path) -> None:
    report = fetch("hint", url=str(own), out=tmp_path / "my data")
    assert unpacked(tmp_path / "my data") == FILES
    assert own.read_bytes() == ARCHIVE
    assert not server.requests
    assert f"hint prepare verify '{tmp_path / 'my data'}'" in report.remarks[-2]


def test_moved_folder_is_compared_and_recorded(server: FileServer, data: Path, tmp_path: Path) -> None:
    fetch("hint")
    data.rename(tmp_path / "moved")
    report = fetch("hint", out=tmp_path / "moved")
    assert not report.new
    assert len(server.requests) == 1
    assert (receipt("hint") or {})["folder"] == str(tmp_path / "moved")
    again = tmp_path / "again"
    (tmp_path / "moved").rename(again)
    picture = next(again.rglob("EK*.jpg"))
    picture.write_bytes(picture.read_bytes()[::-1])  # as long, and something else
    with pytest.raises(FetchError, match=r"1 files in .*again .*EK_frame"):
        fetch("hint", out=again)


def test_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not a folder"):
        fetch("hint", out=tmp_path / "file")
    with pytest.raises(FetchError, match="--out"):
        fetch("hint", out=tmp_path / "file/below")


# Digests


def test_archive_with_another_digest_is_set_aside(server: FileServer, hint_home: Path, data: Path) -> None:
    server.body = other = zip_of({**FILES, "TEST_epick_img/new_l.json": b"[]"})
    with pytest.raises(FetchError) as caught:
        fetch("hint")
    aside = hint_home / f"downloads/{TOP}.zip.refused"
    known = f"{sha(ARCHIVE)[:8]}...{sha(ARCHIVE)[-4:]}"
    assert f"{aside} has sha256 {sha(other)}, expected {known}" in str(caught.value)
    assert f"`hint fetch hint --url {aside} --sha256 {sha(other)}`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not data.exists()
    server.body = ARCHIVE
    fetch("hint")  # not stuck with the other one
    assert unpacked(data) == FILES


def test_new_release_is_accepted_by_its_digest(server: FileServer, hint_home: Path, data: Path) -> None:
    fetch("hint")
    files = {**FILES, "TEST_epick_img/new_l.json": b"[]"}
    server.body = zip_of(files)
    fetch("hint", sha256=sha(server.body).upper())
    assert unpacked(data) == files
    next(data.rglob("new_l.json")).unlink()
    fetch("hint")  # what was accepted stays accepted
    assert unpacked(data) == files
    assert len(server.requests) == 3


def test_local_archive_is_checked(own: Path, data: Path) -> None:
    own.write_bytes(zip_of({"TEST_epick_img/x_l.json": b"[]"}))
    with pytest.raises(FetchError, match=r"own archive\.zip has sha256 .*--url '/.*own archive\.zip' --sha256"):
        fetch("hint", url=str(own))
    assert own.exists()
    assert not data.exists()
    with pytest.raises(FetchError, match=f"expected {'0' * 64}:"):
        fetch("hint", url=str(own), sha256="0" * 64)


@pytest.mark.parametrize("digest", ["ac42d9f8", "g" * 64, ""], ids=["short", "no digits", "empty"])
def test_malformed_digest(digest: str) -> None:
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        fetch("hint", sha256=digest)


def test_known_digest_fits_at_both_ends_only() -> None:
    known = KnownDigest("ac42d9f8", "c7fe")
    assert known.fits("ac42d9f8" + "0" * 52 + "c7fe")
    assert not known.fits("ac42d9f8" + "0" * 56)
    assert not known.fits("0" * 60 + "c7fe")


# Certificates


@pytest.fixture
def expired_server(
    server: FileServer, certificate: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> FileServer:
    """The server, with a certificate that is trusted and has expired."""
    server.encrypt(certificate("2021"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate("2021")))
    release(monkeypatch, server.url)
    return server


def test_expired_certificate_names_the_way_out(expired_server: FileServer, data: Path) -> None:
    with pytest.raises(FetchError, match=r"expired.*; type `hint fetch hint --insecure`") as caught:
        fetch("hint")
    assert "\n" not in str(caught.value)
    assert not expired_server.requests
    fetch("hint", insecure=True)
    assert unpacked(data) == FILES


def test_without_a_certificate_the_digest_decides(expired_server: FileServer, data: Path) -> None:
    expired_server.body = zip_of({"TEST_epick_img/forged_l.json": b"[]"})
    with pytest.raises(FetchError, match="has sha256"):
        fetch("hint", insecure=True)
    assert not data.exists()


def test_certificate_cannot_be_waived_where_no_digest_decides(
    expired_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ASSETS, "hamer", replace(ASSETS["hamer"], url=expired_server.url))
    monkeypatch.setattr("hint.fetch.members.require_space", lambda *_: None)
    with pytest.raises(FetchError, match="expired") as caught:
        fetch("hamer")
    assert "--insecure" not in str(caught.value)
    with pytest.raises(InputError, match=r"--insecure .*\(hint\), not for hamer"):
        fetch("hamer", insecure=True)
    assert not expired_server.requests


# The command line


def hint(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from hint.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    "option", [["--insecure"], ["--out", "x"], ["--sha256", "0" * 64]], ids=lambda option: option[0]
)
def test_option_that_does_not_apply_is_a_usage_error(option: list[str]) -> None:
    done = hint("fetch", "hamer", *option)
    assert done.returncode == 2
    assert done.stderr.startswith(f"hint: {option[0]} is for ")
    assert done.stderr.count("\n") == 1


def test_licence_comes_first(own: Path, tmp_path: Path) -> None:
    done = hint("fetch", "hint", "--url", str(own), "--out", str(tmp_path / "x"))
    assert done.returncode == 3
    for words in ("github.com/ddshan/hint", "Hands23", "CC BY-NC 4.0", "Ego4D frames are not included"):
        assert words in done.stderr
    assert f"hint fetch hint --url {shlex.quote(str(own))} --out {tmp_path / 'x'} --accept-licence" in done.stderr
    assert not (tmp_path / "x").exists()


def test_command_prints_the_folder_and_the_next_step(own: Path, tmp_path: Path) -> None:
    options = ("--accept-licence", "--out", str(tmp_path / "x"), "--sha256", sha(ARCHIVE))
    done = hint("fetch", "hint", "--url", str(own), *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'x'} (new)\n"
    assert f"hint prepare verify {tmp_path / 'x'}" in done.stderr
    assert unpacked(tmp_path / "x") == FILES
    assert hint("fetch", "hint", *options).stdout == f"{tmp_path / 'x'}\n"


def test_command_without_a_certificate(expired_server: FileServer, data: Path) -> None:
    options = ("--url", expired_server.url, "--accept-licence", "--sha256", sha(ARCHIVE))
    done = hint("fetch", "hint", *options)
    assert done.returncode == 1
    advised = re.findall(r"`hint ([^`]*)`", done.stderr)
    assert [shlex.split(command) for command in advised] == [
        ["fetch", "hint", "--url", expired_server.url, "--sha256", sha(ARCHIVE), "--accept-licence", "--insecure"],
        ["fetch", "hint", "--url", "FILE", "--sha256", sha(ARCHIVE), "--accept-licence"],
    ]
    assert hint(*shlex.split(advised[0])).returncode == 0
    assert unpacked(data) == FILES


# Interruptions

SCRIPT = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
from hint.fetch import ASSETS, KnownDigest, fetch

url, number = sys.argv[1], int(sys.argv[2])
ASSETS["hint"] = replace(ASSETS["hint"], url=url, tree=replace(ASSETS["hint"].tree, digest=KnownDigest("")))
rename, calls = Path.replace, 0

def interrupted(self, target):
    global calls
    if self.name.endswith(".hint-part"):
        calls += 1
        if calls == 3:
            os.kill(os.getpid(), number)
    return rename(self, target)

Path.replace = interrupted
fetch("hint")
"""


def interrupt(url: str, number: int) -> int:
    return subprocess.run([sys.executable, "-c", SCRIPT, url, str(number)], stderr=subprocess.DEVNULL).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_interrupted_unpacking_resumes(
    server: FileServer, data: Path, number: int, downloads: Callable[[], set[str]]
) -> None:
    assert interrupt(server.url, number) != 0
    here = unpacked(data)
    parts = {name for name in here if name.endswith(".hint-part")}
    assert len(parts) == (1 if number == signal.SIGKILL else 0)
    complete = {name: content for name, content in here.items() if name not in parts}
    assert len(complete) == 2
    assert complete.items() <= FILES.items()
    assert receipt("hint") is None
    assert downloads() == {f"{TOP}.zip"}
    inodes = {name: (data / name).stat().st_ino for name in complete}
    fetch("hint")
    assert unpacked(data) == FILES
    assert {name: (data / name).stat().st_ino for name in complete} == inodes
    assert len(server.requests) == 1
    assert downloads() == set()


def test_full_disk_while_unpacking(small_disk: Callable[[str], Path], own: Path) -> None:
    # Space for the bytes, not for the files: the root, two folders and three files.
    disk = small_disk("size=4m,nr_inodes=7")
    with pytest.raises(FetchError, match=r"No space left on device.*--out"):
        fetch("hint", url=str(own), out=disk)
    here = unpacked(disk)
    assert 0 < len(here) < len(FILES)
    assert here.items() <= FILES.items()
    small_disk("nr_inodes=100")
    fetch("hint", url=str(own), out=disk)
    assert unpacked(disk) == FILES


def test_space_is_checked_before_the_download(server: FileServer, monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    huge = replace(cast(Tree, ASSETS["hint"].tree), expected_bytes=10**18)
    monkeypatch.setitem(ASSETS, "hint", replace(ASSETS["hint"], tree=huge))
    with pytest.raises(FetchError, match=r"1000000000\.0 GB are needed to unpack .*--out"):
        fetch("hint")
    assert not server.requests
    fetch("hint", url=str(own))  # a local archive tells what it needs


# What lies in the folder already


def test_other_files_are_left_alone(server: FileServer, data: Path) -> None:
    own_picture = data / "TRAIN_ego4d_img/a_b_12_pre_frame_l.jpg"
    own_picture.parent.mkdir(parents=True)
    own_picture.write_bytes(b"decoded")
    fetch("hint")
    fetch("hint")
    assert unpacked(data) == {**FILES, "TRAIN_ego4d_img/a_b_12_pre_frame_l.jpg": b"decoded"}


def test_files_that_differ_are_listed_and_kept(server: FileServer, hint_home: Path, data: Path) -> None:
    name = "TEST_epick_img/EK_frame_0000040462_l.jpg"
    (data / name).parent.mkdir(parents=True)
    (data / name).write_bytes(FILES[name][::-1])
    with pytest.raises(FetchError, match=rf"1 files in {data} .*: {name}; move them away") as caught:
        fetch("hint")
    assert "\n" not in str(caught.value)
    assert unpacked(data) == {name: FILES[name][::-1]}
    (data / name).unlink()
    fetch("hint")
    assert len(server.requests) == 1  # the archive was kept meanwhile
    assert unpacked(data) == FILES


def test_file_changed_after_a_fetch(server: FileServer, data: Path) -> None:
    fetch("hint")
    for path in data.rglob("*.json"):
        path.write_bytes(b"my own")
    with pytest.raises(FetchError, match="3 files in"):
        fetch("hint")
    assert len(server.requests) == 1


def test_empty_file_is_filled(server: FileServer, data: Path) -> None:
    fetch("hint")
    next(data.rglob("EK*.jpg")).write_bytes(b"")
    assert fetch("hint").new
    assert unpacked(data) == FILES


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("kind", ["link to nothing", "link to an empty file", "folder"])
def test_link_or_folder_in_the_place_of_a_file(server: FileServer, data: Path, tmp_path: Path, kind: str) -> None:
    place = data / "TEST_epick_img/EK_frame_0000040462_l.jpg"
    place.parent.mkdir(parents=True)
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "target")
        if kind == "link to an empty file":
            (tmp_path / "target").touch()
    with pytest.raises(FetchError, match=r"1 files in .*EK_frame"):
        fetch("hint")
    assert place.is_dir() == (kind == "folder")


@pytest.mark.parametrize("text", [None, "", "[]\n"], ids=["missing", "empty", "list"])
def test_damaged_list(data: Path, text: str | None) -> None:
    fetch("hint")
    list_path("hint").unlink() if text is None else list_path("hint").write_text(text)
    with pytest.raises(InputError, match=r"remove .*hint.receipt.json and type `hint fetch hint`"):
        fetch("hint")
    receipt_path("hint").unlink()
    assert not fetch("hint").new


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"files": {}}', '{"folder": "x", "archive": {}, "list": {}}'],
    ids=["empty", "list", "no folder", "no digests"],
)
def test_damaged_receipt(text: str) -> None:
    fetch("hint")
    receipt_path("hint").write_text(text)
    with pytest.raises(InputError, match="remove it"):
        fetch("hint")


# Malicious and damaged archives


def unpack(archive: bytes, folder: Path, tree: Tree | None = None) -> None:
    packed = folder / "a.zip"
    packed.write_bytes(archive)
    with zipped.opened(packed) as contents:
        files, _ = zipped.read_contents(contents, tree or TREE)
        zipped.unpack(contents, files, folder / "out")


def refused(archive: bytes, folder: Path, words: str, tree: Tree | None = None) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        unpack(archive, folder, tree)
    assert "\n" not in str(caught.value)
    assert not (folder / "out").exists()


def entry(name: str, mode: int = 0, content: bytes = b"x") -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info, content


def zip_entries(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    """Pack good files, and behind them entries that are not checked by anyone."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as packed:
        warnings.simplefilter("ignore")  # of duplicates
        for name, content in FILES.items():
            packed.writestr(f"{TOP}/{name}", content)
        for info, content in entries:
            packed.writestr(info, content)
    return buffer.getvalue()


LEADING_OUT = {
    "absolute": "/etc/evil_l.jpg",
    "parent": "../evil_l.jpg",
    "parent twice": f"{TOP}/../../evil_l.jpg",
    "parent inside": f"{TOP}/F/../evil_l.jpg",
    "ends in parent": f"{TOP}/F/..",
    "folder ends in parent": f"{TOP}/F/../",
    "dot": f"{TOP}/./F/evil_l.jpg",
    "double slash": f"{TOP}//F/evil_l.jpg",
    "backslash": f"{TOP}\\F\\evil_l.jpg",
    "backslash parent": f"{TOP}/F\\..\\..\\evil_l.jpg",
    "drive": "C:/F/evil_l.jpg",
    "drive relative": "c:evil_l.jpg",
    "network share": "//host/share/evil_l.jpg",
    "parent of litter": "__MACOSX/../../evil_l.jpg",
    "root": "/",
}


@pytest.mark.parametrize("case", LEADING_OUT)
def test_path_that_leads_out_is_refused(tmp_path: Path, case: str) -> None:
    refused(zip_entries(entry(LEADING_OUT[case])), tmp_path, "leads out")


def test_name_cut_by_a_zero_byte_is_refused(tmp_path: Path) -> None:
    malicious = zip_entries(entry(f"{TOP}/F/evil_l.jpg%.json")).replace(b"evil_l.jpg%", b"evil_l.jpg\0")
    refused(malicious, tmp_path, "not a plain path")


@pytest.mark.parametrize(
    "kind",
    [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR],
    ids=["link", "fifo", "character device", "block device", "socket", "folder"],
)
def test_special_file_is_refused(tmp_path: Path, kind: int) -> None:
    for name in (f"{TOP}/F/evil_l.jpg", f"{TOP}/README", *([f"{TOP}/F/"] if kind != stat.S_IFDIR else [])):
        refused(zip_entries(entry(name, kind | 0o777, b"/etc/passwd")), tmp_path, "not a plain file")


@pytest.mark.parametrize(
    "name",
    [
        "TEST_epick_img/EK_frame_0000040462_l.jpg",
        "TEST_epick_img/ek_frame_0000040462_l.jpg",
        "test_epick_img/other_l.jpg",
        "TEST_epick_img/EK_frame_0000040462_l.jpg/x_l.jpg",
        "TEST_epick_img/ek_frame_0000040462_l.jpg/x_l.jpg",
    ],
    ids=["twice", "file in other case", "folder in other case", "file and folder", "file and folder in other case"],
)
def test_two_names_for_one_place_are_refused(tmp_path: Path, name: str) -> None:
    refused(zip_entries(entry(f"{TOP}/{name}")), tmp_path, f"{TOP}/test_epick_img".lower())


def test_second_top_folder_is_refused(tmp_path: Path) -> None:
    refused(zip_entries(entry("other/F/x_l.jpg")), tmp_path, "2 top folders")


def test_archive_of_something_else(tmp_path: Path) -> None:
    refused(zip_of({"=README.md": b"", "=x_l.jpg": b"", f"={TOP}/x_l.jpg": b""}), tmp_path, "0 top folders")


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    refused(zip_of({"F/x_l.json": bytes(2_000_000)}), tmp_path, r"F/x_l\.json' unpacks from \d+ to 2000000 bytes")


def test_too_many_files_or_bytes_are_refused(tmp_path: Path) -> None:
    refused(ARCHIVE, tmp_path, "5 files of 50298 bytes exceed", replace(TREE, max_bytes=50_297))
    refused(ARCHIVE, tmp_path, "5 files of 50298 bytes exceed 4 files", replace(TREE, max_files=4))


def directory_entry(archive: bytearray, name: str) -> int:
    """Return where the entry of a file begins in the table at the end of an archive."""
    return archive.rindex(f"{TOP}/{name}".encode()) - 46


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    malicious = bytearray(ARCHIVE)
    first, second = (directory_entry(malicious, name) for name in list(FILES)[:3:2])
    malicious[second + 42 : second + 46] = malicious[first + 42 : first + 46]
    refused(bytes(malicious), tmp_path, "within the bytes of another file")


@pytest.mark.parametrize(
    ("offset", "value"), [(8, 1), (10, zipfile.ZIP_LZMA)], ids=["encrypted", "unusual compression"]
)
def test_unreadable_file_is_refused(tmp_path: Path, offset: int, value: int) -> None:
    malicious = bytearray(ARCHIVE)
    malicious[directory_entry(malicious, next(iter(FILES))) + offset] = value
    refused(bytes(malicious), tmp_path, "encrypted or uses an unusual compression")


def announcing(size: int, content: bytes) -> bytes:
    """An archive whose table says something else of a file of 30000 bytes."""
    malicious = bytearray(zip_of({"F/x_l.jpg": b"x" * 30_000}))
    place = directory_entry(malicious, "F/x_l.jpg")
    struct.pack_into("<I", malicious, place + 16, zlib.crc32(content))
    struct.pack_into("<I", malicious, place + 24, size)
    return bytes(malicious)


def test_no_more_bytes_are_written_than_announced(tmp_path: Path) -> None:
    unpack(announcing(100, b"x" * 100), tmp_path)
    assert unpacked(tmp_path / "out") == {"F/x_l.jpg": b"x" * 100}


def test_fewer_bytes_than_announced_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="30000 of 60000 bytes"):
        unpack(announcing(60_000, b"x" * 30_000), tmp_path)
    assert not unpacked(tmp_path / "out")


def test_other_files_are_left_out_and_named(own: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {
        "=__MACOSX/HInt/._x_l.jpg": b"x",
        ".DS_Store": b"x",
        "TEST_epick_img/._EK_frame_0000040462_l.jpg": b"x",
        "README.md": b"x",
        "TEST_epick_img/a b_l.jpg": b"x",
        "TEST_epick_img/run.py": b"x",
    }
    own.write_bytes(zip_of({**FILES, **extra}))
    report = fetch("hint", url=str(own), sha256=sha(own.read_bytes()))
    assert unpacked(data) == FILES
    (left_out,) = (remark for remark in report.remarks if "left out" in remark)
    assert f"'{TOP}/README.md'" in left_out
    assert "(6 in all)" in left_out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"not a \.zip"),
        (b"<html>", r"not a \.zip"),
        (ARCHIVE[: len(ARCHIVE) // 2], r"not a \.zip"),
        (ARCHIVE[1000:], "not used"),
    ],
    ids=["empty", "web page", "cut short", "beginning missing"],
)
def test_damaged_archive(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        unpack(content, tmp_path)


def test_damaged_picture_is_refused_and_files_before_it_stay(own: Path, data: Path) -> None:
    scratched = bytearray(ARCHIVE)
    scratched[len(ARCHIVE) // 2 + 10_000] ^= 1
    own.write_bytes(scratched)
    with pytest.raises(FetchError, match=r"damaged.*TEST_epick_img/EK_frame_0000040462_l\.jpg"):
        fetch("hint", url=str(own), sha256=sha(scratched))
    assert set(unpacked(data)) == set(list(FILES)[:2])
    assert receipt("hint") is None


SMALL = {"F/x_l.json": b"abc" * 20, "F/y_r.json": b"[]"}
SMALL_ZIP = zip_of(SMALL)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, len(SMALL_ZIP) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_ends_in_a_plain_error_or_leaves_files_in_the_folder(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(SMALL_ZIP)
    for place, value in changes:
        damaged[place] = value
    with suppress(FetchError):
        unpack(bytes(damaged), tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} - {Path("a.zip")}
    assert all(path.parts[0] == "out" and path.suffix in (".jpg", ".json") for path in written)
