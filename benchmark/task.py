"""What every kind of protocol must offer, so that one runner serves all: hands to predict, and a way to score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from benchmark.error_table import Coverage, ErrorTable
from benchmark.matching import BoxedHand
from benchmark.record import SubsetEntry, TimingEntry
from benchmark.scores import Scores
from hint.provenance import peak_gpu_memory_bytes, peak_memory_bytes
from hint.types import Hand, HandLabels, MethodCard, Predictions

if TYPE_CHECKING:
    from benchmark.mesh.error_table import MeshErrors
    from benchmark.mesh.protocol import MeshProtocol
    from benchmark.protocol import Protocol

#: What is scored: 2D keypoints, or joints and vertices in the axes of a dataset.
Answers = TypeVar("Answers")


@dataclass(frozen=True)
class Scored:
    """What a protocol makes of predictions.

    Attributes:
        scores: All numbers.
        coverage: Which hands lack a prediction.
        data: The parts of the data that were scored.
        table: Errors of every hand.
        remarks: What a reader must know beside the numbers.
    """

    scores: Scores
    coverage: Coverage
    data: tuple[SubsetEntry, ...]
    table: ErrorTable | MeshErrors
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome(Generic[Answers]):
    """Predictions, and how they came about.

    Attributes:
        answers: What is scored.
        card: What made them.
        fingerprint: What could change them.
        device: Where they were computed, "" where that is not known.
        failures: hand_id -> why its picture could not be used.
        reused: How many an earlier run had made.
        computed: How many this run made.
        load_seconds: Time to load the method.
        predict_seconds: Time to predict.
        remarks: What a reader must know beside the numbers.
    """

    answers: Answers
    card: MethodCard
    fingerprint: dict[str, Any]
    device: str = ""
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    computed: int = 0
    load_seconds: float = 0.0
    predict_seconds: float = 0.0
    remarks: tuple[str, ...] = ()

    def timing(self, score_seconds: float) -> TimingEntry:
        """Return the entry of the record."""
        seconds = self.predict_seconds
        return TimingEntry(
            load_seconds=round(self.load_seconds, 3),
            predict_seconds=round(seconds, 3),
            score_seconds=round(score_seconds, 3),
            hands_per_second=round(self.computed / seconds, 3) if self.computed and seconds else None,
            reused=self.reused,
            device=self.device,
            peak_memory_bytes=peak_memory_bytes(),
            peak_gpu_memory_bytes=peak_gpu_memory_bytes(),
        )


@dataclass(frozen=True)
class Given(Generic[Answers]):
    """Predictions that somebody made.

    Attributes:
        answers: What is scored.
        fingerprint: What the answers depend on: the digest of all predictions, and how they were matched.
        remarks: What a reader must know beside the numbers.
    """

    answers: Answers
    fingerprint: dict[str, Any]
    remarks: tuple[str, ...] = ()


class Task(ABC, Generic[Answers]):
    """One label set under one protocol.

    Attributes:
        needs_meshes: Whether a method must return joints and vertices in 3D.
        protocol: Rules of scoring.
        labels: Ground truth that controls may look at, None where they cannot.
    """

    needs_meshes: ClassVar[bool] = False
    protocol: Protocol | MeshProtocol
    labels: HandLabels | None = None

    @abstractmethod
    def hands(self) -> list[Hand]:
        """Return the hands a method is asked about."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what the answers of any method depend on, besides its own fingerprint."""
        return {}

    @abstractmethod
    def convert(self, predictions: Predictions) -> Answers:
        """Turn what a method returned for :meth:`hands` into what is scored."""

    @abstractmethod
    def given(self, predictions: Predictions | Path, boxes: Path | Sequence[BoxedHand] | None) -> Given[Answers]:
        """Check predictions that somebody made, or read them.

        Args:
            predictions: What was predicted, or its file.
            boxes: ``hands.jsonl`` of ``hint predict``, or what it holds, to match hands by box; None: by their ids.
        """

    @abstractmethod
    def score(self, answers: Answers, seed: int) -> Scored:
        """Compare with the ground truth; ``seed`` is that of the intervals."""

    @abstractmethod
    def write_errors(self, table: Any, path: Path) -> None:
        """Write an error table of this kind of protocol."""

    def keep(self, answers: Answers, path: Path) -> None:
        """Keep given predictions as they were scored, so that others can score them again."""

    def export(self, answers: Answers, folder: Path) -> None:
        """Write further files about the predictions of a method on the whole set."""
