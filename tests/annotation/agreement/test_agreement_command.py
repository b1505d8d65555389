"""``hint agreement`` as a person types it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import error, hint

from annotation.agreement.prelabels import displacement
from annotation.agreement.result import read_agreement
from annotation.agreement.run import agreement
from hint.errors import InputError
from hint.files import read_labels, write_coco, write_pairs, write_predictions
from hint.images import read_image
from hint.types import HandLabels, Predictions

Annotate = Callable[..., HandLabels]


@pytest.fixture
def truth(hint_root: Path) -> HandLabels:
    """Twelve hands with pictures."""
    return read_labels(hint_root)


@pytest.fixture
def twice(truth: HandLabels, annotated: Annotate, tmp_path: Path) -> tuple[Path, Path]:
    """Both annotations, as pairs and as COCO; each lacks one hand of the other."""
    a, b = annotated(truth, 1), annotated(truth, 2)
    write_pairs(tmp_path / "anna", a.select(slice(0, 11)))
    write_coco(tmp_path / "ben.json", b.select(slice(1, 12)))
    return tmp_path / "anna", tmp_path / "ben.json"


def test_it_prints_a_table_with_the_paper_and_writes_three_files(
    twice: tuple[Path, Path], truth: HandLabels, tmp_path: Path
) -> None:
    done = hint("agreement", *twice, "--out", tmp_path / "out")
    for text in (
        "10 hands of 6 clips",
        "90.5%",
        "94.6%",
        "100%",
        "Cohen's kappa",
        "little_tip",
        "within 0.25 palm lengths",
    ):
        assert text in done.stdout, text
    assert f"1 hands of the first annotation are not in the second one: {truth.hand_id[0]}" in done.stderr
    assert f"1 hands of the second annotation are not in the first one: {truth.hand_id[11]}" in done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"agreement.json", "agreement.png", "worst.png"}
    for name in ("agreement.png", "worst.png"):
        assert read_image(tmp_path / "out" / name).std() > 20
    result = read_agreement(tmp_path / "out" / "agreement.json")
    assert (result.hands, result.clips, result.only_a, result.only_b) == (
        *(10, 6),
        (str(truth.hand_id[0]),),
        (str(truth.hand_id[11]),),
    )
    assert (result.paper.occlusion, result.paper.existence, result.paper.within) == (90.5, 100, 94.6)
    assert len(result.worst) == 10
    assert [one.distance for one in result.worst] == sorted((one.distance for one in result.worst), reverse=True)


def test_json_is_the_file_and_nothing_else(twice: tuple[Path, Path], tmp_path: Path) -> None:
    done = hint("agreement", *twice, "--json", "--out", tmp_path / "out")
    assert done.stdout == (tmp_path / "out" / "agreement.json").read_text()
    content = json.loads(done.stdout)
    assert content["schema"] == "hint-agreement-1"
    assert set(content["occlusion"]) == {"value", "n", "ci"}
    curve = content["curves"][0]
    assert len(curve["thresholds"]) == len(curve["values"]) == len(curve["low"]) == len(curve["high"]) == 51
    again = hint("agreement", *twice, "--json", "--out", tmp_path / "again")
    assert again.stdout == done.stdout, "the same seed gives the same bytes"
    assert hint("agreement", *twice, "--json", "--seed", 1).stdout != done.stdout


def test_python_does_what_the_command_does(twice: tuple[Path, Path], tmp_path: Path) -> None:
    hint("agreement", *twice, "--out", tmp_path / "a")
    result = agreement(*map(str, twice), out=str(tmp_path / "b"))
    assert (tmp_path / "a" / "agreement.json").read_text() == result.to_json()
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"agreement.json", "agreement.png", "worst.png"}
    loaded = agreement(*map(read_labels, twice))
    assert (loaded.within, loaded.per_joint) == (result.within, result.per_joint)


def test_the_palm_can_be_chosen(twice: tuple[Path, Path]) -> None:
    def palm(*options: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(hint("agreement", *twice, "--json", *options).stdout)
        return found

    default, other = palm(), palm("--palm", "box:10", "--palm-of", "a")
    assert default["palm"]["definition"] == "wrist-middle"
    assert other["palm"]["definition"] == "box:10"
    assert other["within"]["value"] == 100
    assert palm("--palm", "wrist-knuckles", "--palm-of", "b")["palm"]["whose"] == "b"


def test_pre_labels_are_audited(truth: HandLabels, annotated: Annotate, tmp_path: Path) -> None:
    start = annotated(truth, 7).keypoints_2d.astype(np.float32)
    rng = np.random.default_rng(0)
    names = []
    for name, kept in (("anna", 0.9), ("ben", 0.5)):
        moved = annotated(truth, len(names)).keypoints_2d
        points = np.where(rng.random((12, 21, 1)) < kept, start.astype(np.float64), moved)
        points[0] = start[0]
        write_pairs(tmp_path / name, replace(truth, keypoints_2d=points))
        names.append(tmp_path / name)
    write_predictions(tmp_path / "pre.npz", Predictions(truth.hand_id, start, meta={"method": "mediapipe"}))
    done = hint("agreement", *names, "--prelabels", tmp_path / "pre.npz", "--json")
    content = json.loads(done.stdout)
    anna, ben = content["prelabels"]
    assert (anna["annotator"], anna["method"], anna["hands"]) == ("a", "mediapipe", 12)
    assert 85 < anna["untouched_points"]["value"] < 100
    assert 45 < ben["untouched_points"]["value"] < 70
    assert anna["untouched_hands"] >= 100 / 12
    assert len(anna["bias"]) == 21
    assert "neither annotator moved the pre-label" in done.stderr
    (anchoring,) = content["anchoring"]
    assert anchoring["both_moved"]["n"] + anchoring["otherwise"]["n"] == content["within"]["n"]
    shown = hint("agreement", *names, "--prelabels", tmp_path / "pre.npz").stdout
    assert "mediapipe" in shown
    assert "largest bias" in shown


def test_bias_is_in_the_axes_of_the_hand(truth: HandLabels) -> None:
    """Points moved by a tenth of a palm to the fingers, two tenths to the thumb, whatever the side and direction."""
    rng = np.random.default_rng(3)
    n = 50
    turn = rng.uniform(0, 2 * np.pi, n)
    fingers, thumb = (np.stack([np.cos(turn + t), np.sin(turn + t)], 1) for t in (0, np.pi / 2))
    thumb *= rng.choice([-1.0, 1.0], (n, 1))
    points = np.zeros((n, 21, 2))
    points[:, 5], points[:, 9], points[:, 17] = 100 * fingers + 20 * thumb, 100 * fingers, 90 * fingers - 30 * thumb
    start = points - (0.1 * fingers + 0.2 * thumb)[:, None] * 100
    index = np.arange(n) % 12
    labels = _labels(truth, index, points)
    found = displacement(labels, start, np.full(n, 100.0))
    np.testing.assert_allclose(found[..., 0], 0.1, atol=1e-9)
    np.testing.assert_allclose(found[..., 1], 0.2, atol=1e-9)


def _labels(truth: HandLabels, index: np.ndarray, points: np.ndarray) -> HandLabels:
    columns = {name: getattr(truth, name)[index] for name in vars(truth) if name not in ("box_side", "notes")}
    return HandLabels(
        **{**columns, "hand_id": np.array([f"h{k}_r" for k in range(len(index))]), "keypoints_2d": points}
    )


def test_a_biased_annotator_is_detected(truth: HandLabels, annotated: Annotate, tmp_path: Path) -> None:
    start = truth.keypoints_2d.astype(np.float32)
    axis = truth.keypoints_2d[:, 9] - truth.keypoints_2d[:, 0]
    points = start.astype(np.float64)
    points[:, 8] += 0.15 * axis
    write_pairs(tmp_path / "a", replace(truth, keypoints_2d=points))
    write_pairs(tmp_path / "b", annotated(truth, 1))
    write_predictions(tmp_path / "pre.npz", Predictions(truth.hand_id, start))
    run = ("--prelabels", tmp_path / "pre.npz", "--palm-of", "a", "--json")
    audit = json.loads(hint("agreement", tmp_path / "a", tmp_path / "b", *run).stdout)["prelabels"][0]
    bias = {row["joint"]: row for row in audit["bias"]}
    assert bias["index_tip"]["along"]["value"] == pytest.approx(0.15, abs=1e-3)
    assert bias["index_tip"]["across"]["value"] == pytest.approx(0, abs=1e-3)
    assert bias["index_dip"]["along"]["value"] == pytest.approx(0, abs=1e-6)
    assert audit["untouched_points"]["value"] == pytest.approx(100 * 20 / 21)
    assert audit["method"] == "pre"


def test_hands_without_pictures_are_drawn_on_blank_tiles(
    twice: tuple[Path, Path], truth: HandLabels, tmp_path: Path
) -> None:
    for picture in {Path(p) for p in truth.image.tolist()} | set(twice[0].glob("*.jpg")):
        picture.unlink()
    hint("agreement", *twice, "--out", tmp_path / "out")
    assert read_image(tmp_path / "out" / "worst.png").std() > 10


def spoil(case: str, truth: HandLabels, folder: Path) -> tuple[Path, Path]:
    a = b = truth
    if case == "no shared":
        a, b = truth.select(slice(0, 5)), truth.select(slice(5, 12))
    elif case == "one shared":
        a, b = truth.select(slice(0, 6)), truth.select(slice(5, 12))
    elif case == "boxes":
        box = truth.box_xyxy.copy()
        box[3, 2] += 4
        b = replace(truth, box_xyxy=box)
    elif case == "sides":
        b = replace(truth, is_right=truth.is_right ^ (np.arange(12) == 4))
    write_coco(folder / "a.json", a)
    write_coco(folder / "b.json", b)
    return folder / "a.json", folder / "b.json"


BAD = {
    "no shared": "the two have no hand in common",
    "one shared": "only one hand in common",
    "boxes": "boxes differ by more than 1 px between the two:",
    "sides": "left in one annotation, right in the other:",
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_compared_is_one_line(case: str, truth: HandLabels, tmp_path: Path) -> None:
    done = hint("agreement", *spoil(case, truth, tmp_path), "--out", tmp_path / "out", code=2)
    assert BAD[case] in error(done)
    assert not (tmp_path / "out").exists()
    if case in ("boxes", "sides"):
        assert str(truth.hand_id[3 if case == "boxes" else 4]) in error(done)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("A", "nowhere"), "nowhere: no such file"),
        (("A", "B", "--palm", "palm"), "unknown palm length 'palm'"),
        (("A", "B", "--palm", "box:0"), "use box:FACTOR with a positive number"),
        (("A", "B", "--palm-of", "both"), "unknown annotator 'both'"),
        (("A", "B", "--prelabels", "no.npz"), "no.npz"),
    ],
    ids=["absent", "palm", "factor", "annotator", "pre-labels"],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: tuple[str, ...], message: str, twice: tuple[Path, Path], tmp_path: Path
) -> None:
    places = {"A": twice[0], "B": twice[1]}
    assert message in error(hint("agreement", *(places.get(a, a) for a in arguments), code=2))


def test_boxes_may_differ_by_rounding(truth: HandLabels, tmp_path: Path) -> None:
    write_coco(tmp_path / "a.json", truth)
    write_coco(tmp_path / "b.json", replace(truth, box_xyxy=truth.box_xyxy + 0.5))
    hint("agreement", tmp_path / "a.json", tmp_path / "b.json")


def test_pre_labels_of_other_hands_are_refused(twice: tuple[Path, Path], tmp_path: Path) -> None:
    write_predictions(tmp_path / "o.npz", Predictions(np.array(["x_r"]), np.zeros((1, 21, 2), np.float32)))
    done = hint("agreement", *twice, "--prelabels", tmp_path / "o.npz", code=2)
    assert "contains no pre-label of these 10 hands" in error(done)


def test_other_files_are_refused_as_results(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"schema": "hint-record-1"}')
    with pytest.raises(InputError, match="is not a result of hint agreement"):
        read_agreement(tmp_path / "x.json")
    with pytest.raises(InputError, match="No such file"):
        read_agreement(tmp_path / "y.json")
