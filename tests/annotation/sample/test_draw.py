from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.sample.draw import Candidates, Chosen, draw_sample, gather
from annotation.sample.policy import load_policy
from hint.errors import InputError
from hint.names import FRAME_TYPES
from hint.sources import LeftOut, Pool, SourceHand

Found = Callable[..., Candidates]
Hands = Callable[..., list[SourceHand]]
SPLITS = ("train", "val", "test")
_seeds = st.integers(0, 2**31 - 1)


def frames(chosen: Iterable[Chosen]) -> list[tuple[str, int]]:
    return [one.hand.frame_id for one in chosen]


@given(tree=_seeds, seed=_seeds, share=st.floats(0, 1))
def test_the_half_forced_rule_is_exact(tree: int, seed: int, share: float, hands: Hands, found: Found) -> None:
    candidates = found(hands(tree), "newdays", "train")
    n = int(share * len(candidates.available(candidates.draw.strata[1])))
    chosen = draw_sample(candidates, n, seed)
    assert Counter(one.stratum for one in chosen) == Counter({"random": n - n // 2, "interaction": n // 2})
    assert len(set(frames(chosen))) == n, "a frame is drawn once, with one of its hands"
    policy = load_policy()
    for one in chosen:
        if one.stratum == "interaction":
            assert policy.interaction(one.hand) in ("hand_object", "hand_hand")
        assert one.hand.source_split == "train"


@given(tree=_seeds, seed=_seeds, shuffler=st.randoms())
def test_the_same_seed_draws_the_same_hands_in_any_order(
    tree: int, seed: int, shuffler: object, hands: Hands, found: Found
) -> None:
    listed = hands(tree)
    n = len(found(listed, "newdays", "val").units) // 2
    first = draw_sample(found(listed, "newdays", "val"), n, seed)
    shuffler.shuffle(listed)  # type: ignore[attr-defined]
    assert draw_sample(found(listed, "newdays", "val"), n, seed) == first


def test_another_seed_draws_other_hands(hands: Hands, found: Found) -> None:
    candidates = found(hands(0, n_videos=300), "newdays", "train")
    first, second = (set(frames(draw_sample(candidates, 50, seed))) for seed in (1, 2))
    assert len(first & second) < 25


@given(tree=_seeds, seed=_seeds)
def test_splits_share_no_video_even_if_those_of_the_source_do(tree: int, seed: int, hands: Hands, found: Found) -> None:
    rng = np.random.default_rng(tree)
    listed = [replace(hand, source_split=str(rng.choice(SPLITS))) for hand in hands(tree)]
    drawn = {}
    for split in SPLITS:
        candidates = found(listed, "newdays", split)
        n = len(candidates.units) if split != "train" else 0
        drawn[split] = {one.hand.video_id for one in draw_sample(candidates, n, seed)}
        drawn[f"{split} pool"] = {unit[0].video_id for unit in candidates.units}
    for a in SPLITS:
        for b in SPLITS:
            if a != b:
                assert not drawn[f"{a} pool"] & drawn[f"{b} pool"]
    assert drawn["val"] == drawn["val pool"]


def test_a_video_in_two_splits_stays_in_the_one_that_is_scored(hands: Hands) -> None:
    one = hands(0)[0]
    listed = [replace(one, source_split=split, file=f"{one.stem}{split}.jpg") for split in SPLITS]
    policy, left_out = load_policy(), LeftOut()
    found = gather(listed, policy, *policy.draw("newdays", "train"), left_out)
    assert found.units == []
    assert left_out.ids == {"the video is also in the source's test split": [listed[0].hand_id]}


@given(tree=_seeds, n_used=st.integers(0, 25))
def test_videos_used_elsewhere_are_left_out(tree: int, n_used: int, hands: Hands) -> None:
    listed = hands(tree)
    used = frozenset(sorted({hand.video_id for hand in listed})[:n_used])
    policy, left_out = load_policy(), LeftOut()
    found = gather(listed, policy, *policy.draw("newdays", "test"), left_out, {"used": used})
    drawn = {hand.video_id for unit in found.units for hand in unit}
    assert not drawn & used
    there = [hand for hand in listed if hand.source_split == "test"]
    assert sum(map(len, found.units)) + len(left_out.ids["used"]) == len(there)


def test_excluding_a_clip_excludes_its_whole_video(hands: Hands) -> None:
    one = replace(hands(0)[0], source_split="test")
    listed = [replace(one, clip_id=f"clip {k}", file=f"x{k}.jpg") for k in range(3)]
    policy, used = load_policy(), {"used": frozenset({"clip 1"})}
    assert gather(listed, policy, *policy.draw("newdays", "test"), LeftOut(), used).units == []


def test_too_much_is_refused_with_the_counts(hands: Hands, found: Found) -> None:
    candidates = found(hands(1), "newdays", "val")
    n = len(candidates.units)
    assert len(draw_sample(candidates, n, 0)) == n
    with pytest.raises(InputError) as caught:
        draw_sample(candidates, n + 1, 0)
    assert str(caught.value).startswith(
        f"VAL_newdays_img: asked for {n + 1} of stratum random, which has {n} free of {n} ({n} frames in all)"
    )


def ego4d(n_actions: int = 60) -> list[SourceHand]:
    """Sequences of ten videos; contact frames are absent in every third action, left hands in every second."""
    listed = []
    for action in range(n_actions):
        video = f"video-{action % 10}"
        for place, frame_type in enumerate(FRAME_TYPES):
            for is_right in (True, False) if action % 2 else (True,):
                if frame_type != "contact_frame" or action % 3:
                    frame = 1000 * action + 15 * place
                    listed.append(ego4d_hand(video, f"action-{action}", frame, frame_type, is_right))
    return listed


def ego4d_hand(video: str, action: str, frame: int, frame_type: str, is_right: bool) -> SourceHand:
    return SourceHand(
        source="ego4d",
        source_split="",
        video_id=video,
        clip_id=f"clip of {video}",
        frame=frame,
        frame_type=frame_type,
        action=action,
        is_right=is_right,
        box_xyxy=(10, 10, 90, 90),
        size=(320, 240),
        contact="unknown",
        hand_gap=np.inf,
        file=f"clips/clip of {video}.mp4",
    )


def test_sequences_are_drawn_whole(found: Found) -> None:
    listed = ego4d(400)
    candidates = found(listed, "ego4d", "test", sequences=True)
    chosen = draw_sample(candidates, 20, 0)
    groups = Counter((one.hand.action, one.hand.is_right) for one in chosen)
    assert len(groups) == 20
    for (action, is_right), n in groups.items():
        there = [h for h in listed if (h.action, h.is_right) == (action, is_right) and h.frame_type in FRAME_TYPES[:5]]
        assert n == len(there) == (4 if int(action.split("-")[1]) % 3 == 0 else 5)


def test_pictures_and_sequences_share_videos_but_no_action(found: Found) -> None:
    listed = ego4d(800)
    pools = {sequences: found(listed, "ego4d", "test", sequences=sequences).units for sequences in (False, True)}
    actions, videos = (
        [{getattr(hand, name) for unit in pools[kind] for hand in unit} for kind in (False, True)]
        for name in ("action", "video_id")
    )
    assert not actions[0] & actions[1]
    assert videos[0] == videos[1] != set()


def test_ego4d_splits_share_no_video_and_cover_all(found: Found) -> None:
    listed = [replace(hand, video_id=f"{hand.video_id}-{hand.action}") for hand in ego4d(800)]
    pools = [{unit[0].video_id for unit in found(listed, "ego4d", split).units} for split in SPLITS]
    assert sum(map(len, pools)) == len(set().union(*pools))
    both = {
        unit[0].video_id for split in ("val", "test") for unit in found(listed, "ego4d", split, sequences=True).units
    }
    assert pools[0] | pools[1] | pools[2] | both == {hand.video_id for hand in listed}


def test_actions_that_share_a_frame_give_one_picture(found: Found) -> None:
    listed = [ego4d_hand("video", f"action-{k}", 7, "pre_45", is_right=True) for k in range(200)]
    for split in SPLITS:
        units = found(listed, "ego4d", split).units
        assert len(units) <= 1


@pytest.mark.slow
def test_the_sample_of_a_big_tree_has_the_requested_strata(newdays: Pool, found: Found) -> None:
    """Realistic size: 100,000 hands."""
    candidates = found(newdays.hands, "newdays", "train")
    chosen = draw_sample(candidates, 9666, seed=0)
    assert Counter(one.stratum for one in chosen) == {"random": 4833, "interaction": 4833}
    policy = load_policy()
    share = np.mean([policy.interaction(one.hand) in ("hand_object", "hand_hand") for one in chosen])
    pool = np.mean([policy.interaction(hand) in ("hand_object", "hand_hand") for hand in newdays.hands])
    assert share == pytest.approx(0.5 + 0.5 * pool, abs=0.03)
