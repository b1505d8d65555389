"""Who may enter the local server: made once, kept in files nobody else may read."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from annotation.studio.client import Address
from annotation.studio.install import home
from hint.errors import InputError, MissingRequirementError, WriteError

#: Names an address and a token where neither is typed.
URL_VARIABLE, TOKEN_VARIABLE = "HINT_STUDIO_URL", "HINT_STUDIO_TOKEN"
_EMAIL = "hint@localhost.localdomain"


class Login(BaseModel):
    """The local server and its first user.

    Attributes:
        url: Address.
        email: Name to log in with.
        password: Password.
        token: Token for programs.
        data: Folder of the server's data.
        pid: Process that serves, 0 where none does.
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
        """The folder whose sub-folders the server may show."""
        return Path(self.data) / "pictures"


def login_path(data: Path) -> Path:
    """Return where the login of a data folder is kept."""
    return data / "login.json"


def last_path() -> Path:
    """Return where the login of the server started last is kept."""
    return home() / "server.json"


def write_login(path: Path, login: Login) -> None:
    """Write a login atomically; at no moment may anybody else read it.

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
        InputError: If the file is not readable or no login.
    """
    try:
        return Login.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValidationError, json.JSONDecodeError) as error:
        raise InputError(f"{path} holds no login; hint studio serve writes it") from error


def login_of(data: Path) -> Login:
    """Return the login of a data folder, a new one where the server was never started.

    Raises:
        InputError: If a server that hint did not set up lies there.
    """
    if login_path(data).is_file():
        return read_login(login_path(data)).model_copy(update={"data": str(data)})
    if (data / "label_studio.sqlite3").is_file():
        raise InputError(f"{data} holds a Label Studio whose login hint does not know; give another --data")
    return Login(password=secrets.token_urlsafe(12), token=secrets.token_hex(20), data=str(data))


def find_address(url: str | None, token: str | None) -> tuple[Address, Login | None]:
    """Return the server to speak to, and its login if it is the local one.

    Args:
        url: As typed; else ``$HINT_STUDIO_URL``, else the server that ``hint studio serve`` started last.
        token: As typed; else ``$HINT_STUDIO_TOKEN``, else the local server's.

    Raises:
        InputError: If the token is unknown.
        MissingRequirementError: If there is no server at all.
    """
    url = (url or os.environ.get(URL_VARIABLE) or "").rstrip("/")
    token = token or os.environ.get(TOKEN_VARIABLE) or ""
    local = read_login(last_path()) if last_path().is_file() else None
    if not url and local is None:
        raise MissingRequirementError(
            f"which server? start one with hint studio serve, or give --url and --token (or ${URL_VARIABLE}, "
            f"${TOKEN_VARIABLE})"
        )
    if local is not None and url in ("", local.url):
        return Address(local.url, token or local.token), local
    if not token:
        raise InputError(f"{url} needs --token or ${TOKEN_VARIABLE}: copy it from Account & Settings of Label Studio")
    return Address(url, token), None
