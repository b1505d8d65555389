"""CVAT's XML 1.1, for images and for videos: hands as skeletons of 21 points with ``outside`` and ``occluded``.

A point outside does not exist in the frame. The format has no place for boxes and names of hands: they are attributes
of the skeleton, which CVAT keeps if the labels of the task declare them, as those written beside the file do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hint.errors import InputError
from hint.files.atomic import write_bytes, write_json
from hint.files.cvat_labels import ATTRIBUTES, cvat_labels
from hint.files.foreign_hand import (
    ForeignHand,
    Unreadable,
    as_box,
    as_labels,
    checked,
    left_alone,
    numbers,
    sift,
)
from hint.files.joint_names import HandJoints, find_hands, side_in, side_stated
from hint.files.picture_files import copied_names, copy_pictures, picture_names, picture_sizes
from hint.files.storage import Versions, without_query
from hint.files.xml_file import read_xml
from hint.skeleton import JOINT_NAMES
from hint.types import Double, HandLabels

#: Elements of images and tracks that are annotations too.
_SHAPES = ("box", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "tag")


def read_cvat(path: Path, images: Path | None = None, skip_bad: bool = False) -> HandLabels:
    """Read the skeletons of hands.

    Args:
        path: ``annotations.xml``.
        images: Folder of the pictures; None: ``images`` beside the file, where CVAT puts them, or the file's own.
        skip_bad: Leave out skeletons that cannot be read, and note them.

    Raises:
        InputError: If the file is not CVAT's, holds no hand, or skeletons lack joints or a side.
    """
    root = read_xml(path)
    if root.tag != "annotations":
        raise InputError(f"{path} is not CVAT's XML: it begins with <{root.tag}>, expected <annotations>")
    named = without_query(path)
    folder = images or named.parent
    other: Counter[str] = Counter()
    found = map(checked, _skeletons(root, folder, images is None, other))
    hands, notes = sift(found, path, "skeletons", skip_bad)
    notes = [*left_alone(other, path), *notes]
    if not hands:
        raise InputError("; ".join(notes) or f"{path} holds no skeleton")
    return as_labels(hands, folder, named.stem, notes)


def _skeletons(root: Element, folder: Path, beside: bool, other: Counter[str]) -> Iterator[ForeignHand | Unreadable]:
    """Yield the skeletons of images, and those of tracks, a hand for every frame."""
    versions = Versions()
    for image in root.iter("image"):
        other.update(f"{shape.tag} {shape.get('label', '')!r}" for shape in image if shape.tag in _SHAPES)
        name = image.get("name", "")
        picture = _picture(name, image.get("subset", ""), folder, beside, versions)
        for number, skeleton in enumerate(image.findall("skeleton"), start=1):
            where = f"skeleton {number} of {name or 'an image without a name'}"
            yield _hand(skeleton, skeleton.get("label", ""), where, str(number), picture)
    for track in root.iter("track"):
        other.update(f"{shape.tag} {track.get('label', '')!r}" for shape in track if shape.tag in _SHAPES)
        for skeleton in track.findall("skeleton"):
            frame, name = skeleton.get("frame", ""), track.get("id", "")
            picture = _picture(f"frame_{frame:0>6}.PNG", track.get("subset", ""), folder, beside, versions)
            hand = _hand(skeleton, track.get("label", ""), f"track {name}, frame {frame}", name, picture)
            if isinstance(hand, Unreadable) or hand.points is None or hand.points[:, 2].any():
                yield hand  # else the hand has left the picture


def _picture(name: str, subset: str, folder: Path, beside: bool, versions: Versions) -> str:
    """Return where CVAT puts a picture: in ``images``, below its subset in exports of projects."""
    places = [f"{start}{part}{name}" for start in (("images/", "") if beside else ("",)) for part in (f"{subset}/", "")]
    places = [place.lstrip("/") for place in places]
    return next((place for place in places if versions.find(folder / place)), places[-1])


def _hand(skeleton: Element, label: str, where: str, name: str, picture: str) -> ForeignHand | Unreadable:
    try:
        stated = {a.get("name", ""): (a.text or "").strip() for a in skeleton.findall("attribute")}
        own = {key: stated[key] for key in ATTRIBUTES if stated.get(key)}
        box = own.pop("box_xyxy", None)
        points = skeleton.findall("points")
        hands = _hands_of(tuple(point.get("label", "") for point in points))
        if len(hands) != 1:
            raise ValueError(f"{len(points)} points, which are not the joints of one hand")
        rows = np.array([_point(point) for point in points])
        return ForeignHand(
            where=where,
            name=name,
            image=picture,
            side=side_stated(stated) or side_in(label) or hands[0].side,
            box_xyxy=None if box is None else as_box(numbers(list(map(float, box.split(","))), 4, "box_xyxy")),
            points=rows[list(hands[0].places)],
            own=own,
        )
    except ValueError as error:
        return Unreadable(where, str(error))


@lru_cache(maxsize=64)
def _hands_of(names: tuple[str, ...]) -> list[HandJoints]:
    """Return the hands among the points of a skeleton; those of a file have few orders."""
    return find_hands(names)


def _point(point: Element) -> Double:
    """Return x, y and visibility of a point."""
    name = point.get("label", "")
    flags = [point.get(key, "0") for key in ("outside", "occluded")]
    if not set(flags) <= {"0", "1"}:
        raise ValueError(f"{name}: outside and occluded are {' and '.join(flags)}, expected 0 or 1")
    try:
        values: list[Any] = [float(value) for value in point.get("points", "").split(",")]
    except ValueError:
        values = []
    outside, occluded = flags
    return np.append(numbers(values, 2, f"points of {name}"), 0 if outside == "1" else 1 if occluded == "1" else 2)


def write_cvat(path: Path, labels: HandLabels, copy_images: bool = False) -> None:
    """Write CVAT's XML for images, and beside it the labels that a task must have, ``<stem>.labels.json``.

    Args:
        path: File to write.
        labels: The hands. Pictures that are there get a width and a height.
        copy_images: Copy the pictures to ``images`` beside the file.
    """
    names = copied_names(labels, "images") if copy_images else picture_names(labels, path.parent)
    sizes = picture_sizes(labels, names)
    if copy_images:
        copy_pictures(labels, names, path.parent)
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    root.append(_meta(path.stem, len(set(names))))
    images: dict[str, Element] = {}
    for k, (name, visibility) in enumerate(zip(names, labels.visibility.tolist(), strict=True)):
        if name not in images:
            size = dict(zip(("width", "height"), map(str, sizes.get(name, ())), strict=False))
            called = name.removeprefix("images/") if copy_images else name
            images[name] = SubElement(root, "image", {"id": str(len(images)), "name": called, **size})
        images[name].append(_skeleton(labels, k, visibility))
    ElementTree.indent(root)
    write_bytes(path, ElementTree.tostring(root, "utf-8", xml_declaration=True) + b"\n")
    write_json(path.with_suffix(".labels.json"), cvat_labels(), indent=1)


def _meta(name: str, pictures: int) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    for tag, text in (("name", name), ("size", str(pictures)), ("mode", "annotation")):
        SubElement(task, tag).text = text
    listed = SubElement(task, "labels")
    for label in cvat_labels():
        for one, parent in ((label, ""), *((sub, label["name"]) for sub in label["sublabels"])):
            entry = SubElement(listed, "label")
            for key in ("name", "color", "type"):
                SubElement(entry, key).text = one[key]
            attributes = SubElement(entry, "attributes")
            for attribute in one["attributes"]:
                described = SubElement(attributes, "attribute")
                for key in ("name", "mutable", "input_type", "default_value"):
                    SubElement(described, key).text = str(attribute[key])
                SubElement(described, "values")
            SubElement(entry, "parent" if parent else "svg").text = parent or label["svg"]
    return meta


def _skeleton(labels: HandLabels, k: int, visibility: list[int]) -> Element:
    side = "right" if labels.is_right[k] else "left"
    skeleton = Element("skeleton", {"label": f"{side}_hand", "source": "manual", "z_order": "0"})
    for name, (x, y), seen in zip(JOINT_NAMES, labels.keypoints_2d[k].tolist(), visibility, strict=True):
        flags = {"outside": str(int(seen == 0)), "occluded": str(int(seen == 1))}
        SubElement(skeleton, "points", {"label": name, "source": "manual", **flags, "points": f"{x},{y}"})
    box = ",".join(map(str, labels.box_xyxy[k].tolist()))
    values = (labels.hand_id[k], labels.clip_id[k], labels.subset[k], box)
    for name, value in zip(ATTRIBUTES, values, strict=True):
        SubElement(skeleton, "attribute", {"name": name}).text = str(value)
    return skeleton
