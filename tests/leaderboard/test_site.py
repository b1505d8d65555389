"""The site as files: what is in it, what never is, and that every link leads somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from annotation.agreement.result import write_agreement
from annotation.agreement.run import agreement as measure_agreement
from benchmark.record import Record, read_record
from hint.cli import main
from hint.cli.leaderboard import app
from hint.files import read_labels, write_pairs
from hint.images import read_image, write_image
from hint.types import HandLabels
from leaderboard.comparison import compare
from leaderboard.site.hands import different_clips
from leaderboard.site.pictures import Pictures, is_ego4d

EGO4D = "ba2b3b39-b2a6-4ab2-8c4a-0f3e5f9dc2c{}_3d3e8a61-5b8e-4c66-9c0f-6a3f7a0f2b1{}_{}_pnr_frame_r"
PINK = (255, 0, 255)


def build(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["build", *map(str, arguments)])


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Reader(HTMLParser):
    """Collects what a page refers to, and what it lacks for those who do not see it."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "line", "circle", "path", "polygon", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.problems: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.problems += [f"{key} on {tag}" for key in given if key.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [str(given[key]) for key in ("href", "src") if key in given]
        if given.get("id"):
            if given["id"] in self.ids:
                self.problems.append(f"id {given['id']} twice")
            self.ids.add(str(given["id"]))
        if tag == "img" and not given.get("alt"):
            self.problems.append("picture without alt")
        if tag == "th" and given.get("scope") not in ("col", "colgroup", "row", "rowgroup"):
            self.problems.append("heading without scope")
        if tag == "svg" and not given.get("aria-label"):
            self.problems.append("drawing without a name")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.problems.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    return reader


def check_pages(site: Path) -> None:
    """Every page is well formed, every link leads to a file and a place in it."""
    pages = {path: read(path.read_bytes()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        assert not page.problems, path
        assert not page.open, path
        assert page.tags.count("h1") == 1, path
        for link in page.links:
            address = urlsplit(link)
            if address.scheme in ("https", "data"):
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            assert target.is_file(), f"{path}: {link}"
            assert target.is_relative_to(site.resolve())
            if address.fragment:
                assert address.fragment in pages[target].ids, f"{path}: {link}"


def test_equal_input_gives_equal_bytes_in_any_folder(three: Path, tmp_path: Path) -> None:
    assert build(three, "--out", tmp_path / "a").exit_code == 0
    assert build(three / "bad", three / "good", three / "alike", "--out", tmp_path / "deep" / "b").exit_code == 0
    assert content(tmp_path / "a") == content(tmp_path / "deep" / "b")
    check_pages(tmp_path / "a")
    assert build(three, "--out", tmp_path / "a").exit_code == 0, "an earlier site is replaced"


def test_markup_in_records_stays_text(
    three: Path, tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    card = {"name": evil, "title": evil, "summary": evil, "paper": evil, "training_data": (evil,), "note": evil}
    labels = make(40)
    for k in range(2):
        make_record(three / f"evil{k}", labels, 0.03, k, **card)
    assert build(three, "--out", tmp_path / "site").exit_code == 0
    check_pages(tmp_path / "site")
    for path in (tmp_path / "site").rglob("*.html"):
        page = read(path.read_bytes())
        assert page.tags.count("script") == 1, path
        assert page.tags.count("img") in (0, 1), "the badge"
    assert evil in "".join(read((tmp_path / "site" / "index.html").read_bytes()).text)


def ranks_in(page: str) -> list[str]:
    return re.findall(r'class="rank">([^<]*)<', page)


def test_ranks_and_reasons_are_in_the_html(
    three: Path, tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    make_record(three / "some", make(40), 0.03, limit=10, title="Some", trained_on_hint=True)
    (three / "some" / "errors.npz").unlink()
    done = build(three, "--out", tmp_path / "site")
    assert "Some is not ranked: other ground truth" in done.stderr
    front = (tmp_path / "site" / "index.html").read_text()
    assert ranks_in(front) == ["1=", "1=", "1=", "1=", "1=", "1=", "3", "3", "3"], "three groups of joints each"
    subset = (tmp_path / "site" / "subsets" / "hint-v1-newdays.html").read_text()
    assert len(ranks_in(subset)) == 3 * 3 * 5, "methods, groups of joints, columns but the median"
    for page in (front, subset):
        assert "partial: --limit 10" in page
    assert "trained on HInt" in subset
    assert not list((tmp_path / "site" / "compare").glob("*some*"))
    assert "there is no errors.npz beside the record" in (tmp_path / "site" / "methods" / "some.html").read_text()
    record = read_record(three / "good" / "record.json")
    score = record.value("newdays", "all", "pck", 0.05)
    assert score is not None
    assert score.ci is not None
    assert f"[{score.ci.low:.1f}, {score.ci.high:.1f}]" in subset
    shown = read_record(tmp_path / "site" / "records" / "good.json")
    assert [(s.metric, s.value) for s in shown.scores] == [(s.metric, pytest.approx(s.value)) for s in record.scores]


def test_the_front_page_says_who_is_best_and_by_how_much(
    tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    labels = make(40)
    for title, sigma in (("First", 0.02), ("Second", 0.1), ("Third", 0.1)):
        make_record(tmp_path / "r" / title, labels, sigma, len(title), title=title, name=title)
    assert build(tmp_path / "r", "--out", tmp_path / "site").exit_code == 0
    gaps = []
    for rival in ("Second", "Third"):
        found = compare(tmp_path / "r" / "First", tmp_path / "r" / rival)
        gaps.append(next(row.difference for row in found.rows if (row.visibility, row.metric) == ("all", "pck")))
    text = " ".join("".join(read((tmp_path / "site" / "index.html").read_bytes()).text).split())
    assert re.search(rf"all: First by {min(gaps):.1f} \[.*?\] over (Second|Third)", text)
    matrix = (tmp_path / "site" / "compare" / "index.html").read_text()
    assert "joints: PCK@0.05 in % of the row minus" in matrix
    pair = (tmp_path / "site" / "compare" / "first--second.html").read_text()
    assert "<td>PCK@0.05 in %</td>" in pair
    assert "<td>mean error in px</td>" in pair
    counts = re.findall(r"</a></th><td class=\"n\">(\d \d \d)</td>", matrix)
    assert counts[:3] == ["2 0 0", "0 1 1", "0 1 1"], "wins, ties and losses of the first, second and third"
    assert f'class="n win"><a href="../compare/first--second.html">+{gaps[0]:.1f}<' in matrix


def test_a_board_of_two_protocols_keeps_them_apart(
    tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    labels, own = make(20, 0, "mine"), tmp_path / "a-v1.toml"
    text = (files("benchmark") / "protocols" / "hint-v1.toml").read_text()
    own.write_text(text.replace('id = "hint-v1"', 'id = "a-v1"', 1))
    for name, protocol in (("net", "hint-v1"), ("net-a", own)):
        make_record(tmp_path / "runs" / name, labels, 0.05, title="Net", protocol=protocol)
    assert build(tmp_path / "runs", "--protocol", own, "--out", tmp_path / "site").exit_code == 0
    front = (tmp_path / "site" / "index.html").read_text()
    first, second = front.split('<table class="scores overview"')[1:]
    assert "<caption>hint-v1: PCK@0.05 in %, higher is better" in first
    assert ">mine</a>" in first
    assert '.html">Net</a>' in first
    assert "<caption>a-v1: " in second
    assert ">mine, a-v1</a>" in second
    assert '.html">Net [a-v1]</a>' in second
    assert 'data-value=""' not in first + second, "no cell is left to another protocol"
    table = CliRunner().invoke(app, ["table", str(tmp_path / "runs"), "--protocol", str(own)]).stdout
    assert re.findall(r"protocol (\S+)\*\*", table) == ["hint-v1", "a-v1"]


def test_tables_hold_the_same_numbers_in_every_format(three: Path, tmp_path: Path) -> None:
    assert build(three, "--out", tmp_path / "site").exit_code == 0
    record = read_record(three / "good" / "record.json")
    score = record.value("newdays", "occluded", "pck", 0.1)
    for name in ("scores", "differences", "joints", "slices", "curves"):
        folder = tmp_path / "site" / "tables"
        table = pd.read_csv(folder / f"{name}.csv")
        exact = pd.read_parquet(folder / f"{name}.parquet")
        listed = json.loads((folder / f"{name}.json").read_bytes())
        again = pd.DataFrame(listed["rows"], columns=listed["columns"])
        assert len(table) == len(exact) == len(again) > 0
        for column in exact:
            for other in (table, again):
                assert exact[column].isna().equals(other[column].isna()), (name, column)
                assert (exact[column].dropna() == other[column].dropna()).all(), (name, column)
        if name == "scores":
            where = "page == 'good' and visibility == 'occluded' and metric == 'pck' and threshold == 0.1"
            assert exact.query(where)["value"].tolist() == [pytest.approx(score.value)]


def test_no_folder_of_somebody_is_on_a_page(three: Path, tmp_path: Path, change_record: Callable[..., Record]) -> None:
    record = read_record(three / "good" / "record.json")
    command = "/home/anna/bin/hint eval --data /mnt/secret/labels --predictions=C:\\\\anna\\\\p.npz '/home/anna/x"
    provenance = record.provenance | {"command": command}
    fingerprint = record.fingerprint | {"weights": "/home/anna/weights.ckpt", "ratio": "w/h"}
    change_record(three / "good" / "record.json", provenance=provenance, fingerprint=fingerprint)
    assert build(three, "--out", tmp_path / "site").exit_code == 0
    page = (tmp_path / "site" / "methods" / "good.html").read_text()
    assert "hint eval --data labels --predictions=p.npz" in page
    assert "weights.ckpt" in page
    assert "w/h" in page
    assert not any(
        "anna" in path.read_text() or "secret" in path.read_text() for path in (tmp_path / "site").rglob("*.html")
    )


def test_each_ranked_record_has_a_badge_and_what_to_cite(
    tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]
) -> None:
    make_record(tmp_path / "r" / "hamer", make(12), 0.04, name="hamer", title="HaMeR")
    make_record(tmp_path / "r" / "own", make(12), 0.05, name="own", title="Own & <b>", paper="Me, arXiv 2401.00001")
    assert build(tmp_path / "r", "--out", tmp_path / "site").exit_code == 0
    for name in ("hamer", "own"):
        badge = ElementTree.parse(tmp_path / "site" / "badges" / name / "hint-v1-newdays.svg")
        text = "".join(badge.getroot().itertext())
        assert "New Days" in text
        assert "PCK@0.05" in text
    own = (tmp_path / "site" / "methods" / "own.html").read_text()
    assert 'href="https://arxiv.org/abs/2401.00001"' in own
    assert "title = {Own \\&amp; &lt;b&gt;}" in own
    assert "@inproceedings{pavlakos2024hamer" in (tmp_path / "site" / "methods" / "hamer.html").read_text()


def test_reported_rows_stand_apart_with_the_difference_to_our_run(
    tmp_path: Path,
    make: Callable[..., HandLabels],
    make_record: Callable[..., Record],
    change_record: Callable[..., Record],
) -> None:
    card = {"name": "hamer", "title": "HaMeR"}
    record = make_record(tmp_path / "r" / "hamer", make(20), 0.04, **card)
    data = record.data[0].model_copy(update={"expected_hands": 20})
    change_record(tmp_path / "r" / "hamer" / "record.json", data=(data,))
    build(tmp_path / "r", "--out", tmp_path / "part")
    assert '"ci">re-run' not in (tmp_path / "part" / "subsets" / "hint-v1-newdays.html").read_text(), (
        "20 hands are not the released set"
    )
    record = make_record(tmp_path / "w" / "hamer", make(1754), 0.04, **card)
    make_record(tmp_path / "w" / "given", make(1754), 0.04, 1, name="somebody's hamer", title="HaMeR")
    build(tmp_path / "w", "--out", tmp_path / "whole")
    front = (tmp_path / "whole" / "subsets" / "hint-v1-newdays.html").read_text()
    assert "Reported, not re-run" in front
    score = record.value("newdays", "all", "pck", 0.05)
    assert score is not None
    difference = f"{score.value - 49.4:+.1f}".replace("-", "\N{MINUS SIGN}")
    assert f'"ci">re-run {difference}<' in front, "the run of the toolkit, not the other one of that title"


def test_two_annotators_are_the_ceiling(three: Path, tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    labels = make(40)
    rng = np.random.default_rng(3)
    for name in ("anna", "ben"):
        noise = rng.normal(0, 2, labels.keypoints_2d.shape)
        moved = HandLabels(**{**vars(labels), "keypoints_2d": labels.keypoints_2d + noise})
        write_pairs(tmp_path / name / "TEST_newdays_img", moved)
    agreement = measure_agreement(tmp_path / "anna", tmp_path / "ben")
    write_agreement(tmp_path / "agreement.json", agreement)
    assert build(three, "--out", tmp_path / "site", "--agreement", tmp_path / "agreement.json").exit_code == 0
    (curve,) = [
        c
        for c in agreement.curves
        if c.visibility == "all" and (c.normaliser, c.aggregation[:4]) == ("box_longest_side", "mean")
    ]
    value = float(np.interp(0.05, curve.thresholds, curve.values))
    front = (tmp_path / "site" / "subsets" / "hint-v1-newdays.html").read_text()
    row = front[front.index('data-name="two annotators"') :]
    assert f">{value:.1f}<" in row[: row.index("</tr>")]
    assert "two annotators" in (tmp_path / "site" / "methods" / "good.html").read_text()


@pytest.fixture
def pink_ego4d(tmp_path: Path, make: Callable[..., HandLabels], make_record: Callable[..., Record]) -> Path:
    """Labels of New Days and Ego4D with pink pictures, and a record of them."""
    for seed, (folder, subset) in enumerate((("TEST_newdays_img", "newdays"), ("TEST_ego4d_img", "ego4d"))):
        labels = make(12, seed, subset)
        if subset == "ego4d":
            ids = np.array([EGO4D.format(k % 10, k // 10, k) for k in range(12)])
            labels = HandLabels(**{**vars(labels), "hand_id": ids, "is_right": np.ones(12, bool)})
        write_pairs(tmp_path / "root" / folder, labels)
        for hand in labels.hand_id.tolist():
            write_image(tmp_path / "root" / folder / f"{hand}.jpg", np.full((200, 240, 3), PINK, np.uint8))
    make_record(tmp_path / "r" / "m", read_labels(tmp_path / "root"), 0.05)
    return tmp_path


def pink(folder: Path) -> int:
    """Pictures of a site with pixels of the photographs."""
    tiles = [read_image(path) for path in sorted((folder / "pictures").iterdir())]
    return sum(bool((np.abs(tile.astype(int) - PINK).max(-1) < 30).mean() > 0.1) for tile in tiles)


def test_ego4d_pixels_are_only_in_a_local_site(pink_ego4d: Path) -> None:
    base = ("--data", pink_ego4d / "root")
    assert build(pink_ego4d / "r", "--out", pink_ego4d / "public", *base).exit_code == 0
    done = build(pink_ego4d / "r", "--out", pink_ego4d / "local", *base, "--local")
    assert "do not publish it" in done.stderr
    assert pink(pink_ego4d / "public") == 2 * 12, "labels and predictions of New Days"
    assert pink(pink_ego4d / "local") == 2 * 24
    check_pages(pink_ego4d / "public")
    assert "its licence keeps it" in (pink_ego4d / "public" / "gallery" / "m.html").read_text()


@pytest.mark.parametrize(
    ("hand", "subset", "expected"),
    [
        (EGO4D.format(1, 2, 3), "newdays", True),
        ("anything_l", "val_ego4d", True),
        ("anything_l", "TRAIN_Ego4D_mine", True),
        ("ND_abcdefghijk_frame000001_l", "newdays", False),
        ("anything_l", "epick", False),
    ],
)
def test_ego4d_is_known_by_name_or_subset(hand: str, subset: str, expected: bool) -> None:
    assert is_ego4d(hand, subset) is expected


def test_hands_without_a_picture_are_drawn_on_paper(make: Callable[..., HandLabels]) -> None:
    labels = make(2)
    pictures = Pictures(labels)
    hand = str(labels.hand_id[0])
    paths = {pictures.truth(hand), pictures.truth(hand), pictures.prediction(hand, None)}
    assert len(paths) == len(pictures.files) == 2, "equal pictures are stored once"
    assert not pictures.has_pixels(hand)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "no such file or folder"),
        ((".",), "record.json"),
        (("r", "--protocol", "x.toml"), "x.toml: no such file"),
        (("r", "--agreement", "none.json"), "none.json"),
        (("r", "--data", "none"), "none: no such file or folder"),
        (("r", "--manifest", "none.jsonl"), "none.jsonl"),
    ],
)
def test_bad_input_ends_in_one_line_and_no_site(
    three: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(three.parent)
    monkeypatch.setattr("sys.argv", ["hint", "leaderboard", "build", *arguments, "--out", "site"])
    with pytest.raises(SystemExit) as stopped:
        main()
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert error.startswith("hint: ")
    assert message in error
    assert error.count("\n") == 1
    assert [p.name for p in three.parent.iterdir()] == ["r"]


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_text_has_enough_contrast_in_both_modes() -> None:
    css = files("leaderboard.site").joinpath("static", "site.css").read_text()
    colours = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", css)}
    assert len(colours) == 18
    for mode in (0, 1):
        for ink in ("ink", "soft", "link", "win", "loss"):
            for paper in ("paper", "panel"):
                assert contrast(colours[ink][mode], colours[paper][mode]) >= 4.5, (ink, paper, mode)
        for ink, paper in (("ink", "mark"), ("soft", "mark"), ("warn", "warnpaper"), ("ink", "warnpaper")):
            assert contrast(colours[ink][mode], colours[paper][mode]) >= 4.5, (ink, paper, mode)
        for line in ("c0", "c1", "c2", "c3", "c4", "c5", "human"):
            assert contrast(colours[line][mode], colours["paper"][mode]) >= 3, (line, mode)


def test_a_gallery_shows_different_clips_first() -> None:
    clips = np.array(["a", "a", "b", "b", "c", "a", "d", "e", "f", "g"])
    assert different_clips(np.arange(10), clips).tolist() == [0, 2, 4, 6, 7, 8]
    assert different_clips(np.arange(5)[::-1], clips).tolist() == [4, 3, 2, 1, 0], "too few clips for a page"
