"""Download one file over HTTP, resuming where an earlier attempt stopped.

A request has ``Range`` and ``If-Range``; lengths are compared afterwards, since ``http.client`` does not complain about
a body that ends early when it is read in blocks.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http.client import responses
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from hint.errors import HintError, without_url_secrets
from hint.files.json_file import parse_json
from hint.version import __version__

#: Stage ("download", "check", "compare", "unpack"), bytes done, total bytes or None.
OnProgress = Callable[[str, int, "int | None"], None]
#: Whether to check the server's certificate: always; unless the user waives it; waived.
Certificate = Literal["required", "waivable", "waived"]

#: Seconds without data after which a connection counts as dead.
TIMEOUT_S = 30.0
#: Give up after this many attempts in a row with less than ``PROGRESS_BYTES`` of progress; the first wait between them.
ATTEMPTS = 5
BACKOFF_S = 1.0
PROGRESS_BYTES = 1 << 20
_BLOCK = 1 << 18
_FINAL_CODES = {401: "it asks for a login", 403: "access is refused", 404: "there is no such file", 410: "it is gone"}


class FetchError(HintError):
    """A download or its unpacking failed."""


class DamagedArchiveError(FetchError):
    """The downloaded file is not the expected one; another attempt needs a new download."""


class CertificateError(FetchError):
    """The server's certificate is not valid."""


class _TransientError(Exception):
    """An attempt failed for a reason that may pass."""


@dataclass(frozen=True)
class _Note:
    """What the server announced about the file of a ``.part``, kept beside it.

    The address is kept as its sha256: it may hold the key of a signed link.
    """

    url_sha256: str
    validator: str
    size: int | None


def download(
    url: str,
    target: Path,
    *,
    again: Callable[[Mapping[str, str]], str],
    extra: int,
    on_progress: OnProgress | None = None,
    certificate: Certificate = "required",
) -> Path:
    """Download a file unless it exists.

    Until it is complete it is ``<target>.part``, with its size and ETag (or date) in ``<target>.part.json``. If the
    file has changed on the server, or the server cannot send part of a file, the download starts over.

    Args:
        url: http or https.
        target: Destination.
        again: Returns the command to type for another attempt, given further options; for messages.
        extra: Bytes that must stay free on the disk besides the file.
        on_progress: Called with "download", the bytes downloaded and the total.
        certificate: Whether to check the certificate of an https server; if waived, the caller must verify a digest.

    Raises:
        FetchError: If the download fails; the part downloaded is kept.
    """
    attempt = _Attempt(url, target, extra, on_progress, _context() if certificate == "waived" else None)
    failed, most = 0, 0
    while not target.exists():
        try:
            attempt.run()
        except _TransientError as reason:
            here = attempt.part.stat().st_size if attempt.part.exists() else 0
            failed = 1 if here >= most + PROGRESS_BYTES else failed + 1
            most = max(most, here)
            if failed >= ATTEMPTS:
                raise FetchError(f"{url}: {reason}, {ATTEMPTS} times; {_advice(again, here)}") from reason
            time.sleep(BACKOFF_S * 2 ** (failed - 1))
        except FetchError as error:
            here = attempt.part.stat().st_size if attempt.part.exists() else 0
            may_waive = certificate == "waivable" and isinstance(error, CertificateError)
            raise FetchError(f"{error}; {_advice(again, here, may_waive=may_waive)}") from error
    return target


def _context() -> ssl.SSLContext:
    """Return a context that encrypts without checking the certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def require_space(folder: Path, need: int, purpose: str, elsewhere: str = "set HINT_HOME to") -> None:
    """Check that the disk has room.

    Args:
        folder: A folder on the disk.
        need: Bytes needed.
        purpose: What for, in the message.
        elsewhere: How to choose another folder, in the message.

    Raises:
        FetchError: If fewer than ``need`` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < need:
        raise FetchError(
            f"{folder} has {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB are needed to {purpose}: free some space or "
            f"{elsewhere} a folder on another disk"
        )


def _advice(again: Callable[[Mapping[str, str]], str], here: int, *, may_waive: bool = False) -> str:
    resume = f"`{again({})}` to " + (f"resume at {here / 1e6:.0f} MB" if here else "try again")
    waive = f"`{again({'--insecure': ''})}` to rely on the archive's checksum alone"
    return f"type {waive if may_waive else resume}, or `{again({'--url': 'FILE'})}` with a copy you have"


class _Attempt:
    """Repeated requests for the same file."""

    def __init__(
        self, url: str, target: Path, extra: int, on_progress: OnProgress | None, context: ssl.SSLContext | None
    ) -> None:
        self.url, self.target, self.extra, self.on_progress = url, target, extra, on_progress
        self.context = context
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        self.part = target.with_name(target.name + ".part")
        self.note_path = target.with_name(target.name + ".part.json")

    def run(self) -> None:
        """Download the rest of the file, or all of it; keep what arrives."""
        note = self._read_note()
        here = self.part.stat().st_size if note else 0
        if note is None or here != note.size:
            with self._open(here, note) as response:
                start = self._start(response, here, note)
                note = note if note and start else _note(self.url, response)
                rest = (note.size or 0) - start
                require_space(self.target.parent, rest + self.extra, f"download {self.target.name} and unpack it")
                self.note_path.write_text(json.dumps(asdict(note)), encoding="utf-8")
                self._copy(response, start, note.size)
        self.part.replace(self.target)
        self.note_path.unlink()

    def _read_note(self) -> _Note | None:
        """Return the note of an earlier attempt that can be resumed."""
        try:
            note = _Note(**parse_json(self.note_path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return note if note.validator and note.url_sha256 == _digest(self.url) and self.part.exists() else None

    def _open(self, here: int, note: _Note | None) -> http.client.HTTPResponse:
        headers = {"User-Agent": f"hint-toolkit/{__version__}"}
        if note and here:
            headers |= {"Range": f"bytes={here}-", "If-Range": note.validator}
        try:
            request = Request(self.url, headers=headers)
            response: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_S, context=self.context)
        except HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and here:
                self._forget()
                raise _TransientError("the file on the server is shorter than before") from error
            raise _code_failure(self.host, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise _failure(self.host, error) from error
        return response

    def _start(self, response: http.client.HTTPResponse, here: int, note: _Note | None) -> int:
        """Return the offset in the file at which a response begins."""
        if self.url.startswith("https:") and not response.url.startswith("https:"):
            raise FetchError(f"{self.host} redirects to {without_url_secrets(response.url)}, which is not encrypted")
        if response.headers.get_content_type() == "text/html":
            raise FetchError(f"{self.host} sent a web page instead of a file")
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            return 0
        sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if note is None or sent is None or (int(sent[1]), int(sent[2])) != (here, note.size):
            self._forget()
            raise _TransientError("the server sent a different part of the file than requested")
        return here

    def _copy(self, response: http.client.HTTPResponse, start: int, size: int | None) -> None:
        done = start
        with self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            while block := self._read(response):
                file.write(block)
                done += len(block)
                if self.on_progress:
                    self.on_progress("download", done, size)
        if size is not None and done != size:
            raise _TransientError(f"the connection ended after {done} of {size} bytes")

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read1(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(self.host, error) from error

    def _forget(self) -> None:
        self.note_path.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


def _note(url: str, response: http.client.HTTPResponse) -> _Note:
    etag, length = response.headers.get("ETag", ""), response.headers.get("Content-Length", "")
    # If-Range must not use a weak ETag, which does not identify the bytes.
    validator = response.headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag
    return _Note(_digest(url), validator, int(length) if length.isdecimal() else None)


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _code_failure(host: str, error: HTTPError) -> FetchError | _TransientError:
    # The server's own words are not repeated: they may hold escape sequences.
    text = f"{host} answered {error.code}: {_FINAL_CODES.get(error.code) or responses.get(error.code, 'unknown')}"
    return _TransientError(text) if error.code >= 500 or error.code in (408, 429) else FetchError(text)


def _failure(host: str, error: Exception) -> FetchError | _TransientError:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, socket.gaierror):
        return FetchError(f"cannot find {host}: check the network and the address")
    if isinstance(reason, ConnectionRefusedError):
        return FetchError(f"{host} refuses connections")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return CertificateError(f"the certificate of {host} is not valid ({reason.verify_message})")
    if isinstance(reason, TimeoutError):
        return _TransientError(f"{host} sent nothing for {TIMEOUT_S:g} s")
    if isinstance(reason, ConnectionError | ssl.SSLError | http.client.IncompleteRead | http.client.BadStatusLine):
        return _TransientError(f"the connection to {host} broke ({type(reason).__name__})")
    return FetchError(f"cannot download from {host} ({reason})")
