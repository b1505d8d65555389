import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.errors import InputError
from hint.names import FRAME_TYPES, parse_name
from hint.sources import Pool, read_source
from hint.sources.clips import download_command, find_clip
from hint.sources.ego4d import read_ego4d
from hint.sources.fho import stand_in_action
from hint.sources.stream import CHUNK, read_entries

VIDEO, CLIP, ACTION = "uid-v", "0a1b2c3d-0000-4111-8222-333344445555", "f0e1d2c3-9999-4888-8777-666655554444"
STEM = f"{CLIP}_{ACTION}_135_pre_frame"


def box(side: str = "right_hand", x: Any = 500.0, y: Any = 600.0, width: Any = 200.0, height: Any = 100.0) -> Any:
    return {"object_type": side, "bbox": {"x": x, "y": y, "width": width, "height": height}}


def frame(*boxes: Any, **changes: Any) -> Any:
    return {"frame_number": 135, "clip_frame_number": 135, "frame_type": "pre_frame", "boxes": list(boxes)} | changes


def action(*frames: Any, **changes: Any) -> Any:
    plain = {"uid": ACTION, "is_rejected": False, "is_invalid_annotation": False, "stage": "x", "frames": list(frames)}
    return plain | changes


def interval(*actions: Any, **changes: Any) -> Any:
    place = {"clip_parent_start_frame": 9000, "clip_parent_end_frame": 18240, "redacted": False}
    return {"clip_id": "1", "clip_uid": CLIP, "narrated_actions": list(actions)} | place | changes


def video(*intervals: Any, **changes: Any) -> Any:
    metadata = {"fps": 30.0, "width": 1440, "height": 1080}
    return {"video_uid": VIDEO, "video_metadata": metadata, "annotated_intervals": list(intervals)} | changes


def write(root: Path, *videos: Any) -> Path:
    (root / "fho_main.json").write_text(json.dumps({"version": "2.0", "videos": videos}))
    return root


def read(root: Path, *boxes: Any, **changes: Any) -> Pool:
    """Read one frame with these boxes."""
    return read_ego4d(write(root, video(interval(action(frame(*boxes, **changes))))))


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("fho_main.json", "v2"),
        ("annotations/fho_main.json", "v2"),
        ("v2/annotations/fho_main.json", "v2"),
        ("v1/annotations/fho.json", "v1"),
    ],
)
def test_a_synthetic_file_is_read_exactly(
    file: str, layout: str, tmp_path: Path, synthetic: ModuleType, agrees: Callable[[Pool, Any], None]
) -> None:
    written = synthetic.write_fho_main(tmp_path / file, 1500, seed=5, layout=layout, odd=0.02)
    pool = read_source("ego4d", tmp_path)
    agrees(pool, written)
    assert len(written.left_out) >= 10
    assert pool.files == ((tmp_path / file, written.n_bytes),)
    assert all(parse_name(hand.hand_id) for hand in pool.hands)


def test_synthetic_centres_are_read_exactly(
    tmp_path: Path, synthetic: ModuleType, agrees: Callable[[Pool, Any], None]
) -> None:
    written = synthetic.write_fho_hands(tmp_path / "v1" / "annotations", 800, seed=5, odd=0.02)
    pool = read_source("ego4d", tmp_path)
    agrees(pool, written)
    assert {hand.source_split for hand in pool.hands} == {"train", "val"}
    assert all(parse_name(hand.hand_id) for hand in pool.hands)


def test_boxes_are_preferred_to_centres(tmp_path: Path, synthetic: ModuleType) -> None:
    synthetic.write_fho_hands(tmp_path, 10)
    assert {hand.box_xyxy for hand in read_ego4d(tmp_path).hands} == {None}
    synthetic.write_fho_main(tmp_path / "v1" / "annotations" / "fho.json", 10, layout="v1")
    assert read_ego4d(tmp_path).files[0][0].name == "fho.json"
    synthetic.write_fho_main(tmp_path / "v2" / "annotations" / "fho_main.json", 10)
    assert [path.name for path, _ in read_ego4d(tmp_path).files] == ["fho_main.json"]


def test_all_fields_of_a_hand(tmp_path: Path) -> None:
    left, right = read(tmp_path, box("left_hand", x=100.0), box(), box("tool"), box("object_of_change")).hands
    assert [left.hand_id, right.hand_id] == [f"{STEM}_l", f"{STEM}_r"]
    assert (right.source, right.source_split, right.video_id, right.clip_id) == ("ego4d", "", VIDEO, CLIP)
    assert (right.frame, right.frame_type, right.action, right.is_right) == (135, "pre_frame", ACTION, True)
    assert (right.box_xyxy, right.centre, right.size) == ((500, 600, 700, 700), (600, 650), (1440, 1080))
    assert (right.contact, right.hand_gap) == ("unknown", 1.0)
    assert (right.file, right.member) == (f"clips/{CLIP}.mp4", "")


@pytest.mark.parametrize("folder", ["clips", "v2/clips", "v1/clips"])
def test_clips_are_found_below_the_root(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (hand,) = read(tmp_path, box()).hands
    assert hand.file == f"{folder}/{CLIP}.mp4"


def test_clips_may_be_elsewhere(tmp_path: Path) -> None:
    pool = read_source("ego4d", write(tmp_path, video(interval(action(frame(box()))))), clips=tmp_path / "far")
    assert (pool.pictures, pool.hands[0].file) == (tmp_path / "far", f"{CLIP}.mp4")


@pytest.mark.parametrize(
    ("boxes", "expected", "reason"),
    [
        ([box(x=-12.5)], (0, 600, 187.5, 700), None),
        ([box(x=1400.0, y=1000)], (1400, 1000, 1440, 1080), None),
        ([box(x=1440.0)], None, "box outside the frame"),
        ([box(x=-300.0)], None, "box outside the frame"),
        ([box(width=0)], None, "box without an area"),
        ([box(), box()], (500, 600, 700, 700), "drawn twice"),
        ([box(), box(x=10.0, width=300)], (10, 600, 310, 700), "second hand of the same side"),
        ([box(x=10.0, width=300), box()], (10, 600, 310, 700), "second hand of the same side"),
        ([{"object_type": "right_hand", "bbox": None}], None, "no box"),
        ([{"object_type": "right_hand"}], None, "no box"),
        ([{"object_type": None}, {"object_type": "foot"}, {}], None, None),
    ],
)
def test_unusual_boxes(boxes: list[Any], expected: Any, reason: str | None, tmp_path: Path) -> None:
    pool = read(tmp_path, *boxes)
    assert [hand.box_xyxy for hand in pool.hands] == ([expected] if expected else [])
    assert pool.left_out.ids == ({reason: [f"{STEM}_r"]} if reason else {})


@pytest.mark.parametrize(
    ("changes", "reason", "name"),
    [
        ({"frame_type": "other_frame"}, "frame of an unknown type", ACTION),
        ({"frame_type": None}, "frame of an unknown type", ACTION),
        ({"frame_type": ["pre_frame"]}, "frame of an unknown type", ACTION),
        ({"clip_frame_number": None}, "frame without a number in the clip", f"{CLIP}_{ACTION}_pre_frame"),
        ({"clip_frame_number": 9240}, "frame outside the clip", f"{CLIP}_{ACTION}_9240_pre_frame"),
        ({"clip_frame_number": -1}, "frame outside the clip", f"{CLIP}_{ACTION}_-1_pre_frame"),
    ],
)
def test_frames_that_cannot_be_named(changes: Any, reason: str, name: str, tmp_path: Path) -> None:
    pool = read(tmp_path, box(), **changes)
    assert (pool.hands, pool.left_out.ids) == ([], {reason: [name]})


@pytest.mark.parametrize(
    ("changes", "reason", "name"),
    [
        ({"is_rejected": True}, "rejected action", ACTION),
        ({"is_invalid_annotation": True}, "invalid annotation", ACTION),
        ({"stage": None}, "action without a stage", ACTION),
        ({"uid": None}, "action without an id", CLIP),
        ({"frames": None}, "action without frames", ACTION),
    ],
)
def test_actions_that_are_left_out(changes: Any, reason: str, name: str, tmp_path: Path) -> None:
    pool = read_ego4d(write(tmp_path, video(interval(action(frame(box()), **changes)))))
    assert (pool.hands, pool.left_out.ids) == ([], {reason: [name]})


@pytest.mark.parametrize(
    ("changes", "reason", "name"),
    [
        ({"redacted": True}, "redacted interval", CLIP),
        ({"redacted": True, "clip_uid": None}, "redacted interval", VIDEO),
        ({"clip_uid": None}, "interval without a clip", VIDEO),
    ],
)
def test_intervals_that_are_left_out(changes: Any, reason: str, name: str, tmp_path: Path) -> None:
    pool = read_ego4d(write(tmp_path, video(interval(action(frame(box())), **changes))))
    assert (pool.hands, pool.left_out.ids) == ([], {reason: [name]})


def test_harmless_nulls(tmp_path: Path) -> None:
    whole = interval(
        action(frame(box()), critical_frames=None, clip_critical_frames=None, structured_verb=None),
        clip_parent_start_frame=None,
    )
    bare = video(whole, interval(narrated_actions=None), video_metadata=None)
    (hand,) = read_ego4d(write(tmp_path, bare, video(annotated_intervals=None))).hands
    assert (hand.hand_id, hand.size) == (f"{STEM}_r", (1920, 1080))
    assert read(tmp_path, boxes=None).hands == []


def test_a_hand_annotated_again_is_kept_once(tmp_path: Path) -> None:
    pool = read_ego4d(write(tmp_path, video(interval(action(frame(box()), frame(box(x=1.0)))))))
    assert [hand.centre for hand in pool.hands] == [(600, 650)]
    assert pool.left_out.ids == {"annotated again under the same name": [f"{STEM}_r"]}


def test_hands_of_a_clip_share_their_strings(tmp_path: Path) -> None:
    first, second = read(tmp_path, box(), box("left_hand")).hands
    for name in ("clip_id", "video_id", "action", "frame_type", "file", "size"):
        assert getattr(first, name) is getattr(second, name)


@pytest.mark.parametrize(
    ("videos", "where", "why"),
    [
        ([7], "fho_main.json video ?", "video is not an object"),
        ([video(video_uid=None)], "fho_main.json video ?", "video_uid is not a string"),
        ([video(video_metadata=[])], "video uid-v", "video_metadata is not an object"),
        ([video(video_metadata={"width": "a", "height": 1})], "video uid-v", "width is 'a', expected a whole number"),
        ([video(annotated_intervals={})], "video uid-v", "annotated_intervals is not a list"),
        ([video(7)], "video uid-v", "interval is not an object"),
        ([video(interval(clip_uid=7))], "video uid-v", "clip_uid is not a string"),
        ([video(interval(clip_parent_end_frame="x"))], "video uid-v", "clip end is 'x'"),
        ([video(interval(7))], f"clip {CLIP} action ?", "action is not an object"),
        ([video(interval(action(uid=7)))], f"clip {CLIP} action 7", "uid is not a string"),
        ([video(interval(action(frames={})))], f"action {ACTION}", "frames is not a list"),
        ([video(interval(action(7)))], f"action {ACTION}", "frame is not an object"),
        ([video(interval(action(frame(clip_frame_number=1.5))))], f"action {ACTION}", "clip frame is 1.5"),
        ([video(interval(action(frame(boxes=7))))], f"action {ACTION}", "boxes is not a list"),
        ([video(interval(action(frame(7))))], f"action {ACTION}", "box is not an object"),
        ([video(interval(action(frame(box(x="500")))))], f"action {ACTION}", "bbox holds '500', expected a number"),
        ([video(interval(action(frame(box(x=None)))))], f"action {ACTION}", "bbox holds None, expected a number"),
        ([video(interval(action(frame({"object_type": "left_hand", "bbox": {}}))))], "action", "bbox lacks 'x'"),
        (
            [video(interval(action(frame({"object_type": "left_hand", "bbox": [1]}))))],
            "action",
            "bbox is not an object",
        ),
    ],
)
def test_a_wrong_type_is_located(videos: list[Any], where: str, why: str, tmp_path: Path) -> None:
    root = write(tmp_path, *videos, video(interval(action(frame(box()), uid="another"))))
    with pytest.raises(InputError, match=r"1 broken in .*--skip-broken") as caught:
        read_ego4d(root)
    assert where in str(caught.value)
    assert why in str(caught.value)
    pool = read_ego4d(root, skip_broken=True)
    assert [hand.action for hand in pool.hands] == ["another"]
    assert pool.left_out.counts() == {"broken": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "premature EOF"),
        ('{"videos": [', "premature EOF"),
        ('{"videos": [}', "unallowed token"),
        ('{"videos": []} x', "trailing garbage"),
    ],
)
def test_broken_json_is_located_in_bytes(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "fho_main.json").write_text(text)
    with pytest.raises(InputError, match=rf"fho_main.json: broken JSON between byte 0 and byte {len(text)}: .*{why}"):
        read_ego4d(tmp_path)


def test_entries_before_broken_json_are_read(tmp_path: Path, synthetic: ModuleType) -> None:
    path = tmp_path / "fho_main.json"
    written = synthetic.write_fho_main(path, 2000, keep=False)
    content = path.read_bytes()
    place = len(content) - CHUNK // 2
    path.write_bytes(content[:place] + b"\x00" + content[place:])
    with pytest.raises(InputError) as caught:
        read_ego4d(tmp_path)
    between, _, rest = str(caught.value).partition("between byte ")[2].partition(" and byte ")
    assert int(between) <= place <= int(rest.partition(":")[0])
    pool = read_ego4d(tmp_path, skip_broken=True)
    assert 0 < len(pool.hands) < written.n_hands
    assert pool.left_out.counts()["broken"] == 1


@pytest.mark.parametrize("text", ["{}", "[]", '{"clips": []}', '[{"videos": []}]'])
def test_a_different_file_of_that_name_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "fho_main.json").write_text(text)
    with pytest.raises(InputError, match="has no 'videos' or 'video_data' at its top level"):
        read_ego4d(tmp_path)
    (tmp_path / "fho_main.json").write_text('{"videos": 7}')
    with pytest.raises(InputError, match="'videos' is neither a list nor an object"):
        read_ego4d(tmp_path)


def test_a_wrong_root_error_names_the_expected_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fho_main.json, fho.json, fho_hands_val.json.*v2/annotations"):
        read_ego4d(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_ego4d(tmp_path / "nowhere")


def test_progress_counts_bytes(tmp_path: Path, synthetic: ModuleType) -> None:
    written = synthetic.write_fho_hands(tmp_path, 2000, keep=False)
    calls: list[tuple[int, int]] = []
    read_ego4d(tmp_path, on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (written.n_bytes, written.n_bytes)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) > 3


def clip(*frames: Any, **changes: Any) -> Any:
    return {"clip_id": 12, "clip_uid": CLIP, "video_uid": VIDEO, "frames": list(frames)} | changes


def times(boxes: Any, **changes: Any) -> Any:
    place = {"action_start_frame": 120, "action_end_frame": 360}
    return place | {"pre_45": {"frame": 9090, "clip_frame": 90, "boxes": boxes}} | changes


def read_clips(root: Path, *clips: Any, split: str = "train", skip_broken: bool = False) -> Pool:
    (root / f"fho_hands_{split}.json").write_text(json.dumps({"version": "1.0", "split": split, "clips": clips}))
    size = {"display_resolution_width": 1920, "display_resolution_height": 1080}
    videos = [{"video_uid": VIDEO, "video_metadata": size}, {"video_uid": "another", "video_metadata": None}]
    (root / "ego4d.json").write_text(json.dumps({"videos": videos}))
    return read_ego4d(root, skip_broken=skip_broken)


def test_a_centre_is_scaled_from_a_short_side_of_256(tmp_path: Path) -> None:
    left, right = read_clips(tmp_path, clip(times([{"left_hand": [128, 64.0]}, {"right_hand": [256.0, 0]}]))).hands
    assert (left.centre, right.centre) == ((540, 270), (1080, 0))
    assert (left.box_xyxy, left.hand_gap, left.contact, left.size) == (None, float("inf"), "unknown", (1920, 1080))
    assert (left.frame, left.frame_type, left.source_split) == (90, "pre_45", "train")
    assert left.stem == f"{CLIP}_{stand_in_action(CLIP, 120, 360)}_90_pre_45"


def test_the_size_of_a_clip_is_its_own_or_that_of_its_video(tmp_path: Path, a_video: Callable[..., Path]) -> None:
    """A clip wins, since smaller copies have the same names; without either the hands are left out, not guessed."""
    hands = times([{"left_hand": [128, 64]}])
    assert read_clips(tmp_path, clip(hands, video_uid="another"), clip(hands)).left_out.ids == {
        "clip of unknown size": [CLIP]
    }
    (hand,) = read_clips(tmp_path, clip(hands)).hands
    assert (hand.centre, hand.size) == ((540, 270), (1920, 1080))
    a_video(tmp_path / "v1" / "clips" / f"{CLIP}.mp4", size=(640, 512))
    (hand,) = read_clips(tmp_path, clip(hands)).hands
    assert (hand.centre, hand.size, hand.file) == ((256, 128), (640, 512), f"v1/clips/{CLIP}.mp4")
    (tmp_path / "v1" / "clips" / f"{CLIP}.mp4").write_text("no video")
    with pytest.raises(InputError, match="is not a readable video"):
        read_clips(tmp_path, clip(hands))


def test_without_any_size_the_file_to_bring_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no sizes of frames.* ego4d\.json"):
        read_clips(tmp_path, clip(times([{"left_hand": [128, 64]}]), video_uid="another"))
    (tmp_path / "ego4d.json").write_text("[]")
    with pytest.raises(InputError, match=r"ego4d\.json is not the metadata of Ego4D"):
        read_ego4d(tmp_path)


@pytest.mark.parametrize(
    ("folder", "above", "version"),
    [("e", "e", "v1"), ("e/v2", "e", "v2"), ("e/v1/clips", "e", "v1"), ("own clips", "'own clips'", "v1")],
)
def test_clips_are_found_where_the_downloader_puts_them(folder: str, above: str, version: str, tmp_path: Path) -> None:
    command = download_command(Path(folder), "list.txt")
    assert command == (
        f"ego4d --output_directory {above} --version {version} --datasets clips --video_uid_file list.txt"
    )
    place = tmp_path / above.strip("'") / version / "clips" / f"{CLIP}.mp4"
    place.parent.mkdir(parents=True)
    place.touch()
    found = find_clip(tmp_path / folder, CLIP)
    assert found is not None
    assert (tmp_path / folder / found) == place


def test_a_stand_in_action_is_not_an_ego4d_uid() -> None:
    assert uuid.UUID(stand_in_action(CLIP, 120, 360)).version == 5
    assert stand_in_action(CLIP, 120, 360) == stand_in_action(CLIP, 120, 360) != stand_in_action(CLIP, 121, 360)


def test_centres_that_are_left_out(tmp_path: Path) -> None:
    boxes = [{"left_hand": [9, 9]}, {"left_hand": [8, 8]}, {"right_hand": [900, 9]}, {"tool": 7}, {"right_hand": None}]
    absent = times([], pre_45=None, contact_frame={"frame": 1, "clip_frame": None, "boxes": None})
    pool = read_clips(tmp_path, clip(times(boxes), absent), clip(clip_uid=None), clip(frames=None))
    stem = f"{CLIP}_{stand_in_action(CLIP, 120, 360)}"
    assert [hand.hand_id for hand in pool.hands] == [f"{stem}_90_pre_45_l"]
    assert pool.left_out.ids == {
        "second hand of the same side": [f"{stem}_90_pre_45_l"],
        "centre outside the frame": [f"{stem}_90_pre_45_r"],
        "frame without a number in the clip": [f"{stem}_contact_frame"],
        "interval without a clip": [VIDEO],
    }


def test_a_clip_of_two_splits_stays_in_val(tmp_path: Path) -> None:
    read_clips(tmp_path, clip(times([{"left_hand": [9, 9]}])), split="train")
    pool = read_clips(tmp_path, clip(times([{"left_hand": [9, 9]}])), split="val")
    assert [hand.source_split for hand in pool.hands] == ["val"]
    assert pool.left_out.counts() == {"annotated again under the same name": 1}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (7, "clip is not an object"),
        (clip(video_uid=None), "video_uid is not a string"),
        (clip(frames=7), "frames is not a list"),
        (clip(7), "frame is not an object"),
        (clip(times([], pre_45=7)), "pre_45 is not an object"),
        (clip(times([7])), "box is not an object"),
        (clip(times([{"left_hand": [1, 2, 3]}])), "left_hand is not 2 numbers"),
        (clip(times([{"left_hand": [1, "2"]}])), "left_hand holds '2', expected a number"),
    ],
)
def test_broken_centres_are_named(entry: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 broken in .*fho_hands_train.json clip") as caught:
        read_clips(tmp_path, entry)
    assert why in str(caught.value)
    assert read_clips(tmp_path, entry, skip_broken=True).left_out.counts() == {"broken": 1}


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4)
entries = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(before=st.dictionaries(st.sampled_from(["version", "date", "x"]), entries), wanted=st.lists(entries, max_size=4))
def test_entries_of_a_list_and_an_object_round_trip(before: Any, wanted: list[Any], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("stream") / "file.json"
    path.write_text(json.dumps(before | {"videos": wanted}))
    assert list(read_entries(path, ["videos", "video_data"])) == [("", entry) for entry in wanted]
    named = {str(k): entry for k, entry in enumerate(wanted)}
    path.write_text(json.dumps(before | {"video_data": named}))
    assert dict(read_entries(path, ["videos", "video_data"])) == named


@given(number=st.integers(0, 9239), kind=st.sampled_from(FRAME_TYPES), right=st.booleans())
def test_names_round_trip(number: int, kind: str, right: bool, tmp_path_factory: Any) -> None:
    side = "right_hand" if right else "left_hand"
    pool = read(tmp_path_factory.mktemp("names"), box(side), clip_frame_number=number, frame_type=kind)
    name = parse_name(pool.hands[0].hand_id)
    assert name is not None
    assert (name.source, name.clip_id, name.action) == ("ego4d", CLIP, ACTION)
    assert (name.frame, name.frame_type, name.is_right) == (number, kind, right)
