"""What every method with a MANO hand fitted to its keypoints needs; cheap to import."""

from __future__ import annotations

from dataclasses import replace

from hint.requirements import missing_packages
from hint.types import MethodCard

#: Behind the name of a method: fit a MANO hand to its keypoints.
SUFFIX = "-mano"

#: What has to be installed for fitting.
PACKAGES = ("torch", "smplx", "scipy")


def fitted_card(card: MethodCard) -> MethodCard:
    """Return the card of a method whose keypoints a MANO hand is fitted to."""
    summary = f"A MANO hand fitted to the keypoints of {card.name}, with its mesh."
    return replace(card, name=card.name + SUFFIX, title=f"{card.title} + MANO fit", summary=summary)


def missing_for_fit() -> str:
    """Tell what is missing to fit hands and what to type, "" where nothing is."""
    return missing_packages(PACKAGES, "models")
