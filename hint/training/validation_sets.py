"""Open hands that a training is scored on: tars, or labels of any format, cut without augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hint.errors import InputError, some_ids
from hint.training.augmentation import OFF
from hint.training.data import TrainingData
from hint.training.datasets import Padded
from hint.training.filters import Filters
from hint.training.labelled import LabelSource, open_labels
from hint.training.preset import Preset
from hint.training.sample import Source
from hint.training.streams import StreamSource
from hint.training.tars import TarSource, find_tars

#: Every hand counts, with every joint that has a label.
_NO_FILTERS = Filters(min_keypoints=0, max_reprojection=0)


@dataclass(frozen=True, eq=False)
class ValidationSet:
    """Hands to score.

    Attributes:
        name: Name in curves and tables.
        data: The hands; numbers 0 to ``len(self) - 1`` are each of them once.
    """

    name: str
    data: TrainingData

    def __len__(self) -> int:
        return sum(map(len, self.data.sources.values()))


def open_validation(
    preset: Preset, places: Sequence[Path], trained: Sequence[Source | StreamSource]
) -> list[ValidationSet]:
    """Open the hands to score.

    Args:
        preset: What is trained.
        places: Folders of tars, tars, or labels with their pictures; of a HInt root, its VAL folders.
        trained: What is trained on.

    Raises:
        InputError: If they are test hands, are trained on, or cannot be read.
        MissingRequirementError: If pictures are missing.
    """
    opened = [_open(place) for place in places]
    names = [source.name for source in opened]
    if len(set(names)) != len(names):
        raise InputError(f"sets to validate on need different names: {', '.join(sorted(names))}")
    for source in opened:
        _refuse_trained(source, trained)
    return [ValidationSet(source.name, _without_augmentation(preset, source)) for source in opened]


def _open(place: Path) -> Source:
    if place.suffix == ".tar" or (place.is_dir() and any(place.glob("*.tar"))):
        return TarSource(place.resolve().stem, find_tars(place), _NO_FILTERS)
    return open_labels(place, filters=_NO_FILTERS, split="val")


def _refuse_trained(source: Source, trained: Sequence[Source | StreamSource]) -> None:
    both: list[str] = []
    for other in trained:
        inner = other.source if isinstance(other, Padded) else other
        if isinstance(source, TarSource) and isinstance(inner, TarSource):
            both += sorted({str(path.resolve()) for path in source.paths} & {str(p.resolve()) for p in inner.paths})
        elif isinstance(source, LabelSource) and isinstance(inner, LabelSource):
            both += sorted(set(source.labels.hand_id.tolist()) & set(inner.labels.hand_id.tolist()))
    if both:
        raise InputError(f"{source.name}: {some_ids(both)} are trained on; validate on other hands")


def _without_augmentation(preset: Preset, source: Source) -> TrainingData:
    """Cut crops as in training: boxes are enlarged as those of the tars or labels that are trained on."""
    factor = preset.network.box_factor if isinstance(source, LabelSource) else _factor_of_tars(preset)
    still = replace(OFF, tall_box=preset.augmentation.tall_box)
    padded = source if factor == 1 else Padded(source, factor)
    return TrainingData.mix([padded], augmentation=still, crop_size=preset.crop_size)


def _factor_of_tars(preset: Preset) -> float:
    """Return what boxes in tars are enlarged by; where sets differ, by nothing, as the released ones."""
    factors = {rule.box_factor for rule in preset.datasets.values() if rule.kind == "tars"}
    return factors.pop() if len(factors) == 1 else 1.0
