"""HaMeR-tiny's card and weights; cheap to import."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hint.methods.hamer import card
from hint.requirements import missing_packages
from hint.types import MethodOptions

#: Name of the method, and of its weights for ``--method hamer --weights hamer-tiny``.
HAMER_TINY = "hamer-tiny"

#: The weights, which come with the toolkit; docs/hamer-tiny.md says how they were made.
WEIGHTS = Path(__file__).with_name("hamer_tiny.safetensors")

CARD = replace(
    card.CARD,
    name=HAMER_TINY,
    title="HaMeR-tiny",
    summary="HaMeR's design at one part in 140 of its size, trained on rendered hands only; comes with the toolkit.",
    paper="",
    weights_licence="MIT",
    training_data=("rendered hands",),
    parameters=4_700_717,
    note="trained on rendered hands only",
)


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run it and what to type, "" where nothing is."""
    del options  # nothing depends on them
    return missing_packages(card.PACKAGES, "models")
