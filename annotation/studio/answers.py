"""What annotators said: labels that can be used, hands that are unusable, and labels that must be mended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.studio.config import JOINT
from annotation.studio.task import Answer, read_answer, texts_of
from annotation.studio.work import Annotation, Work
from hint.names import parse_name
from hint.skeleton import JOINT_NAMES

#: A problem of the task, which no annotator can mend.
NO_SIDE = "a hand id that does not end in _l or _r"


@dataclass(frozen=True)
class Broken:
    """A submitted label that cannot be used.

    Attributes:
        annotation: The label.
        problems: Kinds of problems.
    """

    annotation: Annotation
    problems: list[str]

    def __str__(self) -> str:
        """Say what is wrong, with the joints it concerns."""
        counts = Counter(_joints(self.annotation.result))
        concerned = {
            "joints are missing": [name for name in JOINT_NAMES if not counts[name]],
            "a joint appears twice": [name for name in JOINT_NAMES if counts[name] > 1],
        }
        texts = [f"{kind} ({', '.join(concerned[kind])})" if kind in concerned else kind for kind in self.problems]
        return "; ".join(texts)


@dataclass
class Answers:
    """The latest label of every annotator for every hand.

    Attributes:
        sound: Annotator -> labels that can be used.
        unusable: Annotator -> hands marked unusable.
        broken: Labels that cannot be used.
    """

    sound: dict[str, list[tuple[Annotation, Answer]]] = field(default_factory=lambda: defaultdict(list))
    unusable: dict[str, list[tuple[Annotation, Answer]]] = field(default_factory=lambda: defaultdict(list))
    broken: list[Broken] = field(default_factory=list)

    @property
    def labelled(self) -> set[str]:
        """Hands with at least one label that can be used."""
        return _hands(self.sound)

    @property
    def reasons(self) -> dict[str, dict[str, str]]:
        """Annotator -> hand marked unusable -> the reason given, "" for none."""
        return {who: {one.hand_id: answer.comment for one, answer in rows} for who, rows in self.unusable.items()}


def problems_of(broken: Iterable[Broken]) -> dict[str, list[str]]:
    """Return kind of problem -> "hand (annotator)"."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in broken:
        for kind in one.problems:
            found[kind].append(f"{one.annotation.hand_id} ({one.annotation.annotator})")
    return dict(found)


def sort_answers(work: Work) -> Answers:
    """Read every annotation."""
    found = Answers()
    for annotation in work.annotations:
        answer, problems = read_answer(work.tasks[annotation.hand_id], annotation.result)
        if parse_name(annotation.hand_id) is None:
            problems = [*problems, NO_SIDE]
        if not answer.usable:
            found.unusable[annotation.annotator].append((annotation, answer))
        elif problems:
            found.broken.append(Broken(annotation, problems))
        else:
            found.sound[annotation.annotator].append((annotation, answer))
    return found


def comparable(work: Work, answers: Answers) -> dict[str, list[str]]:
    """Return every hand to be labelled by two people -> those whose sound label nobody else changed."""
    clean: dict[str, list[str]] = defaultdict(list)
    for email, found in sorted(answers.sound.items()):
        for annotation, _ in found:
            if not annotation.changed_by:
                clean[annotation.hand_id].append(email)
    ids = sorted(hand_id for hand_id, task in work.tasks.items() if task.double is not None)
    return {hand_id: clean[hand_id] for hand_id in ids}


def _hands(found: Mapping[str, Sequence[tuple[Annotation, Answer]]]) -> set[str]:
    return {annotation.hand_id for rows in found.values() for annotation, _ in rows}


def _joints(result: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the joint of every point, as far as it can be told."""
    return [name for one in result if one.get("from_name") == JOINT for name in texts_of(one, "keypointlabels")]
