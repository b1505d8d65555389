"""The seeded draw: candidate hands -> units -> strata of the requested size."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from annotation.sample.policy import Draw, Policy, Stratum
from hint.errors import InputError
from hint.sources import LeftOut, SourceHand, in_order

#: A video that the source lists in several splits belongs to the first of them here.
_PRECEDENCE = ("test", "val", "train", "")

#: Hands that are drawn together: those of a frame, a single hand, or those of a sequence.
Unit = list[SourceHand]


@dataclass(frozen=True)
class Chosen:
    """A sampled hand and its stratum."""

    hand: SourceHand
    stratum: str


@dataclass(frozen=True)
class Candidates:
    """The units a draw chooses from.

    Attributes:
        policy: The policy.
        folder: HInt folder of the sample.
        draw: The rules of that folder.
        units: Units sorted by clip, hands of a unit by id.
    """

    policy: Policy
    folder: str
    draw: Draw
    units: list[Unit]

    def available(self, stratum: Stratum) -> list[Unit]:
        """Return the units of a stratum, reduced to the hands that belong to it."""
        if not stratum.where:
            return self.units
        reduced = ([hand for hand in unit if stratum.holds(self.policy.fields(hand))] for unit in self.units)
        return [unit for unit in reduced if unit]


def gather(
    hands: Iterable[SourceHand],
    policy: Policy,
    folder: str,
    draw: Draw,
    left_out: LeftOut,
    exclude: Mapping[str, frozenset[str]] | None = None,
) -> Candidates:
    """Gather the units that may be drawn.

    Args:
        hands: All hands of the source.
        policy: The policy.
        folder: HInt folder of the sample.
        draw: The rules of that folder.
        left_out: Collects the hands that are left out.
        exclude: Reason -> clips or videos that must not be used; their whole videos are left out.
    """
    everything = list(hands)
    splits = _split_of_video(everything)
    used = {
        hand.video_id: reason
        for reason, clips in (exclude or {}).items()
        for hand in everything
        if hand.clip_id in clips or hand.video_id in clips
    }
    admitted = []
    for hand in everything:
        if not draw.admits(hand):
            continue
        if hand.source_split != splits[hand.video_id]:
            left_out.add(f"the video is also in the source's {splits[hand.video_id]} split", hand.hand_id)
        elif hand.video_id in used:
            left_out.add(used[hand.video_id], hand.hand_id)
        elif hand.box_xyxy and hand.longest_side < policy.min_box_px:
            left_out.add(f"the box is smaller than {policy.min_box_px:g} px", hand.hand_id)
        else:
            admitted.append(hand)
    return Candidates(policy, folder, draw, _units(admitted, draw, left_out))


def _split_of_video(hands: Iterable[SourceHand]) -> dict[str, str]:
    found: dict[str, str] = {}
    for hand in hands:
        earlier = found.setdefault(hand.video_id, hand.source_split)
        if _PRECEDENCE.index(hand.source_split) < _PRECEDENCE.index(earlier):
            found[hand.video_id] = hand.source_split
    return found


def _units(hands: Iterable[SourceHand], draw: Draw, left_out: LeftOut) -> list[Unit]:
    groups: dict[Hashable, Unit] = defaultdict(list)
    for hand in in_order(hands):
        groups[_key(hand, draw.unit)].append(hand)
    if draw.unit == "sequence":
        for short in [unit for unit in groups.values() if len(unit) < draw.min_frames]:
            left_out.add(f"the sequence has fewer than {draw.min_frames} frames", short[0].hand_id)
        return [unit for unit in groups.values() if len(unit) >= draw.min_frames]
    return list(groups.values())


def _key(hand: SourceHand, unit: str) -> Hashable:
    if unit == "frame":
        return hand.frame_id
    return hand.hand_id if unit == "hand" else (hand.clip_id, hand.action, hand.is_right)


def draw_sample(candidates: Candidates, n: int, seed: int) -> list[Chosen]:
    """Draw n units: one hand of each frame, all hands of a sequence.

    Every stratum goes through its units in a random order that depends only on the seed, the folder and the stratum,
    and takes those that no earlier stratum took and whose video is not full.

    Args:
        candidates: What to draw from.
        n: Units to draw.
        seed: Seed of the draw; the same candidates and seed give the same hands.

    Raises:
        InputError: If a stratum has too few units; the message has the counts.
    """
    picker = _Picker(candidates, seed)
    chosen: list[Chosen] = []
    short: list[str] = []
    for stratum, quota in zip(candidates.draw.strata, candidates.draw.quotas(n), strict=True):
        units = list(picker.pick(stratum, quota))
        chosen += [Chosen(hand, stratum.name) for unit in units for hand in unit]
        if len(units) < quota:
            available = len(candidates.available(stratum))
            short.append(f"{quota} of stratum {stratum.name}, which has {len(units)} free of {available}")
    if short:
        cap = f", at most {candidates.draw.max_per_video} per video" if candidates.draw.max_per_video else ""
        raise InputError(
            f"{candidates.folder}: asked for {' and '.join(short)} ({len(candidates.units)} {candidates.draw.unit}s in "
            f"all{cap}); use a smaller -n, or see what is available with --dry-run"
        )
    return sorted(chosen, key=lambda one: one.hand.hand_id)


class _Picker:
    """Draws the strata one after another and remembers what is taken."""

    def __init__(self, candidates: Candidates, seed: int) -> None:
        self.candidates, self.draw, self.seed = candidates, candidates.draw, seed
        self.taken: set[Hashable] = set()
        self.per_video: Counter[str] = Counter()

    def pick(self, stratum: Stratum, quota: int) -> Iterator[Unit]:
        """Yield up to ``quota`` units."""
        rng = _generator(self.seed, self.candidates.folder, stratum.name)
        units = self.candidates.available(stratum)
        free = (units[place] for place in rng.permutation(len(units)) if self._is_free(units[place][0]))
        for unit in islice(free, quota):
            self.taken.add(_key(unit[0], self.draw.unit))
            self.per_video[unit[0].video_id] += 1
            yield [unit[rng.integers(len(unit))]] if self.draw.unit == "frame" else unit

    def _is_free(self, hand: SourceHand) -> bool:
        is_full = self.draw.max_per_video and self.per_video[hand.video_id] >= self.draw.max_per_video
        return not is_full and _key(hand, self.draw.unit) not in self.taken


def _generator(seed: int, *names: str) -> np.random.Generator:
    digest = hashlib.blake2b("|".join(names).encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])
