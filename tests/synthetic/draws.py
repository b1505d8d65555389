"""Random numbers and the truth that is taken down beside them."""

import io
import math
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Box = tuple[float, float, float, float]
Truth = dict[str, Any]


class Written(NamedTuple):
    """What was written.

    Attributes:
        hands: What a reader must find, as dictionaries of the fields of a hand, sorted by name; empty if not kept.
        left_out: Reason -> sorted names of what a reader must leave out; empty if not kept.
        n_hands: Number of hands a reader must find.
        n_bytes: Bytes of annotations.
    """

    hands: list[Truth]
    left_out: dict[str, list[str]]
    n_hands: int
    n_bytes: int


class Draws:
    """Random numbers, drawn in blocks: a call for each would cost more than all the rest."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._numbers = self._uniform()

    def _uniform(self) -> Iterator[float]:
        while True:
            yield from self._rng.random(1 << 14).tolist()

    def chance(self, p: float) -> bool:
        return next(self._numbers) < p

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(next(self._numbers) * (high - low + 1))

    def pick(self, *options: tuple[Any, float]) -> Any:
        """One of (value, weight); weights sum to 1."""
        x = next(self._numbers)
        for value, weight in options:
            x -= weight
            if x < 0:
                return value
        return options[-1][0]

    def uid(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(bytes=self._rng.bytes(16), version=4))

    def letters(self, n: int, alphabet: str) -> str:
        return "".join(alphabet[self.between(0, len(alphabet) - 1)] for _ in range(n))

    def box(self, size: tuple[int, int], shortest: int = 60, longest: int = 400) -> Box:
        """A box inside the frame, in quarters of a pixel, so that sums are exact."""
        width, height = (self.between(4 * shortest, 4 * min(longest, side - 2)) / 4 for side in size)
        x, y = self.between(1, int(size[0] - width) - 1), self.between(1, int(size[1] - height) - 1)
        return x, y, x + width, y + height


class Book:
    """Takes down the truth while a tree is drawn."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._hands: list[Truth] = []
        self._left_out: dict[str, list[str]] = defaultdict(list)
        self.n_hands = 0

    def hands(self, hands: Sequence[tuple[bool, Box | None, str]], neighbours: Sequence[Box], **shared: Any) -> None:
        """Take down the hands of a frame: side, box and contact of each; the boxes of all of its hands."""
        self.n_hands += len(hands)
        if self._keep:
            for is_right, box, contact in hands:
                centre = {"centre": ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)} if box else {}
                self._hands.append(
                    {"frame_type": "", "action": "", "member": "", "clip_id": shared["video_id"]}
                    | shared
                    | {"is_right": is_right, "box_xyxy": box, "contact": contact, "hand_gap": gap(box, neighbours)}
                    | centre
                )

    def left_out(self, reason: str, name: str) -> None:
        if self._keep:
            self._left_out[reason].append(name)

    def close(self, n_bytes: int) -> Written:
        hands = sorted(self._hands, key=name_of)
        return Written(
            hands, {reason: sorted(names) for reason, names in self._left_out.items()}, self.n_hands, n_bytes
        )


def name_of(hand: Truth) -> str:
    """The HInt name of a hand."""
    return f"{hand['stem']}_{'r' if hand['is_right'] else 'l'}"


def gap(box: Box | None, boxes: Sequence[Box]) -> float:
    """Distance to the nearest other box over the longest side, the slow way."""
    if box is None:
        return math.inf
    between = [
        math.hypot(
            *(max(0.0, max(a, c) - min(b, d)) for a, b, c, d in zip(box[:2], box[2:], o[:2], o[2:], strict=True))
        )
        for o in boxes
        if o != box
    ]
    return min(between, default=math.inf) / max(box[2] - box[0], box[3] - box[1])


@cache
def jpeg(size: tuple[int, int]) -> bytes:
    """A grey picture."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, (90, 90, 90)).save(buffer, "JPEG", quality=5)
    return buffer.getvalue()
