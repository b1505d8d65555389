"""Every frame of a video, decoded once."""

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from hint.images import read_image
from hint.video import cut_jpegs, read_frames
from hint.video.pixels import all_frames, timeline
from hint.video.timeline import VideoError

#: How a track is turned: fixed-point numbers of an .mp4, row by row.
IDENTITY = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
QUARTER_TURN = (0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)


def made(ffmpeg: Callable[..., None], path: Path, *more: str) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30:d=1", *more, "-c:v", "libx264", "-bf", "2", path)
    return path


@pytest.mark.parametrize("more", [(), ("-vf", "select='not(mod(n,3))+gt(n,15)'", "-fps_mode", "vfr")])
def test_all_frames_equal_frames_read_one_by_one(
    ffmpeg: Callable[..., None], tmp_path: Path, more: tuple[str, ...]
) -> None:
    video = made(ffmpeg, tmp_path / "clip.mp4", *more)
    n = len(timeline(video).slots)
    alike = zip(all_frames(video), read_frames(video, range(n)), strict=True)
    assert all(a == b and np.array_equal(x, y) for (a, x), (b, y) in alike)


def test_a_rotated_video_is_upright(ffmpeg: Callable[..., None], tmp_path: Path) -> None:
    turned = made(ffmpeg, tmp_path / "turned.mp4")
    content = turned.read_bytes()
    # A phone held upright writes this into the header of the track; options of ffmpeg for it differ by version.
    at = content.index(struct.pack(">9i", *IDENTITY), content.index(b"tkhd"))
    turned.write_bytes(content[:at] + struct.pack(">9i", *QUARTER_TURN) + content[at + 36 :])
    ffmpeg("-i", turned, "-frames:v", "1", tmp_path / "first.png")
    upright = read_image(tmp_path / "first.png")
    _, first = next(all_frames(turned))
    assert first.shape == upright.shape == (64, 48, 3)
    assert np.abs(first.astype(int) - upright).mean() < 3
    assert np.array_equal(first, dict(read_frames(turned, [0]))[0])
    ffmpeg("-i", turned, "-qscale:v", "1", "-frames:v", "1", tmp_path / "first.jpg")
    assert dict(cut_jpegs(turned, [0]))[0] == (tmp_path / "first.jpg").read_bytes()


def test_frames_after_damage_are_told_until_the_next_key_frame(ffmpeg: Callable[..., None], tmp_path: Path) -> None:
    video, told = made(ffmpeg, tmp_path / "clip.mp4", "-g", "10", "-sc_threshold", "0"), list[int]()
    content = bytearray(video.read_bytes())
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pos is not None]
    hit = next(packet for packet in packets if packet.pos and packet.is_keyframe and packet.pts)
    for place in range(hit.pos + hit.size // 2, hit.pos + hit.size):
        content[place] ^= 0x55
    assert len(list(all_frames(video, told.append))) == 30
    assert told == []
    video.write_bytes(content)
    assert len(list(all_frames(video, told.append))) == 30
    assert told == list(range(10, 20))


def test_a_file_that_is_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match="not a readable video"):
        next(all_frames(tmp_path / "clip.mp4"))


@pytest.mark.parametrize("kind", ["mkv", "mp4"])
def test_a_video_that_is_cut_short_is_named_after_its_frames(
    ffmpeg: Callable[..., None], tmp_path: Path, kind: str
) -> None:
    """Its head is there and says how long it is; libav ends without an error where the file ends."""
    whole, cut = tmp_path / f"whole.{kind}", tmp_path / f"cut.{kind}"
    sound = ("-f", "lavfi", "-i", "sine=d=3")  # longer than the pictures, which is no fault
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30:d=2", *sound, "-g", "10", "-movflags", "+faststart", whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    assert sum(1 for _ in all_frames(whole)) == 60
    frames = all_frames(cut)
    assert next(frames)[0] == 0
    with pytest.raises(VideoError, match=r"cut\.\w+ is cut short: it should last until 2\.\d* s"):
        list(frames)
