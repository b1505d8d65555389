"""Fetch an asset of a few listed files: extract the missing ones, check those in place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hint import settings
from hint.fetch.archive import Member, unpack
from hint.fetch.job import FetchReport, Job
from hint.fetch.receipts import receipt, receipt_path, write_receipt
from hint.fetch.transfer import DamagedArchiveError, FetchError, OnProgress, download, require_space
from hint.provenance import sha256_file


def fetch_members(job: Job, on_progress: OnProgress | None) -> FetchReport:
    """Extract the missing files to the home folder, and check those in place."""
    known = _known_digests(job)
    missing = _missing(job, known)
    if missing:
        _extract(job, missing, known, on_progress)
        _write_receipt(job)
    files = {member: settings.home() / member.keep_as for member in job.asset.members}
    new = tuple(files[member] for member in missing)
    return FetchReport(job.name, tuple(files.values()), new, job.public_source if missing else "")


def _known_digests(job: Job) -> dict[Member, str]:
    """Return the expected digest of each member: of the released file, or else of the first one fetched."""
    recorded: Mapping[str, Any] = (receipt(job.name) or {"files": {}})["files"]
    known = {m: m.sha256 or recorded.get(m.keep_as, {}).get("sha256", "") for m in job.asset.members}
    return {member: digest for member, digest in known.items() if digest}


def _missing(job: Job, known: Mapping[Member, str]) -> list[Member]:
    """Return the members that are not in place; refuse other files in their places."""
    missing = []
    for member in job.asset.members:
        path = settings.home() / member.keep_as
        if not path.exists():
            missing.append(member)
        elif member in known and sha256_file(path) != known[member]:
            raise FetchError(f"{path} is not the expected file; move it away and type `{job.command()}`")
    return missing


def _extract(job: Job, missing: list[Member], known: Mapping[Member, str], on_progress: OnProgress | None) -> None:
    folder = settings.home() / "downloads"
    need = sum(member.max_bytes for member in missing)
    target = folder / job.asset.archive
    archive = job.local or download(job.source, target, again=job.command, extra=need, on_progress=on_progress)
    unpacked = folder / f"{job.name}.unpacked"
    require_space(folder, need, f"unpack {archive.name}")
    try:
        _compare(job, archive, unpack(archive, missing, unpacked, on_progress), known)
        for member in missing:
            place = settings.home() / member.keep_as
            place.parent.mkdir(parents=True, exist_ok=True)
            (unpacked / member.keep_as).replace(place)
    except DamagedArchiveError:
        if job.local is None:  # otherwise every later attempt would fail on it
            archive.unlink()
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    if job.local is None:
        archive.unlink()


def _compare(job: Job, archive: Path, digests: Mapping[Member, str], known: Mapping[Member, str]) -> None:
    for member, digest in digests.items():
        if known.get(member, digest) == digest:
            continue
        accept = "" if member.sha256 else f"; to accept the change, remove {receipt_path(job.name)} first"
        raise DamagedArchiveError(
            f"{member.path} in {archive} has sha256 {digest}, expected {known[member]}: download the archive again "
            f"(`{job.command()}`){accept}"
        )


def _write_receipt(job: Job) -> None:
    paths = {member.keep_as: settings.home() / member.keep_as for member in job.asset.members}
    files = {kept: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for kept, path in paths.items()}
    write_receipt(job, {"files": files})
