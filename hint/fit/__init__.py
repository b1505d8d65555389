"""MANO hands from keypoints: batched fitting inside anatomical limits."""

from hint.fit.hands import HandFitter, fit_hands
from hint.fit.objective import Trust
from hint.fit.observation import MIN_JOINTS, gather
from hint.fit.result import FittedHands, pose

__all__ = ["MIN_JOINTS", "FittedHands", "HandFitter", "Trust", "fit_hands", "gather", "pose"]
