"""CVAT's XML 1.1, written here as its source writes it: skeletons of images and of tracks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hint.errors import InputError
from hint.files import read_cvat, read_labels, write_cvat
from hint.prediction.box_files import lines_of_file
from hint.skeleton import BONES, JOINT_NAMES, N_JOINTS
from hint.types import HandLabels

POINTS = np.random.default_rng(5).uniform(20, 400, (N_JOINTS, 2)).round(2)


def points(
    names: list[str], outside: Collection[int] = (), occluded: Collection[int] = (), start: str = 'source="manual"'
) -> str:
    """Return the points of a skeleton in an order of their own, as CVAT may have them."""
    order = np.random.default_rng(1).permutation(len(names))
    return "\n".join(
        f'      <points label="{names[k]}" {start} outside="{int(k in outside)}" '
        f'occluded="{int(k in occluded)}" points="{POINTS[k % 21][0]:.2f},{POINTS[k % 21][1]:.2f}">\n      </points>'
        for k in order
    )


def document(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n'
        "      <id>7</id>\n      <name>hands</name>\n      <size>2</size>\n      <mode>annotation</mode>\n"
        "      <labels><label><name>left_hand</name><type>skeleton</type><attributes></attributes></label></labels>\n"
        f"    </task>\n    <dumped>2026-01-01 00:00:00</dumped>\n  </meta>\n{body}\n</annotations>\n"
    )


def skeleton(label: str, inside: str, attributes: str = "") -> str:
    return f'    <skeleton label="{label}" source="manual" z_order="0">\n{inside}\n{attributes}    </skeleton>'


def image(name: str, *shapes: str) -> str:
    inside = "\n".join(shapes)
    return f'  <image id="0" name="{name}" width="640" height="480">\n{inside}\n  </image>'


def written(folder: Path, body: str) -> Path:
    path = folder / "annotations.xml"
    path.write_text(document(body), encoding="utf-8")
    return path


def test_skeletons_of_images(tmp_path: Path) -> None:
    (tmp_path / "images" / "day one").mkdir(parents=True)
    (tmp_path / "images" / "day one" / "0001.jpg").write_bytes(b"")
    names = list(JOINT_NAMES)
    numbers = [str(k) for k in range(1, 22)]
    side = '      <attribute name="side">right</attribute>\n'
    box = '    <box label="cup" occluded="0" xtl="1.00" ytl="1.00" xbr="5.00" ybr="5.00" z_order="0">\n    </box>'
    first = skeleton("left_hand", points(names, outside={4}, occluded={8, 4}))
    second = skeleton("hand", points(numbers), side)
    path = written(tmp_path, image("day one/0001.jpg", first, box, second) + "\n" + image("0002.jpg"))
    read = read_labels(path)
    assert read.is_right.tolist() == [False, True]
    np.testing.assert_array_equal(read.keypoints_2d, [POINTS, POINTS])
    assert [np.flatnonzero(read.visibility[0] == v).tolist() for v in (0, 1)] == [[4], [8]]
    assert read.hand_id.tolist() == ["0001_1_l", "0001_2_r"]
    assert read.clip_id.tolist() == ["images/day one/0001"] * 2
    assert Path(read.image[0]).is_file()
    there = np.delete(POINTS, 4, 0)
    np.testing.assert_array_equal(read.box_xyxy[0], [*there.min(0), *there.max(0)])
    assert read.notes == (f"{path}: 1 annotation left alone: 1 of box 'cup'",)
    assert [line.is_right for line in lines_of_file(path)] == [False, True]


def test_a_track_gives_a_hand_for_every_frame_it_is_in(tmp_path: Path) -> None:
    def at(frame: int, outside: set[int]) -> str:
        inside = points(list(JOINT_NAMES), outside, start='keyframe="1"')
        return f'    <skeleton frame="{frame}" keyframe="1" z_order="0">\n{inside}\n    </skeleton>'

    frames = "\n".join([at(0, set()), at(12, {20}), at(13, set(range(21)))])
    path = written(tmp_path, f'  <track id="3" label="right_hand" source="manual">\n{frames}\n  </track>')
    read = read_cvat(path)
    assert read.hand_id.tolist() == ["frame_000000_3_r", "frame_000012_3_r"]
    assert read.existence.sum(1).tolist() == [21, 20]


def test_what_is_written_is_read_and_has_the_labels_of_its_task(labels: HandLabels, tmp_path: Path) -> None:
    path = tmp_path / "out" / "annotations.xml"
    write_cvat(path, labels)
    read = read_labels(path)
    for name in ("hand_id", "clip_id", "subset", "box_xyxy", "is_right", "keypoints_2d", "visibility"):
        np.testing.assert_array_equal(getattr(read, name), getattr(labels, name), err_msg=name)
    task = json.loads(path.with_suffix(".labels.json").read_text())
    assert [label["name"] for label in task] == ["left_hand", "right_hand"]
    for label in task:
        drawing = ElementTree.fromstring(f"<svg>{label['svg']}</svg>")
        nodes = {node.get("data-label-name"): int(node.get("data-node-id")) for node in drawing.iter("circle")}
        assert list(nodes) == [point["name"] for point in label["sublabels"]] == list(JOINT_NAMES)
        edges = [(int(e.get("data-node-from")) - 1, int(e.get("data-node-to")) - 1) for e in drawing.iter("line")]
        assert edges == list(BONES)
        declared = {attribute["name"] for attribute in label["attributes"]}
        used = {a.get("name") for a in ElementTree.parse(path).getroot().iter("attribute") if a.get("name")}
        assert used <= declared


BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "lacks a joint": (lambda s: re.sub(r'<points label="ring_pip".*?</points>', "", s, flags=re.S), "ring_pip"),
    "another joint": (lambda s: s.replace('"wrist"', '"elbow"'), "'elbow'"),
    "a number": (lambda s: s.replace('points="', 'points="x'), "points of"),
    "not finite": (lambda s: re.sub(r'points="[\d.]+', 'points="nan', s), "points of"),
    "huge": (lambda s: re.sub(r'points="[\d.]+', 'points="1e300', s), "far outside"),
    "a flag": (lambda s: s.replace('outside="0"', 'outside="maybe"'), "outside and occluded"),
    "no side": (lambda s: s.replace("left_hand", "hand"), "no side"),
    "all outside": (lambda s: s.replace('outside="0"', 'outside="1"'), "neither a box nor two joints"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_skeleton_is_named_or_left_out(tmp_path: Path, case: str) -> None:
    spoil, message = BAD[case]
    good = skeleton("left_hand", points(list(JOINT_NAMES)))
    path = written(tmp_path, image("a.jpg", good, spoil(good)))
    with pytest.raises(InputError, match=rf"1 of 2 skeletons .*skeleton 2 of a\.jpg \(.*{message}.*--skip-bad"):
        read_cvat(path)
    assert read_cvat(path, skip_bad=True).hand_id.tolist() == ["a_1_l"]


BOMB = "".join('<!ENTITY a{} "{}">'.format(k, f"&a{k - 1};" * 10) for k in range(1, 12))
HOSTILE = {
    "entities of entities": (
        f'<!DOCTYPE annotations [<!ENTITY a0 "x">{BOMB}]><annotations>&a11;</annotations>',
        "DOCTYPE",
    ),
    "a file of this machine": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>',
        "DOCTYPE",
    ),
    "depth": ("<annotations>" + "<a>" * 100_000, "nested too deeply"),
    "cut short": (document("")[:-20], "line "),
    "empty": ("", "not readable as XML"),
    "an unknown entity": ("<annotations>&x;</annotations>", "not readable as XML"),
    "another root": ("<html></html>", "begins with <html>"),
    "no skeletons": (document(image("a.jpg")), "holds no skeleton"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_xml_gives_one_line(tmp_path: Path, case: str) -> None:
    content, message = HOSTILE[case]
    (tmp_path / "a.xml").write_text(content)
    with pytest.raises(InputError, match=rf"a\.xml.*{message}") as raised:
        read_labels(tmp_path / "a.xml")
    assert "\n" not in str(raised.value)
    assert "root:" not in str(raised.value)
