"""Login of the local server: created once, kept in files that only their owner can read."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.address import Address
from annotation.studio.client import TIMEOUT, Studio
from annotation.studio.install import home
from hint.errors import InputError, MissingRequirementError, WriteError, first_line

#: Environment variables with the default address and token.
URL_VARIABLE, TOKEN_VARIABLE = "HINT_STUDIO_URL", "HINT_STUDIO_TOKEN"
_EMAIL = "hint@localhost.localdomain"


class Login(BaseModel):
    """The local server and its first user.

    Attributes:
        url: Address.
        email: User name.
        password: Password.
        token: Token for programs.
        data: Data folder of the server.
        pid: Process id of the server, 0 if it is not running.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    url: str = ""
    email: str = _EMAIL
    password: str
    token: str
    data: str
    pid: int = 0

    @property
    def pictures(self) -> Path:
        """The folder whose subfolders the server may serve."""
        return Path(self.data) / "pictures"


def login_path(data: Path) -> Path:
    """Return the path of the login of a data folder."""
    return data / "login.json"


def last_path() -> Path:
    """Return the path of the login of the server that was started last."""
    return home() / "server.json"


def write_login(path: Path, login: Login) -> None:
    """Write a login atomically; nobody else can read it at any moment.

    Raises:
        WriteError: If it cannot be saved.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
        with os.fdopen(handle, "wb") as stream:
            stream.write(login.model_dump_json(indent=2).encode() + b"\n")
        Path(name).replace(path)
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error


def read_login(path: Path) -> Login:
    """Read a login.

    Raises:
        InputError: If the file is unreadable or not a login.
    """
    try:
        return Login.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValidationError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not a login; hint studio serve creates it") from error


def login_of(data: Path) -> Login:
    """Return the login of a data folder; a new one if the server was never started there.

    Raises:
        InputError: If the folder belongs to a server that hint did not set up.
    """
    if login_path(data).is_file():
        return read_login(login_path(data)).model_copy(update={"data": str(data)})
    if (data / "label_studio.sqlite3").is_file():
        raise InputError(f"{data} contains a Label Studio that hint did not set up; use another --data")
    return Login(password=secrets.token_urlsafe(12), token=secrets.token_hex(20), data=str(data))


def token_of(file: Path | None) -> str | None:
    """Return the token in a file, in stdin for "-"; None without a file.

    A token is never an argument of a command: everybody on a machine can list those.

    Raises:
        InputError: If the file cannot be read, or holds no token.
    """
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise InputError(f"cannot read the token in {file}: {first_line(error)}") from error
    if not text.strip():
        raise InputError(f"{file} holds no token; copy it from Account & Settings of Label Studio")
    return text.strip()


def find_address(url: str | None, token: str | None) -> tuple[Address, Login | None]:
    """Return the address of the server to use, and its login if it is the local one.

    Args:
        url: Address; by default ``$HINT_STUDIO_URL``, else the server that ``hint studio serve`` started last.
        token: Token; by default ``$HINT_STUDIO_TOKEN``, else that of the local server.

    Raises:
        InputError: If the token is missing.
        MissingRequirementError: If there is no server.
    """
    url = (url or os.environ.get(URL_VARIABLE) or "").rstrip("/")
    token = token or os.environ.get(TOKEN_VARIABLE) or ""
    local = read_login(last_path()) if last_path().is_file() else None
    if not url and local is None:
        raise MissingRequirementError(
            f"no server: start one with hint studio serve, or pass --url and --token-file (or ${URL_VARIABLE}, "
            f"${TOKEN_VARIABLE})"
        )
    if local is not None and url in ("", local.url):
        return Address(local.url, token or local.token), local
    if not token:
        raise InputError(f"{url} needs ${TOKEN_VARIABLE} or --token-file: copy it from Account & Settings there")
    return Address(url, token), None


def connect(url: str | None = None, token: str | None = None, timeout: float = TIMEOUT) -> tuple[Studio, Login | None]:
    """Return a client of the server at an address, and the server's login if it is the local one.

    Args:
        url: As for :func:`find_address`, like the token.
        token: Token of a user.
        timeout: Seconds a response may take.
    """
    address, login = find_address(url, token)
    return Studio(address, timeout), login
