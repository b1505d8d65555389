"""Sample frames to annotate: read a source, draw by a policy, write pictures and manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.sample.draw import Candidates
from annotation.sample.policy import Stratum, load_policy
from annotation.sample.summary import Summary, read_summary, summary_path
from annotation.sample.write import SampleOptions, Split, candidates, write_sample
from hint.errors import InputError, UnknownNameError
from hint.progress import progress, progress_of_total
from hint.sources import SOURCES, Pool, read_source


@dataclass(frozen=True)
class Sample:
    """A sample on disk.

    Attributes:
        manifest: Its manifest; the summary is beside it.
        pictures: Folder of its pictures.
        summary: How it was drawn.
        left_out: Reason -> ids of hands, frames or actions that could not be drawn.
    """

    manifest: Path
    pictures: Path
    summary: Summary
    left_out: Mapping[str, Sequence[str]]

    def __repr__(self) -> str:
        drawn = sum(stratum.drawn for stratum in self.summary.strata)
        left_out = sum(map(len, self.left_out.values()))
        return f"<{drawn} {self.summary.unit}s drawn, {left_out} left out: {self.manifest}>"


@dataclass(frozen=True)
class StratumSurvey:
    """What a stratum can be drawn from.

    Attributes:
        name: The stratum.
        asked: Units a sample of the given size takes from it, None without a size.
        units: Units available.
        hands: Hands in those units.
        videos: Videos those hands come from.
    """

    name: str
    asked: int | None
    units: int
    hands: int
    videos: int


@dataclass(frozen=True)
class Survey:
    """What a sample can be drawn from.

    Attributes:
        folder: HInt folder of the sample.
        policy: Name of the policy.
        unit: "frame", "hand" or "sequence".
        strata: One entry per stratum.
        left_out: Reason -> ids of hands, frames or actions that cannot be drawn.
    """

    folder: str
    policy: str
    unit: str
    strata: tuple[StratumSurvey, ...]
    left_out: Mapping[str, Sequence[str]]

    def __repr__(self) -> str:
        units = sum(stratum.units for stratum in self.strata)
        return f"<{units} {self.unit}s available for {self.folder} by {self.policy}>"

    def as_json(self) -> dict[str, Any]:
        """Return folder, policy and strata as JSON values."""
        rows = [
            {"stratum": s.name, "asked": s.asked, f"{self.unit}s": s.units, "hands": s.hands, "videos": s.videos}
            for s in self.strata
        ]
        return {"folder": self.folder, "policy": self.policy, "strata": rows}


def sample(
    source: str,
    *,
    root: str | Path,
    split: Split,
    n: int,
    out: str | Path = "hint-frames",
    policy: str | Path = "paper-v1",
    seed: int = 0,
    exclude: Sequence[str | Path] = (),
    include_hint_videos: bool = False,
    sequences: bool = False,
    clips: str | Path | None = None,
    available: bool = False,
    skip_broken: bool = False,
    overwrite: str = "missing",
    workers: int | None = None,
) -> Sample:
    """Draw hands by the rules of a policy and write their pictures and a manifest.

    The same seed writes the same bytes, and no video is in two splits.

    Args:
        source: "newdays", "visor" or "ego4d".
        root: Folder of the source.
        split: "train", "val" or "test".
        n: Frames to draw; with ``sequences``, sequences.
        out: Folder for pictures, manifest and summary.
        policy: Name of a policy, or the path of a ``.toml``.
        seed: Seed of the draw.
        exclude: Manifests, HInt roots or label files whose videos are not used.
        include_hint_videos: Draw training hands from the videos of HInt's validation and test hands, too.
        sequences: Ego4D: draw whole actions instead of frames.
        clips: Ego4D: folder of the clips, if they are not below the root.
        available: Draw only hands whose picture or clip exists.
        skip_broken: Leave out entries that cannot be read instead of failing.
        overwrite: "missing" continues the same sample, "never" refuses if one exists, "always" starts over.
        workers: Files read in parallel; None for one per core.

    Raises:
        UnknownNameError: If there is no such source or policy.
        InputError: If the source cannot be read, has too few hands, or ``out`` contains another sample.
        MissingRequirementError: If clips or pictures are missing.
        WriteError: If something cannot be saved.
    """
    options = _options(
        source, split, out, policy, seed, exclude, include_hint_videos, sequences, available, overwrite, workers
    )
    pool = _read(options, root, clips, skip_broken)
    found = candidates(options, pool)
    with progress("writing pictures", n) as advance:
        manifest = write_sample(options, pool, found, n, on_done=advance)
    summary = read_summary(summary_path(manifest))
    return Sample(manifest, options.out / options.folder, summary, dict(pool.left_out.ids))


def survey(
    source: str,
    *,
    root: str | Path,
    split: Split,
    n: int | None = None,
    policy: str | Path = "paper-v1",
    exclude: Sequence[str | Path] = (),
    include_hint_videos: bool = False,
    sequences: bool = False,
    clips: str | Path | None = None,
    available: bool = False,
    skip_broken: bool = False,
) -> Survey:
    """Count what :func:`sample` could draw from; nothing is written.

    Args:
        source: As for :func:`sample`, like the other arguments.
        root: Folder of the source.
        split: "train", "val" or "test".
        n: Size of a sample, to see how many units each stratum would take.
        policy: Name of a policy, or the path of a ``.toml``.
        exclude: Manifests, HInt roots or label files whose videos are not used.
        include_hint_videos: Draw training hands from the videos of HInt's validation and test hands, too.
        sequences: Ego4D: whole actions instead of frames.
        clips: Ego4D: folder of the clips, if they are not below the root.
        available: Count only hands whose picture or clip exists.
        skip_broken: Leave out entries that cannot be read instead of failing.

    Raises:
        UnknownNameError: If there is no such source or policy.
        InputError: If the source cannot be read.
    """
    options = _options(source, split, "", policy, 0, exclude, include_hint_videos, sequences, available)
    pool = _read(options, root, clips, skip_broken, pictures=False)
    found = candidates(options, pool)
    quotas: Sequence[int | None] = found.draw.quotas(n) if n else [None] * len(found.draw.strata)
    strata = [_survey(found, *pair) for pair in zip(found.draw.strata, quotas, strict=True)]
    return Survey(options.folder, options.policy.id, found.draw.unit, tuple(strata), dict(pool.left_out.ids))


def _options(
    source: str,
    split: Split,
    out: str | Path,
    policy: str | Path,
    seed: int,
    exclude: Sequence[str | Path],
    include_hint_videos: bool,
    sequences: bool,
    available: bool,
    overwrite: str = "missing",
    workers: int | None = None,
) -> SampleOptions:
    if source not in SOURCES:
        raise UnknownNameError("source", source, SOURCES)
    rules, excluded = load_policy(str(policy)), tuple(map(Path, exclude))
    options = SampleOptions(
        source, split, sequences, seed, rules, Path(out), excluded, include_hint_videos, available, overwrite, workers
    )
    _ = options.folder  # raises if the policy has no rules for it, before anything is read
    return options


def _read(
    options: SampleOptions, root: str | Path, clips: str | Path | None, skip_broken: bool, *, pictures: bool = True
) -> Pool:
    if options.source != "ego4d" and (options.sequences or clips):
        raise InputError("--sequences and --clips apply to ego4d only")
    with progress_of_total(f"reading {options.source}") as on_progress:
        return read_source(
            options.source,
            Path(root),
            clips=Path(clips) if clips is not None else None,
            pictures=pictures,
            skip_broken=skip_broken,
            on_progress=on_progress,
        )


def _survey(found: Candidates, stratum: Stratum, asked: int | None) -> StratumSurvey:
    units = found.available(stratum)
    hands = [hand for unit in units for hand in unit]
    return StratumSurvey(stratum.name, asked, len(units), len(hands), len({hand.video_id for hand in hands}))
