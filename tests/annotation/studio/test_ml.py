"""A method behind a real Label Studio: ``hint studio ml``."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from command import error

from annotation.studio.guess import read_guesses
from annotation.studio.project import Task, list_tasks
from annotation.studio.task import to_percent
from hint.files import read_pairs
from hint.files.manifest import read_manifest

pytest.importorskip("uvicorn")

ANN = "ann@example.com"


@contextmanager
def backend(server: Any, port: int, *projects: str) -> Iterator[subprocess.Popen[str]]:
    """``hint studio ml``, as a person starts it and stops it with Ctrl-C."""
    titles = [option for project in projects for option in ("--project", project)]
    process = server.begin("studio", "ml", "--method", "box-centre", "--port", port, *titles)
    try:
        lines = [process.stdout.readline() for _ in range(1 + len(projects))]
        assert lines[0].startswith("points    box-centre-"), process.stderr.read()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0


def push(server: Any, sample: Any, project: str) -> tuple[int, dict[str, Task]]:
    server.hint("studio", "push", sample.manifest, "--project", project)
    studio = server.client()
    number = int(studio.find(project).id)
    return number, list_tasks(studio, number).tasks


def opened(server: Any, token: str, project: int) -> dict[str, Any]:
    """The next task, as "Label All Tasks" opens it for somebody."""
    found = server.client(token).ask("GET", f"/api/projects/{project}/next")
    assert isinstance(found, dict)
    return found


def positions(result: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Region -> its position, percent."""
    return {one["id"]: (one["value"]["x"], one["value"]["y"]) for one in result}


def middle(task: Task) -> list[float]:
    """The middle of the box, percent of the shown picture."""
    assert task.hint.box_xyxy is not None
    middle_of_box = np.reshape(task.hint.box_xyxy, (2, 2)).mean(0)
    return [float(value) for value in to_percent(middle_of_box, task.hint.crop)]


def ids() -> list[str]:
    return [f"kp{joint:02d}" for joint in range(21)]


def test_tasks_without_points_get_them_and_get_them_anew_in_another_box(
    server: Any, sample: Any, people: dict[str, str], draw_sample: Callable[..., Any], tmp_path: Path
) -> None:
    number, tasks = push(server, sample, "live points")
    (tmp_path / "moved").mkdir()
    other = draw_sample(tmp_path / "moved", 2, seed=5)
    other_number, other_tasks = push(server, other, "no frames here")
    other.folder.rename(tmp_path / "elsewhere")  # so the picture comes from the server
    studio = server.client()
    port = int(server.url.rpartition(":")[2]) + 1000

    with backend(server, port, "live points", "no frames here"):
        for project, known in ((number, tasks), (other_number, other_tasks)):
            row = opened(server, people[ANN], project)
            task = known[row["data"]["hand_id"]]
            (prediction,) = row["predictions"]
            found = positions(prediction["result"])
            assert sorted(found) == ids()
            np.testing.assert_allclose(list(found.values()), [middle(task)] * 21, atol=0.1)
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 401
        assert httpx.get(f"http://127.0.0.1:{port}/health", auth=("hint", "guess")).status_code == 401

        (listed,) = studio.ask("GET", "/api/ml", params={"project": number})
        assert (listed["readable_state"], listed["is_interactive"]) == ("Connected", True)
        row = opened(server, people[ANN], number)
        drawn = {"x": 10, "y": 20, "width": 40, "height": 50}
        context = {"result": [{"type": "rectangle", "from_name": "box", "value": drawn}]}
        asked = {"task": row["id"], "context": context}
        answer = studio.ask("POST", f"/api/ml/{listed['id']}/interactive-annotating", json=asked)
        anew = positions(answer["data"]["result"])
        assert sorted(anew) == ids(), "the same ids, so that these points replace the others"
        np.testing.assert_allclose(list(anew.values()), [(30, 45)] * 21, atol=0.1)
        ann = server.client(people[ANN])
        ann.api.annotations.create(id=row["id"], result=answer["data"]["result"], lead_time=2.0)
        version = listed["model_version"]

    assert studio.ask("GET", "/api/ml", params={"project": number}) == []
    assert studio.project(number).model_version == version, "points that were made stay"
    hand_id = row["data"]["hand_id"]
    server.hint("prelabel", sample.manifest, "--method", "box-centre")
    predicted = sample.manifest.with_name("TRAIN_newdays_img.box-centre.npz")
    assert read_guesses(predicted, read_manifest(sample.manifest))[hand_id].version == version
    server.hint("studio", "pull", "--project", "live points", "--out", tmp_path / "out")
    label = read_pairs(tmp_path / "out" / ANN / "TRAIN_newdays_img")
    assert label.hand_id.tolist() == [hand_id]
    x, y, width, height = tasks[hand_id].hint.crop
    np.testing.assert_allclose(label.keypoints_2d[0], [(x + 0.3 * width, y + 0.45 * height)] * 21, atol=0.1)


def test_what_cannot_be_served_is_one_line(server: Any, sample: Any) -> None:
    push(server, sample, "refused")
    taken = int(server.url.rpartition(":")[2])
    serve = ("studio", "ml", "--method", "box-centre", "--port", taken)
    assert f"127.0.0.1:{taken} cannot be used" in error(server.hint(*serve, "--project", "refused", code=2))
    assert "has no project 'nowhere'" in error(server.hint(*serve, "--project", "nowhere", code=2))
    oracle = server.hint("studio", "ml", "--method", "oracle-noise", "--project", "refused", code=2)
    assert "ground truth" in error(oracle)
