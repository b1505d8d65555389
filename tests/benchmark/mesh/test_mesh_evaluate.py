"""From a made-up FreiHAND or HO-3D folder and a method, or a file, to scores and the competition's files."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from benchmark.evaluate import evaluate
from benchmark.mesh.protocol import load_mesh_protocol
from benchmark.record import read_record
from hint.engine import Work
from hint.errors import InputError
from hint.files import read_labels
from hint.files.competition import write_competition_files
from hint.files.ho3d import FROM_HINT, to_ho3d
from hint.files.mesh_labels import MeshViews
from hint.skeleton import JOINT_NAMES
from hint.types import Hand, MethodCard, Predictions

HO3D, FREIHAND = load_mesh_protocol("ho3d-v2"), load_mesh_protocol("freihand")
BOX = (0.0, 0.0, 10.0, 10.0)
CARD = MethodCard("known", "Known", "Knows the answers.")


@dataclass
class Known:
    """Returns what it was given, in HInt's order of joints and the camera's axes."""

    ids: Sequence[str]
    joints: np.ndarray
    vertices: np.ndarray | None
    stop_after: int = 10**9
    done: list[str] = field(default_factory=list)
    card: MethodCard = CARD
    fingerprint: dict[str, Any] = field(default_factory=dict)

    def prepare(self, hand: Hand, image: object) -> None:
        assert image is not None

    def infer(self, hands: Sequence[Hand], prepared: Sequence[object]) -> Predictions:
        if len(self.done) >= self.stop_after:
            raise KeyboardInterrupt
        ids = [hand.hand_id for hand in hands]
        self.done += ids
        rows = [list(self.ids).index(i) for i in ids]
        mesh = None if self.vertices is None else self.vertices[rows].astype(np.float32)
        joints = self.joints[rows].astype(np.float32)
        return Predictions(np.array(ids), joints[..., :2] * 0, keypoints_3d=joints, vertices=mesh)


def perfect(protocol, written, **changes):
    """The truth as a method would return it: a hand at the origin in HInt's order, x right, y down, z ahead."""
    joints, vertices = written.joints, written.vertices
    if protocol is HO3D:
        to_hint = [FROM_HINT.index(k) for k in range(21)]
        axes = np.array([1, -1, -1])
        joints, vertices = joints[:, to_hint] * axes - [0.3, 0.2, 0.1], vertices * axes - [0.3, 0.2, 0.1]
    return Known(written.names, **({"joints": joints, "vertices": vertices} | changes))


@pytest.fixture(params=["freihand", "ho3d-v2"])
def made(request, synthetic, tmp_path):
    """Protocol, folder and content of one made-up set of each layout."""
    protocol = FREIHAND if request.param == "freihand" else HO3D
    write = synthetic.write_freihand if protocol is FREIHAND else synthetic.write_ho3d
    return protocol, tmp_path / "data", write(tmp_path / "data", 6)


def run_known(data, method, protocol, **settings):
    return evaluate(data, method, protocol, work=Work(batch_size=2), **settings)


def values(evaluation):
    return {score.metric: score.value for score in evaluation.record.scores}


def test_joints_are_brought_to_ho3ds_order_axes_and_wrist():
    """Joint k is at (k, 2k, 3k) m from a wrist at (5, 5, 5); HO-3D's wrist is at (1, 2, -3)."""
    number = np.arange(21.0)[:, None]
    predictions = Predictions(
        np.array(["S/0"]),
        np.zeros((1, 21, 2), np.float32),
        keypoints_3d=(number * [1, 2, 3] + 5)[None].astype(np.float32),
        vertices=np.array([[[6, 7, 8], [5, 5, 5]]], np.float32),
    )
    joints, vertices = to_ho3d(predictions, MeshViews([Hand("S/0", BOX, True)], "none", np.array([[1.0, 2.0, -3.0]])))
    assert joints[0, 0].tolist() == [1, 2, -3]
    assert joints[0, 1].tolist() == [1 + 5, 2 - 10, -3 - 15], "index 1 is HInt's joint 5"
    assert joints[0, 4].tolist() == [1 + 9, 2 - 18, -3 - 27], "middle 1 is HInt's joint 9"
    assert joints[0, 7].tolist() == [1 + 17, 2 - 34, -3 - 51], "little 1 comes before ring 1"
    assert joints[0, 13].tolist() == [1 + 1, 2 - 2, -3 - 3], "thumb 1"
    assert joints[0, 16:, 0].tolist() == [1 + tip for tip in (4, 8, 12, 16, 20)]
    assert vertices[0].tolist() == [[1 + 1, 2 - 2, -3 - 3], [1, 2, -3]]


def test_the_order_is_the_published_one(synthetic):
    ours = [JOINT_NAMES[k] for k in FROM_HINT]
    assert [synthetic.meshes.PLAIN_NAMES.index(name) for name in synthetic.meshes.HO3D_NAMES] == list(FROM_HINT)
    assert ours[0] == JOINT_NAMES[0]
    assert sorted(ours) == sorted(JOINT_NAMES)


def test_a_perfect_method_is_perfect_and_so_is_its_competition_file(made, tmp_path):
    protocol, data, written = made
    first = run_known(data, perfect(protocol, written), protocol, out=tmp_path / "out")
    again = evaluate(data, first.folder / "pred.json", protocol)
    for evaluation in (first, again):
        found = values(evaluation)
        means = {name: value for name, value in found.items() if name.endswith("_mm")}
        assert len(means) == (5 if protocol is HO3D else 4)
        assert means == pytest.approx(dict.fromkeys(means, 0), abs=1e-3)
        assert {found[f"f_at_{mm}mm{end}"] for mm in (5, 15) for end in ("", "_raw")} == {1}
        assert evaluation.remarks == ()
        assert evaluation.record.status == "complete"
        assert evaluation.record.data[0].expected_hands == protocol.hands
    joints, vertices = map(np.array, json.loads((first.folder / "pred.json").read_text()))
    assert joints == pytest.approx(written.joints, abs=1e-6)
    assert vertices == pytest.approx(written.vertices, abs=1e-6)


def test_predictions_in_the_axes_of_the_camera_get_a_remark(made, tmp_path):
    protocol, data, written = made
    turned = written.joints * [1, -1, -1], written.vertices * [1, -1, -1]
    (tmp_path / "pred.json").write_text(json.dumps([part.tolist() for part in turned]))
    evaluation = evaluate(data, tmp_path / "pred.json", protocol)
    assert "6 of 6 hands are not entirely in front of the camera" in evaluation.remarks[0]
    assert ("z > 0" if protocol is FREIHAND else "z < 0") in evaluation.remarks[0]
    assert values(evaluation)["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-3), "half a turn is a rotation"
    assert values(evaluation)["mpjpe_mm"] > 500


def test_the_zip_holds_pred_json_and_equal_predictions_give_equal_bytes(tmp_path):
    joints, vertices = (np.random.default_rng(0).normal(0, 1, (3, n, 3)).astype(np.float32) for n in (21, 778))
    joints[1, 4, 2] = np.nan
    for name in ("a", "b"):
        write_competition_files(tmp_path / name, joints, vertices)
    text = (tmp_path / "a" / "pred.json").read_bytes()
    joints[1] = 0
    assert text.decode() == json.dumps([joints.tolist(), vertices.tolist()]), "what json.dump writes, zeros for NaN"
    with zipfile.ZipFile(tmp_path / "a" / "pred.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["pred.json"], "no folders, as zip -j"
        assert archive.read("pred.json") == text
    assert (tmp_path / "a" / "pred.zip").read_bytes() == (tmp_path / "b" / "pred.zip").read_bytes()


def test_an_interrupted_run_continues_and_gives_the_same_files(made, tmp_path):
    protocol, data, written = made
    broken, other = tmp_path / "broken", tmp_path / "whole"
    with pytest.raises(KeyboardInterrupt):
        run_known(data, perfect(protocol, written, stop_after=2), protocol, out=broken)
    assert [path.name for path in broken.glob("*/*")] == ["predictions.parts"]
    method = perfect(protocol, written)
    resumed = run_known(data, method, protocol, out=broken)
    assert resumed.record.timing.reused == 2
    assert len(method.done) == 4
    whole = run_known(data, perfect(protocol, written), protocol, out=other)
    assert values(resumed) == values(whole)
    for name in ("pred.json", "pred.zip"):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_method_without_meshes_is_refused(made, tmp_path):
    protocol, data, written = made
    with pytest.raises(InputError, match="known gives no mesh in 3D"):
        run_known(data, perfect(protocol, written, vertices=None), protocol, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_limited_run_writes_no_competition_files(made, tmp_path):
    protocol, data, written = made
    evaluation = run_known(data, perfect(protocol, written), protocol, out=tmp_path / "out", limit=3)
    assert (evaluation.record.status, evaluation.record.data[0].n_hands) == ("partial", 3)
    assert evaluation.record.data[0].expected_hands == protocol.hands
    assert not (evaluation.folder / "pred.json").exists()


def test_an_unusable_picture_is_a_miss_and_zeros_in_the_competition_file(made, tmp_path):
    protocol, data, written = made
    next(data.rglob("*0002.jpg")).write_bytes(b"no picture")
    evaluation = run_known(data, perfect(protocol, written), protocol, out=tmp_path / "out")
    assert evaluation.record.coverage.missing == (written.names[2],)
    assert "pa_mpjpe_mm" not in values(evaluation)
    assert values(evaluation)["f_at_15mm"] == pytest.approx(5 / 6)
    joints, _ = map(np.array, json.loads((evaluation.folder / "pred.json").read_text()))
    assert not joints[2].any()
    assert np.abs(joints).any((1, 2)).sum() == 5


def test_records_are_read_back_and_so_are_those_older_than_3d(made, hint_root, tmp_path):
    protocol, data, written = made
    evaluation = run_known(data, perfect(protocol, written), protocol, out=tmp_path / "out")
    assert read_record(evaluation.folder / "record.json") == evaluation.record
    labels = read_labels(hint_root)
    flat = evaluate(labels, Predictions(labels.hand_id, labels.keypoints_2d), out=tmp_path, name="flat")
    old = json.loads((flat.folder / "record.json").read_text())
    for row in (*old["per_joint"], *old["curve"]):
        assert row.pop("metric") == "pck"
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert read_record(tmp_path / "old.json") == flat.record
