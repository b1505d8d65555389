from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.prepare.release import HANDS
from annotation.sample.draw import draw_sample, gather
from annotation.sample.policy import Draw, Stratum, list_policies, load_policy
from hint.errors import InputError, UnknownNameError
from hint.sources import LeftOut, SourceHand

Hands = Callable[..., list[SourceHand]]


def test_the_paper_has_rules_for_each_folder_of_the_release() -> None:
    assert list_policies() == ["paper-v1"]
    assert set(load_policy().draws) == set(HANDS)


def test_half_of_the_training_hands_of_images_are_forced_and_nothing_else() -> None:
    """Section 4 of the paper."""
    for folder, draw in load_policy().draws.items():
        forced = [stratum for stratum in draw.strata if stratum.where]
        if folder in ("TRAIN_newdays_img", "TRAIN_epick_img"):
            assert [(s.share, s.where) for s in forced] == [(0.5, {"interaction": ("hand_object", "hand_hand")})]
        else:
            assert forced == []


def test_videos_and_actions_of_ego4d_fall_into_one_part_each() -> None:
    draws = load_policy().draws
    shares = [draws[f"{split}_ego4d_img"].videos for split in ("TRAIN", "VAL", "TEST")]
    assert shares[0][0] == 0
    assert shares[-1][1] == 1
    assert [a[1] for a in shares[:-1]] == [b[0] for b in shares[1:]]
    for split in ("VAL", "TEST"):
        img, seq = draws[f"{split}_ego4d_img"], draws[f"{split}_ego4d_seq"]
        assert img.videos == seq.videos
        assert img.actions[1] == seq.actions[0]


def test_names_are_distributed_evenly(hands: Hands) -> None:
    hand = hands(0)[0]
    draw = Draw.model_validate({"videos": (0.2, 0.5)})
    inside = [draw.admits(replace(hand, video_id=f"video {k}")) for k in range(20_000)]
    assert np.mean(inside) == pytest.approx(0.3, abs=0.01)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_quotas_add_up(n: int, weights: list[int]) -> None:
    shares = [weight / sum(weights) for weight in weights]
    strata = tuple(Stratum(name=str(k), share=share) for k, share in enumerate(shares))
    draw = Draw.model_validate({"strata": strata})
    quotas = draw.quotas(n)
    assert sum(quotas) == n
    assert all(abs(quota - n * share) <= len(shares) for quota, share in zip(quotas, shares, strict=True))


INTERACTIONS = [
    ("object", np.inf, "hand_object"),
    ("hand", np.inf, "hand_hand"),
    ("self", 0.1, "hand_hand"),
    ("self", 0.11, "none"),
    ("person", 0.0, "hand_hand"),
    ("person", np.inf, "none"),
    ("none", 0.0, "none"),
    ("unknown", 0.0, "unknown"),
]


@pytest.mark.parametrize(
    ("contact", "gap", "interaction"), INTERACTIONS, ids=[f"{contact} at {gap}" for contact, gap, _ in INTERACTIONS]
)
def test_interaction_follows_from_contact_and_the_nearest_hand(
    contact: str, gap: float, interaction: str, hands: Hands
) -> None:
    hand = replace(hands(0)[0], contact=contact, hand_gap=gap)
    assert load_policy().interaction(hand) == interaction


OWN = """
id = "small-left-v1"
title = "Left hands under 100 px that hold something, and any others"
min_box_px = 40

[TRAIN_newdays_img]
unit = "hand"
max_per_video = 2
strata = [
  { name = "rest", share = 0.75 },
  { name = "small left", share = 0.25, where = { side = ["left"], contact = ["object"], box_px = { max = 100 } } },
]
"""


def test_a_policy_of_ones_own_needs_no_code(tmp_path: Path, hands: Hands) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    policy = load_policy(str(path))
    left_out = LeftOut()
    found = gather(hands(3, n_videos=200), policy, *policy.draw("newdays", "train"), left_out)
    chosen = draw_sample(found, 40, seed=0)
    small = [one.hand for one in chosen if one.stratum == "small left"]
    assert len(small) == 10
    for hand in small:
        assert not hand.is_right
        assert hand.contact == "object"
        assert 40 <= hand.longest_side <= 100
    videos = [one.hand.video_id for one in chosen]
    assert max(videos.count(video) for video in videos) == 2
    assert left_out.counts() == {"the box is smaller than 40 px": len(left_out.ids["the box is smaller than 40 px"])}
    with pytest.raises(InputError, match="small-left-v1 has no rules for VAL_newdays_img; it has TRAIN_newdays_img"):
        policy.draw("newdays", "val")


BROKEN = {
    "no TOML": ("id = ", "not a TOML file"),
    "unknown setting": ('speed = 3\nid = "x"\ntitle = "x"', "speed: unknown key"),
    "unknown key": ('id = "x"\ntitle = "x"\n[VAL_newdays_img]\nsize = 3', "VAL_newdays_img.size: unknown key"),
    "no id": ('title = "x"', "id: Field required"),
    "shares": (
        'id = "x"\ntitle = "x"\n[VAL_newdays_img]\nstrata = [{ name = "a", share = 0.5 }]',
        "the shares of the strata do not add up to 1",
    ),
    "frame type": (
        'id = "x"\ntitle = "x"\n[VAL_ego4d_img]\nframe_types = ["pre_46"]',
        "unknown frame types: pre_46",
    ),
    "field": (
        'id = "x"\ntitle = "x"\n[VAL_newdays_img]\nstrata = [{ name = "a", share = 1.0, where = { hue = [""] } }]',
        "hue",
    ),
    "twice": (
        'id = "x"\ntitle = "x"\n[VAL_newdays_img]\nstrata = [{ name = "a", share = 0.5 }, { name = "a", share = 0.5 }]',
        "two strata have the same name",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_policy_is_refused_with_the_place(case: str, tmp_path: Path) -> None:
    content, message = BROKEN[case]
    path = tmp_path / "own.toml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        load_policy(str(path))
    assert message in str(caught.value)
    assert "own.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_policy_gets_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="did you mean paper-v1"):
        load_policy("paper-v2")
    with pytest.raises(InputError, match=r"no such file; known names: paper-v1"):
        load_policy("nowhere.toml")
