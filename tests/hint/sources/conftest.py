"""What the tests of the readers share."""

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hint.sources import Pool


def assert_agrees(pool: Pool, written: Any) -> None:
    """Compare what was read with what was drawn: all of it, exactly, but for the last bits of a square root."""
    assert pool.left_out.counts() == {reason: len(names) for reason, names in sorted(written.left_out.items())}
    assert {reason: sorted(names) for reason, names in pool.left_out.ids.items()} == written.left_out
    assert len(pool.hands) == len(written.hands) == written.n_hands
    in_order = sorted(written.hands, key=lambda hand: (hand["clip_id"], hand["stem"], hand["is_right"]))
    for hand, truth in zip(pool.hands, in_order, strict=True):
        gap, true_gap = hand.hand_gap, truth["hand_gap"]
        assert gap == true_gap or math.isclose(gap, true_gap, rel_tol=1e-12), hand
        assert {key: getattr(hand, key) for key in truth if key != "hand_gap"} == {
            key: value for key, value in truth.items() if key != "hand_gap"
        }
        unchecked = {field.name for field in fields(hand)} - set(truth)
        assert unchecked <= {"point", "epic_frame"}


@pytest.fixture
def agrees() -> Callable[[Pool, Any], None]:
    """The function that compares a pool with what was written."""
    return assert_agrees


def write_video(path: Path, size: tuple[int, int]) -> Path:
    """Write one grey frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 90, np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.fixture
def a_video() -> Callable[..., Path]:
    """The function that writes a video of a size."""
    return write_video
