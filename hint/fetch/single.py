"""Fetch an asset that is one file, kept as it is downloaded."""

from __future__ import annotations

import shutil
from pathlib import Path

from hint import settings
from hint.fetch.assets import KnownDigest, SingleFile
from hint.fetch.job import FetchReport, Job
from hint.fetch.receipts import receipt, write_receipt
from hint.fetch.transfer import DamagedArchiveError, FetchError, OnProgress, download, require_space
from hint.provenance import sha256_file


def fetch_single(job: Job, wanted: SingleFile, on_progress: OnProgress | None) -> FetchReport:
    """Bring the file to its place in the home folder, or check the one that is there already."""
    place = settings.home() / wanted.keep_as
    digest = _known_digest(job, wanted)
    if place.exists():
        if not digest.fits(sha256_file(place)):
            raise FetchError(f"{place} is not the file it should be; move it away and type `hint fetch {job.name}`")
        return FetchReport(job.name, (place,), (), "")
    sha256 = _bring(job, wanted, place, digest, on_progress)
    write_receipt(job, {"files": {wanted.keep_as: {"bytes": place.stat().st_size, "sha256": sha256}}})
    return FetchReport(job.name, (place,), (place,), job.public_source)


def _known_digest(job: Job, wanted: SingleFile) -> KnownDigest:
    """Return what the file must be: the one that came the first time, or else what is published of it."""
    recorded = (receipt(job.name) or {"files": {}})["files"].get(wanted.keep_as)
    return KnownDigest(recorded["sha256"]) if recorded else wanted.digest


def _bring(job: Job, wanted: SingleFile, place: Path, digest: KnownDigest, on_progress: OnProgress | None) -> str:
    """Put the file into its place once its digest was compared; return the digest."""
    folder = settings.home() / "downloads"
    target = folder / place.name
    file = job.local or download(job.source, target, name=job.name, extra=0, on_progress=on_progress)
    sha256 = sha256_file(file)
    if not digest.fits(sha256):
        if job.local is None:  # kept, it would fail for ever
            file.unlink()
        raise DamagedArchiveError(
            f"{file} has sha256 {sha256}, expected {digest}: it is damaged or another file; type `hint fetch "
            f"{job.name}` to get it again"
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
