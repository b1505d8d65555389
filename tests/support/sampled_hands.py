"""Lines of a manifest, as ``hint sample`` writes them."""

from __future__ import annotations

from typing import Any

from hint.files.manifest import SampledHand
from hint.types import HandLabels


def sampled_hand(hand_id: str, box: Any, size: tuple[int, int], split: str = "train", **changes: Any) -> SampledHand:
    """Return the line of a hand of New Days.

    Args:
        hand_id: Its name, which ends in _l or _r.
        box: Box, px; None where ``centre`` is among the changes.
        size: (width, height) of the frame, px.
        split: "train" or "test".
        changes: Fields that have other values.
    """
    folder = f"{split.upper()}_newdays_img"
    line: dict[str, Any] = {
        "hand_id": hand_id,
        "source": "newdays",
        "source_split": split,
        "split": split,
        "folder": folder,
        "video": "clip",
        "clip": "clip",
        "frame": 0,
        "frame_type": "",
        "action": "",
        "side": "right" if hand_id.endswith("r") else "left",
        "box_xyxy": box,
        "centre": ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) if box is not None else None,
        "size": size,
        "contact": "none",
        "interaction": "none",
        "stratum": "random",
        "policy": "paper-v1",
        "policy_sha256": "0" * 64,
        "seed": 0,
        "origin": "x.jpg",
        "image": f"{folder}/{hand_id}.jpg",
        "image_sha256": "0" * 64,
    }
    return SampledHand(**line | changes)


def line_of(labels: HandLabels, k: int, size: tuple[int, int], split: str = "train", **changes: Any) -> SampledHand:
    """Return the line of a labelled hand; arguments as of :func:`sampled_hand`."""
    clip = str(labels.clip_id[k])
    known = {"video": clip, "clip": clip, "frame": k, **changes}
    return sampled_hand(str(labels.hand_id[k]), tuple(labels.box_xyxy[k].tolist()), size, split, **known)
