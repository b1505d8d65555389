"""AnyHand's cards and files; cheap to import."""

from __future__ import annotations

from dataclasses import replace

from hint.methods import official_file
from hint.methods.hamer import card as hamer
from hint.methods.official_file import OfficialFile, missing_files
from hint.methods.wilor import card as wilor
from hint.requirements import missing_packages
from hint.types import MethodCard, MethodOptions

_PAPER = "Si et al., AnyHand: A Large-Scale Synthetic Dataset for RGB(-D) Hand Pose Estimation, 2026, arXiv 2603.25726"


def _card(network: MethodCard) -> MethodCard:
    return replace(
        network,
        name=f"anyhand-{network.name}",
        title=f"{network.title} + AnyHand",
        summary=f"{network.title} with weights that were trained along with the synthetic hands of AnyHand.",
        paper=_PAPER,
        weights_licence="CC BY-NC-ND, as its README says; the file embeds MANO arrays, which are non-commercial",
        training_data=(*network.training_data, "AnyHand (synthetic)"),
    )


def _weights(network: str, *official: str) -> OfficialFile:
    file = f"anyhand_{network}.ckpt"
    return OfficialFile(official_file.WEIGHTS, (file,), "anyhand", official, f"hint fetch anyhand-{network}")


class _About:
    """What is known of one of the two without loading it."""

    WEIGHTS: OfficialFile

    @classmethod
    def missing(cls, options: MethodOptions) -> str:
        """Tell what is missing and what to type, "" where nothing is."""
        return missing_packages(hamer.PACKAGES, "models") or missing_files((cls.WEIGHTS,), options)


class OfHamer(_About):
    """The weights of HaMeR's network."""

    CARD = _card(hamer.CARD)
    WEIGHTS = _weights("hamer", "pretrained_models/hamer_ckpts/checkpoints")
    FILES = (WEIGHTS,)


class OfWilor(_About):
    """The weights of WiLoR's network."""

    CARD = _card(wilor.CARD)
    WEIGHTS = _weights("wilor", "pretrained_models")
    FILES = (WEIGHTS,)
