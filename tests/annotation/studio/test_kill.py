"""kill -9 of the server while hands are pushed and pulled, and two people save all the time."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from annotation.studio.project import list_tasks
from annotation.studio.task import results
from hint.errors import HintError


@contextmanager
def saving(server: Any, token: str, title: str) -> Iterator[list[int]]:
    """Somebody who saves one hand after the other; yields the numbers of the annotations that were acknowledged."""
    saved: list[int] = []
    stop = threading.Event()

    def work() -> None:
        studio = server.client(token)
        tasks: list[Any] = []
        turn = 0
        while not stop.wait(0.1):
            try:
                if turn >= len(tasks):
                    project = studio.find(title)
                    tasks = list(list_tasks(studio, project.id).tasks.values()) if project else []
                    tasks = [task for task in tasks if task.hint.guess]
                    turn = 0
                if tasks:
                    task, turn = tasks[turn], turn + 1
                    made = studio.api.annotations.create(
                        id=task.id,
                        result=results(task.hint),
                        request_options={"max_retries": 0, "timeout_in_seconds": 120},
                    )
                    saved.append(made.id)
            except Exception:
                time.sleep(0.2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield saved
    finally:
        stop.set()
        thread.join(60)


def rows(server: Any, question: str, title: str) -> list[tuple[Any, ...]]:
    """Ask the database itself."""
    with closing(sqlite3.connect(server.data / "label_studio.sqlite3")) as database:
        return database.execute(question, (title,)).fetchall()


PREDICTIONS = """
    select task.id, json_extract(task.data, '$.hand_id'), count(prediction.id)
    from task join project on project.id = task.project_id left join prediction on prediction.task_id = task.id
    where project.title = ? group by task.id
"""
ANNOTATIONS = """
    select task_completion.id from task_completion join task on task.id = task_completion.task_id
    join project on project.id = task.project_id where project.title = ?
"""


def arrivals(server: Any) -> int:
    """How many commands this run of the server was asked by; a command that finds no server at all gives up at once."""
    return (server.data / "server.log").read_text(errors="replace").count("GET /api/current-user/whoami")


@pytest.mark.slow
def test_every_task_arrives_once_with_its_prediction_despite_crashes(
    server: Any,
    people: dict[str, str],
    draw_sample: Callable[..., Any],
    tmp_path: Path,
    await_true: Callable[..., None],
) -> None:
    (tmp_path / "frames").mkdir()
    sample = draw_sample(tmp_path / "frames", 500, seed=6)
    first, second = people.values()
    title = "killed"
    arguments = ("studio", "push", sample.manifest, "--predictions", sample.predictions, "--project", title)
    with saving(server, first, title) as by_ann, saving(server, second, title) as by_ben:
        begun = arrivals(server)
        pushing = server.begin(*arguments)
        await_true(lambda: arrivals(server) > begun)
        for seconds in (2.0, 1.0):
            time.sleep(seconds)
            if pushing.poll() is None:
                server.kill()
                server.start()
        stderr = pushing.communicate(timeout=300)[1]
        assert pushing.returncode == 0, stderr
        out = tmp_path / "out"
        before = arrivals(server)
        pulling = server.begin("studio", "pull", "--project", title, "--out", out)
        await_true(lambda: arrivals(server) > before or pulling.poll() is not None)
        time.sleep(0.5)
        if pulling.poll() is None:
            server.kill()
            server.start()
        stderr = pulling.communicate(timeout=300)[1]
        assert pulling.returncode == 0, stderr
    found = rows(server, PREDICTIONS, title)
    assert Counter(hand_id for _, hand_id, _ in found) == Counter(sample.ids), "every hand once"
    assert {count for *_, count in found} == {1}, "every prediction once"
    kept = {number for (number,) in rows(server, ANNOTATIONS, title)}
    assert by_ann
    assert by_ben
    assert kept >= {*by_ann, *by_ben}, "what was acknowledged to annotators is there"
    assert json.loads((out / "pull.json").read_text())["tasks"] == 500
    server.hint("studio", "pull", "--project", title, "--out", out)
    record = json.loads((out / "pull.json").read_text())
    assert record["problems"] == {}
    assert sum(record["labels"].values()) + record["superseded"] == len(kept)
    assert server.hint(*arguments).stdout.startswith("nothing to do")


def test_a_push_gives_up_when_the_server_stays_away(
    server: Any, draw_sample: Callable[..., Any], tmp_path: Path, await_true: Callable[..., None]
) -> None:
    (tmp_path / "frames").mkdir()
    sample = draw_sample(tmp_path / "frames", 500, seed=7)
    arguments = ("studio", "push", sample.manifest, "--predictions", sample.predictions, "--project", "given up")
    pushing = server.begin(*arguments, "--patience", 3)

    def begun() -> bool:
        try:
            return server.client().find("given up") is not None
        except HintError:
            return False

    await_true(begun)
    server.kill()
    stderr = pushing.communicate(timeout=120)[1]
    assert pushing.returncode == 1
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1].startswith("hint: no answer from")
    server.start()
    server.hint(*arguments)
    found = rows(server, PREDICTIONS, "given up")
    assert Counter(hand_id for _, hand_id, _ in found) == Counter(sample.ids)
    assert {count for *_, count in found} == {1}
