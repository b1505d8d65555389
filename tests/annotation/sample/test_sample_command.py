"""``hint sample`` as a person types it, on small trees of the three sources."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from command import error, hint, interrupt, start, wait_for

from annotation.sample.run import sample, survey
from hint.errors import UnknownNameError
from hint.files import write_json
from hint.files.manifest import read_manifest
from hint.images import read_image
from hint.provenance import sha256_file
from hint.video import cut_jpegs

CLIPS = [f"{k:08x}-1111-4222-8333-444455556666" for k in range(12)]
ACTION = "f0e1d2c3-9999-4888-8777-666655554444"
SIZE = (160, 128)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def hands23(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hands23")
    synthetic.write_hands23(root, 1500, seed=2)
    return root


@pytest.fixture(scope="module")
def visor(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("visor")
    synthetic.write_visor(root, 1200, seed=2, pictures=True)
    return root


def test_new_days_from_root_to_manifest(hands23: Path, tmp_path: Path) -> None:
    done = hint("sample", "newdays", "--root", hands23, "--split", "train", "-n", 60, "--out", tmp_path)
    assert "TRAIN_newdays_img · paper-v1" in done.stdout
    lines = read_manifest(tmp_path / "TRAIN_newdays_img.jsonl")
    assert Counter(line.stratum for line in lines) == {"random": 30, "interaction": 30}
    for line in lines:
        assert line.image_sha256 == sha256_file(tmp_path / line.image) == sha256_file(hands23 / line.origin)
        assert line.image == f"TRAIN_newdays_img/{line.hand_id}.jpg"
        assert line.hand_id == f"{Path(line.origin).stem}_{line.side[0]}"
    assert {path.name for path in tmp_path.iterdir()} == {
        *("TRAIN_newdays_img", "TRAIN_newdays_img.jsonl", "TRAIN_newdays_img.summary.json")
    }
    assert len(list((tmp_path / "TRAIN_newdays_img").iterdir())) == 60


def test_the_same_seed_writes_the_same_bytes(hands23: Path, tmp_path: Path) -> None:
    for name, seed, workers in (("a", 7, 1), ("b", 7, 4), ("c", 8, 1)):
        options = ("--seed", seed, "--workers", workers, "--out", tmp_path / name)
        hint("sample", "newdays", "--root", hands23, "--split", "val", "-n", 40, *options)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")


def test_python_does_what_the_command_does(hands23: Path, tmp_path: Path) -> None:
    hint("sample", "newdays", "--root", hands23, "--split", "val", "-n", 20, "--out", tmp_path / "a")
    drawn = sample("newdays", root=str(hands23), split="val", n=20, out=str(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert drawn.manifest == tmp_path / "b" / "VAL_newdays_img.jsonl"
    found = survey("newdays", root=hands23, split="val", n=20)
    assert [(s.name, s.asked, s.units) for s in found.strata] == [
        (s.name, s.drawn, s.available) for s in drawn.summary.strata
    ]
    with pytest.raises(UnknownNameError, match="unknown source 'newday'"):
        sample("newday", root=hands23, split="val", n=1)


def test_visor_pictures_come_out_of_zips(visor: Path, tmp_path: Path) -> None:
    hint("sample", "visor", "--root", visor, "--split", "train", "-n", 12, "--out", tmp_path)
    lines = read_manifest(tmp_path / "TRAIN_epick_img.jsonl")
    assert len(lines) == 12
    for line in lines:
        archive, _, member = line.origin.rpartition("/")
        with zipfile.ZipFile(next(visor.rglob(Path(archive).name))) as opened:
            assert (tmp_path / line.image).read_bytes() == opened.read(member)


def test_a_dry_run_prints_counts_and_writes_nothing(hands23: Path, tmp_path: Path) -> None:
    common = ("sample", "newdays", "--root", hands23, "--split", "train", "--out", tmp_path / "out", "--dry-run")
    done = hint(*common, "--json", "-n", 9)
    rows = json.loads(done.stdout)["strata"]
    assert [row["asked"] for row in rows] == [5, 4]
    assert rows[0]["frames"] > rows[1]["frames"] > 0
    assert "left out" in done.stderr
    assert "interaction" in hint(*common).stdout
    assert not (tmp_path / "out").exists()


def test_a_dry_run_needs_no_pictures(hands23: Path, tmp_path: Path) -> None:
    for name in ("allMergedSplit", "allMergedTxt"):
        shutil.copytree(hands23 / name, tmp_path / "hands23" / name)
    common = ("sample", "newdays", "--split", "train", "-n", 9, "--out", tmp_path / "out", "--root")
    rows = json.loads(hint(*common, tmp_path / "hands23", "--dry-run", "--json").stdout)["strata"]
    whole = json.loads(hint(*common, hands23, "--dry-run", "--json").stdout)["strata"]
    assert [row["frames"] for row in rows] == pytest.approx([row["frames"] for row in whole], rel=0.02)
    assert "allMergedBlur is missing" in error(hint(*common, tmp_path / "hands23", code=2))
    assert f"use --root {tmp_path / 'hands23'}" in error(hint(*common, tmp_path, code=2))
    packed = tmp_path / "far" / "hands23.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(hands23 / "allMergedSplit" / "TRAIN.txt", "allMergedSplit/TRAIN.txt")
    for root in (packed, packed.parent):
        assert f"unzip {packed} -d {packed.with_suffix('')}" in error(hint(*common, root, code=2))


def test_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    names = tmp_path / "hands23" / "allMergedSplit" / "TRAIN.txt"
    names.parent.mkdir(parents=True)
    names.write_text("ND_\x1b[2J\x9b31m.jpg\n")
    (tmp_path / "hands23" / "allMergedTxt").mkdir()
    done = hint("sample", "newdays", "--root", tmp_path / "hands23", "--split", "train", "--dry-run")
    assert "such as ND_\\x1b[2J\\x9b31m.jpg" in done.stderr
    (tmp_path / "hands23" / "allMergedTxt" / "ND_\x1b]0;x.jpg.txt").touch()
    assert "\x1b" not in hint("sample", "newdays", "--root", tmp_path / "\x1b[2J", "--split", "train", code=2).stderr


def test_asking_for_too_many_fails_with_the_counts(hands23: Path, tmp_path: Path) -> None:
    arguments = ("sample", "newdays", "--root", hands23, "--split", "test", "--out", tmp_path / "out")
    message = error(hint(*arguments, "-n", 100_000, code=2))
    assert re.search(r"asked for 100000 of stratum random, which has (\d+) free of \1 \(\1 frames in all\)", message)
    assert not (tmp_path / "out").exists()


def test_excluded_videos_are_not_used(hands23: Path, tmp_path: Path) -> None:
    policy = tmp_path / "any.toml"
    policy.write_text('id = "any"\ntitle = "any split"\n[TRAIN_newdays_img]\n[TEST_newdays_img]\n')
    common = ("--root", hands23, "--policy", policy, "--out", tmp_path / "out")
    hint("sample", "newdays", *common, "--split", "test", "-n", 100)
    manifest = tmp_path / "out" / "TEST_newdays_img.jsonl"
    message = error(hint("sample", "newdays", *common, "--split", "train", "-n", 300, code=2))
    assert "another split" in message
    assert f"add --exclude {manifest}" in message
    hint("sample", "newdays", *common, "--split", "train", "-n", 300, "--exclude", manifest)
    videos = [
        {line.video for line in read_manifest(tmp_path / "out" / f"{s}_newdays_img.jsonl")} for s in ("TEST", "TRAIN")
    ]
    assert not videos[0] & videos[1]


def test_the_videos_of_a_hint_folder_can_be_excluded(hands23: Path, tmp_path: Path) -> None:
    common = ("sample", "newdays", "--root", hands23, "--split", "test", "-n", 20)
    hint(*common, "--out", tmp_path / "first")
    used = read_manifest(tmp_path / "first" / "TEST_newdays_img.jsonl")
    for place in (tmp_path / "first", tmp_path / "first" / "TEST_newdays_img"):
        hint(*common, "--out", tmp_path / "second", "--exclude", place, "--overwrite", "always")
        lines = read_manifest(tmp_path / "second" / "TEST_newdays_img.jsonl")
        assert not {line.video for line in lines} & {line.video for line in used}


HELD_OUT = ("0-A_ctkz_oE", "zwq7QfKjJD0")


def test_videos_of_hints_test_are_kept_out_of_training(hands23: Path, tmp_path: Path) -> None:
    """Two training videos of the source get names of released test videos."""
    root = tmp_path / "hands23"
    shutil.copytree(hands23, root, copy_function=os.link)
    listed = root / "allMergedSplit" / "TRAIN.txt"
    videos = list(dict.fromkeys(line[3:14] for line in listed.read_text().splitlines() if line.startswith("ND_")))[:2]
    renamed = dict(zip(videos, HELD_OUT, strict=True))
    text = listed.read_text()
    for old, new in renamed.items():
        text = text.replace(old, new)
        for path in (*root.glob(f"*/ND_{old}*"),):
            path.rename(path.with_name(path.name.replace(old, new)))
    listed.unlink()
    listed.write_text(text)
    common = ("sample", "newdays", "--root", root, "--split", "train", "--out", tmp_path / "out", "-n", 20, "--dry-run")
    found = hint(*common, "--json")
    assert "HInt validates or tests on the video, such as ND_" in found.stderr
    free = hint(*common, "--json", "--include-hint-videos")
    assert "HInt validates" not in free.stderr
    frames = [json.loads(done.stdout)["strata"][0]["frames"] for done in (found, free)]
    assert frames[0] < frames[1]


def test_a_run_continues_and_never_mixes_samples(hands23: Path, tmp_path: Path) -> None:
    common = ("sample", "newdays", "--root", hands23, "--split", "val", "--out", tmp_path)
    hint(*common, "-n", 30)
    whole = contents(tmp_path)
    pictures = sorted((tmp_path / "VAL_newdays_img").iterdir())
    pictures[0].unlink()
    (tmp_path / "VAL_newdays_img.jsonl").unlink()
    hint(*common, "-n", 30)
    assert contents(tmp_path) == whole
    assert "contains another sample" in error(hint(*common, "-n", 31, code=2))
    assert "contains the same sample" in error(hint(*common, "-n", 30, "--overwrite", "never", code=2))
    assert contents(tmp_path) == whole
    own = tmp_path / "VAL_newdays_img" / "mine.jpg"
    own.touch()
    hint(*common, "-n", 31, "--seed", 9, "--overwrite", "always")
    drawn = {Path(line.image).name for line in read_manifest(tmp_path / "VAL_newdays_img.jsonl")}
    assert len(drawn) == 31
    assert {path.name for path in (tmp_path / "VAL_newdays_img").iterdir()} == {*drawn, own.name}


SLOW_DISK = """
import time
import hint.files.atomic
import hint.progress
hint.files.atomic.os.fsync = lambda handle: time.sleep(0.02)
hint.progress.PLAIN_EVERY = 0
"""


def test_ctrl_c_keeps_the_pictures_and_the_next_run_continues(hands23: Path, tmp_path: Path) -> None:
    arguments = ["sample", "newdays", "--root", str(hands23), "--split", "train", "-n", "300", "--out", str(tmp_path)]
    process = start(*arguments, setup=SLOW_DISK)
    wait_for(process, "writing pictures: 5/")
    assert "the same command continues from there" in interrupt(process)
    pictures = {path.name for path in (tmp_path / "TRAIN_newdays_img").iterdir()}
    assert 5 <= len(pictures) < 300
    assert not any(name.startswith(".") for name in pictures), "no partial file"
    assert not (tmp_path / "TRAIN_newdays_img.jsonl").exists()
    hint(*arguments)
    assert pictures < {path.name for path in (tmp_path / "TRAIN_newdays_img").iterdir()}


def test_a_full_disk_is_one_line(hands23: Path, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        done = hint("sample", "newdays", "--root", hands23, "--split", "train", "-n", 60, "--out", place, code=1)
        assert "No space left" in error(done)
        assert not [path for path in place.rglob("*") if path.name.startswith(".")]
        assert not (place / "TRAIN_newdays_img.jsonl").exists()
    finally:
        subprocess.run(["umount", place], check=True)


def fho(root: Path, size: tuple[int, int] = SIZE, frame: int = 0) -> None:
    """Write a master file: one video and clip per name, one action each, frames at 20 + 5k, one right hand in each."""
    types = ("pre_45", "pre_30", "pre_15", "pre_frame", "contact_frame", "pnr_frame", "post_frame")
    box = {"object_type": "right_hand", "bbox": {"x": 20.0, "y": 30.0, "width": 50.0, "height": 40.0}}
    write_json(
        root / "annotations" / "fho_main.json",
        {"version": "2.0", "videos": [_video(clip, types, box, size, frame) for clip in CLIPS]},
    )


def _video(clip: str, types: tuple[str, ...], box: dict[str, Any], size: tuple[int, int], frame: int) -> dict[str, Any]:
    frames = [
        {"frame_number": n, "clip_frame_number": n, "frame_type": name, "boxes": [box]}
        for n, name in ((frame + 20 + 5 * k, name) for k, name in enumerate(types))
    ]
    action = {
        **{"uid": ACTION, "is_valid_action": True, "is_rejected": False, "is_invalid_annotation": False},
        **{"stage": "x", "frames": frames, "critical_frames": {}, "clip_critical_frames": {}},
    }
    interval = {"clip_uid": clip, "clip_id": "1", "redacted": False, "narrated_actions": [action]}
    metadata = {"fps": 30.0, "width": size[0], "height": size[1]}
    return {"video_uid": f"video of {clip}", "video_metadata": metadata, "annotated_intervals": [interval]}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips of two seconds, each of its own colour, with long groups of pictures."""
    if shutil.which("ffmpeg") is None and not os.environ.get("CI"):
        pytest.skip("ffmpeg is not on PATH")
    folder = tmp_path_factory.mktemp("clips")
    for k, clip in enumerate(CLIPS):
        source = ["-f", "lavfi", "-i", f"testsrc2=s={SIZE[0]}x{SIZE[1]}:r=30:d=2,hue=h={30 * k}"]
        codec = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "250"]
        subprocess.run(["ffmpeg", "-v", "error", *source, *codec, folder / f"{clip}.mp4"], check=True)
    return folder


def frame_of(clip: Path, number: int) -> np.ndarray:
    """Decode from the start and count."""
    with av.open(str(clip)) as container:
        decoded = container.decode(video=0)
        return next(frame for n, frame in enumerate(decoded) if n == number).to_ndarray(format="rgb24")


def test_ego4d_pictures_are_the_exact_frames(clips: Path, tmp_path: Path) -> None:
    fho(tmp_path)
    out = tmp_path / "out"
    hint("sample", "ego4d", "--root", tmp_path, "--clips", clips, "--split", "train", "-n", 25, "--out", out)
    lines = read_manifest(out / "TRAIN_ego4d_img.jsonl")
    assert len({line.clip for line in lines}) > 3
    for line in lines:
        assert line.hand_id == f"{line.clip}_{ACTION}_{line.frame}_{line.frame_type}_r"
        image = read_image(out / line.image).astype(float)
        assert (out / line.image).read_bytes() == dict(cut_jpegs(clips / f"{line.clip}.mp4", [line.frame]))[line.frame]
        apart = {
            n: np.abs(image - frame_of(clips / f"{line.clip}.mp4", n)).mean()
            for n in range(line.frame - 2, line.frame + 3)
        }
        assert min(apart, key=apart.__getitem__) == line.frame, apart


def test_sequences_of_ego4d(clips: Path, tmp_path: Path) -> None:
    fho(tmp_path)
    policy = tmp_path / "all.toml"
    policy.write_text(
        'id = "all"\ntitle = "every video"\n[TEST_ego4d_seq]\nunit = "sequence"\nmin_frames = 5\n'
        'frame_types = ["pre_45", "pre_30", "pre_15", "pre_frame", "contact_frame"]\n'
    )
    common = ("sample", "ego4d", "--root", tmp_path, "--clips", clips, "--split", "test", "--policy", policy)
    done = hint(*common, "--sequences", "-n", 3, "--out", tmp_path / "out")
    assert "of sequences" in done.stdout
    lines = read_manifest(tmp_path / "out" / "TEST_ego4d_seq.jsonl")
    assert Counter(line.clip for line in lines) == dict.fromkeys({line.clip for line in lines}, 5)
    assert len(lines) == 15


def test_missing_clips_are_listed_for_the_downloader(clips: Path, tmp_path: Path) -> None:
    fho(tmp_path)
    some = tmp_path / "clips"
    some.mkdir()
    for clip in CLIPS[::2]:
        shutil.copy(clips / f"{clip}.mp4", some)
    common = ("sample", "ego4d", "--root", tmp_path, "--split", "train", "--out", tmp_path / "out")
    message = error(hint(*common, "-n", 30, code=3))
    listing = tmp_path / "out" / "TRAIN_ego4d_img.clips.txt"
    assert f"ego4d --output_directory {tmp_path} --version v1 --datasets clips --video_uid_file {listing}" in message
    assert set(listing.read_text().split()) <= set(CLIPS[1::2])
    assert not (tmp_path / "out" / "TRAIN_ego4d_img.jsonl").exists()
    hint(*common, "-n", 10, "--available")
    lines = read_manifest(tmp_path / "out" / "TRAIN_ego4d_img.jsonl")
    assert {line.clip for line in lines} <= set(CLIPS[::2])
    assert not listing.exists()


def test_a_clip_shorter_than_the_frame_number_is_named(clips: Path, tmp_path: Path) -> None:
    fho(tmp_path, frame=35)
    out = tmp_path / "out"
    done = hint(
        *("sample", "ego4d", "--root", tmp_path, "--clips", clips, "--split", "train", "-n", 30, "--out", out), code=1
    )
    assert re.search(r"\.mp4 has 60 frames, no frame 60[0-9, ]* \(counted from 0\)", error(done))
    lost = re.search(rf"(\d+) pictures of \d+ files could not be written: {CLIPS[0][:6]}", error(done))
    assert lost is not None
    assert len(list((out / "TRAIN_ego4d_img").iterdir())) == 30 - int(lost[1]), "the others are there"
    assert not (out / "TRAIN_ego4d_img.jsonl").exists()


def test_clips_of_another_size_are_refused(clips: Path, tmp_path: Path) -> None:
    fho(tmp_path, size=(1920, 1080))
    common = ("sample", "ego4d", "--root", tmp_path, "--clips", clips, "--split", "train", "--out", tmp_path / "out")
    assert "is 160x128 px, but its boxes are for 1920x1080; get the full size" in error(hint(*common, "-n", 2, code=1))


@pytest.mark.parametrize("uid", ["../../../evil", "a/b", "a\\b"], ids=["parent", "slash", "backslash"])
def test_ids_cannot_escape_the_folder(uid: str, clips: Path, tmp_path: Path) -> None:
    fho(tmp_path)
    master = tmp_path / "annotations" / "fho_main.json"
    master.write_text(master.read_text().replace(ACTION, json.dumps(uid)[1:-1]))
    common = ("sample", "ego4d", "--root", tmp_path, "--clips", clips, "--split", "train", "--out", tmp_path / "out")
    assert "is not a file name" in error(hint(*common, "-n", 2, code=2))
    assert not list(tmp_path.parent.glob("evil*"))


def test_a_vanished_picture_is_named(hands23: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(hands23, copy)
    common = ("sample", "newdays", "--root", copy, "--split", "val", "-n", 10)
    hint(*common, "--out", tmp_path / "first")
    line = read_manifest(tmp_path / "first" / "VAL_newdays_img.jsonl")[3]
    (copy / line.origin).unlink()
    done = hint(*common, "--out", tmp_path / "second")
    assert "picture missing" in done.stderr
    assert line.hand_id not in {one.hand_id for one in read_manifest(tmp_path / "second" / "VAL_newdays_img.jsonl")}


def test_a_broken_line_is_named_and_can_be_left_out(hands23: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(hands23, copy)
    text = next(path for path in sorted((copy / "allMergedTxt").iterdir()) if path.stat().st_size)
    text.write_text("left_hand | object_contact | 1,2,3\n")
    common = ("sample", "newdays", "--root", copy, "--split", "train", "-n", 10, "--out", tmp_path / "out")
    message = error(hint(*common, code=2))
    assert text.name in message
    assert "--skip-broken" in message
    assert "broken" in hint(*common, "--skip-broken").stderr


def test_a_broken_manifest_names_file_and_line(hands23: Path, tmp_path: Path) -> None:
    common = ("sample", "newdays", "--root", hands23, "--split", "val", "--out", tmp_path)
    hint(*common, "-n", 10)
    manifest = tmp_path / "VAL_newdays_img.jsonl"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines[:2], lines[2][:40], *lines[3:]]))
    message = error(hint("sample", "report", manifest, code=2))
    assert f"{manifest}: 1 of 10 lines are not sampled hands: line 3 (" in message
    manifest.write_text("\n".join([*lines, lines[4]]))
    assert "duplicate hand ids" in error(hint("sample", "report", manifest, code=2))
    manifest.write_text("\n".join([*lines[:2], lines[2].replace('"box_xyxy"', '"box"')]))
    assert "line 3 (box" in error(hint("sample", "report", manifest, code=2))


USAGE = {
    "no number": (["newdays", "--root", "ROOT", "--split", "val"], "pass -n N"),
    "absent root": (["newdays", "--root", "nowhere", "--split", "val", "-n", "3"], "nowhere: no such folder"),
    "empty root": (["visor", "--root", ".", "--split", "val", "-n", "3"], "does not contain VISOR"),
    "other source": (["ego4d", "--root", "ROOT", "--split", "val", "-n", "3"], "does not contain Ego4D"),
    "clips elsewhere": (
        ["newdays", "--root", "ROOT", "--split", "val", "-n", "3", "--clips", "."],
        "apply to ego4d only",
    ),
    "policy": (
        ["newdays", "--root", "ROOT", "--split", "val", "-n", "3", "--policy", "paper"],
        "did you mean paper-v1",
    ),
    "exclude": (["newdays", "--root", "ROOT", "--split", "val", "-n", "3", "--exclude", "x.jsonl"], "no such file"),
    "no manifest": (["report", "x.jsonl"], "x.jsonl: No such file"),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage_errors_are_one_line_and_exit_2(case: str, hands23: Path, tmp_path: Path) -> None:
    arguments, message = USAGE[case]
    done = hint("sample", *(hands23 if a == "ROOT" else a for a in arguments), code=2, cwd=tmp_path)
    assert message in error(done)
    assert list(tmp_path.iterdir()) == []
