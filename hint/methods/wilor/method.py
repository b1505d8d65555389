"""WiLoR as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from hint.methods.hamer.vit_method import Makers, OfficialVitMethod
from hint.methods.wilor.card import CARD, WEIGHTS
from hint.methods.wilor.load import build, random_network
from hint.methods.wilor.network import WilorInCrop


class WilorMethod(OfficialVitMethod):
    """WiLoR with its weights loaded; its own crop is that of its demonstration, which is HaMeR's (3:4 boxes, blur)."""

    CARD = CARD
    weights_file = WEIGHTS
    makers = Makers(build, random_network, WilorInCrop)
