"""One task labelled in a browser, as an annotator does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import SECONDS, chromium
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from annotation.studio.project import list_tasks
from annotation.studio.task import results
from hint.files import read_pairs, write_predictions
from hint.types import Predictions

POINT = 8


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A browser without a history."""
    with chromium(tmp_path / "profile", "--window-size=1500,1100") as driver:
        yield driver


def log_in(browser: webdriver.Chrome, server: Any) -> None:
    browser.get(f"{server.url}/user/login/")
    browser.find_element(By.NAME, "email").send_keys(server.login["email"])
    browser.find_element(By.NAME, "password").send_keys(server.login["password"] + Keys.ENTER)
    WebDriverWait(browser, SECONDS).until(lambda b: "/user/login" not in b.current_url)


def press(browser: webdriver.Chrome, label: str) -> None:
    found = WebDriverWait(browser, SECONDS).until(
        lambda b: [e for e in b.find_elements(By.CSS_SELECTOR, f'[aria-label="{label}"]') if e.is_displayed()]
    )
    found[0].click()


RECTANGLE = """
    const box = document.querySelector('canvas[class*=overlay]')?.getBoundingClientRect();
    return box && box.width > 200 ? [box.left, box.top, box.width, box.height] : null;
"""


def shown_picture(browser: webdriver.Chrome) -> list[float]:
    """Left, top, width and height of the picture, once it and the points are there and nothing moves any more."""
    last: list[Any] = []

    def ready(b: webdriver.Chrome) -> list[float] | None:
        rows = b.find_elements(By.XPATH, "//*[contains(text(), 'little_tip')]")
        last.append(b.execute_script(RECTANGLE) if rows else None)
        return last[-1] if last[-1] and last[-3:] == 3 * [last[-1]] else None

    found: list[float] = WebDriverWait(browser, SECONDS, poll_frequency=0.7).until(ready)
    return found


def place(picture: list[float], x: float, y: float) -> tuple[int, int]:
    """Percent of the picture -> px of the window."""
    left, top, width, height = picture
    return round(left + x * width / 100), round(top + y * height / 100)


def drag(browser: webdriver.Chrome, start: tuple[int, int], end: tuple[int, int]) -> None:
    actions = ActionBuilder(browser, duration=200)
    actions.pointer_action.move_to_location(*start).pointer_down()
    for step in range(1, 6):
        actions.pointer_action.move_to_location(*(a + (b - a) * step // 5 for a, b in zip(start, end, strict=True)))
    actions.pointer_action.pointer_up()
    actions.perform()


def test_a_point_moved_and_occluded_by_hand_arrives_in_the_pair(
    server: Any, browser: webdriver.Chrome, draw_sample: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "frames").mkdir()
    sample = draw_sample(tmp_path / "frames", 1, seed=11)
    spread = np.stack(np.meshgrid(np.linspace(40, 160, 7), (40, 80, 120)), -1).reshape(1, 21, 2).astype(np.float32)
    write_predictions(sample.predictions, Predictions(sample.labels.hand_id, spread))
    options = ("--predictions", sample.predictions, "--project", "browser", "--full-frame")
    server.hint("studio", "push", sample.manifest, *options)
    studio = server.client()
    project = studio.find("browser").id
    (task,) = list_tasks(studio, project).tasks.values()
    before = results(task.hint)[2 * POINT]["value"]
    log_in(browser, server)
    browser.get(f"{server.url}/projects/{project}/data?labeling=1")
    press(browser, "Close modal")
    picture = shown_picture(browser)
    target = before["x"] + 5, before["y"] + 13  # between the others
    press(browser, "move-tool")
    drag(browser, place(picture, before["x"], before["y"]), place(picture, *target))
    there = place(shown_picture(browser), *target)
    drag(browser, there, there)  # a click: keys go to the point that is selected
    ActionChains(browser).send_keys("x").perform()
    browser.save_screenshot(str(tmp_path / "after.png"))
    press(browser, "Submit current annotation")

    WebDriverWait(browser, SECONDS).until(lambda _: studio.project(project).finished_task_number == 1)
    server.hint("studio", "pull", "--project", "browser", "--out", tmp_path / "out")
    found = read_pairs(tmp_path / "out" / server.login["email"] / "TRAIN_newdays_img")
    aimed = [target[0] / 100 * task.hint.crop[2], target[1] / 100 * task.hint.crop[3]]
    assert found.keypoints_2d[0, POINT].tolist() == pytest.approx(aimed, abs=2)
    assert found.occlusion[0, POINT]
    others = [k for k in range(21) if k != POINT]
    assert (found.keypoints_2d[0, others] == spread[0, others]).all()
    assert found.existence.all()
    assert found.occlusion.sum() == 1
