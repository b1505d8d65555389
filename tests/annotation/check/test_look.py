"""What pictures show of labelled hands, on rendered ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import error, hint

from annotation.check.look import Onlooker
from annotation.check.run import check
from hint.demo.closeup import close_up
from hint.files import write_pairs
from hint.images import write_image
from hint.training.rendered import training_scene
from hint.types import HandLabels

#: Of rendered hands here; limits were chosen on others.
SEED, HANDS = 57, 12


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> HandLabels:
    """Close-ups with exact labels and their pictures."""
    folder = tmp_path_factory.mktemp("rendered") / "TEST_rendered_img"
    hands = [close_up(training_scene(SEED, k)) for k in range(HANDS)]
    stems = [f"hand{k}_{'r' if hand.is_right else 'l'}" for k, hand in enumerate(hands)]
    for stem, hand in zip(stems, hands, strict=True):
        write_image(folder / f"{stem}.jpg", hand.image)
    labels = HandLabels(
        hand_id=np.array(stems),
        clip_id=np.array([stem[:-2] for stem in stems]),
        subset=np.full(HANDS, "rendered"),
        box_xyxy=np.stack([hand.box_xyxy for hand in hands]),
        is_right=np.array([hand.is_right for hand in hands]),
        keypoints_2d=np.stack([hand.keypoints_2d for hand in hands]),
        existence=np.stack([hand.existence for hand in hands]),
        occlusion=np.stack([hand.occlusion for hand in hands]),
        image=np.array([str(folder / f"{stem}.jpg") for stem in stems]),
    )
    write_pairs(folder, labels)
    return labels


def found(labels: HandLabels, *rules: str) -> int:
    """Number of hands that rules find something in."""
    return len({finding.hand_id for finding in check(labels, look=True, rules=rules).findings})


RULES = ("no-hand-seen", "other-side-seen", "seen-elsewhere", "other-flags-seen")


def test_pictures_show_what_labels_alone_cannot_tell(rendered: HandLabels) -> None:
    assert found(rendered, *RULES) <= 2
    other = np.roll(np.arange(HANDS), 1)
    columns = ("keypoints_2d", "box_xyxy", "existence", "occlusion", "is_right")
    of_others = replace(rendered, **{name: getattr(rendered, name)[other] for name in columns})
    assert found(of_others, "no-hand-seen", "seen-elsewhere", "other-side-seen") >= 9
    assert found(replace(rendered, is_right=~rendered.is_right), "no-hand-seen", "other-side-seen") >= 8
    assert found(replace(rendered, occlusion=~rendered.occlusion), "other-flags-seen") >= 10


def test_joints_are_found_in_px_of_the_picture(rendered: HandLabels) -> None:
    seen = Onlooker().look(rendered)
    known = seen.presence > 0.5
    assert known.sum() >= 8
    apart = np.linalg.norm(seen.keypoints_2d - rendered.keypoints_2d, axis=2)[known]
    side = (rendered.box_xyxy[:, 2:] - rendered.box_xyxy[:, :2]).max(1)[known]
    assert np.median(apart / side[:, None]) < 0.1


def test_looking_needs_pictures(rendered: HandLabels, tmp_path: Path) -> None:
    bare = tmp_path / "TEST_newdays_img"
    write_pairs(bare, replace(rendered, image=np.full(HANDS, "")))
    assert f"--look: {bare} comes without pictures; name their folder with --images" in error(
        hint("check", bare, "--look", code=2)
    )
    for name in rendered.image.tolist()[:2]:
        (bare / Path(name).name).write_bytes(Path(name).read_bytes())
    (bare / Path(rendered.image[0]).name).write_bytes(b"no picture")
    seen = Onlooker().look(replace(rendered, image=np.array([str(bare / Path(n).name) for n in rendered.image])))
    assert np.isfinite(seen.presence).tolist() == [k == 1 for k in range(HANDS)]
