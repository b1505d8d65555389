"""A fetch that was asked for: what, from where, to where, compared with what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from hint import settings
from hint.errors import InputError
from hint.fetch.assets import ASSETS, Asset, KnownDigest, asset


@dataclass(frozen=True)
class Job:
    """A checked request; nothing has been done yet.

    Attributes:
        name: Name of the asset.
        asset: The asset.
        source: Address of the archive, or its path.
        folder: Where files go: the folder of a tree, the home folder for anything else.
        local: The archive, where it is here already; it is the user's and is kept.
        digest: What the user says the archive is, None where that is left to the toolkit.
        insecure: Whether the server need not prove who it is.
    """

    name: str
    asset: Asset
    source: str
    folder: Path
    local: Path | None
    digest: KnownDigest | None
    insecure: bool

    @property
    def public_source(self) -> str:
        """The source without the query of an address, where signed links carry their key."""
        parts = urlsplit(self.source)
        return urlunsplit(parts._replace(query="", fragment="")) if parts.scheme in ("http", "https") else self.source


@dataclass(frozen=True)
class FetchReport:
    """What a fetch left behind.

    Attributes:
        name: Name of the asset.
        files: Files that are in place now, or the folder that is; the rest of the archive was left out.
        new: Those of them that were not there, or not complete, before.
        source: Where the archive came from, "" where nothing was needed.
        remarks: Sentences for the user: how much there is, what was left out, what to type next.
    """

    name: str
    files: tuple[Path, ...]
    new: tuple[Path, ...]
    source: str
    remarks: tuple[str, ...] = ()


def plan(
    name: str,
    *,
    url: str | None = None,
    out: Path | None = None,
    sha256: str | None = None,
    insecure: bool = False,
) -> Job:
    """Check what is asked for; see :func:`hint.fetch.fetch` for the arguments.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be got by hand.
        InputError: If the source cannot be used, or an option means nothing for this asset.
    """
    wanted = asset(name)
    if out is not None and wanted.tree is None:
        raise InputError(
            f"--out is for {_those(tree=True)}; the files of {name} have their places in {settings.home()}"
        )
    for option, given in (("--insecure", insecure), ("--sha256", sha256 is not None)):
        if given and wanted.archive_digest is None:
            raise InputError(f"{option} is for archives with a known checksum ({_those(tree=False)}), not for {name}")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"--sha256 takes 64 hexadecimal digits, not {sha256!r}")
    source = url or wanted.url
    digest = KnownDigest(sha256.lower()) if sha256 else None
    return Job(name, wanted, source, _folder(wanted, out), _local_archive(source), digest, insecure)


def _those(*, tree: bool) -> str:
    chosen = (name for name, a in ASSETS.items() if (a.tree if tree else a.archive_digest) is not None)
    return ", ".join(sorted(chosen))


def _folder(wanted: Asset, out: Path | None) -> Path:
    if wanted.tree is None:
        return settings.home()
    folder = (out.expanduser() if out else settings.home() / wanted.tree.folder).absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    return folder


def _local_archive(source: str) -> Path | None:
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        path = Path(url2pathname(parts.path))
    elif len(parts.scheme) <= 1:  # none, or the drive of a Windows path
        path = Path(source).expanduser()
    else:
        raise InputError(f"cannot fetch from {source}: use http, https, file or the path of an archive")
    if not path.is_file():
        raise InputError(f"no archive at {path}")
    return path
