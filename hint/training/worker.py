"""One of several processes that train together; started by :mod:`hint.training.launch`."""

from __future__ import annotations

import json
import sys

from hint.errors import HintError


def main(text: str) -> int:
    """Train, write the result or the error as one line of JSON, and return an exit code; only the first is read."""
    try:
        from hint.training.request import TrainingRequest
        from hint.training.run import run_training
        from hint.training.team import joined

        with joined() as team:
            report, code = vars(run_training(TrainingRequest.from_json(text), team)), 0
    except HintError as error:
        report, code = {"error": str(error)}, error.exit_code
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(json.dumps(report, default=str) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
