"""One of several processes that train together; started by :mod:`hint.training.launch`."""

from __future__ import annotations

import os
import sys

from hint.errors import HintError
from hint.training.request import Request
from hint.training.run import train


def main(text: str) -> int:
    """Train, and return an exit code; only the first process speaks."""
    request, first = Request.from_json(text), os.environ["RANK"] == "0"
    try:
        outcome = train(request)
    except HintError as error:
        if first:
            sys.stderr.write(f"hint: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    if first:
        sys.stdout.write(f"weights   {outcome.weights}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
