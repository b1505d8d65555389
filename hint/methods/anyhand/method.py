"""HaMeR and WiLoR with AnyHand's weights."""

from __future__ import annotations

from pathlib import Path

from hint.methods.anyhand.card import OfHamer, OfWilor
from hint.methods.crop_method import sized_card
from hint.methods.hamer.method import HamerMethod
from hint.methods.hamer.network import Hamer
from hint.methods.wilor.method import WilorMethod
from hint.types import MethodCard, MethodOptions
from hint.weights import Checkpoint


class AnyHandHamer(HamerMethod):
    """HaMeR's network with AnyHand's weights."""

    CARD = OfHamer.CARD

    @classmethod
    def weights_path(cls, options: MethodOptions) -> Path:
        """Return the named file, else the one in the usual places."""
        return OfHamer.WEIGHTS.find(options, cls.CARD.name)

    @classmethod
    def describe(cls, network: Hamer, checkpoint: Checkpoint, sha256: str) -> MethodCard:
        """Return the card; no checksum is published."""
        del checkpoint, sha256  # nothing can be concluded from them
        return sized_card(cls.CARD, network)


class AnyHandWilor(WilorMethod):
    """WiLoR's network with AnyHand's weights."""

    CARD = OfWilor.CARD
    weights_file = OfWilor.WEIGHTS
