"""Run a TFLite network on the CPU with LiteRT."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hint.errors import MissingRequirementError
from hint.landmarks.files import NetworkFile
from hint.requirements import missing_packages
from hint.types import Float, Image

#: What LiteRT prints when it sets up a network.
_CHATTER = re.compile(rb"INFO: Created TensorFlow Lite")


class Network:
    """A network whose input is a square picture. Not thread-safe.

    Pictures go through one at a time: in a batch they are no faster.

    Args:
        file: Its file.
        size: Side of the picture, px.
        threads: Threads that share the work.

    Raises:
        MissingRequirementError: If LiteRT or the file is missing.
        InputError: If the file is not the expected one.
    """

    def __init__(self, file: NetworkFile, size: int, threads: int = 1) -> None:
        if lacking := missing_packages(["ai_edge_litert"], "mediapipe"):
            raise MissingRequirementError(f"MediaPipe's networks: {lacking}")
        content = file.read()
        with _without_chatter():
            from ai_edge_litert.interpreter import Interpreter

            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._input = self._interpreter.get_input_details()[0]["index"]
            self._interpreter.resize_tensor_input(self._input, [1, size, size, 3])
            self._interpreter.allocate_tensors()
        self._outputs = [o["index"] for o in sorted(self._interpreter.get_output_details(), key=lambda o: o["name"])]

    def __call__(self, picture: Image) -> list[Float]:
        """Return the outputs, sorted by their names in the file, for one picture, (S,S,3) RGB uint8."""
        self._interpreter.set_tensor(self._input, picture[None].astype(np.float32) / np.float32(255))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output)[0] for output in self._outputs]


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Capture the stderr of the process, then write back all but the known chatter, which no log level silences."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            captured.seek(0)
            for line in captured:
                if not _CHATTER.match(line):
                    os.write(real, line)
            os.close(real)
