"""Detectors by name."""

from __future__ import annotations

from importlib import import_module

from hint.detection.detection import Detector
from hint.errors import UnknownNameError

DETECTORS = {"mediapipe": "hint.detection.tiled:TiledDetector", "wilor": "hint.detection.wilor:WilorDetector"}


def create_detector(name: str) -> Detector:
    """Set up a detector.

    Raises:
        UnknownNameError: If none has this name.
        MissingRequirementError: If something must be installed first.
    """
    if name not in DETECTORS:
        raise UnknownNameError("detector", name, DETECTORS)
    module, _, called = DETECTORS[name].partition(":")
    detector: Detector = getattr(import_module(module), called)()
    return detector
