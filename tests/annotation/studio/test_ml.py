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
from chromium import SECONDS, chromium
from command import error
from selenium import webdriver
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from annotation.studio.guess import read_guesses
from annotation.studio.project import Task, list_tasks
from annotation.studio.task import to_percent
from hint.files import read_pairs
from hint.files.manifest import read_manifest

pytest.importorskip("uvicorn")

ANN = "ann@example.com"


@contextmanager
def backend(
    server: Any, port: int, *projects: str, method: str = "box-centre", number: int = signal.SIGINT
) -> Iterator[subprocess.Popen[str]]:
    """``hint studio ml``, as a person starts it and stops it, with Ctrl-C or another signal."""
    titles = [option for project in projects for option in ("--project", project)]
    process = server.begin("studio", "ml", "--method", method, "--port", port, *titles)
    try:
        lines = [process.stdout.readline() for _ in range(1 + len(projects))]
        assert lines[0].startswith(f"points    {method}-"), process.stderr.read()
        yield process
    finally:
        process.send_signal(number)
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
        server.hint("studio", "push", sample.manifest, "--project", "live points")
        assert studio.project(number).model_version == version, "a push does not take its place"

    assert studio.ask("GET", "/api/ml", params={"project": number}) == []
    later = opened(server, people[ANN], number)
    assert (later["id"] != row["id"], len(later["predictions"][0]["result"])) == (True, 42), "no task is without points"
    assert [one["model_version"] for one in later["predictions"]] == ["mean-pose"]
    with backend(server, port, "live points", number=signal.SIGTERM):
        (prediction,) = opened(server, people[ANN], number)["predictions"]
        assert prediction["model_version"] == version, "they are predicted when it runs again"
    assert studio.ask("GET", "/api/ml", params={"project": number}) == []
    hand_id = row["data"]["hand_id"]
    server.hint("prelabel", sample.manifest, "--method", "box-centre")
    predicted = sample.manifest.with_name("TRAIN_newdays_img.box-centre.npz")
    assert read_guesses(predicted, read_manifest(sample.manifest))[hand_id].version == version
    server.hint("studio", "pull", "--project", "live points", "--out", tmp_path / "out")
    label = read_pairs(tmp_path / "out" / ANN / "TRAIN_newdays_img")
    assert label.hand_id.tolist() == [hand_id]
    x, y, width, height = tasks[hand_id].hint.crop
    np.testing.assert_allclose(label.keypoints_2d[0], [(x + 0.3 * width, y + 0.45 * height)] * 21, atol=0.1)


SUGGESTIONS = '[data-testid="bottombar-accept-suggestions-button"]'
DRAWN = """
    const box = document.querySelector('canvas[class*=overlay]')?.getBoundingClientRect();
    return box && box.width > 200 ? [box.left, box.top, box.width, box.height] : null;
"""
POINTS = """
    const found = window.Htx?.annotationStore?.selected?.serializeAnnotation() ?? [];
    return found.map(one => [one.id, one.type, one.value.x, one.value.y]);
"""


def first(browser: webdriver.Chrome, selector: str) -> Any:
    """The first element that is shown, once there is one."""
    return WebDriverWait(browser, SECONDS).until(
        lambda b: next((e for e in b.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()), None)
    )


@pytest.mark.slow
def test_a_box_drawn_on_the_page_replaces_the_points(server: Any, sample: Any, tmp_path: Path) -> None:
    number, _ = push(server, sample, "drawn box")
    port = int(server.url.rpartition(":")[2]) + 1000
    window = chromium(tmp_path / "profile", "--window-size=1500,1100")
    with backend(server, port, "drawn box", method="mean-pose"), window as browser:
        browser.get(f"{server.url}/user/login/")
        browser.find_element(By.NAME, "email").send_keys(server.login["email"])
        browser.find_element(By.NAME, "password").send_keys(server.login["password"] + Keys.ENTER)
        WebDriverWait(browser, SECONDS).until(lambda b: "/user/login" not in b.current_url)
        browser.get(f"{server.url}/projects/{number}/data?labeling=1")
        first(browser, '[aria-label="Close modal"]').click()
        WebDriverWait(browser, SECONDS).until(lambda b: b.execute_script(POINTS))
        before = browser.execute_script(POINTS)
        toggle = '[data-testid="bottombar-auto-annotation-toggle"]'
        browser.execute_script(f"document.querySelector('{toggle}').click()")
        first(browser, ".lsf-tool_smart").click()
        left, top, width, height = WebDriverWait(browser, SECONDS).until(lambda b: b.execute_script(DRAWN))
        mouse = ActionBuilder(browser, duration=200)
        mouse.pointer_action.move_to_location(round(left + width * 0.5), round(top + height * 0.5)).pointer_down()
        for share in (0.6, 0.7, 0.8, 0.9):
            mouse.pointer_action.move_to_location(round(left + width * share), round(top + height * share))
        mouse.pointer_action.pointer_up()
        mouse.perform()
        first(browser, SUGGESTIONS).click()
        WebDriverWait(browser, SECONDS).until(lambda b: b.execute_script(POINTS) != before)
        after = browser.execute_script(POINTS)
    assert [one[:2] for one in after] == [one[:2] for one in before], "the same 21 points, and no box"
    x, y = np.array([one[2:] for one in after]).T
    assert ((x > 50) & (x < 90) & (y > 50) & (y < 90)).all()


def test_what_cannot_be_served_is_one_line(server: Any, sample: Any) -> None:
    push(server, sample, "refused")
    taken = int(server.url.rpartition(":")[2])
    serve = ("studio", "ml", "--method", "box-centre", "--port", taken)
    assert f"127.0.0.1:{taken} cannot be used" in error(server.hint(*serve, "--project", "refused", code=2))
    assert "has no project 'nowhere'" in error(server.hint(*serve, "--project", "nowhere", code=2))
    oracle = server.hint("studio", "ml", "--method", "oracle-noise", "--project", "refused", code=2)
    assert "ground truth" in error(oracle)
