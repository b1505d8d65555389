"""A validated request to fetch an asset, and the report of what was done."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from hint import settings
from hint.errors import InputError, without_url_secrets
from hint.fetch.assets import ASSETS, Asset, KnownDigest, asset
from hint.files.path import as_path


@dataclass(frozen=True)
class Job:
    """A validated request; nothing has been done yet.

    Attributes:
        name: Name of the asset.
        asset: The asset.
        source: Address or path of the archive.
        folder: Where files go: the folder of a tree or a wheel, the home folder for other assets.
        local: Path of the archive if it is the user's own, which is kept.
        digest: Digest the user gave for the archive.
        insecure: Whether to skip the check of the server's certificate.
        options: Options of the command line that repeats the request -> values, "" for none.
    """

    name: str
    asset: Asset
    source: str
    folder: Path
    local: Path | None
    digest: KnownDigest | None
    insecure: bool
    options: Mapping[str, str] = field(default_factory=dict)

    def command(self, more: Mapping[str, str] | None = None) -> str:
        """Return the command line that repeats the request, without what may be a secret in it.

        Args:
            more: Further options -> values, "" for none.
        """
        options = {**self.options, **(more or {})}
        options = {option: without_url_secrets(value) for option, value in options.items()}
        words = [word for option, value in options.items() for word in (option, value) if word]
        return shlex.join(["hint", "fetch", self.name, *words])

    @property
    def public_source(self) -> str:
        """The source without the login and the query of a URL, which may hold the key of a signed link."""
        parts = urlsplit(self.source)
        if parts.scheme not in ("http", "https"):
            return self.source
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


@dataclass(frozen=True)
class FetchReport:
    """The result of a fetch.

    Attributes:
        name: Name of the asset.
        files: Files, or the folder, now in place.
        new: Those that were missing or incomplete before.
        source: Where the archive came from, "" if nothing was needed.
        remarks: Messages for the user: how much there is, what was left out, what to type next.
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
    """Validate a request; see :func:`hint.fetch.fetch` for the arguments.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be downloaded by hand.
        InputError: If the source cannot be used, or an option does not apply to this asset.
    """
    wanted = asset(name)
    _refuse_options(name, wanted, out, sha256, insecure)
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"--sha256 takes 64 hexadecimal digits, not {sha256!r}")
    source = url or wanted.url or (wanted.wheel.requirement if wanted.wheel else "")
    digest = KnownDigest(sha256.lower()) if sha256 else None
    given = {
        "--url": url,
        "--out": str(out) if out else None,
        "--sha256": sha256,
        "--insecure": "" if insecure else None,
    }
    return Job(
        name,
        wanted,
        source,
        _folder(wanted, out),
        _local_archive(source) if url or wanted.url else None,
        digest,
        insecure,
        {option: value for option, value in given.items() if value is not None},
    )


def _refuse_options(name: str, wanted: Asset, out: Path | None, sha256: str | None, insecure: bool) -> None:
    """Refuse options of datasets for other assets."""
    given = {"--out": out and not wanted.wheel, "--sha256": sha256, "--insecure": insecure}
    for option, value in given.items():
        if value and wanted.tree is None:
            trees = ", ".join(name for name, other in ASSETS.items() if other.tree)
            raise InputError(f"{option} is for datasets with a known checksum ({trees}), not for {name}")


def _folder(wanted: Asset, out: Path | None) -> Path:
    usual = wanted.tree or wanted.wheel
    if usual is None:
        return settings.home()
    folder = (as_path(out) if out else settings.home() / usual.folder).absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    return folder


def _local_archive(source: str) -> Path | None:
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        path = Path(url2pathname(parts.path))
    elif len(parts.scheme) <= 1:  # none, or a Windows drive
        path = as_path(source)
    else:
        raise InputError(f"cannot fetch from {source}: use http, https, file or the path of an archive")
    if not path.is_file():
        raise InputError(f"no archive at {path}")
    return path
