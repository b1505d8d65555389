import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import interrupt, start

from annotation.prepare.checksums import read_checksums, write_checksums
from hint.errors import InputError

ND = "TEST_newdays_img"
Run = Callable[..., subprocess.CompletedProcess[str]]


def sha256sum(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    return subprocess.run(["sha256sum", *arguments], cwd=cwd, capture_output=True, check=False)


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, list[str]]:
    return {finding["kind"]: finding["ids"] for finding in json.loads(done.stdout)["findings"]}


def test_sha256sum_reads_what_is_written(root: Path, run: Run) -> None:
    (root / "stray.txt").write_text("")
    done = run(root, "--write-checksums", root / "SHA256SUMS")
    assert done.returncode == 0, done.stderr
    lines = (root / "SHA256SUMS").read_text().splitlines()
    assert [line[66:] for line in lines] == sorted(
        p.relative_to(root).as_posix() for p in root.glob("*/*") if p.suffix in (".jpg", ".json")
    )
    assert sha256sum("--check", "--strict", "SHA256SUMS", cwd=root).returncode == 0
    (root / lines[5][66:]).write_bytes(b"changed")
    assert sha256sum("--check", "--strict", "SHA256SUMS", cwd=root).returncode == 1


def test_what_differs_from_a_list_is_named(root: Path, run: Run) -> None:
    sums = root / "SHA256SUMS"
    run(root, "--write-checksums", sums)
    again = run(root, "--checksums", sums, "--json")
    assert (again.returncode, findings(again)) == (0, {})
    changed, missing, extra = (p.relative_to(root).as_posix() for p in sorted((root / ND).iterdir())[:3])
    (root / changed).write_bytes((root / changed).read_bytes() + b"\0")
    (root / missing).rename(root / f"{missing}.bak")
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if extra not in line))
    done = run(root, "--checksums", sums, "--json")
    assert done.returncode == 1
    sound = {kind: ids for kind, ids in findings(done).items() if kind.startswith("checksum")}
    assert sound == {"checksum changed": [changed], "checksum missing": [missing], "checksum extra": [extra]}


def test_a_list_from_sha256sum_works_for_a_part(root: Path, run: Run) -> None:
    names = sorted(f"./{p.relative_to(root).as_posix()}" for p in root.glob("*/*"))
    (root.parent / "sums").write_bytes(b"# all\n" + sha256sum("--binary", *names, cwd=root).stdout)
    done = run(root, "--checksums", root.parent / "sums", "--only", ND, "--json")
    assert (done.returncode, findings(done)) == (0, {})


ODD = [b"a\\b.json", b"c\nd.json", b"e\r.json", b"  f .json", b"\xff.json", b"*g.json"]


def test_odd_names_are_written_as_sha256sum_writes_them(tmp_path: Path) -> None:
    names = [os.fsdecode(name) for name in ODD]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(str(number))
    digests = write_checksums(tmp_path / "sums", tmp_path, names)
    assert read_checksums(tmp_path / "sums") == digests
    assert sha256sum("--check", "--strict", "sums", cwd=tmp_path).returncode == 0
    theirs = sha256sum("--", *sorted(names, key=os.fsencode), cwd=tmp_path).stdout
    assert (tmp_path / "sums").read_bytes() == theirs


def test_a_file_that_cannot_be_read_leaves_no_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read gone\.json"):
        write_checksums(tmp_path / "sums", tmp_path, ["gone.json"])
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_130_and_leaves_no_list(root: Path, small_release: str, tmp_path: Path) -> None:
    for number in range(300):
        with (root / ND / f"ND_{number:011d}_frame000001_l.jpg").open("wb") as stream:
            stream.truncate(1 << 25)  # holes: seconds to digest, no space on the disk
    target = tmp_path / "sums"
    process = start("prepare", "verify", root, "--write-checksums", target / "SHA256SUMS", setup=small_release)
    while not (target.is_dir() and list(target.iterdir())) and process.poll() is None:
        time.sleep(0.01)
    interrupt(process)
    assert list(target.iterdir()) == []
