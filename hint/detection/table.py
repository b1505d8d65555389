"""Detectors by name."""

from __future__ import annotations

from hint.detection.detection import Detector
from hint.detection.mediapipe import MediaPipeDetector
from hint.errors import UnknownNameError

DETECTORS = {"mediapipe": MediaPipeDetector}


def create_detector(name: str) -> Detector:
    """Set up a detector.

    Raises:
        UnknownNameError: If none has this name.
        MissingRequirementError: If something must be installed first.
    """
    if name not in DETECTORS:
        raise UnknownNameError("detector", name, DETECTORS)
    return DETECTORS[name]()
