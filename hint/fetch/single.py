"""Fetch an asset that is a single file."""

from __future__ import annotations

import shutil
from pathlib import Path

from hint import settings
from hint.fetch.assets import KnownDigest, SingleFile
from hint.fetch.job import FetchReport, Job
from hint.fetch.receipts import receipt, write_receipt
from hint.fetch.transfer import DamagedArchiveError, FetchError, OnProgress, download, require_space
from hint.provenance import sha256_file


def fetch_single(job: Job, single: SingleFile, on_progress: OnProgress | None) -> FetchReport:
    """Put the file in its place in the home folder, or check the one in place."""
    place = settings.home() / single.keep_as
    digest = _known_digest(job, single)
    if place.exists():
        if not digest.fits(sha256_file(place)):
            raise FetchError(f"{place} is not the expected file; move it away and type `{job.command()}`")
        return FetchReport(job.name, (place,), (), "")
    sha256 = _install(job, place, digest, on_progress)
    write_receipt(job, {"files": {single.keep_as: {"bytes": place.stat().st_size, "sha256": sha256}}})
    return FetchReport(job.name, (place,), (place,), job.public_source)


def _known_digest(job: Job, single: SingleFile) -> KnownDigest:
    """Return the expected digest: of the file fetched first, or else the published one."""
    recorded = (receipt(job.name) or {"files": {}})["files"].get(single.keep_as)
    return KnownDigest(recorded["sha256"]) if recorded else single.digest


def _install(job: Job, place: Path, digest: KnownDigest, on_progress: OnProgress | None) -> str:
    """Put the file in its place if its digest is right; return the digest."""
    folder = settings.home() / "downloads"
    target = folder / place.name
    file = job.local or download(job.source, target, again=job.command, extra=0, on_progress=on_progress)
    sha256 = sha256_file(file)
    if not digest.fits(sha256):
        if job.local is None:  # otherwise every later attempt would fail on it
            file.unlink()
        raise DamagedArchiveError(
            f"{file} has sha256 {sha256}, expected {digest}: it is damaged or a different file; type "
            f"`{job.command()}` to download it again"
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    if job.local is None:
        file.replace(place)
        return sha256
    require_space(place.parent, file.stat().st_size, f"copy {file.name}")
    part = place.with_name(f".{place.name}.part")
    shutil.copyfile(file, part)
    part.replace(place)
    return sha256
