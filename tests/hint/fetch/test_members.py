"""Listed files out of a .tar.gz: fetched, recognised, and nothing else taken from malicious archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hint.errors import InputError
from hint.fetch import ASSETS, Asset, FetchError, Member, archive, fetch, receipt, receipt_path

if TYPE_CHECKING:
    from tests.hint.fetch.conftest import FileServer

WEIGHTS = random.Random(0).randbytes(300_000)
CONFIG = b"MODEL: {IMAGE_SIZE: 256}\n"
FILES = {"_DATA/vitpose/big.pth": bytes(50_000), "_DATA/w/hand.ckpt": WEIGHTS, "_DATA/w/config.yaml": CONFIG}
MEMBERS = (
    Member("_DATA/w/hand.ckpt", "weights/hand.ckpt", 400_000, hashlib.sha256(WEIGHTS).hexdigest()),
    Member("_DATA/w/config.yaml", "weights/hand.yaml", 1_000),
)


def tar_gz(files: Mapping[str, bytes], specials: Sequence[tarfile.TarInfo] = ()) -> bytes:
    """Pack special entries, then files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info in specials:
            tar.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = tar_gz(FILES)


@pytest.fixture(autouse=True)
def hand(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small asset on the test server."""
    server.body = ARCHIVE
    monkeypatch.setitem(ASSETS, "hand", Asset("free for all", server.url, "hand.tar.gz", MEMBERS))


def is_in_place(home: Path) -> bool:
    return (home / "weights/hand.ckpt").read_bytes() == WEIGHTS and (home / "weights/hand.yaml").read_bytes() == CONFIG


# Fetching


def test_listed_files_are_kept_and_no_others(server: FileServer, hint_home: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    report = fetch("hand", on_progress=lambda *step: steps.append(step))
    assert is_in_place(hint_home)
    assert [path.name for path in report.files] == ["hand.ckpt", "hand.yaml"]
    assert report.new == report.files
    assert {path.name for path in hint_home.rglob("*") if path.is_file()} == {
        "hand.ckpt",
        "hand.yaml",
        "hand.receipt.json",
        "hand.lock",
    }
    assert (receipt("hand") or {})["files"]["weights/hand.ckpt"] == {"bytes": 300_000, "sha256": MEMBERS[0].sha256}
    assert list(dict.fromkeys(stage for stage, *_ in steps)) == ["download", "unpack"]
    assert fetch("hand").new == ()
    assert len(server.requests) == 1


def test_only_missing_files_are_extracted(hint_home: Path) -> None:
    fetch("hand")
    (hint_home / "weights/hand.ckpt").unlink()
    assert [path.name for path in fetch("hand").new] == ["hand.ckpt"]
    assert is_in_place(hint_home)


def test_changed_file_is_not_overwritten(hint_home: Path) -> None:
    fetch("hand")
    (hint_home / "weights/hand.ckpt").write_bytes(b"mine")
    with pytest.raises(FetchError, match=r"hand.ckpt .*; move it away"):
        fetch("hand")
    assert (hint_home / "weights/hand.ckpt").read_bytes() == b"mine"


def test_release_with_another_digest(server: FileServer, hint_home: Path, downloads: Callable[[], set[str]]) -> None:
    server.body = tar_gz({**FILES, "_DATA/w/hand.ckpt": b"other"})
    with pytest.raises(FetchError, match=r"hand.ckpt in .* has sha256 .*, expected .*`hint fetch hand`\)$"):
        fetch("hand")
    assert downloads() == set()
    assert not (hint_home / "weights").exists()


def test_first_fetch_sets_the_digest_of_a_member_without_one(server: FileServer, hint_home: Path) -> None:
    fetch("hand")
    (hint_home / "weights/hand.yaml").unlink()
    server.body = tar_gz({**FILES, "_DATA/w/config.yaml": b"changed: yes"})
    with pytest.raises(FetchError, match=r"remove .*hand.receipt.json"):
        fetch("hand")
    receipt_path("hand").unlink()
    fetch("hand")
    assert (hint_home / "weights/hand.yaml").read_bytes() == b"changed: yes"


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"files": null}', '{"files": {"a": {}}}'],
    ids=["empty", "list", "no files", "file without digest"],
)
def test_damaged_receipt(text: str) -> None:
    fetch("hand")
    receipt_path("hand").write_text(text)
    with pytest.raises(InputError, match=r"hand\.receipt\.json.*remove it"):
        fetch("hand")


def test_damaged_download_is_deleted_and_a_damaged_copy_of_the_users_is_not(
    server: FileServer, hint_home: Path, tmp_path: Path, downloads: Callable[[], set[str]]
) -> None:
    own = tmp_path / "own.tar.gz"
    own.write_bytes(ARCHIVE[:200_000])
    server.body = own.read_bytes()
    for url in (None, str(own)):
        with pytest.raises(FetchError, match="cut short"):
            fetch("hand", url=url)
    assert own.exists()
    assert downloads() == set()
    server.body = ARCHIVE
    fetch("hand")
    assert is_in_place(hint_home)


# Disk space


def test_space_is_checked_before_the_download(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Member(MEMBERS[0].path, MEMBERS[0].keep_as, 10**18)
    monkeypatch.setitem(ASSETS, "hand", Asset("free for all", server.url, "hand.tar.gz", (huge,)))
    done: list[int] = []
    with pytest.raises(FetchError, match=r"1000000000\.0 GB are needed to download hand.tar.gz"):
        fetch("hand", on_progress=lambda _stage, n, _total: done.append(n))
    assert not done


def test_download_is_kept_until_there_is_space_to_unpack(
    small_disk: Callable[[str], Path], server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = small_disk("size=640k")
    monkeypatch.setenv("HINT_HOME", str(home))
    (home / "downloads").mkdir()
    (home / "downloads/hand.tar.gz").write_bytes(ARCHIVE)
    with pytest.raises(FetchError, match=r"needed to unpack hand.tar.gz.*HINT_HOME"):
        fetch("hand")
    assert (home / "downloads/hand.tar.gz").exists()
    small_disk("size=4m")
    fetch("hand")
    assert is_in_place(home)
    assert not server.requests


# Malicious and damaged archives


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack(content: bytes, folder: Path, members: Sequence[Member] = MEMBERS) -> dict[Member, str]:
    packed = folder / "a.tar.gz"
    packed.write_bytes(content)
    return archive.unpack(packed, members, folder / "out")


@pytest.mark.parametrize(
    "name",
    ["/etc/evil", "../evil", "_DATA/../../evil", "..\\evil"],
    ids=["absolute", "parent", "parent inside", "backslash"],
)
def test_path_that_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="leads out"):
        unpack(tar_gz({name: b"x", **FILES}), tmp_path)
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
def test_member_that_is_not_a_plain_file(tmp_path: Path, kind: bytes, target: str) -> None:
    with pytest.raises(FetchError, match=r"hand\.ckpt is not a plain file"):
        unpack(tar_gz({"_DATA/w/config.yaml": CONFIG}, [special("_DATA/w/hand.ckpt", kind, target)]), tmp_path)


def test_links_elsewhere_in_the_archive_are_ignored(tmp_path: Path) -> None:
    links = [special("_DATA", tarfile.SYMTYPE, "/tmp"), special("_DATA/w", tarfile.SYMTYPE, "/etc")]
    assert unpack(tar_gz(FILES, links), tmp_path)[MEMBERS[0]] == MEMBERS[0].sha256
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert written == {"weights/hand.ckpt", "weights/hand.yaml"}


def test_names_with_a_leading_dot_are_the_same(tmp_path: Path) -> None:
    assert len(unpack(tar_gz({f"./{name}": content for name, content in FILES.items()}), tmp_path)) == 2


def test_member_larger_than_expected(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="exceeds 1000 bytes"):
        unpack(tar_gz({**FILES, "_DATA/w/config.yaml": bytes(2_000_000)}), tmp_path)
    assert not (tmp_path / "out/weights/hand.yaml").exists()


def test_endless_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 5_000_000)
    with pytest.raises(FetchError, match="more than 5000000 bytes"):
        unpack(tar_gz({"filler": bytes(20_000_000), **FILES}), tmp_path)


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME], ids=["PAX", "global PAX", "GNU long name"]
)
def test_header_of_gigabytes_is_not_read_into_memory(tmp_path: Path, kind: bytes) -> None:
    info = special("long", kind)
    info.size = 3 << 30
    with pytest.raises(FetchError, match="header of 3221225472 bytes"):
        unpack(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT)), tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ARCHIVE[: len(ARCHIVE) // 2], "cut short"),
        (b"<html>please log in</html>", r"not a \.tar\.gz"),
        (b"", r"lacks|not a \.tar\.gz"),
        (gzip.compress(b"not a tar"), r"not a \.tar\.gz"),
        (tar_gz({"_DATA/w/hand.ckpt": WEIGHTS}), "lacks _DATA/w/config.yaml"),
    ],
    ids=["cut short", "web page", "empty", "not a tar", "member missing"],
)
def test_damaged_archive(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        unpack(content, tmp_path)


def test_scratch_in_the_middle_of_a_member(tmp_path: Path) -> None:
    packed = bytearray(tar_gz({"w": random.Random(1).randbytes(3_000_000)}))
    # Random bytes are stored in blocks of at most 65535; a block cannot begin with these bits.
    packed[2_000_000:2_070_000] = b"\xff" * 70_000
    with pytest.raises(FetchError, match="damaged"):
        unpack(bytes(packed), tmp_path, [Member("w", "w", 5_000_000)])


PLAIN_TAR = gzip.decompress(tar_gz({"_DATA/w/hand.ckpt": b"abc", "_DATA/w/config.yaml": CONFIG}))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 2600), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_ends_in_a_plain_error(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(PLAIN_TAR)
    for place, value in changes:
        damaged[place] = value
    with suppress(FetchError):
        assert set(unpack(gzip.compress(bytes(damaged)), tmp_path)) == set(MEMBERS)
