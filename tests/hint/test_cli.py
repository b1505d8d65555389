"""The commands as a person types them: each test starts the real program."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command import run

from hint.files import read_labels, read_predictions, write_evaluation_npz, write_json, write_predictions
from hint.requirements import pip_command
from hint.types import Predictions

COMMANDS = (
    *("", "eval", "demo", "demo-data", "doctor", "fetch", "list", "weights", "weights convert", "weights info"),
    *("prepare", "prepare verify", "prepare ego4d", "sample", "sample newdays", "sample report", "check", "agreement"),
    *("studio", "studio config", "studio serve", "studio push", "studio status", "studio double", "studio pull"),
    *("export", "predict", "prelabel", "prelabel run", "prelabel merge", "prelabel calibrate"),
)


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line an error is; anything else on stderr but progress and notes fails the test."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("hint: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    code = "import sys; sys.argv = ['hint', *sys.argv[1:]]; import atexit; from hint.cli import main\n"
    code += (
        "atexit.register(lambda: print('HEAVY', [m for m in ('torch', 'cv2', 'matplotlib', 'pandas', 'scipy', 'av') "
    )
    code += "if m in sys.modules]))\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split(), "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage" in done.stdout
    assert "HEAVY []" in done.stdout


def test_eval_prints_a_table_and_leaves_a_record(hint_root: Path, tmp_path: Path) -> None:
    done = run("eval", "--data", hint_root, "--method", "box-centre", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Box centre · hint-v1" in done.stdout
    record = json.loads((tmp_path / "out" / "box-centre" / "record.json").read_text())
    assert record["status"] == "complete"


def test_json_is_the_record_and_nothing_else(hint_root: Path, tmp_path: Path) -> None:
    done = run("eval", "--data", hint_root, "--method", "box-centre", "--out", tmp_path / "out", "--json")
    record = json.loads(done.stdout)
    assert record == json.loads((tmp_path / "out" / "box-centre" / "record.json").read_text())
    score = record["scores"][0]
    assert list(score) == [
        *("subset", "visibility", "metric", "threshold", "value", "n_hands", "n_keypoints", "n_clips", "ci")
    ]
    assert list(score["ci"]) == ["level", "low", "high"]


def test_a_file_of_predictions_is_scored(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    write_predictions(tmp_path / "mine.npz", Predictions(labels.hand_id, labels.keypoints_2d))
    done = run("eval", "--data", hint_root, "--predictions", "mine.npz", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {s["value"] for s in json.loads(done.stdout)["scores"] if s["metric"] == "pck"} == {100.0}
    assert (tmp_path / "hint-results" / "mine" / "errors.npz").is_file()


def test_incomplete_predictions_are_exit_1_and_listed(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root).select(slice(0, 9))
    write_predictions(tmp_path / "mine.npz", Predictions(labels.hand_id, labels.keypoints_2d))
    done = run("eval", "--data", hint_root, "--predictions", "mine.npz", cwd=tmp_path)
    assert done.returncode == 1
    assert "3 of 12 hands without a full prediction count as misses" in done.stderr
    assert "@0.05" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_command_and_the_function_give_equal_records(hint_root: Path, tmp_path: Path) -> None:
    from benchmark.evaluate import evaluate

    labels = read_labels(hint_root)
    write_predictions(tmp_path / "mine.npz", Predictions(labels.hand_id, labels.keypoints_2d + 3).select(slice(2, 12)))
    for given in (("--method", "oracle-noise", "--set", "sigma=0.1"), ("--predictions", tmp_path / "mine.npz")):
        typed = json.loads(run("eval", "--data", hint_root, *given, "--seed", 2, "--json", cwd=tmp_path).stdout)
        called = evaluate(str(hint_root), str(given[1]), seed=2, settings={"sigma": 0.1} if len(given) > 2 else {})
        for changing in ("timing", "provenance"):
            typed.pop(changing)
        assert typed == called.record.model_dump(mode="json", by_alias=True, exclude={"timing", "provenance"})


def test_files_of_one_name_get_folders_of_their_own(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    for name in "ab":
        write_predictions(tmp_path / name / "predictions.npz", Predictions(labels.hand_id, labels.keypoints_2d))
        done = run("eval", "--data", hint_root, "--predictions", f"{name}/predictions.npz", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = run("eval", "--data", hint_root, "--predictions", "b/predictions.npz", "--name", "c", cwd=tmp_path)
    assert sorted(path.parent.name for path in tmp_path.glob("hint-results/*/record.json")) == ["a", "b", "c"]
    done = run("eval", "--data", hint_root, "--method", "box-centre", "--name", "c", cwd=tmp_path)
    assert done.returncode == 2
    assert "--name" in only_line(done)


def test_predicted_pictures_are_scored_by_their_boxes(hint_root: Path, tmp_path: Path) -> None:
    pictures, labels = hint_root / "TEST_newdays_img", read_labels(hint_root)
    lines = [
        {"image": str(h.image), "box_xyxy": h.box_xyxy, "is_right": h.is_right} for h in labels.select(slice(9)).hands()
    ]
    (tmp_path / "boxes.jsonl").write_text("\n".join(map(json.dumps, lines)))
    command = ("predict", pictures, "--method", "box-centre", "--boxes", "boxes.jsonl", "--out", "found")
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    score = ("eval", "--data", hint_root, "--predictions", "found/predictions.npz")
    done = run(*score, cwd=tmp_path)
    assert done.returncode == 2
    assert "hint predict --boxes LABELS" in only_line(done)
    assert "--match-boxes" in only_line(done)
    done = run(*score, "--match-boxes", "--json", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "9 of 12 labelled hands matched" in done.stderr
    record = json.loads(done.stdout)
    assert (record["method"]["name"], len(record["coverage"]["missing"])) == ("box-centre", 3)
    done = run("predict", pictures, "--method", "box-centre", "--boxes", hint_root, "--out", "labelled", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run("eval", "--data", hint_root, "--predictions", "labelled", "--name", "labelled", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


USAGE = {
    "neither": ([], "give either --method NAME or --predictions FILE.npz"),
    "both": (["--method", "box-centre", "--predictions", "mine.npz", "--data", "ROOT"], "not both"),
    "long name": (["--method", "box-centre", "--data", "ROOT", "--name", "x" * 300], "300 characters"),
    "empty name": (["--method", "box-centre", "--data", "ROOT", "--name", ""], "an argument after --name is empty"),
    "no data": (["--method", "box-centre"], "give --data PATH"),
    "unknown method": (["--method", "box-center", "--data", "ROOT"], "did you mean box-centre"),
    "unknown subset": (
        ["--method", "box-centre", "--data", "ROOT", "--subset", "epic"],
        "has no subset 'epic'",
    ),
    "unknown protocol": (["--method", "box-centre", "--data", "ROOT", "--protocol", "hint-v2"], "did you mean hint-v1"),
    "missing data": (["--method", "box-centre", "--data", "nowhere"], "nowhere: no such file or folder"),
    "empty folder": (["--method", "box-centre", "--data", "."], "holds no labels: expected HInt folders"),
    "missing predictions": (["--predictions", "no.npz", "--data", "ROOT"], "no.npz: no such file"),
    "missing images": (["--method", "box-centre", "--data", "ROOT", "--images", "no"], "no such folder of pictures"),
    "setting of the command": (
        ["--method", "oracle-noise", "--data", "ROOT", "--set", "seed=1"],
        "unknown setting of oracle-noise 'seed'",
    ),
    "setting": (["--method", "oracle-noise", "--data", "ROOT", "--set", "sigma"], "--set sigma: write key=value"),
    "setting name": (["--method", "oracle-noise", "--data", "ROOT", "--set", "sigmma=1"], "did you mean sigma"),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage_errors_are_one_line_and_exit_2(case: str, hint_root: Path, tmp_path: Path) -> None:
    arguments, message = USAGE[case]
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("eval", *(hint_root if a == "ROOT" else a for a in arguments), cwd=empty)
    assert done.returncode == 2
    assert message in only_line(done)
    assert list(empty.iterdir()) == [], "nothing half-made is left"


def test_missing_weights_are_exit_3_and_say_what_to_type(hint_root: Path) -> None:
    done = run("eval", "--data", hint_root, "--method", "hamer")
    assert done.returncode == 3
    assert "hint fetch hamer" in only_line(done)


def test_missing_pictures_are_exit_3(hint_root: Path, tmp_path: Path) -> None:
    write_evaluation_npz(tmp_path / "npz", read_labels(hint_root))
    words = (
        "eval",
        "--data",
        tmp_path / "npz",
        "--method",
        "hamer",
        "--weights",
        "tiny-random",
        "--out",
        tmp_path / "o",
    )
    assert "--images DIR" in only_line(run(*words))
    for picture in list((hint_root / "TEST_newdays_img").glob("*.jpg"))[:4]:
        picture.unlink()
    done = run(*words, "--images", hint_root)
    assert done.returncode == 3
    assert "4 of 12 pictures" in only_line(done)


def test_broken_pictures_are_listed_and_the_rest_is_scored(hint_root: Path, tmp_path: Path) -> None:
    pictures = sorted((hint_root / "TEST_newdays_img").glob("*.jpg"))
    pictures[0].write_bytes(pictures[0].read_bytes()[:2000])
    label = pictures[1].with_suffix(".json")
    content = json.loads(label.read_text())
    write_json(label, [{**content[0], "bbox": [[5000, 10, 5100, 90]]}])
    options = ("--method", "hamer", "--weights", "tiny-random", "--out", tmp_path / "out", "--json")
    done = run("eval", "--data", hint_root, *options)
    assert done.returncode == 1, done.stderr
    record = json.loads(done.stdout)
    assert record["status"] == "complete"
    assert sorted(record["coverage"]["missing"]) == sorted(record["failures"]) == [p.stem for p in pictures[:2]]
    assert "cut short" in record["failures"][pictures[0].stem]
    assert "outside" in record["failures"][pictures[1].stem]


def test_a_malformed_label_file_is_exit_2(hint_root: Path) -> None:
    label = sorted((hint_root / "TEST_newdays_img").glob("*.json"))[0]
    label.write_text("{}")
    done = run("eval", "--data", hint_root, "--method", "box-centre")
    assert done.returncode == 2
    assert label.name in only_line(done)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """An empty folder a file system can be mounted on, unmounted afterwards."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "mounted"
    place.mkdir()
    yield place
    subprocess.run(["umount", place], check=False, capture_output=True)


def mount_tmpfs(place: Path, options: str) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")


@pytest.mark.parametrize(("options", "message"), [("ro", "Read-only file system"), ("size=8k", "No space left")])
def test_results_that_cannot_be_saved_are_one_line(options: str, message: str, hint_root: Path, mount: Path) -> None:
    mount_tmpfs(mount, options)
    done = run("eval", "--data", hint_root, "--method", "box-centre", "--out", mount)
    assert done.returncode == 1
    assert message in only_line(done)
    assert [p for p in mount.rglob("*") if p.is_file() and p.name.startswith(".")] == [], "no partial file"


def test_ctrl_c_keeps_what_is_done_and_the_next_run_continues(hint_root: Path, tmp_path: Path) -> None:
    folder = hint_root / "TEST_newdays_img"
    stems = sorted(p.stem for p in folder.glob("*.json"))
    for copy in range(15):
        for stem in stems:
            name = stem.replace("ND_000", f"ND_{copy + 1:03d}")
            shutil.copy(folder / f"{stem}.json", folder / f"{name}.json")
            shutil.copy(folder / f"{stem}.jpg", folder / f"{name}.jpg")
    words = ("eval", "--data", hint_root, "--method", "hamer", "--weights", "tiny-random", "--batch-size", 1)
    arguments = [*map(str, words), "--out", str(tmp_path / "out")]
    prints_every_hand = "import hint.progress; hint.progress.PLAIN_EVERY = 0; from hint.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", prints_every_hand, *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "hands: 4/192" in line:
            break
    process.send_signal(signal.SIGINT)
    output = process.stderr.read()
    assert process.wait(timeout=300) == 130, output
    assert "Traceback" not in output
    assert "the same command continues" in output
    path = tmp_path / "out" / "hamer" / "predictions.npz"
    again = run(*arguments, "--json")
    assert again.returncode == 0, again.stderr
    assert 4 <= json.loads(again.stdout)["timing"]["reused"] < 16 * 12
    assert len(read_predictions(path)) == 16 * 12


def test_lists_are_tables_or_json() -> None:
    assert "mean-pose" in run("list", "methods").stdout
    subsets = json.loads(run("list", "subsets", "--json").stdout)
    assert [s["name"] for s in subsets] == ["newdays", "epick", "ego4d", "ego4d_seq"]
    protocols = {row["id"]: row for row in json.loads(run("list", "protocols", "--json").stdout)}
    assert list(protocols) == ["freihand", "hint-oks-v1", "hint-seq-v1", "hint-v1", "ho3d-v2", "ho3d-v3"]
    assert protocols["hint-v1"]["thresholds"] == [0.05, 0.1, 0.15]
    assert protocols["hint-seq-v1"]["kind"] == "sequences-2d"
    assert json.loads(run("list", "policies", "--json").stdout)[0]["id"] == "paper-v1"


def test_the_doctor_answers_in_json_too() -> None:
    done = run("doctor", "--json")
    findings = {f["name"]: f["state"] for f in json.loads(done.stdout)}
    assert findings["numpy"] == "ok"
    assert findings["hamer.ckpt"] == "missing"
    assert done.returncode == (1 if "problem" in findings.values() else 0)


def test_the_licence_comes_before_the_download() -> None:
    done = run("fetch", "hamer")
    assert done.returncode == 3
    assert "mano.is.tue.mpg.de" in done.stderr
    assert "--accept-licence" in only_line(done)
    assert run("fetch", "mano").returncode == 3
    assert run("fetch", "hamr").returncode == 2


def test_a_selftest_of_a_method_passes() -> None:
    done = run("eval", "--method", "mean-pose", "--selftest")
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


def test_limit_and_seed_are_in_the_record(hint_root: Path, tmp_path: Path) -> None:
    options = ("--method", "oracle-noise", "--limit", 5, "--seed", 3, "--json", "--out", tmp_path)
    record = json.loads(run("eval", "--data", hint_root, *options).stdout)
    assert (record["limit"], record["seed"], record["coverage"]["n_hands"]) == (5, 3, 5)
    assert record["fingerprint"]["seed"] == 3
    assert np.isfinite([s["value"] for s in record["scores"]]).all()


def without(*packages: str) -> list[str]:
    """The command line in an interpreter where some packages cannot be imported."""
    block = f"import sys; sys.modules.update(dict.fromkeys({packages!r})); from hint.cli import main; main()"
    return [sys.executable, "-c", block]


def test_the_core_scores_predictions_without_torch_and_opencv(hint_root: Path, tmp_path: Path) -> None:
    labels = read_labels(hint_root)
    write_predictions(tmp_path / "mine.npz", Predictions(labels.hand_id, labels.keypoints_2d))
    bare = without("torch", "cv2", "scipy", "matplotlib", "timm", "smplx", "PIL", "ai_edge_litert")
    command = [*bare, "eval", "--data", str(hint_root), "--predictions", "mine.npz"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "100.0" in done.stdout


def test_a_selftest_needs_no_more_than_its_method() -> None:
    bare = without("torch", "cv2", "scipy", "matplotlib", "PIL")
    command = [*bare, "eval", "--method", "box-centre", "--selftest"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "failed" not in done.stdout


def test_an_absent_package_is_named_with_its_extra(tmp_path: Path) -> None:
    for package, arguments, extra in (
        ("torch", ["weights", "convert", "a.ckpt", "b.safetensors"], "models"),
        ("embreex", ["demo-data", "--out", str(tmp_path)], "demo"),
        ("rerun", ["view", str(tmp_path), "--data", "x", "--with", "rerun"], "rerun"),
    ):
        done = subprocess.run([*without(package), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 3
        assert f"{package}: {pip_command(extra)}" in only_line(done)
