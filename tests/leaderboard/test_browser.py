"""The site in a browser, opened from disk as a reader does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from chromium import chromium
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from benchmark.record import Record
from hint.files import read_labels, write_pairs
from hint.images import read_image, write_image
from hint.types import HandLabels
from leaderboard.site.build import build_leaderboard


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A browser without a history."""
    with chromium(tmp_path / "profile") as driver:
        yield driver


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> Path:
    """A site of four methods on New Days with pictures: one trained on HInt, one with a long name."""
    tmp_path = tmp_path_factory.mktemp("site")
    folder = tmp_path / "root" / "TEST_newdays_img"
    write_pairs(folder, make(12))
    for hand in make(12).hand_id.tolist():
        write_image(folder / f"{hand}.jpg", np.full((200, 240, 3), 120, np.uint8))
    labels = read_labels(tmp_path / "root")
    for title, sigma, trained in (("Delta", 0.3, False), ("Alpha", 0.02, False), ("Beta", 0.05, True)):
        make_record(tmp_path / "r" / title, labels, sigma, title=title, trained_on_hint=trained)
    make_record(tmp_path / "r" / "long", labels, 0.4, title="Extraordinarily" * 4, name="long", parameters=123_456_789)
    build_leaderboard(tmp_path / "r", tmp_path / "site", data=tmp_path / "root")
    return tmp_path / "site"


def open_page(browser: webdriver.Chrome, path: Path, width: int = 1300) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())


def complaints(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def shown(browser: webdriver.Chrome, body: str, table: int = 0) -> list[str]:
    """Names of the rows of a band that can be seen, in order."""
    script = """
        return [...document.querySelectorAll('.scores')[arguments[1]].querySelectorAll('tbody.' + arguments[0] + ' tr')]
            .filter((row) => row.offsetHeight && row.dataset.name)
            .map((row) => row.querySelector('th').firstChild.textContent.trim());
    """
    return list(browser.execute_script(script, body, table))


def press_heading(browser: webdriver.Chrome, text: str) -> Any:
    heading = browser.find_element(By.XPATH, f"(//table[contains(@class,'scores')])[1]//th[contains(., '{text}')]")
    heading.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    return heading.get_attribute("aria-sort")


def test_sort_filter_and_dark_mode(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "subsets" / "hint-v1-newdays.html")
    long = "Extraordinarily" * 4
    assert shown(browser, "ranked") == ["Alpha", "Beta", "Delta", long]
    assert press_heading(browser, "Method") == "ascending"
    assert shown(browser, "ranked") == ["Alpha", "Beta", "Delta", long]
    assert press_heading(browser, "Method") == "descending"
    assert shown(browser, "ranked") == [long, "Delta", "Beta", "Alpha"]
    assert press_heading(browser, "PCK@0.1") == "descending"
    assert shown(browser, "ranked")[0] == "Alpha"
    assert shown(browser, "reported")[0] == "HaMeR + HInt", "bands are sorted apart"
    assert press_heading(browser, "PCK@0.1") == "ascending"
    assert shown(browser, "ranked")[-1] == "Alpha"
    assert press_heading(browser, "Parameters") == "ascending"
    assert shown(browser, "ranked")[0] == long, "rows without a value come last"

    form = browser.find_element(By.ID, "filters")
    form.find_element(By.NAME, "text").send_keys("eta")
    assert shown(browser, "ranked") == ["Beta"]
    form.find_element(By.NAME, "text").send_keys(Keys.BACKSPACE * 3)
    form.find_element(By.NAME, "clean").send_keys(Keys.SPACE)
    assert "Beta" not in shown(browser, "ranked")
    assert "HaMeR + HInt" not in shown(browser, "reported")
    form.find_element(By.NAME, "own").send_keys(Keys.SPACE)
    assert shown(browser, "reported") == []
    Select(form.find_element(By.NAME, "joints")).select_by_value("occluded")
    assert shown(browser, "ranked", 0) == []
    assert len(shown(browser, "ranked", 2)) == 3
    assert browser.find_element(By.ID, "shown").text.startswith("3 of ")
    Select(form.find_element(By.NAME, "threshold")).select_by_value("0.1")
    visible = (
        "return [...document.querySelectorAll('.scores')[2].tHead.rows[0].cells].filter((c) => c.offsetWidth).length"
    )
    assert browser.execute_script(visible) == 6, "method, PCK@0.1, AUC, mean and median error, parameters"

    colour = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(colour)
    browser.find_element(By.ID, "theme").send_keys(Keys.ENTER)
    after = browser.execute_script(colour)
    assert {before, after} == {"rgb(255, 255, 255)", "rgb(20, 23, 28)"}
    open_page(browser, site / "methods" / "alpha.html")
    assert browser.execute_script(colour) == after, "the choice holds on other pages"
    assert complaints(browser) == []


def test_the_address_keeps_the_view(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "subsets" / "hint-v1-newdays.html")
    form = browser.find_element(By.ID, "filters")
    form.find_element(By.NAME, "text").send_keys("a")
    form.find_element(By.NAME, "own").send_keys(Keys.SPACE)
    Select(form.find_element(By.NAME, "joints")).select_by_value("all")
    press_heading(browser, "PCK@0.05")
    press_heading(browser, "PCK@0.05")
    view = [shown(browser, kind, table) for kind in ("ranked", "reported") for table in (0, 1)]
    assert view[0][-1] == "Alpha", "ascending"
    address = browser.current_url
    open_page(browser, site / "index.html")
    browser.get(address)
    assert [shown(browser, kind, table) for kind in ("ranked", "reported") for table in (0, 1)] == view
    assert browser.find_element(By.NAME, "text").get_attribute("value") == "a"
    browser.get(address.partition("#")[0] + "#joints=nothing&sort=9.9.up&<x>=1")
    browser.refresh()
    assert len(shown(browser, "ranked", 2)) == 4, "a view that does not exist shows everything"
    assert complaints(browser) == []


def test_plots_are_saved_as_svg_and_png(browser: webdriver.Chrome, site: Path, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    open_page(browser, site / "subsets" / "hint-v1-newdays.html")
    for button in browser.find_elements(By.CSS_SELECTOR, ".save button")[:2]:
        button.send_keys(Keys.ENTER)
    files = [tmp_path / f"hint-v1-newdays-1.{kind}" for kind in ("svg", "png")]
    WebDriverWait(browser, 20).until(lambda _: all(file.is_file() for file in files))
    root = ElementTree.parse(files[0]).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "stroke: rgb(" in files[0].read_text(), "colours are in the file"
    assert read_image(files[1]).shape == (900, 1680, 3)
    assert len(np.unique(read_image(files[1]).reshape(-1, 3), axis=0)) > 20


def axe_script() -> str:
    """The accessibility engine, which tests/requirements-nodeps.txt installs; skip where it is not, except in CI."""
    try:
        return files("axe_playwright_python").joinpath("axe.min.js").read_text()
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs axe: pip install --no-deps -r tests/requirements-nodeps.txt")


def test_axe_finds_nothing_serious(browser: webdriver.Chrome, site: Path) -> None:
    script = axe_script()
    pages = ("index", "subsets/hint-v1-newdays", "methods/beta", "compare/index", "compare/alpha--beta")
    more = ("gallery/alpha", "gallery/index", "tables/index", "protocols/hint-v1")
    for mode in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": mode}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        for page in (*pages, *(more if mode == "light" else ())):
            open_page(browser, site / f"{page}.html")
            browser.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            browser.execute_script(script)
            found = browser.execute_async_script("axe.run(document).then(arguments[0])")["violations"]
            serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
            assert serious == [], (page, mode)


def test_compare_any_two(browser: webdriver.Chrome, site: Path) -> None:
    open_page(browser, site / "compare" / "index.html")
    form = browser.find_element(By.ID, "pair")
    Select(form.find_element(By.NAME, "a")).select_by_visible_text("Delta")
    Select(form.find_element(By.NAME, "b")).select_by_visible_text("Delta")
    form.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert browser.find_element(By.ID, "pairstatus").text == "Choose two methods."
    Select(form.find_element(By.NAME, "b")).select_by_visible_text("Alpha")
    form.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert browser.find_element(By.TAG_NAME, "h1").text == "Alpha and Delta"
    assert "Alpha is better" in browser.find_element(By.TAG_NAME, "main").text
    assert len(browser.find_elements(By.CSS_SELECTOR, "figure img")) == 18, "six hands: labels and both methods"


def test_pages_fit_their_window_and_miss_no_file(browser: webdriver.Chrome, site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 20
    for page in pages:
        for width in (320, 768, 1600):
            open_page(browser, page, width)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, (page, width)
        broken = (
            "return [...document.images].filter((i) => (i.loading = 'eager') && i.complete && !i.naturalWidth).length"
        )
        assert browser.execute_script(broken) == 0, page
        assert complaints(browser) == [], page


def test_everything_is_there_without_scripts(browser: webdriver.Chrome, site: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    open_page(browser, site / "index.html")
    assert not browser.find_element(By.ID, "filters").is_displayed()
    assert len(browser.find_elements(By.CSS_SELECTOR, "tbody.ranked tr[data-name]")) == 4
    assert "button" not in browser.find_element(By.TAG_NAME, "main").get_attribute("innerHTML")
