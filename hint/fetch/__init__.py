"""Downloads: what can be fetched, from where, under which licence, and what is kept of it.

``fetch("hamer")`` downloads the official archive, takes out the files the toolkit reads, and writes a receipt with
their sha256 beside them; ``fetch("hint")`` unpacks a whole dataset; ``fetch("rtmpose-m-hand5")`` keeps one file. An
interrupted fetch goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hint import settings
from hint.fetch.archive import Member
from hint.fetch.assets import ASSETS, Asset, KnownDigest, SingleFile, asset
from hint.fetch.job import FetchReport, Job, plan
from hint.fetch.members import fetch_members
from hint.fetch.receipts import receipt, receipt_path
from hint.fetch.single import fetch_single
from hint.fetch.transfer import FetchError, OnProgress
from hint.fetch.tree import fetch_tree
from hint.fetch.zipped import Tree
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
    """Bring the files of an asset to their places, or check those that are there already.

    Args:
        name: A name in ``ASSETS``.
        url: Another address of the archive, a ``file:`` URL or the path of an archive downloaded before; None for
            the official address.
        out: The folder to unpack to, for an asset that is a tree; None for its place in the home folder.
        sha256: Digest of the archive to accept instead of the known one, for a new release.
        insecure: Do without the server's certificate; for assets whose archive has a known digest.
        on_progress: Called with the stage ("download", "check", "compare" or "unpack"), the bytes done and the bytes
            in all, None where the server does not tell.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be got by hand.
        InputError: If ``url`` cannot be used, or an option means nothing for this asset.
        FetchError: If the download or the unpacking fails, or a file is not the one that was expected.
    """
    return carry_out(plan(name, url=url, out=out, sha256=sha256, insecure=insecure), on_progress)


def carry_out(job: Job, on_progress: OnProgress | None = None) -> FetchReport:
    """Do what :func:`plan` has checked; the second half of :func:`fetch`."""
    running = FetchError(f"another `hint fetch {job.name}` is running; wait until it ends")
    with _disk_errors(job), file_lock(settings.home() / "downloads" / f"{job.name}.lock", running):
        tree, single = job.asset.tree, job.asset.single
        if single:
            return fetch_single(job, single, on_progress)
        return fetch_tree(job, tree, on_progress) if tree else fetch_members(job, on_progress)


@contextmanager
def _disk_errors(job: Job) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        otherwise = "set HINT_HOME to another folder" + (", or name one with --out" if job.asset.tree else "")
        raise FetchError(
            f"cannot read or write {error.filename or job.folder} ({error.strerror or error}): mend that, or "
            f"{otherwise}"
        ) from error
