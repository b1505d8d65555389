"""What pictures show of labelled hands, on rendered ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import error, hint

from annotation.check.hands import Hands
from annotation.check.look import Look, Onlooker
from annotation.check.population import rendered_population
from annotation.check.rules import RULES
from hint.demo.closeup import close_up
from hint.files import write_pairs
from hint.images import write_image
from hint.training.rendered import training_scene
from hint.types import HandLabels

#: Of rendered hands here; limits were chosen on others.
SEED, HANDS = 57, 8


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


@pytest.fixture(scope="module")
def onlooker() -> Onlooker:
    return Onlooker()


@pytest.fixture(scope="module")
def look(onlooker: Onlooker, rendered: HandLabels) -> Look:
    """What the pictures show of the correct labels."""
    return onlooker.look(rendered)


def found(labels: HandLabels, look: Look, *rules: str) -> int:
    """Number of hands that rules find something in."""
    n = len(labels)
    hands = Hands(labels, rendered_population(), np.full((n, 2), np.nan), np.full((n, 21, 2), np.nan), look)
    return int(np.any([rule.found(rule.measure(hands).value) for rule in RULES if rule.id in rules], axis=0).sum())


def test_pictures_show_what_labels_alone_cannot_tell(rendered: HandLabels, onlooker: Onlooker, look: Look) -> None:
    where = ("no-hand-seen", "other-side-seen", "seen-elsewhere")
    assert found(rendered, look, *where, "other-flags-seen") <= 1
    assert found(replace(rendered, occlusion=~rendered.occlusion), look, "other-flags-seen") >= HANDS - 1
    other = np.roll(np.arange(HANDS), 1)
    columns = ("keypoints_2d", "box_xyxy", "existence", "occlusion", "is_right")
    of_others = replace(rendered, **{name: getattr(rendered, name)[other] for name in columns})
    assert found(of_others, onlooker.look(of_others), *where) >= HANDS / 2
    flipped = replace(rendered, is_right=~rendered.is_right)
    assert found(flipped, onlooker.look(flipped), "no-hand-seen", "other-side-seen") >= HANDS - 2


def test_joints_are_found_in_px_of_the_picture(rendered: HandLabels, look: Look) -> None:
    known = look.presence > 0.5
    assert known.sum() >= HANDS - 2
    apart = np.linalg.norm(look.keypoints_2d - rendered.keypoints_2d, axis=2)[known]
    side = (rendered.box_xyxy[:, 2:] - rendered.box_xyxy[:, :2]).max(1)[known]
    assert np.median(apart / side[:, None]) < 0.1


def test_the_command_looks_at_the_pictures_there_are(rendered: HandLabels, tmp_path: Path) -> None:
    bare = tmp_path / "TEST_newdays_img"
    few = rendered.select(slice(0, 2))
    write_pairs(bare, replace(few, image=np.full(2, "")))
    message = error(hint("check", bare, "--look", code=2))
    assert f"--look: {bare} comes without pictures; name their folder with --images" in message
    for picture, content in zip(few.image.tolist(), (Path(few.image[0]).read_bytes(), b"no picture"), strict=True):
        (bare / Path(picture).name).write_bytes(content)
    done = hint("check", bare, "--look", "--rule", "no-hand-seen", "--json")
    counts = json.loads(done.stdout)["rules"]
    assert [(count["rule"], count["judged"]) for count in counts] == [("no-hand-seen", 1)]
    assert "looking at pictures: 2/2" in done.stderr
