import hashlib
import json
import os
import shutil
import stat
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from annotation.prepare.official_zip import RELEASED_MD5, official_md5
from hint.errors import InputError

MOMENT = "2024-04-24 10:10:10"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def zipped(root: Path, target: Path) -> str:
    """Follow the official procedure on a copy: modes, times and a zip on the disk."""
    copy = target / "copy"
    shutil.copytree(root, copy)
    moment = time.mktime(time.strptime(MOMENT, "%Y-%m-%d %H:%M:%S"))
    with zipfile.ZipFile(target / "official.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, _, names in sorted(os.walk(copy)):
            for name in sorted(names):
                path = Path(folder, name)
                path.chmod(0o644)
                os.utime(path, (moment, moment))
                archive.write(path, Path("HInt_annotation") / path.relative_to(copy))
    return hashlib.md5((target / "official.zip").read_bytes()).hexdigest()


def state(root: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.stat().st_mtime_ns, p.stat().st_mode) for p in root.rglob("*"))


def test_the_digest_is_that_of_the_zip_in_every_time_zone(root: Path, tmp_path: Path, zone: str) -> None:
    before = state(root)
    assert official_md5(root) == zipped(root, tmp_path)
    assert state(root) == before
    with zipfile.ZipFile(tmp_path / "official.zip") as archive:
        info = archive.infolist()[0]
    assert (info.date_time, info.external_attr >> 16) == ((2024, 4, 24, 10, 10, 10), stat.S_IFREG | 0o644)


def test_strays_of_every_kind_are_part_of_it(root: Path, tmp_path: Path) -> None:
    strays = {"TEST_newdays_img/empty": b"", "TEST_newdays_img-old/a.jpg": b"a" * 100_000, "été.txt": b"\0" * 9000}
    for name, content in strays.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
        (root / name).chmod(0o600)
    (root / "TEST_newdays_img" / "deeper" / "still").mkdir(parents=True)
    (root / "TEST_newdays_img" / "deeper" / "still" / "b").write_bytes(os.urandom(300_000))
    plain = official_md5(root)
    assert plain == zipped(root, tmp_path)
    (root / "TEST_newdays_img" / "empty").unlink()
    assert official_md5(root) != plain


def test_more_files_than_a_plain_zip_can_count(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release has 80,868 files; beyond 65,535 the end of a zip is written otherwise."""
    plain = official_md5(root)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 60)
    assert official_md5(root) == zipped(root, tmp_path) != plain


def test_a_link_to_a_folder_counts_as_a_folder(root: Path, tmp_path: Path) -> None:
    plain = official_md5(root)
    shutil.move(root / "TEST_ego4d_img", tmp_path / "elsewhere")
    (root / "TEST_ego4d_img").symlink_to(tmp_path / "elsewhere")
    assert official_md5(root) == plain


def test_a_file_that_cannot_be_read_is_named(root: Path) -> None:
    (root / "broken").symlink_to("nowhere")
    with pytest.raises(InputError, match="broken: No such file"):
        official_md5(root)


def test_the_command_compares_with_the_released_digest(root: Path, run: Run, small_release: str) -> None:
    done = run(root, "--zip-md5", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["zip_md5"] == official_md5(root)
    assert report["findings"][0]["reasons"] == {report["zip_md5"]: f"released {RELEASED_MD5}"}
    release = f"import annotation.prepare.verify as v; v.RELEASED_MD5 = {report['zip_md5']!r}"
    done = run(root, "--zip-md5", setup=f"{release}; {small_release}")
    assert done.returncode == 0
    assert f"MD5 of the official zip: {report['zip_md5']}" in done.stdout


def test_a_list_in_the_root_is_a_stray_for_the_zip(root: Path, run: Run) -> None:
    run(root, "--write-checksums", root / "SUMS")
    report = json.loads(run(root, "--checksums", root / "SUMS", "--zip-md5", "--json").stdout)
    assert [finding["kind"] for finding in report["findings"]] == ["zip md5", "stray file"]
