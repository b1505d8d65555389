"""``hint studio import``: labels from an export of Label Studio, without a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotation.sample.collection import folder_of
from annotation.sample.write import Split
from annotation.studio.exported.file import ExportFile, Tasks, read_tasks
from annotation.studio.exported.foreign import Translator
from annotation.studio.exported.pictures import Pictures
from annotation.studio.pull import PullRecord, pull
from hint.files.joint_names import Side


@dataclass(frozen=True)
class Imported:
    """What an import left.

    Attributes:
        record: As of a pull.
        tasks: The tasks of the file.
    """

    record: PullRecord
    tasks: Tasks

    @property
    def is_sound(self) -> bool:
        """Whether nothing needs attention."""
        return self.record.is_sound and not self.tasks.refused


def import_labels(
    path: Path,
    out: Path,
    *,
    images: Path | None = None,
    manifests: Sequence[Path] = (),
    people: Mapping[int, str] | None = None,
    name: str = "import",
    split: Split = "train",
    side: Side | None = None,
) -> Imported:
    """Write the labels of an export as :func:`annotation.studio.pull.pull` writes those of a server.

    Args:
        path: Full JSON or JSON-MIN.
        out: Folder to write; an earlier import in it is updated.
        images: Folder of the pictures, found by file name.
        manifests: Manifests whose pictures go beside the labels, for tasks that hint pushed.
        people: Number of a user -> email, where the export tells only the numbers.
        name: Name of the HInt folder of other tasks, ``TRAIN_<name>_img``.
        split: "train", "val" or "test", for the name of that folder.
        side: Side of hands where nothing says it, None to refuse them.

    Raises:
        InputError: If the file is not an export, none of its tasks can be read, or ``out`` contains something else.
    """
    tasks = read_tasks(path, Translator(Pictures(images), folder_of(split, name), side))
    bases = [*manifests, *([images / "manifest.jsonl"] if images else [])]
    return Imported(pull(ExportFile(path, tasks, people or {}), path.stem, out, manifests=bases), tasks)
