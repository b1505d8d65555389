"""What to say when a package that an extra brings cannot be imported."""

from __future__ import annotations

from hint.errors import MissingRequirementError
from hint.requirements import EXTRA_OF, pip_command


def absent_package(error: ModuleNotFoundError) -> MissingRequirementError | None:
    """Return the advice for a package that could not be imported; None if no extra brings it."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRA_OF:
        return None
    return MissingRequirementError(f"this needs {package}: {pip_command(EXTRA_OF[package])}")
