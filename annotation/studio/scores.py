"""How well annotators label honeypots: the numbers of ``hint agreement``, against the known answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from annotation.agreement.measure import agreeing, close, ratios
from annotation.agreement.pairs import Pairs
from annotation.agreement.palm import Palm
from annotation.agreement.result import Score
from annotation.agreement.scores import percent
from annotation.studio.answer import Answer
from annotation.studio.answers import Answers
from annotation.studio.known import Known, honeypots_in, known_answers, recall
from annotation.studio.labels import labels_of
from annotation.studio.work import Work
from hint.types import Bool, Double, HandLabels

#: The palm is measured on the known points, which no annotator can shrink.
_PALM = Palm("wrist-middle", "a")


class AnnotatorScore(BaseModel):
    """One annotator against the known answers; shares are percent, with intervals over hands.

    Attributes:
        annotator: Email.
        hands: Honeypots with a label that was compared.
        unusable: Honeypots marked unusable, though they have a known label.
        within: Joints visible in both whose points are within 0.25 palm lengths.
        existence: Joints whose existence agrees, of all.
        occlusion: Joints whose occlusion agrees, of those that exist in both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    annotator: str
    hands: int
    unusable: int
    within: Score
    existence: Score
    occlusion: Score


class HoneypotScores(BaseModel):
    """The honeypots of a project, and who labelled them how well.

    Attributes:
        hands: Honeypots, by their names in the project.
        unknown: Those whose answers are not on this machine.
        people: Annotators who labelled some.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    hands: list[str]
    unknown: list[str]
    people: list[AnnotatorScore]


def split_honeypots(work: Work) -> tuple[Work, Work]:
    """Return the work on hands to be labelled, and that on honeypots."""
    pots = honeypots_in(work.tasks).keys()
    return work.only(work.tasks.keys() - pots), work.only(pots)


def score_honeypots(pots: Work, answers: Answers, gold: HandLabels | None = None, seed: int = 0) -> HoneypotScores:
    """Compare the labels of honeypots with the known answers.

    Args:
        pots: The work on honeypots.
        answers: The labels in it.
        gold: The labels the honeypots were made of, where this machine did not push them.
        seed: Seed of the intervals.
    """
    keys = honeypots_in(pots.tasks)
    by_key = recall(keys.values())
    if gold is not None:
        by_key |= {one.key: one for one in known_answers(gold).values()}
    known = {hand_id: by_key[key] for hand_id, key in keys.items() if key in by_key}
    people = sorted({*answers.sound, *answers.unusable})
    scores = [_score(email, pots, answers, known, seed) for email in people]
    return HoneypotScores(hands=sorted(keys), unknown=sorted(keys.keys() - known.keys()), people=scores)


def _score(email: str, pots: Work, answers: Answers, known: Mapping[str, Known], seed: int) -> AnnotatorScore:
    rows = [
        (label, answer)
        for label, answer in answers.sound.get(email, [])
        if label.hand_id in known and not label.changed_by
    ]
    true = [(label, _as_answer(known[label.hand_id])) for label, _ in rows]
    unusable = sum(label.hand_id in known for label, _ in answers.unusable.get(email, []))
    parts: list[Score] = [Score(value=None, n=0, ci=None)] * 3
    if rows:
        pairs = Pairs(labels_of("", true, pots.tasks), labels_of("", rows, pots.tasks), _PALM)
        compared = (close(pairs), agreeing(pairs, "existence"), agreeing(pairs, "occlusion"))
        parts = [percent(ratios(_sums(hit), _sums(joints), seed)[0]) for hit, joints in compared]
    within, existence, occlusion = parts
    return AnnotatorScore(
        annotator=email, hands=len(rows), unusable=unusable, within=within, existence=existence, occlusion=occlusion
    )


def honeypot_lines(answers: Answers) -> list[dict[str, Any]]:
    """Return the labels of honeypots as JSON values, kept apart from those of hands to be labelled."""
    rows = [row for email in sorted(answers.sound) for row in answers.sound[email]]
    return [
        {
            "hand_id": label.hand_id,
            "annotator": label.annotator,
            "changed_by": label.changed_by,
            "keypoints": np.asarray(answer.keypoints).tolist(),
            "existence": np.asarray(answer.existence).astype(int).tolist(),
            "occlusion": np.asarray(answer.occlusion).astype(int).tolist(),
        }
        for label, answer in rows
    ]


def _as_answer(known: Known) -> Answer:
    return Answer(True, "", np.array(known.keypoints), np.array(known.existence), np.array(known.occlusion))


def _sums(joints: Bool) -> Double:
    """Return (N,1) numbers of joints per hand: every honeypot counts as a clip of its own."""
    sums: Double = joints.sum(1, keepdims=True).astype(np.float64)
    return sums
