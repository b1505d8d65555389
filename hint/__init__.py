"""Sample, annotate, evaluate and rank hand keypoints in the wild."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hint.prediction import predict as predict
else:

    def __getattr__(name: str) -> object:
        """Import what is heavy when it is asked for."""
        if name == "predict":
            from hint.prediction import predict

            return predict
        raise AttributeError(f"module 'hint' has no attribute {name!r}")
