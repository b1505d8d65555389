"""HaMeR-tiny's card and weights; cheap to import."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hint.methods.hamer import card
from hint.requirements import missing_packages
from hint.types import MethodOptions

#: Name of the method.
HAMER_TINY = "hamer-tiny"

#: What was trained on top of the landmark network; docs/hamer-tiny.md says how.
WEIGHTS = Path(__file__).with_name("hamer_tiny.safetensors")

CARD = replace(
    card.CARD,
    name=HAMER_TINY,
    title="HaMeR-tiny",
    summary="MediaPipe's landmark network, and small layers that turn its view upright and regress MANO; "
    "comes with the toolkit.",
    paper="",
    weights_licence="MIT; those of the landmark network Apache-2.0",
    # The last two are what the landmark network was trained on.
    training_data=("rendered hands", "30K annotated photographs (not public)", "synthetic hands (not public)"),
    parameters=4_825_668,
)


def missing(options: MethodOptions) -> str:
    """Tell what is missing to run it and what to type, "" where nothing is."""
    del options  # nothing depends on them
    return missing_packages(card.PACKAGES, "models")
