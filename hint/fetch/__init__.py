"""Downloads: what can be fetched, from where, under which licence, and what is kept of it.

``fetch("hamer")`` downloads the official archive, takes out the files the toolkit reads, and writes a receipt with
their sha256 beside them. An interrupted download goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from hint import settings
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.fetch.archive import Member, unpack
from hint.fetch.transfer import DamagedArchiveError, FetchError, OnProgress, download, require_space
from hint.files.atomic import write_json
from hint.provenance import sha256_file, utc_now

__all__ = ["ASSETS", "Asset", "FetchError", "FetchReport", "Member", "asset", "fetch", "receipt", "receipt_path"]


@dataclass(frozen=True)
class Asset:
    """Something the toolkit uses and does not bring along.

    Attributes:
        licence: Its terms, to be shown and accepted before ``fetch``.
        url: Address of the archive, "" where it must be got by hand.
        archive: File name of the archive while it is here.
        members: What is kept of the archive.
        by_hand: What to do where there is no address; ``{home}`` stands for the home folder.
    """

    licence: str
    url: str = ""
    archive: str = ""
    members: tuple[Member, ...] = ()
    by_hand: str = ""


#: The official archive holds 6 GB, more than half of it a body-pose network that is not used here.
ASSETS: dict[str, Asset] = {
    "hamer": Asset(
        licence=(
            "HaMeR (Pavlakos et al., CVPR 2024): the code is MIT. The weights come without terms of their own; the "
            "checkpoint holds arrays of the MANO hand model, whose licence allows non-commercial research and forbids "
            "passing them on: https://mano.is.tue.mpg.de/license.html"
        ),
        url="https://www.cs.utexas.edu/~pavlakos/hamer/data/hamer_demo_data.tar.gz",
        archive="hamer_demo_data.tar.gz",
        members=(
            Member(
                "_DATA/hamer_ckpts/checkpoints/hamer.ckpt",
                "weights/hamer.ckpt",
                max_bytes=2_700_000_000,
                sha256="e5cc06f294d88a92dee24e603480aab04de532b49f0e08200804ee7d90e16f53",
            ),
            # No digest: published copies differ in the two MANO paths written inside.
            Member("_DATA/hamer_ckpts/model_config.yaml", "weights/hamer_model_config.yaml", max_bytes=100_000),
            Member(
                "_DATA/data/mano_mean_params.npz",
                "weights/mano_mean_params.npz",
                max_bytes=100_000,
                sha256="efc0ec58e4a5cef78f3abfb4e8f91623b8950be9eff8b8e0dbb0d036ebc63988",
            ),
        ),
    ),
    "mano": Asset(
        licence="MANO: non-commercial research only, no redistribution: https://mano.is.tue.mpg.de/license.html",
        by_hand=(
            "MANO cannot be fetched for you: register at https://mano.is.tue.mpg.de, accept its licence, download "
            "the models (mano_v1_2.zip) and put its MANO_RIGHT.pkl into {home}/mano/"
        ),
    ),
}


@dataclass(frozen=True)
class FetchReport:
    """What a fetch left behind.

    Attributes:
        name: Name of the asset.
        files: Files that are in place now; the rest of the archive was left out.
        new: Those of them that were not there before.
        source: Where the archive came from, "" where nothing was needed.
    """

    name: str
    files: tuple[Path, ...]
    new: tuple[Path, ...]
    source: str


def fetch(name: str, *, url: str | None = None, on_progress: OnProgress | None = None) -> FetchReport:
    """Bring the files of an asset to the home folder, or check those that are there already.

    Args:
        name: A name in ``ASSETS``.
        url: Another address of the archive, a ``file:`` URL or the path of an archive downloaded before; None for
            the official address.
        on_progress: Called with the stage ("download" or "unpack"), the bytes done and the bytes in all, None where
            the server does not tell.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be got by hand.
        InputError: If ``url`` cannot be used.
        FetchError: If the download or the unpacking fails, or a file is not the one that was expected.
    """
    wanted = asset(name)
    source = url or wanted.url
    local = _local_archive(source)
    with _disk_errors(), _only_one(name):
        known = _known_digests(name, wanted)
        missing = _missing(name, wanted, known)
        if missing:
            _bring(name, missing, known, source, local, on_progress)
            _write_receipt(name, wanted, source)
    files = {member: settings.home() / member.keep_as for member in wanted.members}
    return FetchReport(
        name, tuple(files.values()), tuple(files[m] for m in missing), _public(source) if missing else ""
    )


def receipt_path(name: str) -> Path:
    """Return where the receipt of an asset lies, whether or not there is one."""
    return settings.home() / "weights" / f"{name}.receipt.json"


def receipt(name: str) -> dict[str, Any] | None:
    """Return the receipt of an asset ({name, source, utc, licence, files: {path: {bytes, sha256}}}), None without one.

    Raises:
        InputError: If the receipt cannot be read.
    """
    path = receipt_path(name)
    if not path.exists():
        return None
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        complete = all({"bytes", "sha256"} <= set(entry) for entry in read["files"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        complete = False
    if not complete:
        raise InputError(f"{path} is no receipt; remove it and type `hint fetch {name}`")
    return read


def asset(name: str) -> Asset:
    """Return what can be fetched under a name.

    Raises:
        UnknownNameError: If there is no such asset.
        MissingRequirementError: If it must be got by hand; the message says how.
    """
    if name not in ASSETS:
        raise UnknownNameError("download", name, ASSETS)
    found = ASSETS[name]
    if not found.url:
        raise MissingRequirementError(found.by_hand.format(home=settings.home()))
    return found


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


def _known_digests(name: str, asset: Asset) -> dict[Member, str]:
    """Return what each member must be: the released file, or else the one that was taken the first time."""
    recorded: Mapping[str, Any] = (receipt(name) or {"files": {}})["files"]
    known = {m: m.sha256 or recorded.get(m.keep_as, {}).get("sha256", "") for m in asset.members}
    return {member: digest for member, digest in known.items() if digest}


def _missing(name: str, asset: Asset, known: Mapping[Member, str]) -> list[Member]:
    """Return the members that are not in place; refuse files in their places that are something else."""
    missing = []
    for member in asset.members:
        path = settings.home() / member.keep_as
        if not path.exists():
            missing.append(member)
        elif member in known and sha256_file(path) != known[member]:
            raise FetchError(f"{path} is not the file it should be; move it away and type `hint fetch {name}`")
    return missing


def _bring(
    name: str,
    missing: list[Member],
    known: Mapping[Member, str],
    source: str,
    local: Path | None,
    on_progress: OnProgress | None,
) -> None:
    folder = settings.home() / "downloads"
    need = sum(member.max_bytes for member in missing)
    archive = local or download(source, folder / ASSETS[name].archive, name=name, extra=need, on_progress=on_progress)
    unpacked = folder / f"{name}.unpacked"
    require_space(folder, need, f"unpack {archive.name}")
    try:
        _compare(name, archive, unpack(archive, missing, unpacked, on_progress), known)
        for member in missing:
            place = settings.home() / member.keep_as
            place.parent.mkdir(parents=True, exist_ok=True)
            (unpacked / member.keep_as).replace(place)
    except DamagedArchiveError:
        if local is None:  # kept, it would fail for ever
            archive.unlink()
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    if local is None:
        archive.unlink()


def _compare(name: str, archive: Path, digests: Mapping[Member, str], known: Mapping[Member, str]) -> None:
    for member, digest in digests.items():
        if known.get(member, digest) == digest:
            continue
        accept = "" if member.sha256 else f"; if the change is meant, remove {receipt_path(name)} first"
        raise DamagedArchiveError(
            f"{member.path} in {archive} has sha256 {digest}, expected {known[member]}: get the archive again "
            f"(`hint fetch {name}`){accept}"
        )


def _public(source: str) -> str:
    """Drop the query of an address, where signed links carry their key."""
    parts = urlsplit(source)
    return urlunsplit(parts._replace(query="", fragment="")) if parts.scheme in ("http", "https") else source


def _write_receipt(name: str, asset: Asset, source: str) -> None:
    paths = {member.keep_as: settings.home() / member.keep_as for member in asset.members}
    files = {kept: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for kept, path in paths.items()}
    content = {
        "name": name,
        "source": _public(source),
        "utc": utc_now(),
        "licence": asset.licence,
        "files": files,
    }
    write_json(receipt_path(name), content, indent=2)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FetchError(
            f"cannot read or write {error.filename or settings.home()} ({error.strerror or error}): mend that, or set "
            "HINT_HOME to another folder"
        ) from error


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    """Hold a lock that ends with the process, so that none is left behind after a crash."""
    path = settings.home() / "downloads" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        if not _lock(handle):
            raise FetchError(f"another `hint fetch {name}` is running; wait until it ends")
        yield


def _lock(handle: IO[bytes]) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some cluster file systems have no locks: go on without
        return True
    return True
