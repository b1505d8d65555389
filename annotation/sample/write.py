"""Write a sample: draw, check, write the pictures, then the manifest and its summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from annotation.sample.distribution import Described, distribution
from annotation.sample.draw import Candidates, Chosen, draw_sample, gather
from annotation.sample.exclude import excluded
from annotation.sample.pictures import picture_path, require_files, write_pictures
from annotation.sample.policy import Policy
from annotation.sample.summary import StratumCount, Summary, summary_path, write_summary
from hint.errors import InputError, some_ids
from hint.files.manifest import SampledHand, read_manifest, write_manifest
from hint.provenance import sha256_file
from hint.sources import Pool, SourceHand
from hint.workers import in_threads

#: Part of the dataset a sample is for.
Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class SampleOptions:
    """How a sample is drawn and where it goes.

    Attributes:
        source: "newdays", "visor" or "ego4d".
        split: "train", "val" or "test".
        sequences: Draw sequences of Ego4D instead of single frames.
        seed: Seed of the draw.
        policy: The rules to draw by.
        out: Folder for pictures, manifest and summary.
        exclude: Manifests, HInt roots or label files whose videos are not used.
        include_hint_videos: Draw training hands from the videos of HInt's validation and test hands, too.
        available: Draw only hands whose picture or clip exists.
        overwrite: "missing", "never" or "always".
        workers: Files read in parallel; None for one per core.
    """

    source: str
    split: Split
    sequences: bool
    seed: int
    policy: Policy
    out: Path
    exclude: tuple[Path, ...] = ()
    include_hint_videos: bool = False
    available: bool = False
    overwrite: str = "missing"
    workers: int | None = None

    @property
    def folder(self) -> str:
        """HInt folder of the sample."""
        return self.policy.draw(self.source, self.split, sequences=self.sequences)[0]

    @property
    def manifest(self) -> Path:
        """Path of the manifest."""
        return self.out / f"{self.folder}.jsonl"


def candidates(options: SampleOptions, pool: Pool) -> Candidates:
    """Gather the hands that may be drawn; the others are added to ``pool.left_out``.

    Raises:
        InputError: If the policy has no rules for the folder, or an excluded file cannot be read.
    """
    folder, draw = options.policy.draw(options.source, options.split, sequences=options.sequences)
    hands: Iterable[SourceHand] = pool.hands
    if options.available:
        hands = _available(pool)
    exclude = excluded(options.exclude, options.split == "train" and not options.include_hint_videos)
    return gather(hands, options.policy, folder, draw, pool.left_out, exclude)


def _available(pool: Pool) -> list[SourceHand]:
    exists = {file: (pool.pictures / file).is_file() for file in {hand.file for hand in pool.hands}}
    for hand in pool.hands:
        if not exists[hand.file]:
            pool.left_out.add("picture or clip missing", hand.hand_id)
    return [hand for hand in pool.hands if exists[hand.file]]


def write_sample(
    options: SampleOptions, pool: Pool, found: Candidates, n: int, on_done: Callable[[int], None] | None = None
) -> Path:
    """Draw n units, write their pictures, then the manifest and its summary.

    Args:
        options: How to draw, and where to write.
        pool: The hands of the source.
        found: The result of :func:`candidates`.
        n: Units to draw.
        on_done: Called with the number of pictures just finished.

    Returns:
        The manifest.

    Raises:
        InputError: If there are not enough units, the folder contains another sample or a manifest of another split
            that shares videos, or pictures cannot be written.
        MissingRequirementError: If clips or pictures are missing.
        WriteError: If something cannot be saved.
    """
    chosen = draw_sample(found, n, options.seed)
    hands = [one.hand for one in chosen]
    _refuse_shared_videos(options, hands)
    _refuse_other_sample(options, chosen)
    folder = options.out / options.folder
    clips = options.out / f"{options.folder}.clips.txt"
    require_files(hands, pool.pictures, clips)
    if options.overwrite == "always":
        remove_sample(options.manifest)
    write_pictures(
        hands,
        pool.pictures,
        folder,
        overwrite=options.overwrite == "always",
        workers=options.workers,
        on_done=on_done,
    )
    digests = dict(in_threads(lambda hand, _: sha256_file(picture_path(folder, hand)), hands, options.workers))
    write_summary(summary_path(options.manifest), _summary(options, pool, found, n))
    write_manifest(options.manifest, [_line(options, one, digests[one.hand]) for one in chosen])
    clips.unlink(missing_ok=True)
    return options.manifest


def _refuse_shared_videos(options: SampleOptions, hands: Sequence[SourceHand]) -> None:
    videos = {hand.video_id for hand in hands}
    for path in sorted(options.out.glob("*.jsonl")):
        if path == options.manifest:
            continue
        others = [line for line in read_manifest(path) if line.source == options.source and line.split != options.split]
        shared = sorted(videos & {line.video for line in others})
        if shared:
            raise InputError(
                f"{len(shared)} videos are also in {path}, another split: {some_ids(shared)}; add --exclude {path}"
            )


def _refuse_other_sample(options: SampleOptions, chosen: Sequence[Chosen]) -> None:
    if options.overwrite == "always" or not options.manifest.is_file():
        return
    existing = {(line.hand_id, line.stratum, line.policy_sha256) for line in read_manifest(options.manifest)}
    drawn = {(one.hand.hand_id, one.stratum, options.policy.sha256) for one in chosen}
    if options.overwrite == "never" or existing != drawn:
        which = "the same" if existing == drawn else "another"
        raise InputError(
            f"{options.manifest} already contains {which} sample; use another --out, or --overwrite always"
        )


def remove_sample(manifest: Path) -> None:
    """Remove an earlier sample: the pictures that its manifest names, as they were written, and nothing else."""
    if not manifest.is_file():
        return
    named = {manifest.parent / line.image: line.image_sha256 for line in read_manifest(manifest)}
    own = [path for path, digest in named.items() if path.is_file() and sha256_file(path) == digest]
    for path in (manifest, summary_path(manifest), *own):
        path.unlink(missing_ok=True)


def _line(options: SampleOptions, chosen: Chosen, digest: str) -> SampledHand:
    hand = chosen.hand
    return SampledHand(
        hand_id=hand.hand_id,
        source=hand.source,
        source_split=hand.source_split,
        split=options.split,
        folder=options.folder,
        video=hand.video_id,
        clip=hand.clip_id,
        frame=hand.frame,
        epic_frame=hand.epic_frame,
        frame_type=hand.frame_type,
        action=hand.action,
        side="right" if hand.is_right else "left",
        box_xyxy=hand.box_xyxy,
        centre=hand.centre,
        size=hand.size,
        contact=hand.contact,
        interaction=options.policy.interaction(hand),
        stratum=chosen.stratum,
        policy=options.policy.id,
        policy_sha256=options.policy.sha256,
        seed=options.seed,
        origin=f"{hand.file}/{hand.member}" if hand.member else hand.file,
        image=f"{options.folder}/{picture_path(Path(), hand).name}",
        image_sha256=digest,
    )


def _summary(options: SampleOptions, pool: Pool, found: Candidates, n: int) -> Summary:
    quotas = found.draw.quotas(n)
    hands = [hand for unit in found.units for hand in unit]
    return Summary(
        folder=options.folder,
        unit=found.draw.unit,
        policy=options.policy.id,
        policy_sha256=options.policy.sha256,
        seed=options.seed,
        units=len(found.units),
        hands=len(hands),
        videos=len({hand.video_id for hand in hands}),
        strata=[
            StratumCount(name=stratum.name, drawn=drawn, available=len(found.available(stratum)))
            for stratum, drawn in zip(found.draw.strata, quotas, strict=True)
        ],
        left_out=pool.left_out.counts(),
        read={path.name: size for path, size in pool.files},
        pool=distribution([describe(options.policy, hand) for hand in unit] for unit in found.units),
    )


def describe(policy: Policy, hand: SourceHand) -> Described:
    """Return the features of a source hand."""
    return Described(source=hand.source, **policy.fields(hand), centre=hand.centre, size=hand.size)
