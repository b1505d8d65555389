"""Receipts: what was fetched, when, from where, and its digests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hint import settings
from hint.errors import InputError
from hint.fetch.assets import ASSETS
from hint.fetch.job import Job
from hint.files.atomic import write_json
from hint.files.json_file import parse_json
from hint.provenance import utc_now


def receipt_path(name: str) -> Path:
    """Return the path of the receipt of an asset, whether or not it exists."""
    return settings.home() / "weights" / f"{name}.receipt.json"


def receipt(name: str) -> dict[str, Any] | None:
    """Read the receipt of an asset, None if there is none.

    Every receipt has name, source, utc and licence. Listed files add files: {path: {bytes, sha256}}. A dataset adds
    folder, archive: {bytes, sha256}, folders: {name: {files, bytes}} and list: {files, bytes, sha256}, where list
    describes the list of its files beside the receipt.

    Raises:
        InputError: If the receipt cannot be read.
    """
    path = receipt_path(name)
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = parse_json(path.read_bytes())
        complete = _is_complete(name, content)
    except (ValueError, KeyError, TypeError, AttributeError):
        complete = False
    if not complete:
        raise InputError(f"{path} is not a receipt; remove it and type `hint fetch {name}`")
    return content


def _is_complete(name: str, content: dict[str, Any]) -> bool:
    if name not in ASSETS or ASSETS[name].tree is None:
        return all({"bytes", "sha256"} <= set(entry) for entry in content["files"].values())
    texts = (content["folder"], content["archive"]["sha256"], content["list"]["sha256"])
    return all(isinstance(text, str) for text in texts)


def write_receipt(job: Job, content: dict[str, Any]) -> None:
    """Write the receipt of a job; ``content`` depends on the kind of asset."""
    about = {"name": job.name, "source": job.public_source, "utc": utc_now(), "licence": job.asset.licence}
    write_json(receipt_path(job.name), about | content, indent=2)
