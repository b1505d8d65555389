"""Where results go, what is refused before any work, and how predictions are told from methods."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from benchmark.record import read_record
from hint.engine import Work
from hint.errors import InputError, MissingRequirementError, UnknownNameError, WriteError
from hint.files import read_labels, write_pairs, write_predictions
from hint.methods.box_centre import BoxCentre
from hint.methods.table import create
from hint.types import Hand, HandLabels, MethodOptions, Predictions


def perfect(labels: HandLabels, **meta: object) -> Predictions:
    return Predictions(labels.hand_id, labels.keypoints_2d, meta=dict(meta))


@pytest.fixture
def files(labels: HandLabels, tmp_path: Path) -> Path:
    """Two files of other predictions that have the same name."""
    write_predictions(tmp_path / "a" / "predictions.npz", perfect(labels))
    write_predictions(
        tmp_path / "b" / "predictions.npz", perfect(replace(labels, keypoints_2d=labels.keypoints_2d + 1))
    )
    return tmp_path


def test_predictions_are_named_after_what_tells_them_apart(labels: HandLabels, files: Path) -> None:
    out = files / "out"
    found = [evaluate(labels, files / name / "predictions.npz", out=out) for name in "ab"]
    assert [result.folder for result in found] == [out / "a", out / "b"]
    assert [result.record.method.name for result in found] == ["a", "b"]
    write_predictions(files / "mine.npz", perfect(labels))
    write_predictions(files / "theirs.npz", perfect(labels, method="their/method 2"))
    assert evaluate(labels, str(files / "mine.npz"), out=out).folder == out / "mine"
    theirs = evaluate(labels, files / "theirs.npz", out=str(out))
    assert (theirs.folder, theirs.record.method.name) == (out / "their-method-2", "their/method 2")
    named = evaluate(labels, files / "a", out=out, name="the best")
    assert (named.folder, named.record.method.name) == (out / "the-best", "the best")


def test_a_name_that_is_no_folder_is_refused_before_the_work(labels: HandLabels, tmp_path: Path) -> None:
    method = create("box-centre", MethodOptions())
    method.prepare = lambda *_: pytest.fail("the method was run")  # type: ignore[method-assign]
    for name in ("", "..", "a/b", "../a", "a\\b", "x" * 101, "\N{HIRAGANA LETTER A}" * 100):
        with pytest.raises(InputError, match="name"):
            evaluate(labels, method, out=tmp_path / "out", name=name)
    with pytest.raises(InputError, match="--name NAME"):
        evaluate(labels, perfect(labels, method="x" * 300), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_says_whether_anything_is_saved(labels: HandLabels, tmp_path: Path) -> None:
    class Interrupted(BoxCentre):
        until = 0

        def infer(self, hands: Sequence[Hand], prepared: object) -> Predictions:
            self.until -= 1
            if self.until < 0:
                raise KeyboardInterrupt
            return super().infer(hands, prepared)

    method = Interrupted()
    for method.until, message in ((0, "nothing was saved yet"), (1, "the same command continues")):
        with pytest.raises(KeyboardInterrupt, match=message):
            evaluate(labels, method, out=tmp_path, work=Work(batch_size=1))


def test_arguments_of_other_types_are_refused(labels: HandLabels) -> None:
    for arguments, message in (
        (("mean-pose", labels), "labels come first"),
        ((perfect(labels), labels), "labels come first"),
        ((labels, labels), "not HandLabels"),
        ((labels, None), "not NoneType"),
        ((labels, 3), "not int"),
        ((None, "box-centre"), "not NoneType"),
        ((labels.select(slice(0)), "box-centre"), "no hand"),
        ((labels.select(slice(0)), perfect(labels)), "no hand"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate(*arguments)  # type: ignore[arg-type]
    for options in (
        *({"limit": "3"}, {"limit": 0}, {"limit": -1}, {"limit": 2.5}, {"seed": -1}),
        *({"seed": None}, {"out": 3}),
    ):
        with pytest.raises(InputError, match=next(iter(options))):
            evaluate(labels, "box-centre", **options)  # type: ignore[arg-type]


def test_results_of_another_method_are_never_replaced(labels: HandLabels, files: Path) -> None:
    out = files / "out"
    first = evaluate(labels, files / "a", out=out, name="x").record
    for overwrite in ("missing", "always"):
        with pytest.raises(InputError, match=r"holds results of x, not of box-centre; .*--name"):
            evaluate(labels, "box-centre", out=out, name="x", overwrite=overwrite)
    with pytest.raises(InputError, match=r"other predictions named x; .*--name"):
        evaluate(labels, files / "b", out=out, name="x")
    assert read_record(out / "x" / "record.json") == first
    assert evaluate(labels, files / "a", out=out, name="x").record.scores == first.scores, "the same ones may be scored"
    evaluate(labels, files / "b", out=out, name="x", overwrite="always")
    assert read_record(out / "x" / "record.json").fingerprint != first.fingerprint


def test_a_method_does_not_replace_predictions_of_its_name(labels: HandLabels, tmp_path: Path) -> None:
    evaluate(labels, perfect(labels, method="box-centre"), out=tmp_path)
    with pytest.raises(InputError, match="other predictions named box-centre"):
        evaluate(labels, "box-centre", out=tmp_path)


def test_a_method_fitted_on_other_labels_is_told_in_words(labels: HandLabels, tmp_path: Path) -> None:
    evaluate(labels, "mean-pose", out=tmp_path)
    with pytest.raises(InputError, match=r"other labels to fit on .*--name") as raised:
        evaluate(labels, "mean-pose", out=tmp_path, train_labels=labels)
    assert "sha256" not in str(raised.value)


def test_predictions_do_not_replace_a_method_of_their_name(labels: HandLabels, tmp_path: Path) -> None:
    evaluate(labels, "box-centre", out=tmp_path)
    given = perfect(labels, method="box-centre")
    with pytest.raises(InputError, match=r"the method box-centre; .*--name"):
        evaluate(labels, given, out=tmp_path)
    folder = evaluate(labels, given, out=tmp_path, name="mine").folder
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == ["errors.npz", "predictions.npz", "record.json"]


def test_a_limited_run_does_not_replace_a_complete_record(labels: HandLabels, tmp_path: Path) -> None:
    whole = evaluate(labels, "box-centre", out=tmp_path).record
    with pytest.raises(InputError, match=r"--limit 3 would replace; type --name"):
        evaluate(labels, "box-centre", out=tmp_path, limit=3)
    assert read_record(tmp_path / "box-centre" / "record.json") == whole
    few = evaluate(labels, "box-centre", out=tmp_path, limit=3, name="few")
    assert few.folder == tmp_path / "few"
    evaluate(labels, "box-centre", out=tmp_path, limit=5, name="few")
    grown = evaluate(labels, "box-centre", out=tmp_path, name="few").record
    assert (grown.limit, grown.timing.reused) == (None, 5)


def test_a_record_that_cannot_be_read_is_not_replaced_by_accident(labels: HandLabels, tmp_path: Path) -> None:
    path = tmp_path / "box-centre" / "record.json"
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(InputError, match="--overwrite always"):
        evaluate(labels, "box-centre", out=tmp_path)
    assert evaluate(labels, "box-centre", out=tmp_path, overwrite="always").record == read_record(path)


def test_a_folder_that_cannot_be_written_is_found_before_the_work(labels: HandLabels, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    method = create("box-centre", MethodOptions())
    method.prepare = lambda *_: pytest.fail("the method was run")  # type: ignore[method-assign]
    with pytest.raises(WriteError, match=r"cannot write to .*file/out/box-centre: Not a directory"):
        evaluate(labels, method, out=tmp_path / "file" / "out")
    with pytest.raises(UnknownNameError, match="overwrite"):
        evaluate(labels, method, out=tmp_path, overwrite="sometimes")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_predictions_that_match_nothing_give_no_record(
    make: Callable[..., HandLabels], labels: HandLabels, tmp_path: Path
) -> None:
    write_pairs(tmp_path / "root" / "TEST_newdays_img", labels)
    other = make(seed=1, subset="ego4d")
    write_pairs(tmp_path / "root" / "TEST_ego4d_img", other)
    with pytest.raises(
        InputError, match=f"none of 12 predictions .* 12 hands; .*{other.hand_id[0]}.*{labels.hand_id[0]}"
    ):
        evaluate(tmp_path / "root", perfect(labels), subsets=["ego4d"], out=tmp_path / "out")
    with pytest.raises(InputError, match="none of 0 predictions"):
        evaluate(labels, perfect(labels).select([]), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_does_not_go_together_is_refused(labels: HandLabels, hint_root: Path) -> None:
    method = create("box-centre", MethodOptions())
    for arguments, options, message in (
        ((labels, method), {"settings": {"crop": "hamer"}}, "go with the name of a method"),
        ((labels, perfect(labels)), {"match_boxes": True}, "hands.jsonl"),
        ((labels, method), {"match_boxes": True}, "--predictions"),
        ((labels, method), {"subsets": ["newdays"]}, "given as a path"),
        ((hint_root, method, "freihand"), {"images": "x", "subsets": ["x"]}, "--subset and --images"),
        ((labels, method, "freihand"), {}, "the path of its folder"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate(*arguments, **options)  # type: ignore[arg-type]


def test_missing_weights_come_before_labels_and_torch() -> None:
    with pytest.raises(MissingRequirementError, match="hint fetch hamer"):
        evaluate("nowhere", "hamer")
    with pytest.raises(UnknownNameError, match="did you mean box-centre"):
        evaluate("nowhere", "box-center")
    code = "import sys\nfrom benchmark.evaluate import evaluate\ntry: evaluate('nowhere', 'hamer')\n"
    code += "except Exception as error: print(type(error).__name__, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["MissingRequirementError", "False"]


def test_a_run_on_pictures_imports_nothing_of_3d(hint_root: Path) -> None:
    code = "import sys\nfrom benchmark.evaluate import evaluate\nevaluate(sys.argv[1], 'box-centre')\n"
    code += "print([m for m in sys.modules if 'mesh' in m or m.split('.')[-1] in ('freihand', 'ho3d', 'competition')])"
    done = subprocess.run([sys.executable, "-c", code, hint_root], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def write_detections(folder: Path, labels: HandLabels, grow: float = 4.0) -> Path:
    """Write what ``hint predict`` would: a perfect hand in a larger box, and one of the other side beside it."""
    names, boxes = [], labels.box_xyxy + np.array([-grow, -grow, grow, grow])
    lines = []
    for k, hand in enumerate(labels.hands()):
        for number, is_right in enumerate((hand.is_right, not hand.is_right)):
            names.append(f"{hand.hand_id}_{number}")
            line = {"image": str(hand.image), "box_xyxy": boxes[k].tolist(), "is_right": is_right}
            lines.append(json.dumps(line | {"hand_id": names[-1], "size": [240, 200]}))
    points = np.repeat(labels.keypoints_2d, 2, 0)
    points[1::2] += 50
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hands.jsonl").write_text("\n".join(lines))
    write_predictions(folder / "predictions.npz", Predictions(np.array(names), points, meta={"method": "found"}))
    return folder / "predictions.npz"


def test_hands_are_matched_by_picture_side_and_box(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    file = write_detections(tmp_path / "mine", labels)
    with pytest.raises(InputError, match=r"24 in all.*hint predict --boxes LABELS.*--match-boxes"):
        evaluate(hint_root, file)
    result = evaluate(hint_root, file, match_boxes=True)
    assert "12 of 12 labelled hands matched" in result.remarks[0]
    assert "12 predicted hands match none" in result.remarks[0]
    assert {s.value for s in result.record.scores if s.metric == "pck"} == {100.0}
    assert result.record.status == "complete"


def test_hands_in_memory_are_matched_too(hint_root: Path) -> None:
    labels = read_labels(hint_root)
    ids = np.char.add(labels.hand_id, "_0")

    class Result(list):  # type: ignore[type-arg]
        predictions = Predictions(ids, labels.keypoints_2d)

    found = [
        SimpleNamespace(**{**vars(h), "hand_id": f"{h.hand_id}_0"}, frame=None, orientation=1) for h in labels.hands()
    ]
    assert evaluate(labels, Result(found), match_boxes=True).record.status == "complete"
    with pytest.raises(InputError, match="12 in all"):
        evaluate(labels, Result(found))


def test_boxes_that_hardly_overlap_do_not_match(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    far = replace(labels, box_xyxy=labels.box_xyxy + np.where(np.arange(12)[:, None] < 5, 500.0, 0.0))
    result = evaluate(hint_root, write_detections(tmp_path / "mine", far), match_boxes=True)
    assert "7 of 12 labelled hands matched" in result.remarks[0]
    assert result.record.coverage.missing == tuple(labels.hand_id[:5].tolist())
    none = replace(labels, box_xyxy=labels.box_xyxy + 500)
    with pytest.raises(InputError, match="none of 24 predicted hands matches one of 12"):
        evaluate(hint_root, write_detections(tmp_path / "none", none), match_boxes=True)


def test_pictures_that_were_moved_are_known_by_their_name(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    elsewhere = replace(labels, image=np.array([f"/elsewhere/{Path(image).name}" for image in labels.image.tolist()]))
    file = write_detections(tmp_path / "mine", elsewhere)
    for known in (labels, replace(labels, image=np.array([""] * 12))):
        assert "12 of 12" in evaluate(known, file, match_boxes=True).remarks[0]
    lines = file.with_name("hands.jsonl").read_text()
    file.with_name("hands.jsonl").write_text(lines + "\n" + lines.replace("/elsewhere/", "/another/"))
    with pytest.raises(InputError, match="none of 24"):
        evaluate(labels, file, match_boxes=True)
    file.with_name("hands.jsonl").write_text("\n" + lines + "\n{broken\n")
    with pytest.raises(InputError, match=f"line {lines.count(chr(10)) + 3}:"):
        evaluate(labels, file, match_boxes=True)
    file.with_name("hands.jsonl").unlink()
    with pytest.raises(InputError, match=r"hands\.jsonl: no such file"):
        evaluate(labels, file, match_boxes=True)
