"""The adapter of a foreign package in docs/add-a-method.md, with a decoder of the test's own in place of its call."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint.methods.selftest import selftest
from hint.skeleton import N_JOINTS
from hint.types import Hand, Method

PAGE = Path(__file__).parents[3] / "docs/add-a-method.md"
#: How the Momentum Human Rig names its keypoints 21 to 41.
_PARTS = ("tip", "first-joint", "second-joint", "third-joint")
RIG = [f"{finger}-{part}" for finger in ("thumb", "index", "middle", "ring", "pinky") for part in _PARTS] + ["wrist"]


@pytest.fixture(scope="module")
def adapter() -> dict[str, Any]:
    """What the module of the page defines."""
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "Sam3d" in block)
    defined: dict[str, Any] = {"__name__": "sam_3d_hand"}
    exec(compile(code, str(PAGE), "exec"), defined)
    return defined


def decode(image: np.ndarray, box: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Answer as the package does, with 70 keypoints and a mesh; they lie along the box, left to right."""
    x1, y1, x2, y2 = box
    share = (np.arange(70) - 21)[:, None] / 20
    colour = image[int(np.clip((y1 + y2) / 2, 0, len(image) - 1)), int(np.clip((x1 + x2) / 2, 0, image.shape[1] - 1))]
    points = (x1, y1) + share * (x2 - x1, (y2 - y1) * (0.5 + colour[0] / 1000))
    solid = np.concatenate([points - (x1, y1), np.full((70, 1), 0.5)], 1) / 1000
    return {"pred_keypoints_2d": points, "pred_keypoints_3d": solid, "pred_vertices": np.ones((9, 3)) * (0.1, 0.2, 0.3)}


def test_every_joint_of_the_rig_has_its_place(adapter: dict[str, Any]) -> None:
    named = [RIG[place - 21] for place in adapter["RIGHT_HAND"]]
    assert named[0] == "wrist"
    assert named[1:5] == ["thumb-third-joint", "thumb-second-joint", "thumb-first-joint", "thumb-tip"]
    assert [name.partition("-")[0] for name in named[1::4]] == ["thumb", "index", "middle", "ring", "pinky"]
    assert [name for name in named if name.endswith("tip")] == named[4::4]
    assert sorted(named) == sorted(RIG)
    assert len(named) == N_JOINTS


def test_left_hands_are_shown_mirrored_and_come_back(adapter: dict[str, Any]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    method = adapter["Sam3dHand"](decode, "somewhere", with_mesh=True)
    right, left = Hand("a_r", (20, 10, 50, 40), True), Hand("a_l", (49, 10, 79, 40), False)
    straight = method.infer([right], [method.prepare(right, image)])
    turned = method.infer([left], [method.prepare(left, np.ascontiguousarray(image[:, ::-1]))])
    np.testing.assert_allclose(turned.keypoints_2d * (-1, 1) + (99, 0), straight.keypoints_2d, atol=1e-4)
    np.testing.assert_allclose(turned.keypoints_3d * (-1, 1, 1), straight.keypoints_3d, atol=1e-6)
    np.testing.assert_allclose(turned.vertices * (-1, 1, 1), straight.vertices)
    np.testing.assert_allclose(straight.keypoints_2d[0, 0], (50, 10 + 30 * (0.5 + image[25, 35, 0] / 1000)), atol=1e-4)


def test_it_keeps_the_contract(adapter: dict[str, Any]) -> None:
    method = adapter["Sam3dHand"](decode, "somewhere")
    assert isinstance(method, Method)
    report = selftest(method)
    assert report.passed, report.checks
    assert "keypoints_3d" in next(check.detail for check in report.checks if check.check == "rows")


def test_without_the_package_its_absence_is_what_is_said(adapter: dict[str, Any]) -> None:
    with pytest.raises(ModuleNotFoundError, match="sam_3d_body"):
        adapter["sam_3d_body"]("somewhere")
