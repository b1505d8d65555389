"""Labelled pictures as a source of hands with 2D labels only: HInt pairs, official npz, COCO keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files import read_labels
from hint.images import read_image
from hint.names import split_of_subset
from hint.training.filters import Filters, Traits
from hint.training.sample import Sample
from hint.types import HandLabels


class LabelSource:
    """Hands of a label set; joints that exist have confidence 1, others 0.

    Attributes:
        name: Name in messages and in the seed of the order.
        labels: The hands that pass the filters.
        total: Hands before the filters.
    """

    def __init__(self, name: str, labels: HandLabels, filters: Filters | None = None) -> None:
        """Select the hands that pass the filters.

        Raises:
            MissingRequirementError: If pictures are missing.
            InputError: If no hand passes.
        """
        self.name = name
        self.filters = filters or Filters()
        self.total = len(labels)
        self.labels = labels.select(self.filters.keep(_traits(labels)))
        if not len(self):
            raise InputError(f"{name}: no hand to train on: {self.total} fail the filters")
        paths = zip(self.labels.hand_id.tolist(), self.labels.image.tolist(), strict=True)
        missing = [hand_id for hand_id, path in paths if not path or not Path(path).is_file()]
        if missing:
            raise MissingRequirementError(
                f"{name}: pictures of {some_ids(missing)} are missing; give their folder, "
                "or for Ego4D run `hint prepare` first"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def key(self, index: int) -> str:
        """Return the id of a hand."""
        return str(self.labels.hand_id[index])

    def read(self, index: int) -> Sample:
        """Read a hand and its picture."""
        labels = self.labels
        existence = labels.existence[index].astype(np.float64)
        sample = Sample(
            key=self.key(index),
            image=read_image(Path(str(labels.image[index]))),
            box_xyxy=labels.box_xyxy[index],
            keypoints_2d=np.column_stack([labels.keypoints_2d[index], existence]),
            keypoints_3d=np.zeros((21, 4)),
            hand_pose=np.zeros((16, 3)),
            betas=np.zeros(10),
            is_right=bool(labels.is_right[index]),
            has_hand_pose=False,
            has_betas=False,
        )
        return self.filters.supervise(sample)


def _traits(labels: HandLabels) -> Traits:
    n = len(labels)
    return Traits(
        confidence=labels.existence.astype(np.float32),
        reprojection=np.full(n, np.nan, np.float32),
        shortest_side=(labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).min(1).astype(np.float32),
        has_hand_pose=np.zeros(n, bool),
        has_betas=np.zeros(n, bool),
        largest_beta=np.zeros(n, np.float32),
    )


def open_labels(
    path: Path,
    subsets: Sequence[str] = (),
    images: Path | None = None,
    filters: Filters | None = None,
    allow_test: bool = False,
    split: str = "train",
) -> LabelSource:
    """Open labelled pictures to train on.

    Args:
        path: HInt root, folder of jpg+json pairs, evaluation npz or COCO file.
        subsets: Subsets to use, by default all.
        images: Folder of the pictures, if they are not beside the labels.
        filters: By default the released ones.
        allow_test: Train on test hands as well, which makes scores on them meaningless.
        split: "train" or "val": which folders of a HInt root to read.

    Raises:
        InputError: If they are test hands, or none passes the filters.
        MissingRequirementError: If pictures are missing.
    """
    labels = read_labels(path, subsets, images, split=split)
    test = [name for name in labels.subsets if split_of_subset(name) == "test"]
    if test and not allow_test:
        raise InputError(
            f"{path}: {', '.join(test)} are test hands, reserved for evaluation; "
            "choose other subsets, such as train_newdays, or name a folder of your own TRAIN_<name>_img"
        )
    return LabelSource(path.resolve().name, labels, filters)
