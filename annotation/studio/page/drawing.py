"""The script that draws the hand over the picture of the labelling page."""

from __future__ import annotations

import json
from importlib.resources import files

from annotation.studio.config import IMAGE, JOINT, OCCLUDED, OUT_OF_FRAME, START_CLASS, STATE, joint_colour
from annotation.studio.task import EDGE
from hint.skeleton import BONES, FINGER_OF_JOINT, FINGERS, JOINT_NAMES

_FILE = "drawing.js"


def drawing_script() -> str:
    """Return JavaScript for the page; it finds the points by themselves and changes none."""
    fingers = ["" if finger < 0 else FINGERS[finger] for finger in FINGER_OF_JOINT]
    hand = {
        "joints": JOINT_NAMES,
        "fingers": fingers,
        "colours": [joint_colour(k) for k in range(len(JOINT_NAMES))],
        "bones": BONES,
        "image": IMAGE,
        "joint": JOINT,
        "state": STATE,
        "occluded": OCCLUDED,
        "outOfFrame": OUT_OF_FRAME,
        "start": START_CLASS,
        "edge": EDGE,
    }
    source = files("annotation.studio.page").joinpath(_FILE).read_text("utf-8")
    return f"(({source.strip().removesuffix(';')}))({json.dumps(hand)});\n"
