"""Fetch an asset that is a whole folder: download its archive, compare it, unpack what is missing.

Nothing of the user's is overwritten, and nothing is done twice: files that are there already, from an unpacking that
was interrupted or from elsewhere, are compared by size and CRC-32 and kept.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hint import settings
from hint.errors import InputError, some_ids
from hint.fetch.assets import KnownDigest
from hint.fetch.job import FetchReport, Job
from hint.fetch.listing import ListedFile, read_list, survey, write_list
from hint.fetch.receipts import receipt, receipt_path, write_receipt
from hint.fetch.transfer import FetchError, OnProgress, download, require_space
from hint.fetch.zipped import Contents, Tree, opened
from hint.provenance import sha256_file

#: What a file takes on the disk is a multiple of this on most of them.
_DISK_BLOCK = 4096
_BLOCK = 1 << 20


@dataclass(frozen=True)
class _Release:
    """What an earlier fetch wrote down: the archive, the folder it was unpacked to and the files it holds."""

    sha256: str
    folder: Path
    files: Sequence[ListedFile]


def fetch_tree(job: Job, tree: Tree, on_progress: OnProgress | None) -> FetchReport:
    """Bring all files of the folder, or find that they are there already."""
    release = _known_release(job)
    need = tree.expected_bytes
    if release and (job.digest is None or job.digest.fits(release.sha256)):
        missing = _missing(job, release.files, release.folder != job.folder, on_progress)
        if not missing:
            return _already_complete(job, tree, release)
        need = _on_disk(missing)
    archive = job.local or _download(job, need, on_progress)
    sha256 = _check(job, archive, release, on_progress)
    with opened(archive, tree) as contents:
        new = _unpack(job, contents, on_progress)
    _write_down(job, contents.files, {"bytes": archive.stat().st_size, "sha256": sha256})
    if job.local is None:
        archive.unlink()
    remarks = (_counts(contents.files), f"sha256 of the archive: {sha256}", *_left_out(contents), *_next(job, tree))
    return FetchReport(job.name, (job.folder,), (job.folder,) if new else (), job.public_source, remarks)


def list_path(name: str) -> Path:
    """Return where the list of a fetched folder's files lies, whether or not there is one."""
    return settings.home() / "weights" / f"{name}.files.jsonl"


def _known_release(job: Job) -> _Release | None:
    written = receipt(job.name)
    if written is None:
        return None
    path = list_path(job.name)
    if not path.is_file() or sha256_file(path) != written["list"]["sha256"]:
        raise InputError(
            f"{path} is not the list its receipt speaks of; remove {receipt_path(job.name)} and type "
            f"`hint fetch {job.name}`"
        )
    return _Release(written["archive"]["sha256"], Path(written["folder"]), read_list(path))


def _missing(
    job: Job, files: Sequence[ListedFile], contents: bool, on_progress: OnProgress | None
) -> Sequence[ListedFile]:
    """Return the files that are not in place; refuse to go on where other files are."""
    found = survey(job.folder, files, contents=contents, on_progress=on_progress)
    if found.different:
        raise FetchError(
            f"{len(found.different)} files in {job.folder} are not those of the archive and are not overwritten: "
            f"{some_ids(file.path for file in found.different)}; move them away and type the same again, or name "
            "another folder with --out"
        )
    return found.missing


def _already_complete(job: Job, tree: Tree, release: _Release) -> FetchReport:
    if release.folder != job.folder:
        _write_down(job, release.files, (receipt(job.name) or {})["archive"])
    if job.local is None:  # from a fetch that ended between its receipt and the removal
        _download_path(job).unlink(missing_ok=True)
    return FetchReport(job.name, (job.folder,), (), "", (_counts(release.files), *_next(job, tree)))


def _download_path(job: Job) -> Path:
    return settings.home() / "downloads" / job.asset.archive


def _download(job: Job, need: int, on_progress: OnProgress | None) -> Path:
    target = _download_path(job)
    disk = _existing(job.folder)
    require_space(disk, need, f"unpack {target.name}", "name with --out")
    same_disk = disk.stat().st_dev == target.parent.stat().st_dev
    return download(
        job.source,
        target,
        name=job.name,
        extra=need if same_disk else 0,
        on_progress=on_progress,
        certificate="required" if job.asset.archive_digest is None else "waived" if job.insecure else "waivable",
    )


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _on_disk(files: Sequence[ListedFile]) -> int:
    return sum(-(-file.bytes // _DISK_BLOCK) * _DISK_BLOCK for file in files)


def _check(job: Job, archive: Path, release: _Release | None, on_progress: OnProgress | None) -> str:
    """Return the sha256 of an archive; refuse one that is not the expected, wherever it came from.

    What the user says comes first, then what was accepted before, then what the toolkit knows.
    """
    sha256 = _sha256(archive, on_progress)
    before = KnownDigest(release.sha256) if release else None
    accepted = [job.digest] if job.digest else [d for d in (before, job.asset.archive_digest) if d]
    if any(digest.fits(sha256) for digest in accepted):
        return sha256
    kept = archive
    if job.local is None:  # gigabytes that may be a new release; under its own name it would fail for ever
        kept = archive.with_name(f"{archive.name}.refused")
        archive.replace(kept)
    raise FetchError(
        f"{kept} has sha256 {sha256}, expected {' or '.join(map(str, accepted))}: it is damaged, forged or a new "
        f"release; type `hint fetch {job.name}` to get it again or, if it is a release you trust, "
        f"`hint fetch {job.name} --url {shlex.quote(str(kept))} --sha256 {sha256}`"
    )


def _sha256(archive: Path, on_progress: OnProgress | None) -> str:
    digest, done, size = hashlib.sha256(), 0, archive.stat().st_size
    with archive.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if on_progress:
                on_progress("check", done, size)
    return digest.hexdigest()


def _unpack(job: Job, contents: Contents, on_progress: OnProgress | None) -> bool:
    missing = _missing(job, contents.files, True, on_progress)
    require_space(_existing(job.folder), _on_disk(missing), f"unpack {job.asset.archive}", "name with --out")
    contents.unpack(missing, job.folder, on_progress)
    if missing and job.local is None and hasattr(os, "sync"):
        os.sync()  # the archive goes next: what came of it must have reached the disk
    return bool(missing)


def _write_down(job: Job, files: Sequence[ListedFile], archive: dict[str, Any]) -> None:
    path = list_path(job.name)
    write_list(path, files)
    of_list = {"files": len(files), "bytes": sum(file.bytes for file in files), "sha256": sha256_file(path)}
    content = {"folder": str(job.folder), "archive": archive, "folders": _folders(files), "list": of_list}
    write_receipt(job, content)


def _folders(files: Sequence[ListedFile]) -> dict[str, dict[str, int]]:
    folders: dict[str, dict[str, int]] = {}
    for file in sorted(files, key=lambda file: file.path):
        counts = folders.setdefault(file.path.rpartition("/")[0], {"files": 0, "bytes": 0})
        counts["files"] += 1
        counts["bytes"] += file.bytes
    return folders


def _counts(files: Sequence[ListedFile]) -> str:
    size = sum(file.bytes for file in files)
    return f"complete: {len(files):,} files in {len(_folders(files))} folders, {size / 1e9:.2f} GB"


def _left_out(contents: Contents) -> list[str]:
    said = []
    if contents.litter:
        said.append(f"left out: {contents.litter} files of macOS's (__MACOSX, .DS_Store)")
    if contents.left_out:
        said.append(f"left out, as no data: {some_ids(contents.left_out)}")
    return said


def _next(job: Job, tree: Tree) -> list[str]:
    return [step.format(folder=shlex.quote(str(job.folder))) for step in tree.next_steps]
