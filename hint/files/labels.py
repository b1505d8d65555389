"""Labels in any format; :data:`SINGLE_FILES` and :func:`_find` are the table of readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from hint.errors import InputError
from hint.files.coco import read_coco
from hint.files.cvat import read_cvat
from hint.files.evaluation_npz import part_of, read_evaluation_npz
from hint.files.npz import read_npz
from hint.files.pairs import read_pairs
from hint.files.path import as_path
from hint.files.storage import folders_in, is_file, is_folder, names_in, url_of, without_query
from hint.files.yolo import FILE_NAME as YOLO
from hint.files.yolo import yolo_parts
from hint.names import split_of_subset, subset_of_folder
from hint.types import HandLabels

Reader = Callable[[], HandLabels]
FileReader = Callable[[Path, Path | None, bool], HandLabels]

#: Suffix of a file that holds labels alone -> what reads it.
SINGLE_FILES: dict[str, FileReader] = {".json": read_coco, ".xml": read_cvat}
#: Such files as ``hint export`` calls them: their folder stands for them.
WRITTEN = ("labels.json", "annotations.xml")


def read_labels(
    path: Path | str,
    subsets: Sequence[str] = (),
    images: Path | str | None = None,
    split: str = "test",
    skip_bad: bool = False,
) -> HandLabels:
    """Read labels of any format.

    Args:
        path: HInt root, folder of jpg+json pairs, folder of evaluation npz files, one of these, COCO keypoints (.json),
            CVAT's XML, the data.yaml of a YOLO pose dataset, or the folder of one of these; or a URL, but of YOLO.
        subsets: Names ("newdays", "val_ego4d") or folder names ("VAL_ego4d_img") to read; none = all of ``split``.
        images: Folder of the pictures, or a HInt root, where they are not beside the labels.
        split: "test", "val" or "train": what to read of a HInt root; where it has no such split, all is read.
        skip_bad: Leave out annotations of COCO, CVAT and YOLO that cannot be read; ``notes`` of the labels name them.

    Raises:
        InputError: If there are no labels, they cannot be read, or there is no such subset.
        MissingRequirementError: If YAML is to be read and PyYAML is not installed.
    """
    path = as_path(path)
    images = None if images is None else as_path(images)
    if url_of(path) is None and not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if images is not None and not is_folder(images):
        raise InputError(f"{images}: no such folder of pictures")
    if reader := _reader(path):
        return _pick(path, reader(path, images, skip_bad), subsets)
    if written := next((path / name for name in WRITTEN if is_file(path / name)), None):
        return _pick(written, SINGLE_FILES[written.suffix](written, images, skip_bad), subsets)
    parts = _find(path, images, skip_bad)
    if not parts and path.suffix.lower() == ".zip":
        raise InputError(f"{path} is an archive; unpack it, and name the labels that were in it")
    if not parts:
        if path.suffix == ".npz":
            read_npz(path)  # if it is damaged, that is what is wrong
        raise InputError(
            f"{path} holds no labels: expected HInt folders (TEST_newdays_img, ...), <stem>.jpg+json pairs, "
            "evaluation npz (<name>_all.npz, _vis, _occ), COCO keypoints (.json), CVAT's annotations.xml, or YOLO's "
            f"{YOLO}"
        )
    return HandLabels.concatenate([parts[name]() for name in _choose(path, list(parts), subsets, split)])


def _reader(path: Path) -> FileReader | None:
    """Return what reads a file that holds labels alone."""
    reader = SINGLE_FILES.get(without_query(path).suffix.lower())
    return reader if reader and (url_of(path) is not None or path.is_file()) else None


def _find(path: Path, images: Path | None, skip_bad: bool) -> Mapping[str, Reader]:
    """Return a reader for each subset at ``path``."""
    described = path / YOLO if is_file(path / YOLO) else path
    if described.suffix.lower() in (".yaml", ".yml") and is_file(described):
        return yolo_parts(described, images, skip_bad)
    if part := part_of(path):
        return {subset_of_folder(part[0]): partial(read_evaluation_npz, path.parent, part[0], images)}
    if not is_folder(path):
        return {}
    names = names_in(path)
    stems = sorted({part[0] for name in names if (part := part_of(Path(name)))})
    if stems:
        return {subset_of_folder(stem): partial(read_evaluation_npz, path, stem, images) for stem in stems}
    folders = [name for name in folders_in(path) if subset_of_folder(name) != name]
    if folders:
        return {subset_of_folder(name): partial(read_pairs, path / name, images) for name in folders}
    is_pairs = any(name.endswith(".json") for name in names)
    return {subset_of_folder(path.resolve().name): partial(read_pairs, path, images)} if is_pairs else {}


def _choose(path: Path, found: list[str], subsets: Sequence[str], split: str) -> list[str]:
    if not subsets:
        return [name for name in found if split_of_subset(name) == split] or found
    names = list(dict.fromkeys(subset_of_folder(name) for name in subsets))
    for name in names:
        if name not in found:
            raise InputError(f"{path} has no subset {name!r}; it has {', '.join(found)}")
    return names


def _pick(path: Path, labels: HandLabels, subsets: Sequence[str]) -> HandLabels:
    if not subsets:
        return labels
    chosen = _choose(path, labels.subsets, subsets, split="")
    return labels.select([name in chosen for name in labels.subset.tolist()])
