"""What annotators said: labels that can be used, hands that are unusable, and labels that must be mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from annotation.studio.answer import Answer, read_answer
from annotation.studio.work import Annotation, Work
from hint.names import parse_name
from hint.skeleton import N_JOINTS

#: A problem of the task, which no annotator can mend.
NO_SIDE = "a hand id that does not end in _l or _r"


@dataclass(frozen=True)
class Broken:
    """A submitted label that cannot be used.

    Attributes:
        annotation: The label.
        problems: Kind of problem -> the joints it concerns.
    """

    annotation: Annotation
    problems: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        """Say what is wrong, with the joints it concerns."""
        texts = [f"{kind} ({_named(joints)})" if joints else kind for kind, joints in self.problems.items()]
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
            problems = {**problems, NO_SIDE: []}
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


def _named(joints: Sequence[str]) -> str:
    return f"all {N_JOINTS} joints" if len(joints) == N_JOINTS else ", ".join(joints)
