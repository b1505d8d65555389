"""``hint eval`` with 3D protocols as a person types it: each test starts the real program."""

import json

import pytest
from command import run


def evaluate(cwd, *arguments, protocol="freihand"):
    return run("eval", "--data", "data", "--protocol", protocol, *arguments, cwd=cwd)


@pytest.fixture
def folder(synthetic, tmp_path):
    """A made-up FreiHAND in ``data`` and its truth as ``pred.json``."""
    written = synthetic.write_freihand(tmp_path / "data", 6)
    (tmp_path / "pred.json").write_text(json.dumps([written.joints.tolist(), written.vertices.tolist()]))
    return tmp_path


def test_a_file_is_scored_and_its_record_says_how_many_hands_there_should_be(folder):
    done = evaluate(folder, "--predictions", "pred.json", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    out = folder / "hint-results" / f"{folder.name}-freihand"
    assert record == json.loads((out / "record.json").read_text())
    assert record["data"][0]["expected_hands"] == 3960
    assert "freihand: 6 hands, the released set has 3960" in done.stderr
    assert {row["value"] for row in record["scores"] if row["metric"].startswith("f_at")} == {1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--predictions", "pred.json", "--subset", "x"],
            "freihand scores one whole evaluation set; leave out --subset",
        ),
        (["--predictions", "cut.json"], "cut.json: the file is empty or cut short; copy it again"),
        (["--predictions", "short.json"], "short.json holds 5 hands, the ground truth 6; predict every hand"),
        (["--method", "box-centre"], "box-centre gives no mesh in 3D"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(arguments, message, folder):
    text = (folder / "pred.json").read_text()
    (folder / "cut.json").write_text(text[:5000])
    (folder / "short.json").write_text(json.dumps([part[:5] for part in json.loads(text)]))
    done = evaluate(folder, *arguments)
    lines = [line for line in done.stderr.splitlines() if line.startswith("hint: ")]
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert message in lines[0]
    assert "Traceback" not in done.stderr
    assert not (folder / "hint-results").exists()


def test_missing_hands_are_exit_1_and_missing_pictures_exit_3(folder):
    joints, vertices = json.loads((folder / "pred.json").read_text())
    joints[2], vertices[2] = [[float("nan")] * 3] * 21, [[float("nan")] * 3] * 778
    (folder / "pred.json").write_text(json.dumps([joints, vertices]))
    done = evaluate(folder, "--predictions", "pred.json")
    assert done.returncode == 1, done.stderr
    assert "no pa_mpjpe_mm and pa_mpvpe_mm" in done.stderr
    (folder / "data/evaluation/rgb/00000003.jpg").unlink()
    done = evaluate(folder, "--method", "box-centre")
    assert done.returncode == 3
    assert "lacks 1 of 6 pictures: 00000003.jpg" in done.stderr
