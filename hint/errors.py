"""Errors a user can act on: what is wrong, which ids, what to type next.

The command line prints them as one line and turns them into an exit code; nothing else is caught there.
"""

import re
from collections.abc import Collection, Iterable
from numbers import Integral
from reprlib import Repr
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


#: The login in an address, and its query, which holds the key of a signed link; as a path it has a slash less.
_URL_LOGIN = re.compile(r"(?<=[a-z0-9]:)(/+)[^/@\s]+@")
_URL_QUERY = re.compile(r"(?<=[a-z0-9]:/)(/*[^?\s]+\?)[^\s'\"]+")
#: The start of an address that is kept as a path, as in "s3:/bucket/a.jpg"; see :mod:`hint.files.storage`.
_URL_AS_PATH = re.compile(r"(?<![\w./+-])([a-z][a-z0-9+.-]+):/(?=[^/\s])")

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


class HintError(Exception):
    """Base of every error that a user can fix; one line, whatever names and texts of files are in it.

    Logins and keys in addresses are not shown.
    """

    exit_code = 1

    def __str__(self) -> str:
        return legible(super().__str__())


class InputError(HintError):
    """An input cannot be used: a path, a file, a shape, an id."""

    exit_code = 2


class UnknownNameError(InputError):
    """An unknown name; the message offers the closest known ones."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        from difflib import get_close_matches

        names = sorted(known)
        self.kind, self.name, self.known = kind, name, names
        close = get_close_matches(str(name), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names)}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")


class MissingRequirementError(HintError):
    """Something must be installed, downloaded or accepted first; the message says what to type."""

    exit_code = 3


class ElsewhereError(HintError):
    """An error that another process reports; this one ends with the same exit code and says nothing."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def check_numbers(least: int, **numbers: object) -> None:
    """Refuse what is not a whole number of at least ``least``.

    Raises:
        InputError: If one is not; the message names it.
    """
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < least:
            raise InputError(f"{name} must be a whole number of at least {least}, not {number!r}")


def counted(number: int, thing: str) -> str:
    """Return a number of things for messages, such as "1 hand" or "2,000 hands"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def some_ids(ids: Iterable[str]) -> str:
    """Return the first five ids and the total number, for messages."""
    listed = list(ids)
    shown = ", ".join(str(i) for i in listed[:5])
    return shown if len(listed) <= 5 else f"{shown}, ... ({len(listed)} in all)"


def shown(value: object) -> str:
    """Return a value of a file as messages show it: as Python writes it, but short, and not deep."""
    return _SHORT.repr(value)


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def printable(text: str, keep: str = "") -> str:
    """Escape characters that a terminal cannot show or would interpret; names in files may contain any.

    Addresses that were kept as paths, and so lost a slash, get it back, to be copied.

    Args:
        text: A message, or part of one.
        keep: Characters to leave as they are, such as line breaks.
    """
    whole = _URL_AS_PATH.sub(lambda found: "file:///" if found[1] == "file" else f"{found[1]}://", text)
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in whole)


def without_url_secrets(text: str) -> str:
    """Replace the logins in addresses, and their queries, by ``***``."""
    return _URL_QUERY.sub(r"\1***", _URL_LOGIN.sub(r"\1***@", text))


def legible(text: str, keep: str = "") -> str:
    """Return a text as people are shown it: :func:`printable`, and without what may be secret in addresses."""
    return without_url_secrets(printable(text, keep))


def plain(text: str) -> str:
    """Return a text as Matplotlib shows it letter by letter: printable, and no formula between dollar signs."""
    return printable(text).replace("$", r"\$")


def first_problem(error: "ValidationError | UnicodeEncodeError", skip: Collection[str] = ()) -> str:
    """Return the first problem pydantic found in a file as "field: message".

    Args:
        error: The error.
        skip: Parts of the path to the field that mean nothing to a user.
    """
    return problems_in(error, skip)[0]


def problems_in(error: "ValidationError | UnicodeEncodeError", skip: Collection[str] = ()) -> list[str]:
    """Return all problems pydantic found in a file; arguments and form as of :func:`first_problem`.

    In JSON, half of a character may stand alone, which pydantic stumbles over.
    """
    if isinstance(error, UnicodeEncodeError):
        return ["half of a character (a lone surrogate)"]
    return [_problem(found["loc"], found["type"], found["msg"], skip) for found in error.errors(include_url=False)]


def _problem(place: tuple[int | str, ...], kind: str, message: str, skip: Collection[str]) -> str:
    field = ".".join(str(part) for part in place if part not in skip)
    text = "unknown key" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    return f"{field}: {text}" if field else text


class WriteError(HintError):
    """A result could not be saved: read-only folder, full disk."""

    exit_code = 1
