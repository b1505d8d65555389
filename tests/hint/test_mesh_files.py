"""Readers of FreiHAND's and HO-3D's files: what is right is read whole, what is wrong is one clear line."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest

from hint.errors import InputError, MissingRequirementError
from hint.files import hand_lists
from hint.files.freihand import freihand_views, read_freihand
from hint.files.hand_lists import read_hands, read_two_lists, write_two_lists
from hint.files.ho3d import ho3d_views, read_ho3d


def lists(count=3, points=(21, 5), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (count, n, 3)) for n in points]


@pytest.mark.parametrize("indent", [None, 1])
def test_lists_are_read_exactly_with_any_white_space_and_pieces(indent, tmp_path, monkeypatch):
    joints, vertices = lists()
    vertices[1, 2] = [np.nan, np.inf, -1e-300]
    (tmp_path / "p.json").write_text(json.dumps([joints.tolist(), vertices.tolist()], indent=indent) + "\n")
    for piece in (7, 100, 1 << 24):
        monkeypatch.setattr(hand_lists, "_PIECE", piece)
        found = read_two_lists(tmp_path / "p.json")
        assert np.array_equal(found[0], joints)
        assert np.array_equal(found[1], vertices, equal_nan=True)


def test_what_is_written_is_what_json_writes_and_is_read_back(tmp_path):
    joints, vertices = lists()
    write_two_lists(tmp_path / "p.json", joints, vertices.astype(np.float32))
    assert (tmp_path / "p.json").read_text() == json.dumps([joints.tolist(), vertices.astype(np.float32).tolist()])
    assert np.array_equal(read_two_lists(tmp_path / "p.json")[1], vertices.astype(np.float32))


HAND = "[[1, 2, 3], [4, 5, 6]]"
TWO = f"[[{HAND}], [{HAND}]]"


@pytest.mark.parametrize("end", [0, 1, 9, 14, -1, -2, -5])
def test_a_truncated_file_gives_a_short_message(end, tmp_path):
    (tmp_path / "p.json").write_text(TWO[:end])
    with pytest.raises(InputError) as caught:
        read_two_lists(tmp_path / "p.json")
    assert str(caught.value) == f"{tmp_path / 'p.json'}: the file is empty or cut short; copy it again"


@pytest.mark.parametrize(
    "text",
    [
        *(f"[[{HAND}]]", f"[[{HAND}], [{HAND}], [{HAND}]]", f"[{HAND}, {HAND}]", "[]", "[[], []]", "[[1], 2]"),
        *(TWO.replace("3]", "3, 3]"), TWO.replace("[4, 5, 6]", "[4, 5]"), f"[[{HAND}, [[1, 2, 3]]], [{HAND}]]"),
        *(TWO.replace("4", "null"), TWO.replace("4", '"4"'), TWO.replace("4", "true"), TWO.replace("4", '{"x": 4}')),
        *(
            TWO.replace("4, 5", "4 5"),
            TWO.replace("4", ""),
            pytest.param("\x00" + TWO, id="a zero byte before"),
            pytest.param(TWO.replace("4", "(4)"), id="round brackets"),
            pytest.param(TWO.replace("4", "null"), id="null"),
            pytest.param(TWO.replace("4", "true"), id="a word"),
            pytest.param(TWO.replace("4", " " * 3_000_000), id="nothing but white space"),
            TWO + TWO,
            TWO + "]",
            "nonsense]",
        ),
    ],
)
def test_wrong_nesting_and_wrong_content_are_refused(text, tmp_path):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"p\.json: .*expected \[xyz, verts\]"):
        read_two_lists(tmp_path / "p.json")


def test_one_list_is_not_two(tmp_path):
    (tmp_path / "p.json").write_text(TWO)
    with pytest.raises(InputError, match="expected a list of hands"):
        read_hands(tmp_path / "p.json")
    with pytest.raises(InputError, match="no such file"):
        read_hands(tmp_path / "missing.json")


def test_freihand_as_it_is_unpacked(synthetic, tmp_path):
    written = synthetic.write_freihand(tmp_path)
    labels = read_freihand(tmp_path)
    assert labels.hand_id.tolist() == labels.clip_id.tolist() == written.names
    assert np.array_equal(labels.joints, written.joints)
    assert np.array_equal(labels.vertices, written.vertices)
    views = freihand_views(tmp_path, written.names[2:4])
    assert [hand.image for hand in views.hands] == [tmp_path / "evaluation/rgb" / f"0000000{k}.jpg" for k in (2, 3)]
    # The picture grown to 3:4 has its longer side at 224 * 4 / 3 px; the box is the middle half of that square.
    assert views.hands[0].box_xyxy == pytest.approx((112 - 224 / 3, 112 - 224 / 3, 112 + 224 / 3, 112 + 224 / 3))
    assert all(hand.is_right for hand in views.hands)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_ho3d_as_it_is_unpacked(suffix, synthetic, tmp_path):
    written = synthetic.write_ho3d(tmp_path, suffix=suffix)
    labels = read_ho3d(tmp_path)
    assert labels.hand_id.tolist() == written.names
    assert labels.clip_id.tolist() == ["SM1"] * 3 + ["AP10"] * 3
    assert np.array_equal(labels.vertices, written.vertices)
    views = ho3d_views(tmp_path, written.names)
    assert np.array_equal(views.root, written.joints[:, 0])
    assert views.boxes == "handBoundingBox"
    assert [hand.box_xyxy for hand in views.hands] == [(200 + k, 150, 360, 330) for k in range(6)]


def test_the_boxes_of_hamers_evaluation_are_used_if_present(synthetic, tmp_path):
    written = synthetic.write_ho3d(tmp_path)
    names = np.array([name.replace("/", "/rgb/") + ".png" for name in written.names])
    boxes = {"imgname": names, "center": np.full((6, 2), 100.0), "scale": np.full((6, 2), 60.0)}
    np.savez(tmp_path / "ho3d_val.npz", **boxes)
    views = ho3d_views(tmp_path, written.names)
    assert views.boxes == "ho3d_val.npz"
    assert views.hands[5].box_xyxy == pytest.approx((80, 80, 120, 120))
    np.savez(tmp_path / "ho3d_val.npz", **{key: value[:4] for key, value in boxes.items()})
    with pytest.raises(InputError, match=r"has no box for .*AP10/0004"):
        ho3d_views(tmp_path, written.names)


def rewrite(path, change):
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


DAMAGE = {
    "no truth": (lambda d: (d / "evaluation_xyz.json").unlink(), "lacks evaluation_xyz.json, the ground truth"),
    "fewer meshes": (lambda d: rewrite(d / "evaluation_verts.json", lambda v: v[:4]), "6 hands of 21 joints and .* 4"),
    "20 joints": (lambda d: rewrite(d / "evaluation_xyz.json", lambda v: [h[:20] for h in v]), "6 hands of 20 joints"),
    "not finite": (
        lambda d: rewrite(d / "evaluation_xyz.json", lambda v: [*v[:-1], [[float("nan")] * 3] * 21]),
        r"not finite in hands \[5\]",
    ),
    "cut": (lambda d: os.truncate(d / "evaluation_verts.json", 900), "evaluation_verts.json: .*cut short"),
    "no folder": (shutil.rmtree, "no such folder"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_ground_truth_is_named(kind, synthetic, tmp_path):
    folder = tmp_path / "data"
    synthetic.write_freihand(folder, pictures=False)
    change, message = DAMAGE[kind]
    change(folder)
    with pytest.raises(InputError, match=message):
        read_freihand(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "lacks evaluation.txt"),
        ("SM1/0000\n", "names 1 frames, evaluation_xyz.json holds 6 hands"),
        ("SM1/0000\n" * 6, "each once"),
        ("../etc/0000\n", "expected one <sequence>/<frame> per line"),
        ("../0000\n", "expected one <sequence>/<frame> per line"),
    ],
)
def test_a_wrong_list_of_frames_is_refused(text, message, synthetic, tmp_path):
    synthetic.write_ho3d(tmp_path, pictures=False)
    (tmp_path / "evaluation.txt").unlink()
    if text is not None:
        (tmp_path / "evaluation.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_ho3d(tmp_path)


def test_missing_pictures_and_metas_are_a_missing_requirement(synthetic, tmp_path):
    free, ho = synthetic.write_freihand(tmp_path / "f"), synthetic.write_ho3d(tmp_path / "h")
    (tmp_path / "f/evaluation/rgb/00000001.jpg").unlink()
    with pytest.raises(MissingRequirementError, match=r"lacks 1 of 6 pictures: 00000001\.jpg"):
        freihand_views(tmp_path / "f", free.names)
    for part in ("rgb/0001.jpg", "meta/0000.pkl"):
        (tmp_path / "h/evaluation/SM1" / part).unlink()
        with pytest.raises(MissingRequirementError, match=f"{part[:-4]}.*unpack HO-3D"):
            ho3d_views(tmp_path / "h", ho.names)


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_hostile_pickle_is_refused_and_runs_nothing(synthetic, tmp_path):
    written = synthetic.write_ho3d(tmp_path)
    meta = tmp_path / "evaluation/SM1/meta/0001.pkl"
    meta.write_bytes(pickle.dumps({"handJoints3D": Hostile(tmp_path / "made")}))
    with pytest.raises(InputError, match="mkdir"):
        ho3d_views(tmp_path, written.names)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "content",
    [
        {"handJoints3D": np.zeros(3)},
        {"handBoundingBox": [0, 0, 1, 1]},
        {"handJoints3D": np.zeros(3), "handBoundingBox": [0, 0, 1]},
        {"handJoints3D": np.full(3, np.nan), "handBoundingBox": [0, 0, 1, 1]},
        [1, 2],
    ],
)
def test_metas_without_wrist_and_box_are_named(content, synthetic, tmp_path):
    written = synthetic.write_ho3d(tmp_path)
    meta = tmp_path / "evaluation/SM1/meta/0001.pkl"
    meta.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"0001\.pkl"):
        ho3d_views(tmp_path, written.names)
    meta.write_bytes(meta.read_bytes()[:10])
    with pytest.raises(InputError, match=r"0001\.pkl"):
        ho3d_views(tmp_path, written.names)
