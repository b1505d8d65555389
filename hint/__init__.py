"""Sample, annotate, evaluate and rank hand keypoints in the wild."""

__version__ = "0.1.0"
