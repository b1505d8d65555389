"""The input of training: hands by number, batches by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from signal import SIG_IGN, SIGINT, SIGTERM, signal
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hint.crop import CROP_SIZE
from hint.errors import HintError, InputError
from hint.training.augmentation import Augmentation, Draw, disturb, move, to_crop, warp
from hint.training.batch import Batch
from hint.training.mixture import Layout, Mixture, numbers
from hint.training.sample import TRIES, Sample, Source
from hint.training.streams import Streams, StreamSource
from hint.types import Double, Image

Where = Literal["worker", "device"]


class Example(NamedTuple):
    """One hand of a batch; the picture of its sample is the augmented crop, so that no whole picture is kept."""

    sample: Sample
    draw: Draw
    affine: Double | None
    keypoints_2d: Double
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TrainingData(Dataset["Example | HintError"]):
    """The endless sequence of training hands.

    Hand k does not depend on the process or the time it is read, unless it comes from a stream: then it is the next one
    of this process's part of the stream.

    Attributes:
        sources: Sources of hands, by name.
        mixture: Order of the hands.
        augmentation: Random augmentation.
        crop_size: Side of the crops, px.
        augment_on: "worker" cuts finished crops. "device" returns the region of the picture that a crop shows, and
            :attr:`hint.training.batch.Batch.image` cuts the crops of a whole batch at once.
        streams: What this process has open of sources that are streams; :func:`loader` sets it.
    """

    sources: Mapping[str, Source | StreamSource]
    mixture: Mixture
    augmentation: Augmentation
    crop_size: int = CROP_SIZE
    augment_on: Where = "worker"
    streams: Streams | None = None

    def __post_init__(self) -> None:
        if self.augment_on == "device" and self.augmentation.changes_pixels:
            raise InputError('blur, noise, brightness, contrast and hidden parts need augment_on = "worker"')

    @classmethod
    def mix(
        cls,
        sources: Sequence[Source | StreamSource],
        weights: Sequence[float] | None = None,
        seed: int = 0,
        augmentation: Augmentation | None = None,
        crop_size: int = CROP_SIZE,
        augment_on: Where = "worker",
    ) -> TrainingData:
        """Mix sources, by default in proportion to their numbers of hands."""
        named = {source.name: source for source in sources}
        if len(named) != len(sources):
            raise InputError(f"sources need different names: {', '.join(source.name for source in sources)}")
        sizes = {name: max(len(source), int(isinstance(source, StreamSource))) for name, source in named.items()}
        shares = dict(zip(named, weights or sizes.values(), strict=True))
        return cls(named, Mixture(sizes, shares, seed), augmentation or Augmentation(), crop_size, augment_on)

    def __getitem__(self, k: int) -> Example | HintError:
        """Return hand k, or the error that ends the training; raised here, torch would add a traceback to it."""
        try:
            return self.example(k)
        except HintError as error:
            return error

    def batch(self, hands: Sequence[int]) -> Batch | HintError:
        """Return the hands of some numbers as a batch, or the error that ends the training."""
        n = len(hands) if self.augment_on == "worker" else 0
        crops = np.empty((n, self.crop_size, self.crop_size, 3), np.uint8)
        try:
            examples = [self.example(k, crop) for k, crop in zip_longest(hands, crops)]
        except HintError as error:
            return error
        return _join(examples, self.crop_size, crops)

    def example(self, k: int, into: Image | None = None) -> Example:
        """Return hand k; an unreadable hand is replaced by the next of the same source.

        Args:
            k: Its number.
            into: Where a finished crop is to be put.

        Raises:
            InputError: If too many hands of a source in a row are unreadable.
        """
        sample, skipped = self._read(k)
        rng = self.mixture.generator(k)
        draw = self.augmentation.draw(rng)
        width = None if sample.is_right else sample.image.shape[1]
        matrix = to_crop(self.augmentation.square(sample, draw), draw.rotation, self.crop_size, width)
        points = move(matrix, sample.keypoints_2d[:, :2]) / self.crop_size - 0.5
        keypoints = np.concatenate([points, sample.keypoints_2d[:, 2:]], axis=1)
        if self.augment_on == "device":
            crop, affine = _region(sample.image, matrix, self.crop_size)
        else:
            crop, affine = warp(sample.image, matrix, self.crop_size, into), None
            if self.augmentation.changes_pixels:
                crop[:] = disturb(crop, self.augmentation, rng)
        return Example(replace(sample, image=crop), draw, affine, keypoints, skipped)

    def _read(self, k: int) -> tuple[Sample, tuple[str, ...]]:
        source = self.sources[self.mixture.source(k)]
        if isinstance(source, StreamSource):
            if self.streams is None:
                raise InputError(f"{source.name}: hands of a stream cannot be read in any order")
            return self.streams.next(source, k)
        name, index = self.mixture.place(k)
        skipped: list[str] = []
        for step in range(min(len(source), TRIES)):
            try:
                return source.read((index + step) % len(source)), tuple(skipped)
            except InputError as error:
                skipped.append(str(error))
        raise InputError(f"{name}: {len(skipped)} hands in a row are unreadable; the first: {skipped[0]}")


class _Batches(Dataset["Batch | HintError"]):
    """The batches of training hands, by the numbers of their hands."""

    def __init__(self, data: TrainingData) -> None:
        self._data = data

    def __getitem__(self, hands: Sequence[int]) -> Batch | HintError:
        return self._data.batch(hands)


def _region(image: Image, matrix: Double, crop_size: int) -> tuple[Image, Double]:
    """Return the region of a picture that a crop shows, and the map from the crop's pixels to the region's.

    A region with many more pixels than the crop is cut here, to move less data.
    """
    back = np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))[:2]
    corners = move(back, np.array([(x, y) for x in (0, crop_size) for y in (0, crop_size)], float))
    height, width = image.shape[:2]
    low = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 2, low + 1, (width, height))
    if (high - low).max() > 2 * crop_size:
        return warp(image, matrix, crop_size), np.eye(2, 3)
    back[:, 2] -= low
    return image[low[1] : high[1], low[0] : high[0]], back


def collate(examples: Sequence[Example | HintError], crop_size: int) -> Batch | HintError:
    """Join hands into a batch."""
    good = [example for example in examples if isinstance(example, Example)]
    if len(good) != len(examples):
        return next(example for example in examples if isinstance(example, HintError))
    return _join(good, crop_size)


def _join(examples: Sequence[Example], crop_size: int, crops: Image | None = None) -> Batch:
    """Join hands into a batch; finished crops may lie side by side already."""
    samples = [example.sample for example in examples]
    rotations, affine = _rotations(examples), None
    if examples[0].affine is not None:
        crops, affine = _regions(examples, crop_size)
    elif crops is None:
        crops = np.stack([sample.image for sample in samples])
    return Batch(
        key=tuple(sample.key for sample in samples),
        crops=torch.from_numpy(crops),
        colour=_floats([example.draw.colour for example in examples]),
        keypoints_2d=_floats([example.keypoints_2d for example in examples]),
        keypoints_3d=_floats([_keypoints_3d(example) for example in examples]),
        global_orient=_floats(rotations[:, :1]),
        hand_pose=_floats(rotations[:, 1:]),
        betas=_floats([sample.betas for sample in samples]),
        has_hand_pose=torch.tensor([sample.has_hand_pose for sample in samples]),
        has_betas=torch.tensor([sample.has_betas for sample in samples]),
        is_right=torch.tensor([sample.is_right for sample in samples]),
        affine=affine,
        size=crop_size,
        skipped=tuple(reason for example in examples for reason in example.skipped),
    )


def _floats(values: Sequence[Double] | Double) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


def _regions(examples: Sequence[Example], crop_size: int) -> tuple[Image, Tensor]:
    """Return regions padded with black to one size, and their maps, which use grid_sample's -1 to 1."""
    regions = [example.sample.image for example in examples]
    side = max(max(region.shape) for region in regions)
    padded = np.zeros((len(regions), side, side, 3), np.uint8)
    for place, region in zip(padded, regions, strict=True):
        place[: region.shape[0], : region.shape[1]] = region
    pixels = np.stack([example.affine for example in examples if example.affine is not None])
    turn, offset = pixels[:, :, :2], pixels[:, :, 2]
    # Pixel i of n is at (2i + 1)/n - 1.
    offset = (turn.sum(2) * (crop_size - 1) + 2 * offset + 1) / side - 1
    return padded, _floats(np.concatenate([turn * crop_size / side, offset[:, :, None]], axis=2))


def _rotations(examples: Sequence[Example]) -> Double:
    """Return (B,16,3,3) rotations: left hands mirrored, the wrist rotated with the crop."""
    vectors = np.stack([example.sample.hand_pose * _mirror(example, (1, -1, -1)) for example in examples])
    rotations: Double = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(-1, 16, 3, 3)
    rotations[:, 0] = np.stack([_turn(example) for example in examples]) @ rotations[:, 0]
    return rotations


def _keypoints_3d(example: Example) -> Double:
    points = example.sample.keypoints_3d.copy()
    points[:, :3] = points[:, :3] * _mirror(example, (-1, 1, 1)) @ _turn(example).T
    return points


def _mirror(example: Example, signs: tuple[int, int, int]) -> tuple[int, int, int]:
    return (1, 1, 1) if example.sample.is_right else signs


def _turn(example: Example) -> Double:
    """Return the (3,3) rotation about the optical axis that the crop shows."""
    angle = np.deg2rad(-example.draw.rotation)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def loader(
    data: TrainingData,
    *,
    global_batch: int,
    start_step: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """Yield one batch per step, endlessly; unreadable hands are replaced, and named in ``skipped`` of the batch.

    Args:
        data: Training hands.
        global_batch: Hands per step over all processes.
        start_step: First step; batches do not depend on it otherwise.
        rank: Index of this process.
        world: Number of training processes.
        workers: Data-loading processes; their number only affects speed, and the order of streams.
        pin_memory: Put batches into pinned memory.

    Raises:
        InputError: If the processes cannot share the batch evenly, or a source is unreadable.
    """
    steps = numbers(start_step, global_batch, rank, world)
    data = replace(data, streams=Streams(data.mixture, Layout(global_batch, world, max(workers, 1)), start_step))
    # A forked worker would wait for ever for OpenCV's threads, which are not forked with it.
    cv2.setNumThreads(0)
    batches = DataLoader(
        _Batches(data),
        sampler=steps,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=begin_worker,
        pin_memory=pin_memory,
        prefetch_factor=4 if workers else None,
    )
    for batch in batches:
        if isinstance(batch, HintError):
            raise batch
        yield batch


def begin_worker(_: int) -> None:
    """Use one thread, and leave Ctrl-C and SIGTERM to the training process, which ends its workers."""
    for number in (SIGINT, SIGTERM):  # torchrun sends them to the workers, too
        signal(number, SIG_IGN)
    cv2.setNumThreads(0)
