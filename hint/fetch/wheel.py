"""Fetch files out of a Python package: pip downloads its wheel as the user has set pip up, or the user brings one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from hint import settings
from hint.errors import MissingRequirementError
from hint.fetch.archive import Member
from hint.fetch.assets import Wheel
from hint.fetch.job import FetchReport, Job
from hint.fetch.receipts import write_receipt
from hint.fetch.transfer import DamagedArchiveError, FetchError, OnProgress, download, require_space
from hint.fetch.zipped import opened
from hint.files.atomic import write_bytes
from hint.provenance import sha256_file


def fetch_wheel(job: Job, wheel: Wheel, on_progress: OnProgress | None) -> FetchReport:
    """Put the missing files in their places, and check those in place."""
    places = {member: job.folder / PurePosixPath(member.keep_as).name for member in wheel.members}
    missing = [member for member in wheel.members if not _is_in_place(job, member, places[member])]
    if missing:
        with _downloaded(job, wheel, on_progress) as archive:
            contents = [_extract(job, archive, member) for member in missing]
        for member, content in zip(missing, contents, strict=True):
            places[member].parent.mkdir(parents=True, exist_ok=True)
            write_bytes(places[member], content)
    if missing and job.folder == settings.home() / wheel.folder:
        files = {m.keep_as: {"bytes": place.stat().st_size, "sha256": m.sha256} for m, place in places.items()}
        write_receipt(job, {"files": files})
    new = tuple(places[member] for member in missing)
    return FetchReport(job.name, tuple(places.values()), new, job.public_source if missing else "")


def _is_in_place(job: Job, member: Member, place: Path) -> bool:
    if not place.exists():
        return False
    if sha256_file(place) != member.sha256:
        raise FetchError(f"{place} is not the expected file; move it away and type `{job.command()}`")
    return True


@contextmanager
def _downloaded(job: Job, wheel: Wheel, on_progress: OnProgress | None) -> Iterator[Path]:
    """Provide the wheel; it is kept only if it is the user's own."""
    if job.local is not None:
        yield job.local
        return
    downloads = settings.home() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads) as folder:
        if job.source == wheel.requirement:
            yield _by_pip(job, wheel, Path(folder))
        else:
            target = Path(folder) / "package.whl"
            yield download(job.source, target, again=job.command, extra=0, on_progress=on_progress)


def _by_pip(job: Job, wheel: Wheel, folder: Path) -> Path:
    """Return the wheel that pip downloads to a folder.

    Raises:
        MissingRequirementError: If this Python has no pip.
        FetchError: If pip does not bring it.
    """
    otherwise = f"or download {wheel.requirement} elsewhere and type: {job.command({'--url': 'WHEEL'})}"
    if find_spec("pip") is None:
        raise MissingRequirementError(f"this Python has no pip: python -m ensurepip, {otherwise}")
    require_space(folder, wheel.max_bytes, f"download {wheel.requirement}")
    command = [
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
    ]
    to = ["--dest", str(folder), wheel.requirement]
    done = subprocess.run([sys.executable, "-m", "pip", *command, *wheel.tags, *to], capture_output=True, text=True)
    found = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not found:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip found no wheel"]
        raise FetchError(f"pip could not download {wheel.requirement} ({said[-1]}): see to pip, {otherwise}")
    return found[0]


def _extract(job: Job, archive: Path, member: Member) -> bytes:
    """Return a file of the wheel.

    Raises:
        DamagedArchiveError: If it is not there, or not the expected one.
    """
    with opened(archive) as packed:
        content = _read(packed, member)
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise DamagedArchiveError(
            f"{archive.name} does not hold the expected {member.path}; type `{job.command()}` to download another"
        )
    return content


def _read(packed: zipfile.ZipFile, member: Member) -> bytes:
    """Return at most one byte more of a file than it may have, nothing if it is not there."""
    if member.path not in packed.namelist():
        return b""
    with packed.open(member.path) as stream:
        return stream.read(member.max_bytes + 1)
