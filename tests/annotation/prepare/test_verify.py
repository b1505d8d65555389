import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import hint

from annotation.prepare.findings import KINDS, Fault, group
from annotation.prepare.release import HANDS, choose_folders
from hint.errors import UnknownNameError
from hint.files import write_json

ND, EK, EGO = "TEST_newdays_img", "VAL_epick_img", "TEST_ego4d_seq"
Run = Callable[..., subprocess.CompletedProcess[str]]
Stems = Callable[[str], list[str]]


def found(done: subprocess.CompletedProcess[str]) -> dict[str, list[str]]:
    """The ids of each kind in a report."""
    assert "Traceback" not in done.stderr, done.stderr
    return {finding["kind"]: finding["ids"] for finding in json.loads(done.stdout)["findings"]}


def edit(path: Path, **change: object) -> None:
    write_json(path, [{**json.loads(path.read_text())[0], **change}])


def test_the_release_has_the_published_numbers() -> None:
    assert len(HANDS) == 11
    for source, hands in (("newdays", 11970), ("epick", 5311), ("ego4d", 23153)):
        assert sum(n for folder, n in HANDS.items() if source in folder) == hands


def test_a_complete_release_is_clean(root: Path, run: Run) -> None:
    before = sorted((str(p), p.stat().st_mtime_ns, p.stat().st_mode) for p in root.rglob("*"))
    done = run(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "33 hands in 11 folders: 0 problems, 0 warnings" in done.stdout
    assert "checking hands: 33/33" in done.stderr
    for folder in HANDS:
        row = next(line.split() for line in done.stdout.splitlines() if folder in line)
        assert row == [folder, "3", "3", "3", "0", "0"]
    assert sorted((str(p), p.stat().st_mtime_ns, p.stat().st_mode) for p in root.rglob("*")) == before


def test_the_real_numbers_are_expected(root: Path) -> None:
    done = hint("prepare", "verify", root, "--json", code=1)
    report = json.loads(done.stdout)
    assert {count["folder"]: count["released"] for count in report["folders"]} == HANDS
    assert report["findings"][0]["reasons"][EGO] == "3 labels, released 6953"


def test_frames_that_were_never_cut_are_one_line_and_no_problem(root: Path, run: Run) -> None:
    for picture in root.glob("*ego4d*/*.jpg"):
        picture.unlink()
    done = run(root)
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith(("problem", "warning"))]
    assert len(lines) == 1
    assert lines[0].startswith("warning: Ego4D pictures not cut yet (15): TEST_ego4d_img 3, ")
    assert f"hint prepare ego4d --hint {root} --clips DIR" in done.stdout


def test_frames_cut_in_part_are_a_problem(root: Path, run: Run) -> None:
    pictures = sorted((root / EGO).glob("*.jpg"))
    pictures[0].unlink()
    done = run(root)
    assert done.returncode == 1
    assert f"cut while others were (1): {EGO}/{pictures[0].stem}.json" in done.stdout
    assert "hint prepare ego4d --hint" in done.stdout


def change_missing_folder(root: Path, stem: str) -> str:
    shutil.rmtree(root / EK)
    return EK


def change_hand_count(root: Path, stem: str) -> str:
    for suffix in (".json", ".jpg"):
        (root / ND / (stem + suffix)).unlink()
    return ND


def change_label_without_picture(root: Path, stem: str) -> str:
    (root / ND / f"{stem}.jpg").unlink()
    return f"{ND}/{stem}.json"


def change_empty_file(root: Path, stem: str) -> str:
    (root / ND / f"{stem}.jpg").write_bytes(b"")
    return f"{ND}/{stem}.jpg"


def change_label(root: Path, stem: str) -> str:
    edit(root / ND / f"{stem}.json", occlusion=[0] * 20)
    return f"{ND}/{stem}.json"


def change_picture(root: Path, stem: str) -> str:
    (root / ND / f"{stem}.jpg").write_bytes(b"<html>not found</html>")
    return f"{ND}/{stem}.jpg"


def change_cut_picture(root: Path, stem: str) -> str:
    path = root / ND / f"{stem}.jpg"
    path.write_bytes(path.read_bytes()[:-2])
    return f"{ND}/{stem}.jpg"


def change_channels(root: Path, stem: str) -> str:
    cv2.imwrite(str(root / ND / f"{stem}.jpg"), np.zeros((48, 64), np.uint8))
    return f"{ND}/{stem}.jpg"


def change_existence(root: Path, stem: str) -> str:
    edit(root / ND / f"{stem}.json", existence=[1] * 21)
    return f"{ND}/{stem}"


def change_unexpected_folder(root: Path, stem: str) -> str:
    (root / "__MACOSX").mkdir()
    return "__MACOSX"


def change_stray_file(root: Path, stem: str) -> str:
    shutil.copy(root / ND / f"{stem}.jpg", root / ND / f"._{stem}.jpg")
    return f"{ND}/._{stem}.jpg"


CHANGES = {name.removeprefix("change_"): f for name, f in globals().items() if name.startswith("change_")}


@pytest.mark.parametrize("kind", CHANGES)
def test_each_fault_is_found_and_nothing_else(kind: str, root: Path, run: Run, stems: Stems) -> None:
    concerned = CHANGES[kind](root, stems(ND)[1])
    kind = kind.replace("_", " ")
    done = run(root, "--json")
    assert found(done) == {kind: [concerned]}
    assert done.returncode == (1 if KINDS[kind].level == "problem" else 0)


def test_pictures_without_labels_lower_the_number_of_hands(root: Path, run: Run, stems: Stems) -> None:
    stem = stems(EGO)[0]
    (root / EGO / f"{stem}.json").unlink()
    assert found(run(root, "--json")) == {"hand count": [EGO], "picture without label": [f"{EGO}/{stem}.jpg"]}


def test_hands_of_another_source_are_misplaced(root: Path, run: Run, stems: Stems) -> None:
    (ours, theirs), draft = (stems(ND)[0], stems(EK)[0]), f"{stems(ND)[1]}.draw"
    for suffix in (".json", ".jpg"):
        (root / EK / (theirs + suffix)).rename(root / ND / (theirs + suffix))
        (root / ND / (ours + suffix)).unlink()
    (root / ND / f"{draft}.jpg").write_bytes(b"")
    done = run(root, "--json")
    assert found(done) == {"hand count": [EK], "name": [f"{ND}/{theirs}", f"{ND}/{draft}"]}
    names = next(f for f in json.loads(done.stdout)["findings"] if f["kind"] == "name")
    assert names["reasons"][f"{ND}/{theirs}"] == "a name of visor, not newdays"


def test_a_hand_in_two_folders_and_its_clip_in_two_splits(root: Path, run: Run, stems: Stems) -> None:
    stem, other = stems(ND)[0], stems("TRAIN_newdays_img")[0]
    for suffix in (".json", ".jpg"):
        (root / "TRAIN_newdays_img" / (other + suffix)).unlink()
        shutil.copy(root / ND / (stem + suffix), root / "TRAIN_newdays_img")
    done = run(root, "--json")
    assert found(done) == {"duplicate hand": [stem], "shared clip": [stem[3:14]]}
    assert [f["reasons"] for f in json.loads(done.stdout)["findings"]] == [
        {stem: f"{ND}, TRAIN_newdays_img"},
        {stem[3:14]: "TEST, TRAIN"},
    ]


def test_nameless_visor_frames_are_of_one_video(root: Path, run: Run, stems: Stems) -> None:
    for number, folder in enumerate(("TEST_epick_img", "TRAIN_epick_img")):
        for suffix in (".json", ".jpg"):
            old = root / folder / (stems(folder)[0] + suffix)
            old.rename(old.with_name(f"EK_frame_{number:010d}_l{suffix}"))
    done = run(root, "--json")
    assert (done.returncode, found(done)) == (0, {"shared clip": ["P03_120"]})


def test_image_and_sequence_folders_may_share_clips(root: Path, run: Run, stems: Stems) -> None:
    clip = stems("TEST_ego4d_img")[0][:36]
    for suffix in (".json", ".jpg"):
        old = root / EGO / (stems(EGO)[0] + suffix)
        old.rename(old.with_name(clip + old.name[36:]))
    renamed = {"official name": [f"{EGO}/{clip}{stems(EGO)[0][36:]}"], "missing name": [f"{EGO}/{stems(EGO)[0]}"]}
    assert found(run(root, "--json")) == renamed


def test_a_part_is_checked_as_a_part(root: Path, run: Run) -> None:
    shutil.rmtree(root / EK)
    (root / "notes.txt").write_text("mine")
    (root / EGO / "notes.txt").write_text("mine")
    done = run(root, "--only", ND, "--only", "val_newdays")
    assert done.returncode == 0, done.stdout
    assert "6 hands in 2 folders: 0 problems, 0 warnings" in done.stdout
    assert found(run(root, "--json")) == {
        "missing folder": [EK],
        "stray file": [f"{EGO}/notes.txt", "notes.txt"],
    }


def test_only_takes_folders_and_subsets() -> None:
    assert choose_folders(["val_ego4d_seq", "newdays", "TRAIN_epick_img", "newdays"]) == (
        "TEST_newdays_img",
        "TRAIN_epick_img",
        "VAL_ego4d_seq",
    )
    with pytest.raises(UnknownNameError, match="did you mean TRAIN_ego4d_img"):
        choose_folders(["TRAIN_ego4d_seq"])


WRONG = {
    "absent": (["nowhere"], "nowhere: no such folder"),
    "file": (["HInt.zip"], "HInt.zip is a file; unpack it"),
    "empty": (["empty"], "has none of TRAIN_newdays_img"),
    "own labels": (["own"], "for labels of your own: hint check own"),
    "parent": (["."], "the root is in it: hint prepare verify HInt"),
    "one of the folders": (["HInt/TEST_newdays_img"], "/HInt --only TEST_newdays_img"),
    "only": (["HInt", "--only", "TEST_newday_img"], "did you mean TEST_newdays_img"),
    "zip of a part": (["HInt", "--only", "newdays", "--zip-md5"], "remove --only"),
    "absent list": (["HInt", "--checksums", "no.sha256"], "no.sha256: No such file"),
    "no list": (["HInt", "--checksums", "HInt.zip"], "HInt.zip, line 1: expected <sha256>"),
    "list of elsewhere": (["HInt", "--checksums", "other.sha256"], "relative to the HInt root"),
    "list into a folder": (["HInt", "--write-checksums", "empty"], "empty is a folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_paths_are_one_line_and_exit_2(case: str, root: Path, run: Run) -> None:
    (root.parent / "HInt.zip").write_bytes(b"PK")
    (root.parent / "empty").mkdir()
    (root.parent / "own" / "TRAIN_photos_img").mkdir(parents=True)
    (root.parent / "other.sha256").write_text(f"{'0' * 64}  HInt/{ND}/a.json\n")
    arguments, message = WRONG[case]
    done = run(*arguments, cwd=root.parent)
    lines = [line for line in done.stderr.splitlines() if line.startswith("hint: ")]
    assert done.returncode == 2
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in done.stderr


def test_pictures_of_ego4d_can_be_cut_again(root: Path, run: Run, stems: Stems) -> None:
    (root / ND / f"{stems(ND)[0]}.jpg").write_bytes(b"")
    assert "hint prepare ego4d" not in run(root).stdout
    (root / EGO / f"{stems(EGO)[0]}.jpg").write_bytes(b"")
    assert f"cut again: hint prepare ego4d --hint {root} --clips DIR" in run(root).stdout


def test_names_of_any_bytes_are_shown(root: Path, run: Run) -> None:
    (root / ND / os.fsdecode(b"caf\xe9\n\x1b[31m.txt")).write_text("")
    done = run(root)
    assert done.returncode == 0, done.stderr
    assert rf"{ND}/caf\udce9\n\x1b[31m.txt" in done.stdout
    assert len(found(run(root, "--json"))["stray file"]) == 1


def test_five_ids_and_the_total_are_shown(root: Path, run: Run) -> None:
    for number in range(7):
        (root / f"note{number}").write_text("")
    assert "(7): note0, note1, note2, note3, note4, ...\n" in run(root).stdout


def test_problems_come_before_warnings() -> None:
    faults = [Fault(kind, "", "a") for kind in KINDS]
    levels = [finding.level for finding in group(reversed(faults))]
    assert levels == sorted(levels)
    assert len(levels) == len(KINDS)


def test_neither_torch_nor_anything_for_help_is_loaded(root: Path, run: Run, small_release: str) -> None:
    block = "import sys; sys.modules.update(dict.fromkeys(('torch', 'scipy', 'pandas')))"
    assert run(root, setup=f"{block}; {small_release}").returncode == 0
    say = "import atexit, sys; atexit.register(lambda: print('HEAVY', {'cv2', 'PIL', 'annotation.prepare'} & set("
    done = run("--help", setup=say + "sys.modules)))")
    assert "HEAVY set()" in done.stdout
    assert "--write-checksums" in done.stdout
