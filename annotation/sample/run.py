"""One sample from source to manifest: gather, draw, check, write the pictures, then manifest and summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from annotation.sample.distribution import Described, Distribution, distribution
from annotation.sample.draw import Candidates, Chosen, gather, sample
from annotation.sample.exclude import used_clips
from annotation.sample.pictures import picture_path, require_files, write_pictures
from annotation.sample.policy import Policy
from hint.errors import InputError, some_ids
from hint.files import write_bytes
from hint.files.manifest import SampledHand, read_manifest, write_manifest
from hint.provenance import sha256_file
from hint.sources import Pool, SourceHand
from hint.workers import in_threads


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        source: "newdays", "visor" or "ego4d".
        split: "train", "val" or "test".
        sequences: Sequences of Ego4D instead of single frames.
        seed: Seed of the draw.
        policy: The rules.
        out: Folder for pictures, manifest and summary.
        exclude: Manifests, HInt roots or label files whose videos must not be used.
        available: Draw only from hands whose picture or clip is there.
        overwrite: "missing", "never" or "always".
        workers: Files read at the same time; None for one per core.
    """

    source: str
    split: Literal["train", "val", "test"]
    sequences: bool
    seed: int
    policy: Policy
    out: Path
    exclude: tuple[Path, ...] = ()
    available: bool = False
    overwrite: str = "missing"
    workers: int | None = None

    @property
    def folder(self) -> str:
        """HInt folder the sample is for."""
        return self.policy.draw(self.source, self.split, sequences=self.sequences)[0]

    @property
    def manifest(self) -> Path:
        """Where the manifest goes."""
        return self.out / f"{self.folder}.jsonl"


class StratumCount(BaseModel):
    """Units of a stratum: in the sample, and that it could take from."""

    model_config = ConfigDict(extra="forbid")
    name: str
    drawn: int
    available: int


class Summary(BaseModel):
    """What a manifest does not say by itself; lies beside it.

    Attributes:
        folder: HInt folder of the sample.
        unit: What was drawn: "frame", "hand" or "sequence".
        policy: Its name.
        policy_sha256: Digest of its file.
        seed: Seed of the draw.
        units: Units that could be drawn.
        hands: Hands of those units.
        videos: Videos of those hands.
        strata: Units by stratum.
        left_out: Reason -> hands, frames or actions that were passed over.
        read: File name -> bytes of what was read.
        pool: Distribution of the units that could be drawn.
    """

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1] = 1
    folder: str
    unit: str
    policy: str
    policy_sha256: str
    seed: int
    units: int
    hands: int
    videos: int
    strata: list[StratumCount]
    left_out: dict[str, int]
    read: dict[str, int]
    pool: Distribution


def summary_path(manifest: Path) -> Path:
    """Return where the summary of a manifest lies."""
    return manifest.with_suffix(".summary.json")


def candidates(request: Request, pool: Pool) -> Candidates:
    """Gather what may be drawn; what may not is noted in ``pool.left_out``.

    Raises:
        InputError: If the policy has no rules for the folder, or something to exclude cannot be read.
    """
    folder, draw = request.policy.draw(request.source, request.split, sequences=request.sequences)
    hands: Iterable[SourceHand] = pool.hands
    if request.available:
        hands = _available(pool)
    return gather(hands, request.policy, folder, draw, pool.left_out, used_clips(request.exclude))


def _available(pool: Pool) -> list[SourceHand]:
    there = {file: (pool.pictures / file).is_file() for file in {hand.file for hand in pool.hands}}
    for hand in pool.hands:
        if not there[hand.file]:
            pool.left_out.add("its picture or clip is not there", hand.hand_id)
    return [hand for hand in pool.hands if there[hand.file]]


def make_sample(
    request: Request, pool: Pool, found: Candidates, n: int, on_done: Callable[[int], None] | None = None
) -> Path:
    """Draw n units, write their pictures, then the manifest and its summary.

    Args:
        request: What is asked for.
        pool: The source.
        found: What :func:`candidates` found.
        n: Units to draw.
        on_done: Called with the number of pictures that were just dealt with.

    Returns:
        The manifest.

    Raises:
        InputError: If there are not enough units, another sample lies there, videos are shared with another split's
            manifest in the same folder, or pictures cannot be made.
        MissingRequirementError: If clips must be downloaded first.
        WriteError: If something cannot be saved.
    """
    chosen = sample(found, n, request.seed)
    hands = [one.hand for one in chosen]
    _refuse_shared_videos(request, hands)
    _refuse_other_sample(request, chosen)
    folder = request.out / request.folder
    clips = request.out / f"{request.folder}.clips.txt"
    require_files(hands, pool.pictures, clips)
    if request.overwrite == "always":
        _remove_sample(request.manifest)
    write_pictures(
        hands,
        pool.pictures,
        folder,
        overwrite=request.overwrite == "always",
        workers=request.workers,
        on_done=on_done,
    )
    digests = dict(in_threads(lambda hand, _: sha256_file(picture_path(folder, hand)), hands, request.workers))
    write_summary(summary_path(request.manifest), _summary(request, pool, found, n))
    write_manifest(request.manifest, [_line(request, one, digests[one.hand]) for one in chosen])
    clips.unlink(missing_ok=True)
    return request.manifest


def _refuse_shared_videos(request: Request, hands: Sequence[SourceHand]) -> None:
    videos = {hand.video_id for hand in hands}
    for path in sorted(request.out.glob("*.jsonl")):
        if path == request.manifest:
            continue
        others = [line for line in read_manifest(path) if line.source == request.source and line.split != request.split]
        shared = sorted(videos & {line.video for line in others})
        if shared:
            raise InputError(
                f"{len(shared)} videos are in {path} too, another split: {some_ids(shared)}; add --exclude {path}"
            )


def _refuse_other_sample(request: Request, chosen: Sequence[Chosen]) -> None:
    if request.overwrite == "always" or not request.manifest.is_file():
        return
    there = {(line.hand_id, line.stratum, line.policy_sha256) for line in read_manifest(request.manifest)}
    asked = {(one.hand.hand_id, one.stratum, request.policy.sha256) for one in chosen}
    if request.overwrite == "never" or there != asked:
        what = "the same" if there == asked else "another"
        raise InputError(f"{request.manifest} holds {what} sample; give another --out, or --overwrite always")


def _remove_sample(manifest: Path) -> None:
    """Remove an earlier sample: what its manifest names, nothing else."""
    if manifest.is_file():
        pictures = [manifest.parent / line.image for line in read_manifest(manifest)]
        for path in (manifest, summary_path(manifest), *pictures):
            path.unlink(missing_ok=True)


def _line(request: Request, chosen: Chosen, digest: str) -> SampledHand:
    hand = chosen.hand
    return SampledHand(
        hand_id=hand.hand_id,
        source=hand.source,
        source_split=hand.source_split,
        split=request.split,
        folder=request.folder,
        video=hand.video_id,
        clip=hand.clip_id,
        frame=hand.frame,
        frame_type=hand.frame_type,
        action=hand.action,
        side="right" if hand.is_right else "left",
        box_xyxy=hand.box_xyxy,
        centre=hand.centre,
        size=hand.size,
        contact=hand.contact,
        interaction=request.policy.interaction(hand),
        stratum=chosen.stratum,
        policy=request.policy.id,
        policy_sha256=request.policy.sha256,
        seed=request.seed,
        origin=f"{hand.file}/{hand.member}" if hand.member else hand.file,
        image=f"{request.folder}/{picture_path(Path(), hand).name}",
        image_sha256=digest,
    )


def _summary(request: Request, pool: Pool, found: Candidates, n: int) -> Summary:
    quotas = found.draw.quotas(n)
    hands = [hand for unit in found.units for hand in unit]
    return Summary(
        folder=request.folder,
        unit=found.draw.unit,
        policy=request.policy.id,
        policy_sha256=request.policy.sha256,
        seed=request.seed,
        units=len(found.units),
        hands=len(hands),
        videos=len({hand.video_id for hand in hands}),
        strata=[
            StratumCount(name=stratum.name, drawn=drawn, available=len(found.available(stratum)))
            for stratum, drawn in zip(found.draw.strata, quotas, strict=True)
        ],
        left_out=pool.left_out.counts(),
        read={path.name: size for path, size in pool.files},
        pool=distribution([describe(request.policy, hand) for hand in unit] for unit in found.units),
    )


def describe(policy: Policy, hand: SourceHand) -> Described:
    """Return what is counted of a hand of the source."""
    return Described(source=hand.source, **policy.fields(hand), centre=hand.centre, size=hand.size)


def write_summary(path: Path, summary: Summary) -> None:
    """Write a summary atomically."""
    write_bytes(path, summary.model_dump_json(indent=2).encode() + b"\n")


def read_summary(path: Path) -> Summary:
    """Read a summary.

    Raises:
        InputError: If it is absent or no summary.
    """
    try:
        return Summary.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; hint sample writes it beside the manifest") from error
    except ValueError as error:
        raise InputError(f"{path} is no summary of a sample: {error}") from error
