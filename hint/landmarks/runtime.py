"""Run a TFLite network on the CPU with LiteRT."""

from __future__ import annotations

import os
import re
import sys

import numpy as np

from hint.chatter import without_chatter
from hint.errors import MissingRequirementError
from hint.landmarks.files import NetworkFile
from hint.requirements import missing_packages
from hint.types import Float, Image

#: What LiteRT prints when it sets up a network.
_CHATTER = re.compile(rb"INFO: Created TensorFlow Lite")

#: More threads than this no longer make one picture faster.
_MOST_THREADS = 4


class Network:
    """A network whose input is a square picture. Not thread-safe.

    Pictures go through one at a time: in a batch they are no faster. The outputs do not depend on the threads.

    Args:
        file: Its file.
        threads: Threads that share the work, by default as many as there are cores.

    Raises:
        MissingRequirementError: If LiteRT or the file is missing.
        InputError: If the file is not the expected one.
    """

    def __init__(self, file: NetworkFile, threads: int | None = None) -> None:
        if lacking := missing_packages(["ai_edge_litert"], "mediapipe"):
            raise MissingRequirementError(f"MediaPipe's networks: {lacking}")
        content = file.read()
        with without_chatter(_CHATTER):
            from ai_edge_litert.interpreter import Interpreter

            self._interpreter = Interpreter(model_content=content, num_threads=threads or _cores())
            self._input = self._interpreter.get_input_details()[0]["index"]
            self._interpreter.allocate_tensors()
        self._outputs = [o["index"] for o in sorted(self._interpreter.get_output_details(), key=lambda o: o["name"])]

    def __call__(self, picture: Image) -> list[Float]:
        """Return the outputs, sorted by their names in the file, for one picture, (S,S,3) RGB uint8."""
        self._interpreter.set_tensor(self._input, picture[None].astype(np.float32) / np.float32(255))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output)[0] for output in self._outputs]


def _cores() -> int:
    """Return the cores this process may use, at most :data:`_MOST_THREADS`; OMP_NUM_THREADS goes first."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(allowed, _MOST_THREADS)
