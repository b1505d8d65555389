"""The table of what writes labels; :mod:`hint.files.labels` is that of what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hint.files.coco import write_coco
from hint.files.cvat import write_cvat
from hint.files.evaluation_npz import write_evaluation_npz
from hint.files.pairs import write_pairs
from hint.files.yolo import write_yolo
from hint.names import folder_of_subset
from hint.types import HandLabels


@dataclass(frozen=True)
class LabelFormat:
    """A format that labels can be written in.

    Attributes:
        write: Writes labels to a folder, or to a file if there is a ``file``.
        write_with_pictures: Does so with copies of the pictures; None where there is no choice.
        file: Name of the file in a folder, "" for a format that is a folder.
    """

    write: Callable[[Path, HandLabels], None]
    write_with_pictures: Callable[[Path, HandLabels], None] | None = None
    file: str = ""

    def target(self, out: Path) -> Path:
        """Return what is written for ``out``: itself, or the file in it."""
        return out / self.file if self.file and out.suffix != Path(self.file).suffix else out


def _write_root(out: Path, labels: HandLabels) -> None:
    for subset in labels.subsets:
        write_pairs(out / folder_of_subset(subset), labels.select(labels.subset == subset))


#: Name on the command line -> format.
FORMATS: dict[str, LabelFormat] = {
    "hint": LabelFormat(_write_root),
    "npz": LabelFormat(write_evaluation_npz),
    "coco": LabelFormat(write_coco, lambda path, labels: write_coco(path, labels, copy_images=True), "labels.json"),
    "cvat": LabelFormat(write_cvat, lambda path, labels: write_cvat(path, labels, copy_images=True), "annotations.xml"),
    "yolo": LabelFormat(write_yolo),
}
