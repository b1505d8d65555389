import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hint.errors import UnknownNameError
from hint.mano.layer import ManoLayer
from hint.mano.model import N_FACES, N_VERTICES, TIP_VERTICES
from hint.mano.poses import DISTAL, GRASPS, LIMITS_DEGREES, grasp, limit, pose_from_angles, sample_angles, sample_poses
from hint.mano.procedural import procedural_hand
from hint.mano.procedural.anatomy import DIGITS, rest_joints
from hint.mano.procedural.rig import SHAPE_DIRECTIONS
from hint.skeleton import FINGERS, MANO_JOINT_NAMES

OTHER_TIPS = {
    "thumb": (745, 728),
    "index": (317, 353),
    "middle": (444, 445, 442),
    "ring": (556, 576),
    "little": (673, 694),
}


@pytest.fixture(scope="module")
def model():
    return procedural_hand()


@pytest.fixture(scope="module")
def joints(model):
    return model.j_regressor @ model.v_template


def directed_edges(faces):
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def boundary(faces):
    edges = {tuple(e) for e in directed_edges(faces).tolist()}
    return {a: b for a, b in edges if (b, a) not in edges}


def posed(model, pose, betas=None):
    rotations = torch.from_numpy(Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(-1, 15, 3, 3)).float()
    n = len(rotations)
    root = torch.eye(3).expand(n, 1, 3, 3)
    betas = torch.zeros(n, 10) if betas is None else torch.from_numpy(betas).float()
    return [x.double().numpy() for x in ManoLayer(model)(root, rotations, betas)]


def volume(vertices, faces):
    loop = boundary(faces)
    centre = vertices[list(loop)].mean(0)
    # The loop is flat, so a cap seen from its own centre adds nothing.
    a, b, c = (vertices - centre)[faces].transpose(1, 0, 2)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


class TestTopology:
    def test_counts(self, model):
        assert model.v_template.shape == (N_VERTICES, 3)
        assert model.faces.shape == (N_FACES, 3)
        assert set(np.unique(model.faces)) == set(range(N_VERTICES))

    def test_every_edge_joins_two_faces_the_same_way_round(self, model):
        edges = directed_edges(model.faces)
        assert len(np.unique(edges, axis=0)) == len(edges)

    def test_it_is_a_disk(self, model):
        edges = np.unique(np.sort(directed_edges(model.faces), 1), axis=0)
        assert N_VERTICES - len(edges) + N_FACES == 1

    def test_one_open_loop_of_sixteen_at_the_wrist(self, model, joints):
        loop = boundary(model.faces)
        start = next(iter(loop))
        walked, here = 0, start
        while walked == 0 or here != start:
            here, walked = loop[here], walked + 1
        assert walked == len(loop) == 16
        assert (model.v_template[list(loop), 0] > joints[0, 0]).all()

    def test_faces_point_outwards_and_enclose_a_hand(self, model):
        assert 2.0e-4 < volume(model.v_template, model.faces) < 5.0e-4  # 200 to 500 ml

    def test_no_face_is_degenerate(self, model):
        a, b, c = model.v_template[model.faces].transpose(1, 0, 2)
        sides = np.stack([np.linalg.norm(x, axis=1) for x in (b - a, c - b, a - c)])
        height = np.linalg.norm(np.cross(b - a, c - a), axis=1) / sides.max(0)
        assert height.min() > 0.001


class TestFrame:
    def test_fingers_point_to_minus_x_and_the_thumb_to_plus_z(self, joints):
        assert joints[0] == pytest.approx(rest_joints()[0], abs=1e-6)
        assert (joints[1:13, 0] < joints[0, 0] - 0.06).all()
        assert joints[15, 2] > joints[1, 2] > joints[4, 2] > joints[10, 2] > joints[7, 2]

    def test_hand_length_is_an_adults(self, model, joints):
        assert 0.17 < np.linalg.norm(model.v_template[TIP_VERTICES[2]] - joints[0]) < 0.20

    def test_closing_the_hand_moves_the_tips_below_the_palm(self, model):
        flat, fist = posed(model, pose_from_angles(np.stack([grasp("flat"), grasp("fist")])))[0]
        assert (fist[[8, 12, 16, 20], 1] < flat[[8, 12, 16, 20], 1] - 0.008).all()
        assert (fist[[8, 12, 16, 20], 0] > flat[[8, 12, 16, 20], 0] + 0.05).all()

    def test_joints_lie_at_their_anatomical_centres(self, joints):
        np.testing.assert_allclose(joints, rest_joints(), atol=1e-6)

    @pytest.mark.parametrize("finger", FINGERS)
    def test_every_tip_id_lies_on_its_fingertip(self, model, joints, finger):
        tip = model.v_template[TIP_VERTICES[FINGERS.index(finger)]]
        last = joints[MANO_JOINT_NAMES.index(f"{finger}3")]
        direction = np.array(DISTAL[finger]) / np.linalg.norm(DISTAL[finger])
        assert (tip - last) @ direction == pytest.approx(DIGITS[finger].lengths[2], abs=0.002)
        others = model.v_template[list(OTHER_TIPS[finger])]
        assert np.linalg.norm(others - tip, axis=1).max() < 0.010


class TestRig:
    def test_regressor_is_a_sparse_mean(self, model):
        assert (model.j_regressor >= 0).all()
        np.testing.assert_allclose(model.j_regressor.sum(1), 1, atol=1e-12)
        assert ((model.j_regressor > 0).sum(1) <= 32).all()

    def test_weights_sum_to_one_over_at_most_four_joints(self, model):
        assert (model.lbs_weights >= 0).all()
        np.testing.assert_allclose(model.lbs_weights.sum(1), 1, atol=1e-12)
        assert (model.lbs_weights > 0).sum(1).max() <= 4

    def test_weights_change_little_along_an_edge(self, model):
        a, b = directed_edges(model.faces).T
        assert np.abs(model.lbs_weights[a] - model.lbs_weights[b]).max() < 0.6

    def test_correctives_are_still_at_rest_and_at_work_in_a_fist(self, model):
        pose = pose_from_angles(np.stack([grasp("flat"), grasp("fist")]))
        plain = type(model)(**{**model.arrays(), "posedirs": np.zeros_like(model.posedirs)}, source="plain")
        moved = np.linalg.norm(posed(model, pose)[1] - posed(plain, pose)[1], axis=2)
        assert moved[0].max() == 0
        assert 0.001 < moved[1].max() < 0.02

    def test_correctives_keep_more_volume_than_plain_skinning(self, model):
        pose = pose_from_angles(grasp("fist")[None])
        plain = type(model)(**{**model.arrays(), "posedirs": np.zeros_like(model.posedirs)}, source="plain")
        full, before = (volume(posed(m, pose)[1][0], model.faces) for m in (model, plain))
        rest = volume(model.v_template, model.faces)
        assert abs(full - rest) <= abs(before - rest)

    def test_no_shape_direction_repeats_another(self, model):
        flat = model.shapedirs.reshape(-1, 10)
        assert np.linalg.matrix_rank(flat / np.linalg.norm(flat, axis=0), tol=0.05) == len(SHAPE_DIRECTIONS) == 10

    def test_size_scales_the_hand_by_its_share(self, model):
        bigger = model.v_template + model.shapedirs[:, :, list(SHAPE_DIRECTIONS).index("size")]
        assert np.ptp(bigger[:, 0]) / np.ptp(model.v_template[:, 0]) == pytest.approx(1.055, abs=0.002)

    @given(st.lists(st.floats(-2.5, 2.5), min_size=10, max_size=10))
    @settings(max_examples=25, deadline=None)
    def test_plausible_shapes_stay_open_surfaces_without_folds(self, betas):
        model = procedural_hand()
        shaped = model.v_template + model.shapedirs @ np.array(betas)
        normals = [
            np.cross(*(v[model.faces[:, k]] - v[model.faces[:, 0]] for k in (1, 2))) for v in (model.v_template, shaped)
        ]
        cosine = (normals[0] * normals[1]).sum(1) / np.prod([np.linalg.norm(n, axis=1) for n in normals], axis=0)
        assert cosine.min() > 0.3

    def test_components_are_orthonormal(self, model):
        np.testing.assert_allclose(model.hands_components @ model.hands_components.T, np.eye(45), atol=1e-10)

    def test_first_component_closes_or_opens_all_long_fingers(self, model):
        flexion = model.hands_components[0].reshape(15, 3)[[1, 4, 7, 10], 2]
        assert (np.sign(flexion) == np.sign(flexion[0])).all()

    def test_the_same_hand_every_time(self, model):
        procedural_hand.cache_clear()
        again = procedural_hand()
        for name, array in model.arrays().items():
            np.testing.assert_array_equal(array, again.arrays()[name], err_msg=name)


class TestSmplx:
    def test_smplx_makes_the_same_vertices(self, model, joints):
        smplx = pytest.importorskip("smplx")
        data = smplx.utils.Struct(
            v_template=model.v_template,
            f=model.faces,
            shapedirs=model.shapedirs,
            posedirs=model.posedirs,
            J_regressor=model.j_regressor,
            kintree_table=np.stack([model.parents, np.arange(16)]),
            weights=model.lbs_weights,
            hands_components=model.hands_components,
            hands_mean=model.hands_mean,
        )
        theirs = smplx.MANOLayer(model_path="", data_struct=data, is_rhand=True)
        rng = np.random.default_rng(3)
        pose, betas = sample_poses(rng, 3), rng.normal(size=(3, 10))
        rotations = torch.from_numpy(Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(3, 15, 3, 3)).float()
        root = torch.eye(3).expand(3, 1, 3, 3)
        out = theirs(global_orient=root, hand_pose=rotations, betas=torch.from_numpy(betas).float(), transl=None)
        np.testing.assert_allclose(out.vertices.numpy(), posed(model, pose, betas)[1], atol=1e-6)


class TestPoses:
    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=20, deadline=None)
    def test_samples_stay_inside_the_limits(self, seed):
        angles = np.rad2deg(sample_angles(np.random.default_rng(seed), 5))
        assert (angles >= LIMITS_DEGREES[:, 0] - 1e-9).all()
        assert (angles <= LIMITS_DEGREES[:, 1] + 1e-9).all()

    def test_named_grasps_are_inside_the_limits(self):
        for name in GRASPS:
            np.testing.assert_array_equal(limit(grasp(name)), grasp(name), err_msg=name)

    def test_unknown_grasp_names_its_neighbours(self):
        with pytest.raises(UnknownNameError, match="pinch"):
            grasp("pnch")

    def test_same_seed_same_poses(self):
        first, again = (sample_poses(np.random.default_rng(5), 4) for _ in range(2))
        np.testing.assert_array_equal(first, again)

    def test_spread_moves_fingertips_apart(self, model):
        tips = posed(model, pose_from_angles(np.stack([grasp("flat"), grasp("spread")])))[0][:, [8, 12, 16, 20]]
        gaps = np.linalg.norm(np.diff(tips, axis=1), axis=2)
        assert (gaps[1] > gaps[0] + 0.005).all()

    def test_fist_lays_the_thumb_over_the_fingers(self, model):
        thumb_tip, middle_pip = posed(model, pose_from_angles(grasp("fist")[None]))[0][0, [4, 10]]
        assert thumb_tip[1] < middle_pip[1]
        assert thumb_tip[2] < model.v_template[TIP_VERTICES[1], 2]
