"""The labels of a CVAT task for hands: two skeletons, as its editor of raw labels takes them."""

from __future__ import annotations

from typing import Any

from hint.skeleton import BONES, FINGER_COLOURS, FINGER_OF_JOINT, JOINT_NAMES, WRIST_COLOUR

#: Attributes of a skeleton that carry what CVAT has no place for.
ATTRIBUTES = ("hand_id", "clip_id", "subset", "box_xyxy")

#: Where the template draws the joints of a right hand seen from its back, in % of the canvas: the wrist, then each
#: finger from base to tip.
_WRIST = (50, 92)
_FINGERS = (
    ((35, 80), (25, 70), (18, 62), (12, 55)),
    ((37, 55), (34, 42), (32, 33), (31, 25)),
    ((48, 52), (47, 38), (46, 28), (46, 19)),
    ((58, 54), (60, 41), (61, 32), (62, 24)),
    ((67, 59), (72, 49), (75, 42), (78, 36)),
)
_COLOURS = {"left": "#e6c229", "right": "#2f7ed8"}


def cvat_labels() -> list[dict[str, Any]]:
    """Return the labels ``left_hand`` and ``right_hand``."""
    return [_label(side) for side in ("left", "right")]


def _label(side: str) -> dict[str, Any]:
    attributes = [
        {"name": name, "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
        for name in ATTRIBUTES
    ]
    points = [
        {"name": name, "color": _colour(joint), "type": "points", "attributes": []}
        for joint, name in enumerate(JOINT_NAMES)
    ]
    return {
        "name": f"{side}_hand",
        "color": _COLOURS[side],
        "type": "skeleton",
        "attributes": attributes,
        "sublabels": points,
        "svg": _drawing(mirrored=side == "left"),
    }


def _colour(joint: int) -> str:
    finger = FINGER_OF_JOINT[joint]
    return f"#{bytes(WRIST_COLOUR if finger < 0 else FINGER_COLOURS[finger]).hex()}"


def _drawing(mirrored: bool) -> str:
    """Return the template: edges name the numbers of their nodes, nodes the names of their points."""
    places = [_WRIST, *(point for finger in _FINGERS for point in finger)]
    places = [(100 - x, y) for x, y in places] if mirrored else places
    edges = [
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" stroke="black" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}" stroke-width="0.5"></line>'
        for a, b in BONES
    ]
    nodes = [
        f'<circle r="1" stroke="black" fill="{_colour(k)}" cx="{x}" cy="{y}" stroke-width="0.1" '
        f'data-type="element node" data-element-id="{k + 1}" data-node-id="{k + 1}" data-label-name="{name}"></circle>'
        for k, (name, (x, y)) in enumerate(zip(JOINT_NAMES, places, strict=True))
    ]
    return "\n".join([*edges, *nodes])
