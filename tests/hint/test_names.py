from collections import Counter

import pytest

from hint.names import (
    FRAME_TYPES,
    folder_of_subset,
    parse_name,
    split_of_subset,
    subset_of_folder,
)

#: The eleven folders of the release.
RELEASED_FOLDERS = (
    *(f"{split}_{source}_img" for source in ("newdays", "epick", "ego4d") for split in ("TRAIN", "VAL", "TEST")),
    "VAL_ego4d_seq",
    "TEST_ego4d_seq",
)
CLIP, ACTION = "0a1b2c3d-0000-1111-2222-333344445555", "f0e1d2c3-9999-8888-7777-666655554444"


@pytest.mark.parametrize(
    "video", ["abcdefghijk", "_bcdefghijk", "-bcdefghijk", "a_cde_gh_jk", "__________-", "_frame0000_"]
)
@pytest.mark.parametrize("side", ["l", "r"])
def test_new_days_ids_may_hold_and_start_with_underscores(video: str, side: str) -> None:
    name = parse_name(f"ND_{video}_frame001201_{side}")
    assert name is not None
    assert (name.source, name.clip_id, name.frame, name.is_right) == ("newdays", video, 1201, side == "r")


@pytest.mark.parametrize("index", ["0003", "01234"])
def test_visor_names_carry_a_video(index: str) -> None:
    name = parse_name(f"EK_{index}_P01_107_frame_0000000249_r")
    assert name is not None
    assert (name.source, name.clip_id, name.frame) == ("visor", "P01_107", 249)


@pytest.mark.parametrize("video", ["P01_107", "P03_04"])
@pytest.mark.parametrize("side", ["l", "r"])
def test_frames_may_be_named_as_visor_does(video: str, side: str) -> None:
    name = parse_name(f"{video}_frame_0000000249_{side}")
    assert name is not None
    assert (name.source, name.clip_id, name.frame, name.is_right) == ("visor", video, 249, side == "r")


@pytest.mark.parametrize("stem", ["EK_P01_107_frame_0000000249", "EK_0003_frame_0000000249", "frame_0000000249"])
def test_incomplete_visor_names_are_other_names(stem: str) -> None:
    name = parse_name(f"{stem}_r")
    assert name is not None
    assert (name.source, name.clip_id) == ("other", stem)


def test_nameless_visor_frames_are_of_one_video() -> None:
    name = parse_name("EK_frame_0000040462_l")
    assert name is not None
    assert (name.source, name.clip_id, name.frame, name.is_right) == ("visor", "P03_120", 40462, False)


@pytest.mark.parametrize("frame_type", FRAME_TYPES)
def test_ego4d_names_carry_clip_action_frame_and_type(frame_type: str) -> None:
    name = parse_name(f"{CLIP}_{ACTION}_1558_{frame_type}_r")
    assert name is not None
    assert (name.source, name.clip_id, name.action, name.frame, name.frame_type) == (
        "ego4d",
        CLIP,
        ACTION,
        1558,
        frame_type,
    )


def test_demo_hands_of_one_scene_share_a_clip() -> None:
    first, second = parse_name("DM_0000_0007_frame000001_l"), parse_name("DM_0000_0007_frame000002_r")
    assert first is not None
    assert second is not None
    assert first.clip_id == second.clip_id == "DM_0000_0007"


def test_other_names_are_clips_of_their_own() -> None:
    name = parse_name("FH_00017620_r")
    assert name is not None
    assert (name.source, name.clip_id, name.is_right, name.frame) == ("other", "FH_00017620", True, None)


@pytest.mark.parametrize("stem", ["", "hand", "ND_abcdefghijk_frame001201", "x_L"])
def test_a_name_without_a_side_is_not_a_hand(stem: str) -> None:
    assert parse_name(stem) is None


def test_folders_and_subsets_round_trip() -> None:
    assert len(RELEASED_FOLDERS) == 11
    assert [folder_of_subset(subset_of_folder(f)) for f in RELEASED_FOLDERS] == list(RELEASED_FOLDERS)
    assert Counter(split_of_subset(subset_of_folder(f)) for f in RELEASED_FOLDERS) == {"test": 4, "val": 4, "train": 3}
    assert subset_of_folder("TEST_ego4d_seq") == "ego4d_seq"
    assert subset_of_folder("my_photos") == "my_photos"
