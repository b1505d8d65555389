"""What libraries print on stderr although nobody asked, and no log level silences."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_chatter(known: re.Pattern[bytes]) -> Iterator[None]:
    """Hold back the stderr of the process, then write all lines but the known ones.

    Args:
        known: Matches the lines to leave out, each from its start.
    """
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
                if not known.match(line):
                    os.write(real, line)
            os.close(real)
