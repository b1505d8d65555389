"""Open the data of a preset: a mixture of sources in one folder, and real hands for the discriminator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hint.errors import MissingRequirementError, some_ids
from hint.progress import progress, silence
from hint.training.data import TrainingData
from hint.training.filters import Filters
from hint.training.labelled import open_labels
from hint.training.mocap import Mocap, open_mocap
from hint.training.preset import DatasetRule, Preset
from hint.training.sample import Sample, Source
from hint.training.sources import SETS
from hint.training.streams import StreamSource
from hint.training.tars import TarSource, find_tars, is_remote


class TrainingDatasets(NamedTuple):
    """The mixed training hands, the real hands for the discriminator, and why hands are left out from the start."""

    data: TrainingData
    mocap: Mocap
    unreadable: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Number of hands of each source."""
        return {name: len(source) for name, source in self.data.sources.items()}


@dataclass(frozen=True, eq=False)
class Padded:
    """A source whose boxes are enlarged about their centres.

    Attributes:
        source: The source.
        factor: Factor on the sides of the boxes.
    """

    source: Source
    factor: float

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.source.name

    def __len__(self) -> int:
        return len(self.source)

    def key(self, index: int) -> str:
        """Return the name of a hand."""
        return self.source.key(index)

    def read(self, index: int) -> Sample:
        """Read a hand."""
        return self.source.read(index).padded(self.factor)


def place_of(name: str, rule: DatasetRule, root: Path) -> str:
    """Return the folder of a source of a preset, or its pattern with braces; either may be a URL."""
    if is_remote(rule.path):
        return rule.path
    if not rule.path and name in SETS:
        return SETS[name].pattern(root)
    return str(root / (rule.path or name))


def open_datasets(
    preset: Preset, root: Path, seed: int, workers: int | None = None, quiet: bool = False
) -> TrainingDatasets:
    """Open all sources of a preset.

    Args:
        preset: Sources, filters, augmentation, crop size.
        root: Folder of the data.
        seed: Seed of the order and of the augmentation.
        workers: Processes that index new tars; by default one per core.
        quiet: Show no progress.

    Raises:
        MissingRequirementError: If data is missing; all of it is named at once.
        InputError: If data cannot be read.
    """
    tars, streams, *_ = find_data(preset, root)
    with (silence if quiet else progress)("indexing tars", sum(map(len, tars.values()))) as advance:
        sources: list[Source | StreamSource] = []
        for name, rule in preset.datasets.items():
            if name in streams:
                sources.append(StreamSource(name, streams[name], preset.filters, rule.hands, rule.box_factor))
            elif name in tars:
                sources.append(_padded(TarSource(name, tars[name], preset.filters, workers, advance), rule))
            else:
                sources.append(_padded(_labels(name, rule, root, preset.filters), rule))
    inner = (source.source if isinstance(source, Padded) else source for source in sources)
    unreadable = tuple(reason for source in inner if isinstance(source, TarSource) for reason in source.broken)
    weights = [rule.weight for rule in preset.datasets.values()]
    data = TrainingData.mix(sources, weights, seed, preset.augmentation, preset.crop_size, augment_on=preset.augment_on)
    mocap = open_mocap(root / preset.mocap if preset.mocap else None, seed)
    return TrainingDatasets(data, mocap, unreadable)


class FoundData(NamedTuple):
    """What is there of the data of a preset.

    Attributes:
        tars: Source -> its tars.
        streams: Source -> the URLs of what is streamed.
        missing: Source, or "mocap" -> where it was looked for, or why it cannot be read.
        advice: What to do about what is missing, "" where nothing is.
    """

    tars: dict[str, Sequence[Path]]
    streams: dict[str, Sequence[str]]
    missing: dict[str, str]
    advice: str


def find_data(preset: Preset, root: Path) -> FoundData:
    """Find the tars of each source that has tars.

    Raises:
        MissingRequirementError: If something is missing; all of it is named at once.
    """
    found = look_for_data(preset, root)
    if found.missing:
        named = some_ids(f"{name} ({where})" for name, where in found.missing.items())
        raise MissingRequirementError(f"the data of preset {preset.id} is missing: {named}; {found.advice}")
    return found


def look_for_data(preset: Preset, root: Path) -> FoundData:
    """Find the tars of each source that has tars, and note what is missing."""
    tars: dict[str, Sequence[Path]] = {}
    streams: dict[str, Sequence[str]] = {}
    missing: dict[str, str] = {}
    for name, rule in preset.datasets.items():
        place = place_of(name, rule, root)
        if rule.kind == "labels":
            if not Path(place).exists():
                missing[name] = place
            continue
        try:
            if is_remote(place):
                from hint.training.remote import find_shards

                streams[name] = find_shards(place)
            else:
                tars[name] = find_tars(place)
        except MissingRequirementError as error:
            missing[name] = str(error) if is_remote(place) else place
    if preset.mocap and not (root / preset.mocap).is_file():
        missing["mocap"] = str(root / preset.mocap)
    return FoundData(tars, streams, missing, _advice(preset, root, missing))


def _advice(preset: Preset, root: Path, missing: Iterable[str]) -> str:
    remote = [name for name in missing if name in preset.datasets and is_remote(preset.datasets[name].path)]
    here = [name for name in missing if name not in remote]
    advice = []
    if "rendered" in here:
        folder = root / "rendered"
        advice.append(f"render some: hint demo-data --format tars --out {folder} -n 20000; or choose another --data")
    elif here:
        advice.append(
            "give the folder of dataset_tars with --data, or train on the tars you have: "
            "--set datasets.NAME.path=dataset_tars/NAME uses all tars of that folder"
        )
    if remote:
        advice.append(f"look whether you can reach the URL, or give another: --set datasets.{remote[0]}.path=URL")
    return "; ".join(advice)


def _labels(name: str, rule: DatasetRule, root: Path, filters: Filters) -> Source:
    source = open_labels(Path(place_of(name, rule, root)), rule.subsets, filters=filters)
    source.name = name
    return source


def _padded(source: Source, rule: DatasetRule) -> Source:
    return source if rule.box_factor == 1 else Padded(source, rule.box_factor)
