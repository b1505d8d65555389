"""Find hands in whole pictures and follow them through videos.

A detector of your own is any object with ``identity``, a string that names it and its settings, and
``detect(picture, image)``, which returns a list of :class:`Detection`.
"""

from hint.detection.choice import SIDES, Choice, ChoosingDetector
from hint.detection.detection import GROUP, Detection, Detector
from hint.detection.picture import Picture
from hint.detection.table import DETECTORS, create_detector
from hint.detection.tracks import Tracked, Tracker, follow

__all__ = [
    "DETECTORS",
    "GROUP",
    "SIDES",
    "Choice",
    "ChoosingDetector",
    "Detection",
    "Detector",
    "Picture",
    "Tracked",
    "Tracker",
    "create_detector",
    "follow",
]
