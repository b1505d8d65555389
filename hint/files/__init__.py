"""Every format on disk: HInt pairs, evaluation npz, COCO keypoints, CVAT, YOLO, predictions."""

from hint.files.atomic import atomic_write, remove_abandoned, write_bytes, write_json, write_npz
from hint.files.coco import read_coco, write_coco
from hint.files.cvat import read_cvat, write_cvat
from hint.files.evaluation_npz import read_evaluation_npz, write_evaluation_npz
from hint.files.labels import read_labels
from hint.files.npz import as_strings, read_npz
from hint.files.pairs import read_pairs, write_pairs
from hint.files.predictions import read_predictions, write_predictions
from hint.files.yolo import write_yolo

__all__ = [
    "as_strings",
    "atomic_write",
    "read_coco",
    "read_cvat",
    "read_evaluation_npz",
    "read_labels",
    "read_npz",
    "read_pairs",
    "read_predictions",
    "remove_abandoned",
    "write_bytes",
    "write_coco",
    "write_cvat",
    "write_evaluation_npz",
    "write_json",
    "write_npz",
    "write_pairs",
    "write_predictions",
    "write_yolo",
]
