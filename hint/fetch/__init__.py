"""Download weights and the dataset.

``fetch("hamer")`` downloads the official archive, keeps the files the toolkit reads, and writes a receipt with their
sha256; ``fetch("hint")`` unpacks a whole dataset; ``fetch("rtmpose-m-hand5")`` keeps one file; ``fetch("mediapipe")``
has pip download a package and keeps two files of it. An interrupted fetch resumes where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hint import settings
from hint.fetch.archive import Member
from hint.fetch.assets import ASSETS, Asset, KnownDigest, SingleFile, Tree, asset
from hint.fetch.job import FetchReport, Job, plan
from hint.fetch.members import fetch_members
from hint.fetch.receipts import receipt, receipt_path
from hint.fetch.single import fetch_single
from hint.fetch.transfer import FetchError, OnProgress
from hint.fetch.tree import fetch_tree
from hint.fetch.wheel import fetch_wheel
from hint.lock import file_lock

__all__ = [
    "ASSETS",
    "Asset",
    "FetchError",
    "FetchReport",
    "Job",
    "KnownDigest",
    "Member",
    "SingleFile",
    "Tree",
    "asset",
    "carry_out",
    "fetch",
    "plan",
    "receipt",
    "receipt_path",
]


def fetch(
    name: str,
    *,
    url: str | None = None,
    out: Path | None = None,
    sha256: str | None = None,
    insecure: bool = False,
    on_progress: OnProgress | None = None,
) -> FetchReport:
    """Download the missing files of an asset, and check those already in place.

    Args:
        name: A name in ``ASSETS``.
        url: Another address of the archive or package, a ``file:`` URL or the path of a local copy; None for the
            official address.
        out: Folder to unpack a dataset or the files of a package to; None for its place in the home folder.
        sha256: Digest of the dataset's archive to accept instead of the known one, for a new release.
        insecure: Skip the check of the server's certificate; for datasets, whose archive has a known digest.
        on_progress: Called with the stage ("download", "check", "compare" or "unpack"), the bytes done and the total,
            None if the server does not announce it.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be downloaded by hand.
        InputError: If ``url`` cannot be used, or an option does not apply to this asset.
        FetchError: If the download or the unpacking fails, or a file is not the expected one.
    """
    return carry_out(plan(name, url=url, out=out, sha256=sha256, insecure=insecure), on_progress)


def carry_out(job: Job, on_progress: OnProgress | None = None) -> FetchReport:
    """Carry out what :func:`plan` has validated; the second half of :func:`fetch`."""
    running = FetchError(f"another `{job.command()}` is running; wait for it to finish")
    with _disk_errors(job), file_lock(settings.home() / "downloads" / f"{job.name}.lock", running):
        tree, single, wheel = job.asset.tree, job.asset.single, job.asset.wheel
        if single:
            return fetch_single(job, single, on_progress)
        if wheel:
            return fetch_wheel(job, wheel, on_progress)
        return fetch_tree(job, tree, on_progress) if tree else fetch_members(job, on_progress)


@contextmanager
def _disk_errors(job: Job) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        otherwise = "set HINT_HOME to another folder" + (
            " or choose one with --out" if job.asset.tree or job.asset.wheel else ""
        )
        where = error.filename or job.folder
        raise FetchError(
            f"cannot read or write {where} ({error.strerror or error}): fix that, or {otherwise}"
        ) from error
