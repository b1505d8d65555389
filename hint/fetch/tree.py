"""Fetch a dataset: download its archive, check its digest, unpack what is missing.

Files already in the folder, from an interrupted unpacking or from elsewhere, are compared by size and CRC-32 and kept;
none is overwritten.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hint import settings
from hint.errors import InputError, some_ids
from hint.fetch.assets import KnownDigest, Tree
from hint.fetch.job import FetchReport, Job
from hint.fetch.listing import ListedFile, missing_files, read_list, write_list
from hint.fetch.receipts import receipt, receipt_path, write_receipt
from hint.fetch.transfer import FetchError, OnProgress, download, require_space
from hint.fetch.zipped import opened, read_contents, unpack
from hint.provenance import sha256_file

#: Most file systems allocate multiples of this.
_DISK_BLOCK = 4096


@dataclass(frozen=True)
class _Release:
    """What an earlier fetch recorded: the digest of the archive, the folder and its files."""

    sha256: str
    folder: Path
    files: Collection[ListedFile]


def fetch_tree(job: Job, tree: Tree, on_progress: OnProgress | None) -> FetchReport:
    """Complete the folder of a dataset."""
    release = _known_release(job)
    need = tree.expected_bytes
    if release and (job.digest is None or job.digest.fits(release.sha256)):
        moved = release.folder != job.folder
        missing = missing_files(job.folder, release.files, contents=moved, on_progress=on_progress)
        if not missing:
            return _already_complete(job, tree, release)
        need = _on_disk(missing)
    archive = job.local or _download(job, need, on_progress)
    sha256 = _check(job, tree, archive, release, on_progress)
    with opened(archive) as packed:
        files, left_out = read_contents(packed, tree)
        missing = missing_files(job.folder, files, contents=True, on_progress=on_progress)
        _require_space(job, _on_disk(missing))
        unpack(packed, {file: files[file] for file in missing}, job.folder, on_progress)
    if missing and job.local is None and hasattr(os, "sync"):
        os.sync()  # the files must be on the disk before the archive is deleted
    _record(job, files, {"bytes": archive.stat().st_size, "sha256": sha256})
    if job.local is None:
        archive.unlink()
    remarks = [_counts(files), f"sha256 of the archive: {sha256}"]
    if left_out:
        remarks.append(f"left out, not data: {some_ids(map(repr, left_out))}")
    new = (job.folder,) if missing else ()
    return FetchReport(job.name, (job.folder,), new, job.public_source, (*remarks, *_next(job, tree)))


def list_path(name: str) -> Path:
    """Return the path of the list of a dataset's files, whether or not it exists."""
    return settings.home() / "weights" / f"{name}.files.jsonl"


def _known_release(job: Job) -> _Release | None:
    recorded = receipt(job.name)
    if recorded is None:
        return None
    path = list_path(job.name)
    if not path.is_file() or sha256_file(path) != recorded["list"]["sha256"]:
        raise InputError(
            f"{path} does not match its receipt; remove {receipt_path(job.name)} and type `{job.command()}`"
        )
    return _Release(recorded["archive"]["sha256"], Path(recorded["folder"]), read_list(path))


def _already_complete(job: Job, tree: Tree, release: _Release) -> FetchReport:
    if release.folder != job.folder:
        _record(job, release.files, (receipt(job.name) or {})["archive"])
    if job.local is None:  # an earlier fetch may have ended just before it deleted the archive
        _download_path(job).unlink(missing_ok=True)
    return FetchReport(job.name, (job.folder,), (), "", (_counts(release.files), *_next(job, tree)))


def _download_path(job: Job) -> Path:
    return settings.home() / "downloads" / job.asset.archive


def _download(job: Job, need: int, on_progress: OnProgress | None) -> Path:
    target = _download_path(job)
    _require_space(job, need)
    same_disk = _existing(job.folder).stat().st_dev == target.parent.stat().st_dev
    return download(
        job.source,
        target,
        again=job.command,
        extra=need if same_disk else 0,
        on_progress=on_progress,
        certificate="waived" if job.insecure else "waivable",
    )


def _require_space(job: Job, need: int) -> None:
    require_space(_existing(job.folder), need, f"unpack {job.asset.archive}", "choose with --out")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _on_disk(files: Collection[ListedFile]) -> int:
    return sum(-(-file.bytes // _DISK_BLOCK) * _DISK_BLOCK for file in files)


def _check(job: Job, tree: Tree, archive: Path, release: _Release | None, on_progress: OnProgress | None) -> str:
    """Return the sha256 of an archive, which must be the one the user gave, or else one accepted before or known."""
    if on_progress:
        on_progress("check", 0, archive.stat().st_size)
    sha256 = sha256_file(archive)
    accepted = [job.digest] if job.digest else [tree.digest, *([KnownDigest(release.sha256)] if release else [])]
    if any(digest.fits(sha256) for digest in accepted):
        return sha256
    if job.local is None:  # kept, as it may be a new release, but out of the way of the next download
        archive = archive.replace(archive.with_name(f"{archive.name}.refused"))
    raise FetchError(
        f"{archive} has sha256 {sha256}, expected {' or '.join(map(str, accepted))}: it is damaged, forged or a new "
        f"release; type `{job.command()}` to download it again or, if you trust this release, "
        f"`{job.command({'--url': str(archive), '--sha256': sha256})}`"
    )


def _record(job: Job, files: Collection[ListedFile], archive: dict[str, Any]) -> None:
    path = list_path(job.name)
    write_list(path, files)
    of_list = {"files": len(files), "bytes": sum(file.bytes for file in files), "sha256": sha256_file(path)}
    content = {"folder": str(job.folder), "archive": archive, "folders": _folders(files), "list": of_list}
    write_receipt(job, content)


def _folders(files: Collection[ListedFile]) -> dict[str, dict[str, int]]:
    folders: dict[str, dict[str, int]] = {}
    for file in sorted(files, key=lambda file: file.path):
        counts = folders.setdefault(file.path.rpartition("/")[0], {"files": 0, "bytes": 0})
        counts["files"] += 1
        counts["bytes"] += file.bytes
    return folders


def _counts(files: Collection[ListedFile]) -> str:
    size = sum(file.bytes for file in files)
    return f"complete: {len(files):,} files in {len(_folders(files))} folders, {size / 1e9:.2f} GB"


def _next(job: Job, tree: Tree) -> list[str]:
    return [step.format(folder=shlex.quote(str(job.folder))) for step in tree.next_steps]
