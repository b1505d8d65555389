"""Which labelled hands follow each other in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.protocol import Protocol
from hint.errors import InputError
from hint.names import parse_name
from hint.types import HandLabels


class Timeline:
    """Tracks of hands and the frames they are labelled at.

    A track is one side in one clip of one subset, and in one action where names give it. Actions of a clip overlap in
    time, so their frames are not mixed. A hand whose name has no frame number is a track of its own.

    Attributes:
        track: (N,) number of each hand's track, by the sorted names of the tracks.
        frame: (N,) frame number.
    """

    track: NDArray[np.int64]
    frame: NDArray[np.int64]

    def __init__(self, labels: HandLabels) -> None:
        names = [parse_name(hand) for hand in labels.hand_id.tolist()]
        alone = [name is None or name.frame is None for name in names]
        actions = [name.action if name else "" for name in names]
        own = np.where(alone, labels.hand_id, "").tolist()
        parts = (labels.subset.tolist(), labels.clip_id.tolist(), actions, labels.is_right.tolist(), own)
        keys = list(zip(*parts, strict=True))
        number = {key: i for i, key in enumerate(sorted(set(keys)))}
        self.track = np.fromiter((number[key] for key in keys), np.int64, len(keys))
        frames = (name.frame if name and name.frame is not None else 0 for name in names)
        self.frame = np.fromiter(frames, np.int64, len(names))
        # Ids break ties, so that the order of the rows does not matter.
        by_id = np.argsort(labels.hand_id, kind="stable")
        self._order = by_id[np.lexsort((self.frame[by_id], self.track[by_id]))]

    @property
    def steps(self) -> NDArray[np.int64]:
        """(N-1,) frames from each hand to the next one of its track; 0 between tracks."""
        same = np.diff(self.track[self._order]) == 0
        steps: NDArray[np.int64] = np.diff(self.frame[self._order]) * same
        return steps

    def windows(self, step: int, length: int) -> NDArray[np.int64]:
        """Return every stretch of successive labels of a track that are ``step`` frames apart.

        Args:
            step: Frames from one label to the next; any other step ends a sequence.
            length: Labels in a stretch.

        Returns:
            (W,length) rows of the labels, in order of time; stretches of one sequence overlap.
        """
        starts = np.arange(max(len(self._order) - length + 1, 0))
        places = starts[:, None] + np.arange(length)
        whole = (self.steps == step)[places[:, :-1]].all(1)
        rows: NDArray[np.int64] = self._order[places[whole]]
        return rows


def labels_in_scope(labels: HandLabels, protocol: Protocol) -> HandLabels:
    """Return the subsets that the protocol names, or everything where it names none of them.

    Raises:
        InputError: If they hold no sequence: no three labels of a hand with the step of the protocol.
    """
    named = np.isin(labels.subset, [s.name for s in protocol.subsets])
    scope = labels.select(named) if named.any() else labels
    if protocol.motion is None:
        return scope
    timeline, step = Timeline(scope), protocol.motion.step_frames
    if len(timeline.windows(step, 3)) == 0:
        raise InputError(
            f"no three labels of one hand follow each other {step} frames apart, which {protocol.id} needs"
            f"{_usual_step(timeline)}; give sequences such as TEST_ego4d_seq, or score pictures with hint-v1"
        )
    return scope


def _usual_step(timeline: Timeline) -> str:
    steps, counts = np.unique(timeline.steps[timeline.steps > 0], return_counts=True)
    return f" (most are {steps[counts.argmax()]} frames apart)" if len(steps) else ""


def whole_tracks(labels: HandLabels, limit: int | None) -> HandLabels:
    """Return tracks spread evenly over the labels, with about ``limit`` hands in all."""
    if limit is None or limit >= len(labels):
        return labels
    track = Timeline(labels).track
    last = int(track.max())
    count = max(1, round(limit * (last + 1) / len(labels)))
    chosen = np.linspace(0, last, count).round()
    return labels.select(np.isin(track, chosen))
