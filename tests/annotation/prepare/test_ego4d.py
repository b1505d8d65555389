"""Cutting the Ego4D pictures of the release: the program, the real ffmpeg, small clips."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command import hint, interrupt, start

from annotation.prepare.ego4d import cut_frames, frame_names
from hint.errors import HintError, InputError
from hint.files import write_json
from hint.lock import file_lock

CLIPS = [f"{k:08x}-aaaa-bbbb-cccc-0123456789ab" for k in range(4)]
ACTION = "f0e1d2c3-9999-8888-7777-666655554444"
#: Folder -> (clip, frame, type and side).
PICTURES = {
    "TRAIN_ego4d_img": [(0, 0, "pre_45_l"), (0, 17, "pnr_frame_r"), (1, 59, "post_frame_r")],
    "TEST_ego4d_seq": [(1, 17, "pre_15_l"), (1, 32, "pre_frame_l"), (0, 17, "contact_frame_l"), (2, 44, "pre_30_r")],
}


def stem(clip: int, frame: int, rest: str) -> str:
    return f"{CLIPS[clip]}_{ACTION}_{frame}_{rest}"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four clips of two seconds, the last of which nothing asks for."""
    if shutil.which("ffmpeg") is None and not os.environ.get("CI"):
        pytest.skip("ffmpeg is not on PATH")
    folder = tmp_path_factory.mktemp("clips")
    for k, clip in enumerate(CLIPS):
        codec = ["libx264", "-bf", "2"] if k % 2 else ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]
        source = ["-f", "lavfi", "-i", f"testsrc2=s=160x128:r=30:d=2,hue=h={40 * k}"]
        command = ["ffmpeg", "-v", "error", *source, "-c:v", *codec, "-g", "25", str(folder / f"{clip}.mp4")]
        subprocess.run(command, check=True)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A HInt root as downloaded: labels of Ego4D without pictures, and another source."""
    for folder, entries in PICTURES.items():
        for entry in entries:
            write_json(tmp_path / "HInt" / folder / f"{stem(*entry)}.json", [{}])
    write_json(tmp_path / "HInt" / "TEST_newdays_img" / "ND_abcdefghijk_frame000001_l.json", [{}])
    return tmp_path / "HInt"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """The official list of frames."""
    path = tmp_path / "ego4d_frame_names.json"
    write_json(path, {folder: [f"{stem(*entry)}.jpg" for entry in entries] for folder, entries in PICTURES.items()})
    return path


def the_official_way(clips: Path, root: Path, scratch: Path) -> dict[str, bytes]:
    """Decode every clip to files and take the one after the number in the name."""
    found = {}
    for folder, entries in PICTURES.items():
        for clip, frame, rest in entries:
            decoded = scratch / CLIPS[clip]
            if not decoded.is_dir():
                decoded.mkdir(parents=True)
                video = clips / f"{CLIPS[clip]}.mp4"
                command = ["ffmpeg", "-v", "error", "-i", video, "-qscale:v", "1", decoded / "%10d.jpg"]
                subprocess.run([str(part) for part in command], check=True)
            found[f"{folder}/{stem(clip, frame, rest)}.jpg"] = (decoded / f"{frame + 1:010d}.jpg").read_bytes()
    return found


def pictures(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.jpg")}


@pytest.mark.parametrize("by", ["labels", "list"])
def test_pictures_equal_those_of_the_official_script(
    by: str, clips: Path, root: Path, frames: Path, tmp_path: Path
) -> None:
    listed = ("--frames", frames) if by == "list" else ()
    done = hint("prepare", "ego4d", "--clips", clips, "--hint", root, *listed)
    assert "7 pictures cut, 0 already existed" in done.stdout
    assert pictures(root) == the_official_way(clips, root, tmp_path / "scratch")


def test_a_second_run_cuts_missing_pictures(clips: Path, root: Path) -> None:
    command = ("prepare", "ego4d", "--clips", clips, "--hint", root)
    hint(*command)
    whole = pictures(root)
    gone = root / "TRAIN_ego4d_img" / f"{stem(0, 17, 'pnr_frame_r')}.jpg"
    gone.unlink()
    empty = root / "TRAIN_ego4d_img" / f"{stem(0, 0, 'pre_45_l')}.jpg"
    empty.write_bytes(b"")
    done = hint(*command, "--json")
    assert json.loads(done.stdout) == {"written": 2, "present": 5, "missing": {}, "failed": {}, "refused": []}
    assert pictures(root) == whole
    refused = hint(*command, "--overwrite", "never", code=2)
    assert "7 of the pictures already exist in" in refused.stderr
    assert "7 pictures cut, 0 already existed" in hint(*command, "--overwrite", "always").stdout


def test_missing_clips_are_listed_once_at_the_end(clips: Path, root: Path, tmp_path: Path) -> None:
    some = tmp_path / "some"
    some.mkdir()
    shutil.copy(clips / f"{CLIPS[1]}.mp4", some)
    done = hint("prepare", "ego4d", "--clips", some, "--hint", root, "--missing", tmp_path / "missing.txt", code=1)
    assert [line for line in done.stdout.splitlines() if line.startswith("missing")] == [
        f"missing {CLIPS[0]}.mp4 (3 pictures)",
        f"missing {CLIPS[2]}.mp4 (1 pictures)",
    ]
    assert "3 pictures cut" in done.stdout
    assert f"ego4d --output_directory {some} --version v1 --datasets clips --video_uid_file" in done.stderr
    assert (tmp_path / "missing.txt").read_text().split() == [CLIPS[0], CLIPS[2]]
    assert len(pictures(root)) == 3
    shutil.copytree(clips, some / "v1" / "clips")
    again = hint("prepare", "ego4d", "--clips", some, "--hint", root)
    assert "4 pictures cut, 3 already existed" in again.stdout, "found where that command puts them"


def test_a_clip_that_is_too_short_gives_the_other_pictures(clips: Path, root: Path) -> None:
    write_json(root / "TRAIN_ego4d_img" / f"{stem(1, 60, 'pre_45_l')}.json", [{}])
    done = hint("prepare", "ego4d", "--clips", clips, "--hint", root, code=1)
    assert f"{CLIPS[1]}.mp4 has 60 frames, no frame 60 (counted from 0)" in done.stderr
    assert f"not cut TRAIN_ego4d_img/{stem(1, 60, 'pre_45_l')}.jpg" in done.stdout.splitlines()
    assert "7 pictures cut" in done.stdout


def test_a_broken_clip_does_not_hide_the_others(clips: Path, root: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    shutil.copytree(clips, copies)
    content = (copies / f"{CLIPS[2]}.mp4").read_bytes()
    (copies / f"{CLIPS[2]}.mp4").write_bytes(content[: len(content) // 2])
    done = hint("prepare", "ego4d", "--clips", copies, "--hint", root, code=1)
    assert f"{CLIPS[2]}.mp4 is not a readable video" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(pictures(root)) == 6


def test_pictures_of_a_damaged_clip_are_named_and_the_others_cut(clips: Path, root: Path, tmp_path: Path) -> None:
    """ffmpeg fills in what is missing and ends with 0; what follows up to the next key frame is wrong too."""
    copies = tmp_path / "copies"
    shutil.copytree(clips, copies)
    hint("prepare", "ego4d", "--clips", clips, "--hint", root)
    whole = pictures(root)
    shutil.rmtree(root / "TEST_ego4d_seq")
    for frame in (17, 45, 59):
        write_json(root / "TEST_ego4d_seq" / f"{stem(1, frame, 'pre_15_l')}.json", [{}])
    content = bytearray((copies / f"{CLIPS[1]}.mp4").read_bytes())
    place = content.index(b"mdat") + (len(content) - content.index(b"mdat")) * 55 // 100
    content[place : place + 2500] = bytes(2500)
    (copies / f"{CLIPS[1]}.mp4").write_bytes(content)
    done = hint("prepare", "ego4d", "--clips", copies, "--hint", root, "--overwrite", "always", code=1)
    lost = [f"TEST_ego4d_seq/{stem(1, 45, 'pre_15_l')}.jpg"]
    assert [line for line in done.stdout.splitlines() if line.startswith("not cut")] == [f"not cut {lost[0]}"]
    assert f"{CLIPS[1]}.mp4 cannot be decoded at frame 45: " in done.stderr
    found = pictures(root)
    assert lost[0] not in found
    assert {f"TEST_ego4d_seq/{stem(1, frame, 'pre_15_l')}.jpg" for frame in (17, 59)} < set(found)
    assert all(jpeg == whole[name] for name, jpeg in found.items() if name in whole)


def test_what_a_killed_run_left_is_removed(clips: Path, root: Path) -> None:
    folder = root / "TEST_ego4d_seq"
    abandoned = folder / f".{stem(1, 17, 'pre_15_l')}.jpg.abcdefgh.hint-part"
    abandoned.write_bytes(b"half")
    busy, own = folder / ".other.jpg.ijklmnop.hint-part", folder / ".mine"
    own.touch()
    with file_lock(busy, HintError("busy")):
        hint("prepare", "ego4d", "--clips", clips, "--hint", root)
        assert sorted(path.name for path in folder.glob(".*")) == [".mine", busy.name], "another run is writing it"
    hint("prepare", "ego4d", "--clips", clips, "--hint", root)
    assert [path.name for path in folder.glob(".*")] == [".mine"]


USAGE = {
    "no clips folder": (["--clips", "NOWHERE", "--hint", "ROOT"], "no such folder of clips"),
    "no root": (["--clips", "CLIPS", "--hint", "NOWHERE"], "no such folder"),
    "no labels": (["--clips", "CLIPS", "--hint", "CLIPS"], "contains no Ego4D labels"),
    "absent list": (["--clips", "CLIPS", "--hint", "ROOT", "--frames", "NOWHERE"], "No such file"),
    "no list": (["--clips", "CLIPS", "--hint", "ROOT", "--frames", "TEXT"], "is not a list of frame names"),
    "other folders": (["--clips", "CLIPS", "--hint", "ROOT", "--frames", "ESCAPE"], "not Ego4D folders of HInt: ../x"),
    "other names": (["--clips", "CLIPS", "--hint", "ROOT", "--frames", "NAMES"], "1 names are not <clip>_<action>"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_input_is_one_line_and_exit_2(case: str, clips: Path, root: Path, tmp_path: Path) -> None:
    arguments, message = USAGE[case]
    (tmp_path / "text").write_text("hello")
    write_json(tmp_path / "escape", {"../x": []})
    write_json(tmp_path / "names", {"TEST_ego4d_img": ["../../x_l.jpg"]})
    places = {"CLIPS": clips, "ROOT": root, "NOWHERE": tmp_path / "nowhere", "TEXT": tmp_path / "text"}
    places |= {"ESCAPE": tmp_path / "escape", "NAMES": tmp_path / "names"}
    done = hint("prepare", "ego4d", *(places.get(argument, argument) for argument in arguments), code=2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert pictures(root) == {}


def test_without_ffmpeg_it_is_exit_3(clips: Path, root: Path, tmp_path: Path) -> None:
    done = hint("prepare", "ego4d", "--clips", clips, "--hint", root, code=3, PATH=str(tmp_path))
    assert "apt install ffmpeg" in done.stderr


def test_ctrl_c_leaves_whole_pictures_and_the_next_run_continues(clips: Path, root: Path, tmp_path: Path) -> None:
    for frame in range(60):
        for clip in (0, 1, 2):
            write_json(root / "TEST_ego4d_seq" / f"{stem(clip, frame, 'pre_30_l')}.json", [{}])
    arguments = ("prepare", "ego4d", "--clips", clips, "--hint", root, "--workers", 1)
    process = start(*arguments, new_session=True)
    while len(pictures(root)) < 5 and process.poll() is None:
        pass
    assert "the same command continues from there" in interrupt(process, group=True)
    half = pictures(root)
    assert 5 <= len(half) < 187
    assert not list(root.rglob(".*")), "no temporary file"
    hint(*arguments)
    whole = pictures(root)
    assert len(whole) == 187
    assert half.items() <= whole.items()


def test_names_determine_where_a_picture_goes(root: Path, frames: Path) -> None:
    assert frame_names(root) == frame_names(root, frames)
    with pytest.raises(InputError, match="no such folder of clips"):
        cut_frames(frame_names(root), root / "nowhere", root)
