"""A MANO hand behind any method: what it predicts, what it says of itself, and what it refuses."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from hint.errors import InputError, UnknownNameError
from hint.mano.procedural import procedural_hand
from hint.methods.mano_fit import ManoFit
from hint.methods.table import create, list_methods, names
from hint.types import Hand, ManoMethod, MethodCard, MethodOptions, Predictions

PROCEDURAL = MethodOptions(mano="procedural")


class Points:
    """Gives keypoints of a flat right hand in the box, NaN for hands named lost."""

    card = MethodCard("points", "Points", "Keypoints in the box.", weights_licence="CC0", note="made up")
    fingerprint: ClassVar[dict[str, int]] = {"points": 1}
    device = "somewhere"

    def prepare(self, hand, image):
        return hand.box_xyxy

    def infer(self, hands, prepared):
        model = procedural_hand()
        points = np.concatenate([model.j_regressor @ model.v_template, model.v_template[[744, 320, 443, 554, 671]]])
        order = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
        flat = points[list(order)][:, [0, 2]]
        flat = (flat - flat.min(0)) / np.ptp(flat, axis=0).max()
        rows = [
            np.full((21, 2), np.nan)
            if "lost" in hand.hand_id
            else (flat if hand.is_right else flat * (-1, 1) + (1, 0)) * (box[2] - box[0]) + box[:2]
            for hand, box in zip(hands, prepared, strict=True)
        ]
        score = np.full((len(hands), 21), 1.2, np.float32)
        return Predictions(np.array([h.hand_id for h in hands]), np.stack(rows), score=score)


@pytest.fixture(scope="module")
def method() -> ManoFit:
    return ManoFit.wrap(Points(), PROCEDURAL)


@pytest.fixture(scope="module")
def hands() -> list[Hand]:
    box = (100.0, 50.0, 220.0, 170.0)
    return [Hand("a_r", box, True), Hand("lost_r", box, True), Hand("b_l", box, False)]


def test_it_keeps_the_contract_of_a_mano_method(method, hands) -> None:
    assert isinstance(method, ManoMethod)
    prepared = [method.prepare(hand, None) for hand in hands]
    found, parameters = method.infer_hands(hands, prepared)
    given = Points().infer(hands, prepared)
    assert found.hand_id.tolist() == ["a_r", "lost_r", "b_l"]
    assert found.keypoints_2d[[0, 2]] == pytest.approx(given.keypoints_2d[[0, 2]], abs=2)
    assert np.isnan(found.keypoints_2d[1]).all()
    assert np.isnan(found.vertices[1]).all()
    assert np.isnan(parameters.global_orient[1]).all()
    assert found.vertices.shape == (3, 778, 3)
    assert (found.score == given.score).all()
    assert found.keypoints_3d[2] == pytest.approx(found.keypoints_3d[0] * (-1, 1, 1), abs=1e-5)
    assert np.array_equal(method.infer(hands, prepared).keypoints_2d, found.keypoints_2d, equal_nan=True)


def test_its_parameters_pose_and_place_its_mesh(method, hands) -> None:
    found, parameters = method.infer_hands(hands, [hand.box_xyxy for hand in hands])
    joints, vertices = method.pose(parameters)
    assert vertices[0] == pytest.approx(found.vertices[0], abs=1e-6)
    assert vertices[2] * (-1, 1, 1) == pytest.approx(found.vertices[2], abs=1e-6)
    seen = joints[0] + parameters.cam_t[0]
    pixels = parameters.focal_length[0] * seen[:, :2] / seen[:, 2:] + parameters.square[0, :2]
    assert pixels == pytest.approx(found.keypoints_2d[0], abs=0.01)


def test_the_card_and_the_fingerprint_name_both(method) -> None:
    assert (method.card.name, method.card.title) == ("points-mano", "Points + MANO fit")
    assert (method.card.note, method.card.weights_licence) == ("made up", "CC0")
    assert method.fingerprint["keypoints"] == {"points": 1}
    assert method.fingerprint["mano_sha256"] == procedural_hand().sha256()
    assert repr(method) == "<Points + MANO fit on somewhere>"


def test_a_released_hand_brings_its_licence(tmp_path: Path) -> None:
    from hint.mano.read import write_mano_npz

    write_mano_npz(procedural_hand(), tmp_path / "mano.npz")
    method = ManoFit.wrap(Points(), MethodOptions(mano=str(tmp_path / "mano.npz")))
    assert method.card.weights_licence == "CC0; MANO for non-commercial use"


def test_any_method_takes_the_suffix() -> None:
    method = create("box-centre-mano", PROCEDURAL)
    hand = Hand("a_r", (10, 10, 50, 60), True)
    found = method.infer([hand], [method.prepare(hand, None)])
    assert method.card.name == "box-centre-mano"
    assert np.isfinite(found.keypoints_2d).all()


def test_settings_go_to_the_method(make) -> None:
    options = MethodOptions(mano="procedural", labels=make(), extra={"sigma": "0.1"})
    assert create("oracle-noise-mano", options).fingerprint["keypoints"]["sigma"] == 0.1
    with pytest.raises(UnknownNameError, match="setting of mean-pose 'sigmaa'"):
        create("mean-pose-mano", MethodOptions(mano="procedural", extra={"sigmaa": "1"}))


def test_a_method_with_a_mesh_of_its_own_is_refused() -> None:
    with pytest.raises(InputError, match="hamer-tiny poses a MANO hand itself; leave out -mano: --method hamer-tiny"):
        create("hamer-tiny-mano", PROCEDURAL)


@pytest.mark.parametrize("name", ["no-such-mano", "mediapip-mano", "-mano", "box-centre-mano-mano"])
def test_an_unknown_name_is_refused_with_a_suggestion(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown method '{name}'"):
        create(name, PROCEDURAL)


def test_a_misspelt_name_offers_the_fitted_method() -> None:
    with pytest.raises(UnknownNameError, match="did you mean rtmpose-mano"):
        create("rtmpos-mano", PROCEDURAL)


def test_the_list_has_mediapipe_mano_and_mentions_the_suffix() -> None:
    row = next(entry for entry in list_methods() if entry.name == "mediapipe-mano")
    assert "-mano works behind any name" in row.summary
    assert "box-centre-mano" not in names()
