"""How a method is set up: the devices to choose from, and one line that shows the choice."""

from __future__ import annotations

from hint.errors import UnknownNameError
from hint.types import Method

DEVICES = ("auto", "cpu", "cuda")


def require_device(name: str) -> None:
    """Refuse the name of a device that does not exist.

    Raises:
        UnknownNameError: If it is not one of :data:`DEVICES`.
    """
    if name not in DEVICES:
        raise UnknownNameError("device", name, DEVICES)


def setup_line(method: Method) -> str:
    """Return title, device and, for networks, precision; methods use it as their ``__repr__``."""
    precision = method.fingerprint.get("precision")
    place = f"{method.card.title} on {getattr(method, 'device', 'cpu')}"
    return f"<{place}, {precision}>" if precision else f"<{place}>"
