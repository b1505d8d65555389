import json
import os
import random
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.errors import MissingRequirementError
from hint.images import read_image
from hint.video import DamagedVideoError, FrameRangeError, VideoError, cut_jpegs, read_frames
from hint.video.jpegs import split_jpegs
from hint.video.probe import probe
from hint.video.timeline import Packet, Timeline

NAMES = [
    "h264 with B-frames and one long group",
    "h264 with short groups",
    "h264 with open groups and sound",
    "h264 with key frames only",
    "vp9",
    "vp9 with hidden frames",
    "late start",
    "late start in a stream",
    "picture after the sound",
    "29.97 per second",
    "variable rate",
    "variable rate at random",
    "jitter and a pause",
    "a rate that swings",
]
CONSTANT = NAMES[:7]
Clip = Callable[[str], Path]
Decoded = Callable[[Path], list[bytes]]


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_has_the_bytes_of_the_full_decode(name: str, clip: Clip, decoded: Decoded) -> None:
    truth = decoded(clip(name))
    cut = list(cut_jpegs(clip(name), range(len(truth))))
    assert [number for number, _ in cut] == list(range(len(truth)))
    wrong = [number for number, jpeg in cut if jpeg != truth[number]]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_frames_is_known_without_decoding(name: str, clip: Clip, decoded: Decoded) -> None:
    assert len(probe(clip(name)).slots) == len(decoded(clip(name)))


@pytest.mark.parametrize("name", NAMES)
def test_single_frames_are_found_by_seeking(name: str, clip: Clip, decoded: Decoded) -> None:
    truth = decoded(clip(name))
    for number in random.Random(0).sample(range(len(truth)), 4):
        assert list(cut_jpegs(clip(name), [number])) == [(number, truth[number])]


def test_even_clips_are_not_decoded_from_the_start(clip: Clip, even: list[str]) -> None:
    assert [name for name in NAMES if probe(clip(name)).is_even] == [name for name in NAMES if name in even]


@pytest.mark.parametrize("name", ["h264 with open groups and sound", "picture after the sound", "a rate that swings"])
def test_the_oldest_supported_ffmpeg_cuts_its_own_frames(
    name: str, clip: Clip, decoded: Decoded, old_ffmpeg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, today = clip(name), decoded(clip(name))
    monkeypatch.setenv("PATH", f"{old_ffmpeg}:{os.environ['PATH']}")
    assert decoded(path) != today, "another encoder"
    assert dict(cut_jpegs(path, range(len(decoded(path))))) == dict(enumerate(decoded(path)))


#: Times as bitstream filters of ffmpeg rewrite them: equal ones, an order that goes back, a jump back.
TIMES = {
    "equal.mp4": "setts=pts='if(eq(N,50),PREV_OUTPTS,PTS)'",
    "swapped.mp4": "setts=pts='if(eq(N,50),PTS+512,if(eq(N,51),PTS-512,PTS))'",
    "back.mp4": "setts=ts='if(gte(N,60),TS-20*512,TS)'",
    "swapped.mkv": "setts=pts='if(eq(N,50),PTS+512,if(eq(N,51),PTS-512,PTS))'",
    "back.mkv": "setts=ts='if(gte(N,60),TS-20*512,TS)'",
}


@pytest.mark.parametrize("name", TIMES)
def test_times_that_repeat_or_go_back(
    name: str, clip: Clip, decoded: Decoded, ffmpeg: Callable[..., None], tmp_path: Path
) -> None:
    made = "h264 with short groups" if name == "equal.mp4" else "h264 with key frames only"
    ffmpeg("-i", clip(made), "-c", "copy", "-bsf:v", TIMES[name], tmp_path / name)
    truth = decoded(tmp_path / name)
    assert dict(cut_jpegs(tmp_path / name, range(len(truth)))) == dict(enumerate(truth))
    with pytest.raises(FrameRangeError, match=f"has {len(truth)} frames, no frame 999") as caught:
        list(cut_jpegs(tmp_path / name, [999]))
    assert caught.value.length == len(truth)


def test_of_two_video_streams_ffmpeg_chooses(
    clip: Clip, decoded: Decoded, ffmpeg: Callable[..., None], tmp_path: Path
) -> None:
    small, large = ("-f", "lavfi", "-i", "color=red:s=64x48:d=1"), ("-f", "lavfi", "-i", "color=blue:s=96x64:d=1")
    for default in (0, 1):
        path = tmp_path / f"{default}.mkv"
        of_0, of_1 = ("default", "0") if default == 0 else ("0", "default")
        marks = ("-disposition:v:0", of_0, "-disposition:v:1", of_1)
        ffmpeg(*small, *large, "-map", "0", "-map", "1", *marks, "-c:v", "libx264", path)
        truth = decoded(path)
        assert dict(cut_jpegs(path, [3, 20])) == {3: truth[3], 20: truth[20]}
        (tmp_path / "truth.jpg").write_bytes(truth[3])
        assert dict(read_frames(path, [3]))[3].shape == read_image(tmp_path / "truth.jpg").shape


@pytest.mark.parametrize("workers", [1, 4])
def test_the_number_of_workers_changes_nothing(workers: int, clip: Clip, decoded: Decoded) -> None:
    path = clip(NAMES[1])
    numbers = [3, 50, 88, 119]
    assert len(probe(path).runs(numbers)) > 1
    assert list(cut_jpegs(path, numbers, workers=workers)) == [(n, decoded(path)[n]) for n in numbers]


def test_frames_may_come_in_any_order_and_repeat(clip: Clip) -> None:
    assert [number for number, _ in cut_jpegs(clip(NAMES[1]), [50, 3, 50, 0])] == [0, 3, 50]


def test_variable_clips_do_vary(clip: Clip, decoded: Decoded) -> None:
    """The clips the tests above are about: frames repeated, or apart from where an even rate would put them."""
    for name in NAMES[10:]:
        assert len(probe(clip(name)).packets) < len(decoded(clip(name)))


def all_pixels(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", CONSTANT)
def test_pixels_equal_those_of_decoding_from_the_start(name: str, clip: Clip) -> None:
    truth = all_pixels(clip(name))
    numbers = sorted(random.Random(1).sample(range(len(truth)), 12))
    found = dict(read_frames(clip(name), numbers))
    assert list(found) == numbers
    for number, image in found.items():
        np.testing.assert_array_equal(image, truth[number])


@pytest.mark.parametrize("read", [cut_jpegs, read_frames])
def test_a_frame_beyond_the_end_is_named_with_the_length(read: Callable[..., object], clip: Clip) -> None:
    with pytest.raises(FrameRangeError, match=r"has 120 frames, no frame 120, 500 \(counted from 0\)") as caught:
        list(read(clip(NAMES[0]), [3, 500, 120]))  # type: ignore[call-overload]
    assert caught.value.length == 120


def broken(kind: str, folder: Path, clip: Clip, ffmpeg: Callable[..., None]) -> Path:
    path = folder / f"{kind}.mp4"
    whole = clip(NAMES[0]).read_bytes()
    if kind == "text":
        path.write_text("not a video\n" * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "sound":
        ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", path)
    elif kind == "bare":
        path = path.with_suffix(".h264")
        ffmpeg("-i", clip(NAMES[0]), "-c", "copy", "-f", "h264", path)
    return path


@pytest.mark.parametrize("read", [cut_jpegs, read_frames])
@pytest.mark.parametrize("kind", ["absent", "text", "empty", "cut", "sound", "bare"])
def test_an_invalid_video_error_is_one_line_with_its_name(
    kind: str, read: Callable[..., object], tmp_path: Path, clip: Clip, ffmpeg: Callable[..., None]
) -> None:
    path = broken(kind, tmp_path, clip, ffmpeg)
    with pytest.raises(VideoError) as caught:
        list(read(path, [0]))  # type: ignore[call-overload]
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def reached(video: Path, start: int, stop: int) -> set[int]:
    """Frames that damage to bytes of a file may reach: from a little before it to a little after the next key frame."""
    shown = ["-show_entries", "packet=pts,pos,size,flags", "-of", "json"]
    command = ["ffprobe", "-v", "error", "-select_streams", "v", *shown, str(video)]
    packets = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["packets"]
    order = sorted(packet["pts"] for packet in packets)
    hit = [k for k, p in enumerate(packets) if int(p["pos"]) < stop and int(p["pos"]) + int(p["size"]) > start]
    behind = next((k for k, p in enumerate(packets) if k > hit[-1] and "K" in p["flags"]), len(packets))
    return {order.index(packet["pts"]) for packet in packets[max(0, hit[0] - 3) : behind + 3]}


@pytest.mark.parametrize("name", [*NAMES[1:5]])
def test_pictures_that_damage_touches_are_named_and_all_others_cut(
    name: str, tmp_path: Path, clip: Clip, decoded: Decoded
) -> None:
    """A decoder fills in what is missing and ends without an error: what it wrote may be grey, older or smeared."""
    content = bytearray(clip(name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000) if "open" in name else random.Random(1).randbytes(4000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    found: dict[int, bytes] = {}
    with pytest.raises(DamagedVideoError, match=r"damaged.mp4 cannot be decoded at frame \d") as caught:
        found.update(cut_jpegs(path, range(0, 120, 5)))
    truth = decoded(clip(name))
    assert [number for number, jpeg in found.items() if jpeg != truth[number]] == []
    assert set(found) | set(caught.value.reasons) == set(range(0, 120, 5))
    assert set(caught.value.reasons) <= reached(clip(name), middle, middle + 4000)
    assert "@ 0x" not in str(caught.value)


def test_the_rest_of_a_truncated_clip_is_missing_by_name(
    tmp_path: Path, clip: Clip, decoded: Decoded, ffmpeg: Callable[..., None]
) -> None:
    ffmpeg("-i", clip("vp9"), "-c", "copy", "-movflags", "+faststart", tmp_path / "whole.mp4")
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "part.mp4").write_bytes(content[: len(content) * 2 // 3])
    found: dict[int, bytes] = {}
    with pytest.raises(VideoError, match=r"ends early: it has \d+ of its 120 frames, no frame 119") as caught:
        found.update(cut_jpegs(tmp_path / "part.mp4", [3, 39, 119]))
    assert found == {number: decoded(clip("vp9"))[number] for number in (3, 39)}
    assert "cannot be decoded" not in str(caught.value)


def test_the_first_reason_is_told(tmp_path: Path, clip: Clip) -> None:
    """Not that of a second attempt from the beginning."""
    content = bytearray(clip("vp9").read_bytes())
    line = probe(clip("vp9"))
    start = content.index(b"mdat") + 4
    content[start : start + 3000] = bytes(3000)
    (tmp_path / "damaged.mp4").write_bytes(content)
    assert len(line.packets) == 120
    with pytest.raises(DamagedVideoError, match=r"at frame 2: \w"):
        list(cut_jpegs(tmp_path / "damaged.mp4", [2]))
    with pytest.raises(VideoError, match=r"at frame 2: \w"):
        list(read_frames(tmp_path / "damaged.mp4", [2]))


def test_without_ffmpeg_the_command_to_type_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Clip
) -> None:
    path = clip(NAMES[0])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingRequirementError, match="apt install ffmpeg"):
        list(cut_jpegs(path, [0]))
    assert len(list(read_frames(path, [0]))) == 1, "pixels need no ffmpeg"


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Clip) -> None:
    path = clip(NAMES[0])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    list(cut_jpegs(path, [5, 80]))
    assert list(tmp_path.iterdir()) == []


def jpeg(comment: bytes, data: bytes) -> bytes:
    """The markers of a JPEG: a comment that may hold anything, and a scan."""
    length = (len(comment) + 2).to_bytes(2, "big")
    return b"\xff\xd8\xff\xfe" + length + comment + b"\xff\xda\x00\x02" + data + b"\xff\xd9"


_scan = st.binary(max_size=40).map(lambda data: data.replace(b"\xff", b"\xff\x00"))


@given(st.lists(st.tuples(st.binary(max_size=30), _scan), max_size=5), st.integers(0, 3))
def test_a_stream_of_jpegs_is_split_at_their_ends_only(parts: list[tuple[bytes, bytes]], rest: int) -> None:
    pictures = [jpeg(*part) for part in parts]
    assert list(split_jpegs([b"".join(pictures) + b"\xff\xd8\xff"[:rest]])) == pictures


def timeline(*packets: Packet, alone: bool = True, start: int = 0) -> Timeline:
    return Timeline(Path("x.mp4"), packets, Fraction(1, 300), Fraction(30), start, alone)


def test_places_computed_by_hand() -> None:
    """Ten units are one place."""
    even = [Packet(10 * n, 10, n == 0) for n in range(4)]
    assert timeline(*even).slots == [0, 10, 20, 30]
    gap = [Packet(0, 10, True), Packet(10, 10, False), Packet(50, 10, False)]
    assert timeline(*gap).slots == [0, 10, 10, 10, 50, 50]
    late = [Packet(20, 10, True), Packet(30, 10, False)]
    assert timeline(*late).slots == [20, 30]
    assert timeline(*late, alone=False).slots[:4] == [20, 20, 20, 30]
    hidden = [Packet(-10, 10, True, is_shown=False), Packet(0, 10, False)]
    assert timeline(*hidden).slots == [0]


def test_decoding_starts_at_a_key_frame_that_is_shown_first() -> None:
    """In an open group, frames 910 and 920 come after the key frame 930 in the file but are shown before it."""
    order = [*range(0, 910, 10), 930, 910, 920, *range(940, 1500, 10)]
    line = timeline(*(Packet(pts, 10, pts in (0, 600, 930)) for pts in order))
    assert [(run.start, run.first, run.last) for run in line.runs([92])] == [(600, 92, 92)]
    assert [(run.start, run.first, run.last) for run in line.runs([93])] == [(930, 93, 93)]
    far = [(run.start, run.places) for run in line.runs([3, 5, 62, 140])]
    assert far == [(0, {30: [3], 50: [5]}), (600, {620: [62]}), (930, {1400: [140]})]
    near = [(run.start, run.places) for run in line.runs([91, 140])]
    assert near == [(600, {910: [91], 1400: [140]})], "the next key frame comes soon: starting there gains nothing"


def test_near_frames_are_decoded_together_up_to_a_number() -> None:
    line = timeline(*(Packet(pts, 10, pts % 100 == 0) for pts in range(0, 1000, 10)))
    assert [(run.start, run.first, run.last) for run in line.runs(range(100))] == [(0, 0, 99)]
    parts = [(run.start, run.first, run.last) for run in line.runs(range(100), longest=25)]
    assert parts == [(0, 0, 24), (200, 25, 49), (500, 50, 74), (700, 75, 99)]
