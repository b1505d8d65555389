import re
import time

import pytest

from annotation.prepare.reading import in_parallel


def test_results_keep_the_order_and_progress_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_parallel(lambda k: 2 * k, range(1000), "doubling", batch=7) == list(range(0, 2000, 2))
    assert re.fullmatch(r"doubling: 1000/1000, [\d,.]+/s\n", capsys.readouterr().err)
    assert in_parallel(str, [], "nothing") == []


def test_a_failure_cancels_the_rest() -> None:
    begun = []

    def work(k: int) -> None:
        begun.append(k)
        if k == 0:
            raise ValueError("broken")
        time.sleep(0.02)

    with pytest.raises(ValueError, match="broken"):
        in_parallel(work, range(1000), "working", batch=1)
    assert len(begun) < 1000
