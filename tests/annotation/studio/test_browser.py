"""Tasks labelled in a browser, as an annotator does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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

from annotation.studio.config import joint_colour
from annotation.studio.project import list_tasks
from hint.files import read_pairs, write_predictions
from hint.skeleton import JOINT_NAMES
from hint.types import Predictions

INDEX_TIP, RING, LITTLE_TIP = 8, (13, 14, 15, 16), 20

RECTANGLE = """
    const box = document.querySelector('canvas[class*=overlay]')?.getBoundingClientRect();
    return box && box.width > 200 ? [box.left, box.top, box.width, box.height] : null;
"""
POINTS = """
    const all = window.Htx?.annotationStore?.selected?.regionStore?.regions ?? [];
    const said = (region) => Object.fromEntries(region.results.map((one) => [one.from_name.name, [...one.mainValue]]));
    return all.map((region) => ({x: region.x, y: region.y, id: region.cleanId, style: region.style, ...said(region)}));
"""
#: What is drawn at a joint: the fills and dashes of what lies there.
DRAWN = """
    const circles = [...document.querySelectorAll('svg.hint-drawing circle')];
    return circles.map((one) => [one.getAttribute('fill'), one.getAttribute('stroke'), one.getAttribute('r')]);
"""
BONES = """
    return [...document.querySelectorAll('svg.hint-drawing line')].map((one) =>
        [one.getAttribute('stroke'), one.getAttribute('stroke-dasharray')]);
"""
#: How many points are drawn as ones that nobody placed.
PALE = "return document.querySelectorAll('svg.hint-drawing circle[opacity]').length"
NAMES = "return [...document.querySelectorAll('svg.hint-drawing text')].map((one) => one.textContent).filter(Boolean)"


class Page:
    """The labelling page, and the number of actions taken on it.

    Attributes:
        actions: Drags, clicks, double clicks and keys so far.
    """

    def __init__(self, browser: webdriver.Chrome, server: Any) -> None:
        self.browser, self.server, self.actions = browser, server, 0
        browser.get(f"{server.url}/user/login/")
        browser.find_element(By.NAME, "email").send_keys(server.login["email"])
        browser.find_element(By.NAME, "password").send_keys(server.login["password"] + Keys.ENTER)
        WebDriverWait(browser, SECONDS).until(lambda b: "/user/login" not in b.current_url)

    def open(self, project: int) -> None:
        """Open the project as Label All Tasks does; close the guidelines."""
        self.browser.get(f"{self.server.url}/projects/{project}/data?labeling=1")
        self.press("Close modal")
        self.picture()

    def press(self, label: str) -> None:
        found = WebDriverWait(self.browser, SECONDS).until(
            lambda b: [e for e in b.find_elements(By.CSS_SELECTOR, f'[aria-label="{label}"]') if e.is_displayed()]
        )
        found[0].click()

    def picture(self) -> list[float]:
        """Left, top, width and height of the picture, once it and the points are there and nothing moves any more."""
        last: list[Any] = []

        def ready(b: webdriver.Chrome) -> list[float] | None:
            last.append(b.execute_script(RECTANGLE) if len(b.execute_script(POINTS)) > 20 else None)
            return last[-1] if last[-1] and last[-3:] == 3 * [last[-1]] else None

        found: list[float] = WebDriverWait(self.browser, SECONDS, poll_frequency=0.3).until(ready)
        return found

    def points(self) -> dict[str, dict[str, Any]]:
        """Joint -> its point, as the page has it."""
        return {point["kp"][0]: point for point in self.browser.execute_script(POINTS)}

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Percent of the picture -> px of the window."""
        left, top, width, height = self.browser.execute_script(RECTANGLE)
        return round(left + x * width / 100), round(top + y * height / 100)

    def where(self, joint: int) -> tuple[int, int]:
        point = self.points()[JOINT_NAMES[joint]]
        return self.place(point["x"], point["y"])

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        self.actions += 1
        actions = ActionBuilder(self.browser, duration=60)
        actions.pointer_action.move_to_location(*start).pointer_down()
        for step in range(1, 6):
            at = (a + (b - a) * step // 5 for a, b in zip(start, end, strict=True))
            actions.pointer_action.move_to_location(*at)
        actions.pointer_action.pointer_up()
        actions.perform()

    def click(self, at: tuple[int, int], times: int = 1) -> None:
        self.actions += 1
        actions = ActionBuilder(self.browser, duration=60)
        actions.pointer_action.move_to_location(*at)
        for _ in range(times):
            actions.pointer_action.pointer_down().pointer_up()
        actions.perform()

    def key(self, key: str) -> None:
        self.actions += 1
        ActionChains(self.browser).send_keys(key).perform()

    def says(self, text: str) -> bool:
        """Whether the page shows a text."""
        return text in self.browser.find_element(By.CSS_SELECTOR, "body").text

    def until(self, test: Callable[[], bool]) -> None:
        WebDriverWait(self.browser, SECONDS, poll_frequency=0.1).until(lambda _: test())

    def states(self) -> dict[str, str]:
        return {joint: "".join(point.get("state") or []) for joint, point in self.points().items()}

    def has_states(self, state: str, *joints: int) -> bool:
        """Whether exactly these joints have a state."""
        return {joint for joint, found in self.states().items() if found == state} == {JOINT_NAMES[k] for k in joints}

    def is_in(self, state: str, joint: int) -> bool:
        return self.states()[JOINT_NAMES[joint]] == state

    def counted(self) -> int:
        """Return the number of actions since the last call."""
        self.actions, counted = 0, self.actions
        return counted


@pytest.fixture
def page(server: Any, tmp_path: Path) -> Iterator[Page]:
    """A browser without a history, logged in."""
    with chromium(tmp_path / "profile", "--window-size=1500,1100") as driver:
        yield Page(driver, server)


def project_of(server: Any, sample: Any, title: str, *options: object) -> tuple[int, Any]:
    """Push one hand; return the number of the project and its task."""
    server.hint("studio", "push", sample.manifest, "--project", title, "--full-frame", *options)
    project = server.client().find(title).id
    (task,) = list_tasks(server.client(), project).tasks.values()
    return project, task


def test_a_corrected_hand_arrives_in_the_pair_after_few_actions(
    server: Any, page: Page, draw_sample: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "frames").mkdir()
    sample = draw_sample(tmp_path / "frames", 1, seed=11)
    spread = np.stack(np.meshgrid(np.linspace(40, 160, 7), (40, 80, 120)), -1).reshape(1, 21, 2).astype(np.float32)
    write_predictions(sample.predictions, Predictions(sample.labels.hand_id, spread))
    project, task = project_of(server, sample, "browser", "--predictions", sample.predictions)
    page.open(project)
    assert page.says("LEFT hand")
    assert page.says("points predicted by guess")
    before = page.points()["index_tip"]
    target = before["x"] + 5, before["y"] + 13  # between the others

    page.drag(page.where(INDEX_TIP), page.place(*target))
    page.until(lambda: page.points()["index_tip"]["x"] > before["x"] + 4)
    assert page.counted() == 1, "actions to correct a point"

    page.click(page.where(LITTLE_TIP))
    page.key("2")
    page.until(lambda: page.has_states("occluded", LITTLE_TIP))
    assert page.counted() == 2, "actions to mark a point"

    page.click(page.where(RING[1]), times=2)
    page.key("2")
    page.until(lambda: page.has_states("occluded", LITTLE_TIP, *RING))
    assert page.counted() == 2, "actions to mark a finger"

    # The same key again, and the key for visible, both say visible; how a point looks follows every time.
    page.click(page.where(LITTLE_TIP))
    for key, state in (("2", ""), ("3", "out_of_frame"), ("1", ""), ("2", "occluded"), ("2", ""), ("2", "occluded")):
        page.key(key)
        page.until(partial(page.is_in, state, LITTLE_TIP))
        style = page.points()["little_tip"]["style"]
        assert (float(style["opacity"]) == 0) == bool(state), "hollow or filled"
        assert (style["strokecolor"] == joint_colour(LITTLE_TIP)) == (not state)
    page.key("q")  # once the key of a joint
    assert sorted(page.points()) == sorted(JOINT_NAMES)
    drawn, bones = page.browser.execute_script(DRAWN), page.browser.execute_script(BONES)
    filled = [fill for fill, _, _ in drawn if fill != "none"]
    assert len(filled) == 16, "five hollow, of 21"
    assert ["none", "#ffffff", "9"] in drawn, "a white ring around what is selected"
    assert sum(dash is None for _, dash in bones) == 2 * (20 - 5)
    assert {"wrist", "thumb", "index", "little tip"} <= set(page.browser.execute_script(NAMES))
    page.browser.save_screenshot(str(tmp_path / "after.png"))
    page.press("Submit current annotation")

    page.until(lambda: server.client().project(project).finished_task_number == 1)
    server.hint("studio", "pull", "--project", "browser", "--out", tmp_path / "out")
    found = read_pairs(tmp_path / "out" / server.login["email"] / "TRAIN_newdays_img")
    aimed = [target[0] / 100 * task.hint.crop[2], target[1] / 100 * task.hint.crop[3]]
    assert found.keypoints_2d[0, INDEX_TIP].tolist() == pytest.approx(aimed, abs=2)
    others = [k for k in range(21) if k != INDEX_TIP]
    assert (found.keypoints_2d[0, others] == spread[0, others]).all()
    assert np.flatnonzero(found.occlusion[0]).tolist() == [*RING, LITTLE_TIP]
    assert found.existence.all()


def test_a_hand_without_predictions_takes_at_most_21_drags(
    server: Any, page: Page, draw_sample: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "frames").mkdir()
    sample = draw_sample(tmp_path / "frames", 1, seed=12, size=(400, 300))
    project, task = project_of(server, sample, "bare hand")
    page.open(project)
    assert page.says("MEAN POSE, not a prediction: 21 of 21 points to place")
    assert page.browser.execute_script(PALE) == 21
    aimed = np.stack(np.meshgrid(np.linspace(8, 92, 7), (6, 10, 94)), -1).reshape(21, 2)  # away from the hand's box
    for joint, (x, y) in enumerate(aimed):
        page.drag(page.where(joint), page.place(x, y))
    page.until(lambda: abs(page.points()["little_tip"]["x"] - aimed[20, 0]) < 1)
    assert page.counted() == 21
    assert page.says("all points were placed, or predicted")
    assert page.browser.execute_script(PALE) == 0
    # A point that was deleted is added in one way: its name, then a click.
    page.click(page.where(RING[0]))
    page.key(Keys.BACKSPACE)
    page.until(lambda: len(page.points()) == 20)
    (name,) = (
        e for e in page.browser.find_elements(By.CSS_SELECTOR, ".hint-joints .lsf-label") if e.text == "ring_mcp"
    )
    name.click()
    page.click(page.place(50, 50))
    page.until(lambda: len(page.points()) == 21)
    page.click(page.place(55, 50))
    assert len(page.browser.execute_script(POINTS)) == 21, "a click alone adds nothing"
    page.press("Submit current annotation")

    page.until(lambda: server.client().project(project).finished_task_number == 1)
    server.hint("studio", "pull", "--project", "bare hand", "--out", tmp_path / "out")
    found = read_pairs(tmp_path / "out" / server.login["email"] / "TRAIN_newdays_img")
    aimed[RING[0]] = (50, 50)
    np.testing.assert_allclose(found.keypoints_2d[0], aimed * task.hint.crop[2:] / 100, atol=2)
