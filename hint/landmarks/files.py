"""Where the files of the two networks lie, and what to type where they do not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hint import settings
from hint.errors import InputError, MissingRequirementError
from hint.fetch.assets import MEDIAPIPE
from hint.requirements import missing_packages

#: What fetches both files.
ADVICE = "hint fetch mediapipe --accept-licence"


@dataclass(frozen=True)
class NetworkFile:
    """A network in the TFLite format.

    Attributes:
        name: File name.
        sha256: Digest of the one version that is read.
    """

    name: str
    sha256: str

    def places(self) -> list[Path]:
        """Return where it may be, best first: the home folder, then the Python environment."""
        return [settings.home() / MEDIAPIPE.folder / self.name, settings.environment() / self.name]

    def installed(self) -> Path | None:
        """Return it in the first place that has it, None where none does."""
        return next((place for place in self.places() if place.is_file()), None)

    def read(self) -> bytes:
        """Return its content, which is the expected one: a runtime in C++ trusts what it reads.

        Raises:
            MissingRequirementError: If it must be fetched first.
            InputError: If it is another file, or damaged.
        """
        path = self.installed()
        if path is None:
            raise MissingRequirementError(f"MediaPipe's networks are needed ({self.name}): {ADVICE}")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputError(f"{path} is not the file of MediaPipe 0.10.21: remove it and type {ADVICE}")
        return content


LANDMARKS, PALMS = (NetworkFile(Path(member.path).name, member.sha256) for member in MEDIAPIPE.members)


def missing() -> str:
    """Tell what must be installed or fetched first, then ": " and what to type; "" where the networks can run."""
    if lacking := missing_packages(["cv2", "ai_edge_litert"], "mediapipe"):
        return lacking
    absent = [file.name for file in (LANDMARKS, PALMS) if file.installed() is None]
    return f"needs {' and '.join(absent)}: {ADVICE}" if absent else ""
