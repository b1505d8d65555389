"""Small clips of every kind that moves frames away from where they seem to be."""

import os
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=160x128:r=30:d=4")
SOUND = ("-f", "lavfi", "-i", "sine=d=4")
H264 = ("-c:v", "libx264", "-preset", "veryfast")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k")
VARIABLE = ("-fps_mode", "vfr")

#: Name -> arguments of ffmpeg; the last of them is the kind of file.
CLIPS: dict[str, tuple[str, ...]] = {
    "h264 with B-frames and one long group": (*PICTURE, *H264, "-bf", "3", "-g", "250", "mp4"),
    "h264 with short groups": (*PICTURE, *H264, "-bf", "2", "-g", "12", "mp4"),
    "h264 with open groups and sound": (
        *(*PICTURE, *SOUND, *H264, "-g", "24", "-x264-params", "open-gop=1:bframes=3", "-c:a", "aac", "mp4"),
    ),
    "h264 with key frames only": (*PICTURE, *H264, "-g", "1", "mp4"),
    "vp9": (*PICTURE, *VP9, "-g", "40", "mp4"),
    "vp9 with hidden frames": (*PICTURE, *VP9, "-auto-alt-ref", "1", "-lag-in-frames", "16", "webm"),
    "late start": (*PICTURE, *H264, "-bf", "2", "-g", "30", "-output_ts_offset", "1.234", "mp4"),
    "late start in a stream": (*PICTURE, *H264, "-bf", "2", "-g", "30", "-output_ts_offset", "1.234", "ts"),
    "picture after the sound": (
        *("-itsoffset", "0.5", *PICTURE, *SOUND, *H264, "-bf", "2", "-g", "30", "-c:a", "aac", "mp4"),
    ),
    "29.97 per second": (
        *("-f", "lavfi", "-i", "testsrc2=s=160x128:r=30000/1001:d=4", *H264, "-bf", "2", "-g", "50", "mp4"),
    ),
    "variable rate": (
        *(*PICTURE, "-vf", "select='not(mod(n,3))+gt(n,60)*not(mod(n,2))'", *VARIABLE, *H264, "-bf", "2", "mp4"),
    ),
    "variable rate at random": (*(*PICTURE, "-vf", "select='lt(random(2),0.6)'", *VARIABLE, *VP9, "webm"),),
    "jitter and a pause": (
        *(*PICTURE, "-vf", "setpts='PTS+0.4/30/TB*random(1)+if(gt(N,50),0.3/TB,0)'", *VARIABLE),
        *("-enc_time_base", "1:90000", *H264, "-bf", "2", "mp4"),
    ),
    "a rate that swings": (
        *("-f", "lavfi", "-i", "testsrc2=s=160x128:r=60:d=2", "-vf", "setpts='PTS*(1+0.3*sin(N/17))'", *VARIABLE),
        *("-enc_time_base", "1:90000", *H264, "-bf", "2", "mp4"),
    ),
}


#: Clips whose frames are found by seeking, since their clock is even.
EVEN = [
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
]


def run_ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """The function that runs ffmpeg; where there is none tests skip, but not in CI."""
    if shutil.which("ffmpeg") is None and not os.environ.get("CI"):
        pytest.skip("ffmpeg is not on PATH")
    return run_ffmpeg


@pytest.fixture(scope="session")
def clip(ffmpeg: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The function that makes a clip by its name, once."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str) -> Path:
        *arguments, kind = CLIPS[name]
        path = folder / f"{name.replace(' ', '_')}.{kind}"
        if not path.exists():
            ffmpeg(*arguments, path)
        return path

    return make


@pytest.fixture(scope="session")
def decoded(ffmpeg: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[bytes]]:
    """The function that decodes a whole clip to files, as the official way does, and returns their bytes.

    It uses the ffmpeg on PATH.
    """
    known: dict[tuple[Path, str], list[bytes]] = {}

    def decode(path: Path) -> list[bytes]:
        key = (path, os.environ["PATH"])
        if key not in known:
            folder = tmp_path_factory.mktemp("frames")
            ffmpeg("-i", path, "-qscale:v", "1", folder / "%10d.jpg")
            known[key] = [file.read_bytes() for file in sorted(folder.iterdir())]
        return known[key]

    return decode


@pytest.fixture(scope="session")
def even() -> list[str]:
    """Names of the clips whose frames are found by seeking."""
    return EVEN


@pytest.fixture(scope="session")
def old_ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ffmpeg 4.2.2, the oldest that is supported: the one that imageio-ffmpeg 0.4.7 brings."""
    try:
        files = metadata.files("imageio-ffmpeg") or []
    except metadata.PackageNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("imageio-ffmpeg is not installed")
    bundled = next(file for file in files if file.parent.name == "binaries" and file.name.startswith("ffmpeg"))
    folder = tmp_path_factory.mktemp("old")
    (folder / "ffmpeg").symlink_to(str(bundled.locate()))
    return folder
