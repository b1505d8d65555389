"""Damage to labels that leaves them readable: each kind is put into one hand, and found there and nowhere else."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotation.prepare.label_content import check_content, check_together, summarize
from hint.files import read_evaluation_npz, write_evaluation_npz
from hint.files.pairs import HandRecord, read_pairs
from hint.types import HandLabels

ND, EGO = "TEST_newdays_img", "TEST_ego4d_seq"
Run = Callable[..., subprocess.CompletedProcess[str]]
Stems = Callable[[str], list[str]]


def found(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """Kind -> id -> reason."""
    assert "Traceback" not in done.stderr, done.stderr
    findings = json.loads(done.stdout)["findings"]
    return {finding["kind"]: {i: finding["reasons"].get(i, "") for i in finding["ids"]} for finding in findings}


def changed(change: Callable[[dict[str, list]], object]) -> Callable[[Path], None]:
    """Return the damage that changes the one hand of a label in place."""

    def damage(path: Path) -> None:
        content = json.loads(path.read_text())
        change(content[0])
        path.write_text(json.dumps(content))

    return damage


def rewritten(change: Callable[[str], bytes]) -> Callable[[Path], None]:
    """Return the damage that writes the text of a label in another way."""

    def damage(path: Path) -> None:
        path.write_bytes(change(path.read_text()))

    return damage


def scaled(hand: dict[str, list]) -> None:
    hand["keypoints"] = [[x / 64, y / 48] for x, y in hand["keypoints"]]


def normalised(hand: dict[str, list]) -> None:
    scaled(hand)
    hand["bbox"] = [[v / 64 for v in hand["bbox"][0]]]


def shifted(hand: dict[str, list]) -> None:
    hand["keypoints"] = [[x + 300, y] for x, y in hand["keypoints"]]


# damage: how it is put in, and the kinds it is found as
DAMAGE: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "keypoints all zero": (changed(lambda hand: hand.update(keypoints=[[0.0, 0.0]] * 21)), {"collapsed", "existence"}),
    "on one spot": (changed(lambda hand: hand.update(keypoints=[[20.5, 9.0]] * 21)), {"collapsed", "existence"}),
    "keypoints in 0..1": (changed(scaled), {"collapsed"}),
    "everything in 0..1": (changed(normalised), {"tiny box"}),
    "shifted by 300 px": (changed(shifted), {"misplaced", "existence"}),
    "box elsewhere": (changed(lambda hand: hand.update(bbox=[[64, 0, 90, 20]])), {"misplaced", "box"}),
    "box beside": (changed(lambda hand: hand.update(bbox=[[1.5, 2, 14, 31]])), {"beside box"}),
    "existence inverted": (
        changed(lambda hand: hand.update(existence=[1 - v for v in hand["existence"]])),
        {"misplaced", "existence"},
    ),
    "no joint": (changed(lambda hand: hand.update(existence=[0] * 21)), {"no joint", "existence"}),
    "key twice": (rewritten(lambda text: text.replace("[{", '[{"bbox": [[0, 0, 9, 9]], ').encode()), {"repeated key"}),
    "byte order mark": (rewritten(lambda text: b"\xef\xbb\xbf" + text.encode()), {"encoding"}),
    "UTF-16": (rewritten(lambda text: text.encode("utf-16")), {"encoding"}),
    "UTF-32": (rewritten(lambda text: text.encode("utf-32-be")), {"encoding"}),
    "extra key": (changed(lambda hand: hand.update(score=[1] * 21)), {"extra key"}),
}


def test_damage_to_single_labels_is_found(root: Path, run: Run, stems: Stems) -> None:
    hands = [f"{folder.name}/{stem}" for folder in sorted(root.iterdir()) for stem in stems(folder.name)]
    expected: dict[str, set[str]] = {}
    for hand, (damage, kinds) in zip(hands, DAMAGE.values(), strict=False):
        damage(root / f"{hand}.json")
        for kind in kinds:
            name = f"{hand}.json" if kind in ("encoding", "repeated key", "extra key") else hand
            expected.setdefault(kind, set()).add(name)
    source, target, last = hands[-1], hands[-2], hands[-3]
    (root / f"{target}.json").write_bytes((root / f"{source}.json").read_bytes())
    expected["copied label"] = {source, target}
    picture = root / f"{last}.jpg"
    picture.write_bytes(cv2.imencode(".png", cv2.imread(str(picture)))[1].tobytes())
    expected["picture format"] = {f"{last}.jpg"}
    done = run(root, "--json")
    assert {kind: set(ids) for kind, ids in found(done).items()} == expected
    assert done.returncode == 1
    reasons = found(done)
    assert set(reasons["encoding"].values()) == {"UTF-8 with a byte order mark", "UTF-16", "UTF-32-BE"}
    assert set(reasons["repeated key"].values()) == {"bbox"}
    assert set(reasons["picture format"].values()) == {"PNG"}
    assert reasons["copied label"][source] == f"as {target}"


def test_a_flipped_side_is_not_the_official_name(root: Path, run: Run, stems: Stems) -> None:
    stem = stems(EGO)[1]
    flipped = f"{stem[:-1]}l"
    for suffix in (".json", ".jpg"):
        (root / EGO / (stem + suffix)).rename(root / EGO / (flipped + suffix))
    done = run(root)
    assert done.returncode == 1
    assert f"not in the official list (1): {EGO}/{flipped} (the official name is {stem})" in done.stdout
    assert f"that are missing (1): {EGO}/{stem}" in done.stdout


def test_every_picture_is_decoded_on_request(root: Path, run: Run, stems: Stems) -> None:
    name = f"{ND}/{stems(ND)[1]}.jpg"
    content = bytearray((root / name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2] = b"\xff\xd9"  # the end of a picture, in the middle of it
    (root / name).write_bytes(content)
    assert found(run(root, "--json")) == {}
    done = run(root, "--json", "--decode")
    assert set(found(done)) == {"damaged picture"}
    assert "Corrupt JPEG data" in found(done)["damaged picture"][name]
    assert "Corrupt" not in done.stderr
    assert done.returncode == 1


def test_test_labels_are_compared_with_the_evaluation_npz(root: Path, run: Run, stems: Stems) -> None:
    npz = root.parent / "evaluation"
    write_evaluation_npz(npz, read_pairs(root / ND))
    assert found(run(root, "--json", "--evaluation", npz)) == {}
    first, second, third = (root / ND / f"{stem}.json" for stem in stems(ND))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)  # labels of two hands swapped
    changed(lambda hand: hand.update(occlusion=[1 - v for v in hand["occlusion"]]))(third)
    done = run(root, "--json", "--evaluation", npz)
    assert found(done) == {
        "evaluation": {
            **dict.fromkeys((f"{ND}/{stem}" for stem in stems(ND)[:2]), "keypoints"),
            f"{ND}/{stems(ND)[2]}": "occlusion",
        }
    }
    absent = run(root, "--evaluation", root)
    assert absent.returncode == 2
    assert f"--evaluation {root}: no TEST_newdays_img_all.npz" in absent.stderr


def records(labels: HandLabels) -> list[HandRecord]:
    columns = (labels.box_xyxy, labels.keypoints_2d, labels.existence, labels.occlusion)
    return [HandRecord(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]


@pytest.mark.parametrize("folder", ["TEST_newdays_img", "TEST_epick_img", "TEST_ego4d_img"])
def test_released_labels_have_no_problem_but_inverted_or_shifted_ones_do(folder: str, shared: Path) -> None:
    if not (shared / "data" / "hint_eval_npz").is_dir():
        pytest.skip("no released labels")
    labels = read_evaluation_npz(shared / "data" / "hint_eval_npz", folder)
    hands = records(labels)
    kinds = [kind for hand in hands for kind, _ in check_content(hand, summarize(hand))]
    assert set(kinds) <= {"beside box"}
    assert len(kinds) <= 2

    def together(hands: list[HandRecord]) -> list[tuple[str, str]]:
        summaries = {(folder, str(k)): summarize(hand) for k, hand in enumerate(hands)}
        return [(fault.kind, fault.reason) for fault in check_together(summaries)]

    assert together(hands) == []
    for flag, reason in (("occlusion", "fingertips occluded"), ("existence", "of the joints exist: inverted?")):
        inverted = [HandRecord(**{**vars(h), flag: [not v for v in getattr(h, flag)]}) for h in hands]
        assert any(kind == "folder flags" and reason in why for kind, why in together(inverted)), flag
    visible = [HandRecord(h.box, h.keypoints, h.existence, [False] * 21) for h in hands]
    assert together(visible) == [("folder flags", "0% of the joints are occluded")]
    shifted = [HandRecord(h.box, [[x + 300, y] for x, y in h.keypoints], h.existence, h.occlusion) for h in hands]
    assert together(shifted)[0][0] == "folder beside boxes"
    shares = [bool(list(check_content(hand, summarize(hand)))) for hand in shifted]
    assert np.mean(shares) > 0.93
