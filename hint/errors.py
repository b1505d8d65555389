"""Errors a user can act on: what is wrong, which ids, what to type next.

The command line prints them as one line and turns them into an exit code; nothing else is caught there.
"""

from collections.abc import Iterable


class HintError(Exception):
    """Base of every error that a user can fix."""

    exit_code = 1


class InputError(HintError):
    """An input cannot be used: a path, a file, a shape, an id."""

    exit_code = 2


class UnknownNameError(InputError):
    """An unknown name; the message offers the closest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        from difflib import get_close_matches

        names = sorted(known)
        close = get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names)}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")


class MissingRequirementError(HintError):
    """Something must be installed, downloaded or accepted first; the message says what to type."""

    exit_code = 3


def some_ids(ids: Iterable[str]) -> str:
    """Return the first five ids and the total number, for messages."""
    listed = list(ids)
    shown = ", ".join(str(i) for i in listed[:5])
    return shown if len(listed) <= 5 else f"{shown}, ... ({len(listed)} in all)"


class WriteError(HintError):
    """A result could not be saved: read-only folder, full disk."""

    exit_code = 1
