"""Pools of hands: a big one as a reader finds it, and small ones drawn for a test."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from annotation.sample.draw import Candidates, gather
from annotation.sample.policy import load_policy
from hint.sources import CONTACTS, LeftOut, Pool, SourceHand, read_source


@pytest.fixture(scope="session")
def newdays(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """100,000 hands of New Days, written to disk and read back."""
    root = tmp_path_factory.mktemp("hands23")
    synthetic.write_hands23(root, 100_000, seed=5, keep=False)
    return read_source("newdays", root)


@pytest.fixture(scope="session")
def found() -> Callable[..., Candidates]:
    """The function that gathers what the default policy may draw of hands."""

    def make(hands: list[SourceHand], source: str, split: str, *, sequences: bool = False) -> Candidates:
        policy = load_policy()
        return gather(hands, policy, *policy.draw(source, split, sequences=sequences), LeftOut())

    return make


def draw_hands(seed: int, n_videos: int = 30, frames: int = 6) -> list[SourceHand]:
    """Draw hands of New Days: one or two in each frame, videos in any of the three splits."""
    rng = np.random.default_rng(seed)
    hands = []
    for video in range(n_videos):
        name, split = f"v{seed:04d}{video:06d}", str(rng.choice(["train", "val", "test"]))
        for frame in range(int(rng.integers(1, frames + 1))):
            sides = [True, False] if rng.random() < 0.5 else [bool(rng.random() < 0.5)]
            hands += [one_hand(name, frame, side, split, rng) for side in sides]
    return hands


def one_hand(video: str, frame: int, is_right: bool, split: str, rng: np.random.Generator) -> SourceHand:
    x, y, width, height = (float(value) for value in rng.integers((0, 0, 30, 30), (500, 300, 200, 200)))
    return SourceHand(
        source="newdays",
        source_split=split,
        video_id=video,
        clip_id=video,
        frame=frame,
        frame_type="",
        action="",
        is_right=is_right,
        box_xyxy=(x, y, x + width, y + height),
        size=(800, 600),
        contact=str(rng.choice(CONTACTS)),
        hand_gap=float(rng.choice([0.0, 0.05, 0.2, np.inf])),
        file=f"allMergedBlur/ND_{video}_frame{frame:06d}.jpg",
    )


@pytest.fixture(scope="session")
def hands() -> Callable[..., list[SourceHand]]:
    """The function that draws hands."""
    return draw_hands
