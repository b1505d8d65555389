import os
import pickle
import sys
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse
import torch
from numpy.testing import assert_allclose, assert_array_equal

from hint.errors import InputError, MissingRequirementError
from hint.mano.layer import ManoLayer
from hint.mano.model import TIP_VERTICES
from hint.mano.procedural import procedural_hand
from hint.mano.read import find_mano, from_embedded, installed_mano, read_mano, write_mano_npz
from hint.skeleton import FROM_MANO, MANO_PARENTS


def official(model):
    """Return the arrays of a hand the way MANO_RIGHT.pkl holds them."""
    tree = np.array([[2**32 - 1, *MANO_PARENTS[1:]], range(16)], dtype=np.uint32)
    return {
        "v_template": model.v_template,
        "f": model.faces.astype(np.uint32),
        "shapedirs": model.shapedirs,
        "posedirs": model.posedirs,
        "J_regressor": scipy.sparse.csc_matrix(model.j_regressor),
        "weights": model.lbs_weights,
        "kintree_table": tree,
        "hands_mean": model.hands_mean,
        "hands_components": model.hands_components,
        "J": model.j_regressor @ model.v_template,
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }


@pytest.fixture
def hand():
    return procedural_hand()


@pytest.fixture
def pickled(tmp_path):
    def write(content, protocol=2):
        path = tmp_path / "MANO_RIGHT.pkl"
        path.write_bytes(pickle.dumps(content, protocol))
        return path

    return write


@pytest.fixture
def chumpy(monkeypatch):
    """Two classes that pickle as chumpy's do, without chumpy."""
    classes = {}
    for module, name in (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select")):
        classes[name] = type(name, (), {"__module__": module})
        fake = ModuleType(module)
        setattr(fake, name, classes[name])
        monkeypatch.setitem(sys.modules, module, fake)
    monkeypatch.setitem(sys.modules, "chumpy", ModuleType("chumpy"))
    return classes


def assert_same(ours, theirs):
    for name, array in theirs.arrays().items():
        assert_array_equal(getattr(ours, name), array, err_msg=name)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_official_pickle_is_read_as_it_is(hand, pickled, protocol):
    model = read_mano(pickled(official(hand), protocol))
    assert_same(model, hand)
    assert model.parents[0] == -1


def test_chumpy_arrays_are_read_as_plain_ones(hand, pickled, chumpy):
    rng = np.random.default_rng(0)
    inner, outer = chumpy["Ch"](), chumpy["Select"]()
    full = np.concatenate([hand.shapedirs, rng.normal(size=(778, 3, 10))], 2)
    inner.__dict__.update(x=full, dterms=["x"])
    picked = np.arange(full.size).reshape(full.shape)[..., :10].ravel()
    outer.__dict__.update(a=inner, idxs=picked, preferred_shape=(778, 3, 10))
    template = chumpy["Ch"]()
    template.__dict__["x"] = hand.v_template
    model = read_mano(pickled(official(hand) | {"shapedirs": outer, "v_template": template}))
    assert_same(model, hand)


def test_more_shape_directions_are_cut_to_ten(hand, pickled):
    full = np.concatenate([hand.shapedirs, hand.shapedirs], 2)
    assert_same(read_mano(pickled(official(hand) | {"shapedirs": full})), hand)


def test_npz_comes_back(hand, tmp_path):
    write_mano_npz(hand, tmp_path / "mano.npz")
    assert_same(read_mano(tmp_path / "mano.npz"), hand)


def test_the_reference_hand_is_read(reference, tmp_path):
    reference.write_mano(tmp_path / "m.pkl")
    model, expected = read_mano(tmp_path / "m.pkl"), reference.mano_arrays()
    assert_array_equal(model.j_regressor, expected["J_regressor"])
    assert_array_equal(model.shapedirs, expected["shapedirs"])
    assert model.parents.tolist() == reference.PARENTS


def test_a_left_hand_is_refused(hand, pickled):
    left = official(hand) | {"v_template": hand.v_template * (-1, 1, 1)}
    with pytest.raises(InputError, match="is a left hand; name MANO_RIGHT"):
        read_mano(pickled(left))


def test_missing_and_misshaped_arrays_are_named(hand, pickled):
    content = official(hand)
    del content["posedirs"], content["f"]
    with pytest.raises(InputError, match="has no f, posedirs"):
        read_mano(pickled(content))
    with pytest.raises(InputError, match=r"v_template has shape \(777, 3\)"):
        read_mano(pickled(official(hand) | {"v_template": hand.v_template[:777]}))
    with pytest.raises(InputError, match="not the arrays of a MANO hand"):
        read_mano(pickled(official(hand) | {"weights": "none"}))
    with pytest.raises(InputError, match="holds a list"):
        read_mano(pickled([1, 2]))


def test_half_a_file_is_one_line(hand, pickled, tmp_path):
    path = pickled(official(hand))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="not a whole pickle"):
        read_mano(path)
    write_mano_npz(hand, tmp_path / "m.npz")
    (tmp_path / "m.npz").write_bytes((tmp_path / "m.npz").read_bytes()[:100_000])
    with pytest.raises(InputError, match="not a whole pickle"):
        read_mano(tmp_path / "m.npz")


def test_a_hostile_hand_runs_nothing(hand, pickled, tmp_path):
    class Runs:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    with pytest.raises(InputError, match="system, which this kind of file never needs"):
        read_mano(pickled(official(hand) | {"v_template": Runs()}))
    np.savez(tmp_path / "m.npz", v_template=np.array([Runs()], dtype=object))
    with pytest.raises(InputError, match=r"something else than plain arrays.*name MANO_RIGHT\.pkl itself"):
        read_mano(tmp_path / "m.npz")
    assert not (tmp_path / "ran").exists()


def test_a_hand_is_found_where_it_belongs(hand, hint_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert installed_mano() is None
    with pytest.raises(MissingRequirementError, match=r"https://mano\.is\.tue\.mpg\.de.*--mano procedural") as caught:
        find_mano(None)
    assert str(hint_home / "mano" / "MANO_RIGHT.pkl") in str(caught.value)
    place = tmp_path / "_DATA/data/mano/MANO_RIGHT.pkl"
    place.parent.mkdir(parents=True)
    place.write_bytes(pickle.dumps(official(hand), 2))
    assert_same(find_mano(None), hand)
    assert find_mano("procedural").source == "procedural"
    with pytest.raises(InputError, match="no such file"):
        find_mano("nowhere.pkl")


def embedded(model):
    """Return the arrays of a hand the way smplx leaves them in a checkpoint."""
    return {
        "v_template": model.v_template.astype(np.float32),
        "shapedirs": model.shapedirs.astype(np.float32),
        "posedirs": model.posedirs.reshape(-1, 135).T.astype(np.float32),
        "J_regressor": model.j_regressor.astype(np.float32),
        "lbs_weights": model.lbs_weights.astype(np.float32),
        "faces_tensor": model.faces,
        "parents": model.parents,
        "hand_components": model.hands_components[:6],
        "hand_mean": model.hands_mean,
    }


def test_a_hand_comes_out_of_a_checkpoint(hand):
    model = from_embedded(embedded(hand), "weights")
    for name in ("v_template", "shapedirs", "posedirs", "j_regressor", "lbs_weights"):
        assert_allclose(getattr(model, name), getattr(hand, name), atol=1e-6)
    assert_array_equal(model.hands_components[:6], hand.hands_components[:6])
    assert not model.hands_components[6:].any()


def test_an_incomplete_hand_in_a_checkpoint_is_refused(hand):
    stored = embedded(hand)
    del stored["lbs_weights"]
    with pytest.raises(InputError, match=r"have no 'lbs_weights'; name MANO_RIGHT\.pkl with --mano"):
        from_embedded(stored, "weights")


def posed_slowly(model, rotations, betas):
    """Skin one hand in float64, joint by joint and vertex by vertex."""
    shaped = model.v_template + model.shapedirs @ betas
    rest = model.j_regressor @ shaped
    feature = (rotations[1:] - np.eye(3)).ravel()
    corrected = shaped + model.posedirs @ feature
    world = [np.eye(4)] * 16
    for joint, parent in enumerate(model.parents.tolist()):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        world[joint] = local if parent < 0 else world[parent] @ local
    joints = np.array([w[:3, 3] for w in world])
    vertices = np.zeros((778, 3))
    for joint in range(16):
        moved = (corrected - rest[joint]) @ world[joint][:3, :3].T + joints[joint]
        vertices += model.lbs_weights[:, joint, None] * moved
    return np.concatenate([joints, vertices[list(TIP_VERTICES)]])[list(FROM_MANO)], vertices


def random_rotations(n, rng):
    q, r = np.linalg.qr(rng.normal(size=(n, 16, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    q[..., 0] *= np.linalg.det(q)[..., None]
    return q


def test_the_layer_skins_as_the_definition_says(hand):
    rng = np.random.default_rng(0)
    rotations, betas = random_rotations(3, rng), rng.normal(size=(3, 10))
    tensor = torch.from_numpy(rotations).float()
    joints, vertices = ManoLayer(hand)(tensor[:, :1], tensor[:, 1:], torch.from_numpy(betas).float())
    for k in range(3):
        expected_joints, expected_vertices = posed_slowly(hand, rotations[k], betas[k])
        assert_allclose(joints[k], expected_joints, atol=1e-6)
        assert_allclose(vertices[k], expected_vertices, atol=1e-6)


def test_the_layer_adds_no_mean_pose_and_ends_fingers_in_their_tips(hand):
    assert np.abs(hand.hands_mean).max() > 0.01
    eye = torch.eye(3).expand(1, 16, 3, 3)
    joints, vertices = ManoLayer(hand)(eye[:, :1], eye[:, 1:], torch.zeros(1, 10))
    assert_allclose(vertices[0], hand.v_template, atol=1e-6)
    assert_array_equal(joints[0, [4, 8, 12, 16, 20]], vertices[0, [744, 320, 443, 554, 671]])


@pytest.mark.parametrize("size", ["tiny_forward.npz", "hamer_forward.npz"])
def test_the_layer_gives_the_reference_hands(golden, reference, tmp_path, size):
    reference.write_mano(tmp_path / "m.pkl")
    layer = ManoLayer(read_mano(tmp_path / "m.pkl"))
    prefix = "hamer/" if size.startswith("tiny") else ""
    with np.load(golden / size) as arrays:
        values = {
            name: torch.from_numpy(arrays[prefix + name])
            for name in ("global_orient", "hand_pose", "betas", "keypoints_3d", "vertices")
        }
    joints, vertices = layer(values["global_orient"], values["hand_pose"], values["betas"])
    torch.testing.assert_close(joints, values["keypoints_3d"], atol=1e-6, rtol=0)
    torch.testing.assert_close(vertices, values["vertices"], atol=1e-6, rtol=0)
