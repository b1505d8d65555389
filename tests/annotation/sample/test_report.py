import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import hint

from annotation.sample.examples import SIDE, examples
from annotation.sample.policy import load_policy
from annotation.sample.report import compare_manifest, write_report
from annotation.sample.summary import summary_path
from annotation.sample.write import SampleOptions, candidates, write_sample
from hint.errors import InputError
from hint.files.manifest import read_manifest, write_manifest
from hint.images import read_image, write_image
from hint.sources import LeftOut, Pool, SourceHand

Make = Callable[..., Path]


@pytest.fixture
def make(hands: Callable[..., list[SourceHand]], tmp_path: Path) -> Make:
    """The function that draws a sample of made-up hands and returns its manifest."""
    root = tmp_path / "root"

    def draw(split: str, n: int, policy: str = "paper-v1", out: str = "out") -> Path:
        listed = hands(11, n_videos=400)
        left_out = LeftOut()
        left_out.add("second hand of the same side", "ND_a_l")
        pool = Pool(listed, left_out, (), root)
        options = SampleOptions("newdays", split, False, 0, load_policy(policy), tmp_path / out)
        found = candidates(options, pool)
        write_image(root / "one.jpg", read_image(_blank(root)))
        for hand in listed:
            path = root / hand.file
            path.parent.mkdir(exist_ok=True)
            if not path.exists():
                path.hardlink_to(root / "one.jpg")
        return write_sample(options, pool, found, n)

    return draw


def _blank(root: Path) -> Path:
    write_image(root / "blank.png", np.full((600, 800, 3), 90, np.uint8))
    return root / "blank.png"


class Page(HTMLParser):
    """Texts of cells, sources of pictures, names of tags."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.pictures: list[str] = []
        self.open: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        if tag == "img":
            self.pictures.append(dict(attrs)["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        while self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_a_page_needs_no_other_file(make: Make, tmp_path: Path) -> None:
    reports = [compare_manifest(make("test", 60)), compare_manifest(make("train", 60))]
    write_report(tmp_path / "page.html", reports)
    page = Page((tmp_path / "page.html").read_text())
    picture = base64.b64decode(page.pictures[0].removeprefix("data:image/png;base64,"))
    assert picture == (tmp_path / "page.png").read_bytes()
    height, width, _ = read_image(tmp_path / "page.png").shape
    assert width > height > 500
    assert len(page.pictures) == 1 + 12 + 12
    assert all(source.startswith("data:image/jpeg;base64,/9j/") for source in page.pictures[1:])
    assert page.cells.count("kept") + page.cells.count("differs") + page.cells.count("-") == 12
    assert "script" not in page.tags
    assert not re.search(r'(src|href)="(?!data:)', (tmp_path / "page.html").read_text())


def test_examples_show_the_box_where_it_is(make: Make) -> None:
    """The made-up pictures are grey all over; what is not grey is the box."""
    manifest = make("val", 20)
    hand = read_manifest(manifest)[0]
    example = examples(manifest, [hand])[0]
    image = cv2.imdecode(np.frombuffer(example.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
    inside = image.min(axis=2) > 40  # black is outside the picture
    drawn = (image[:, :, 2] - image[:, :, 0] > 60) & inside
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    assert hand.box_xyxy is not None
    x1, y1, x2, y2 = hand.box_xyxy
    scale = SIDE / (2.2 * max(x2 - x1, y2 - y1))
    assert np.ptp(columns) == pytest.approx((x2 - x1) * scale, abs=4)
    assert np.ptp(rows) == pytest.approx((y2 - y1) * scale, abs=4)
    assert example.caption.startswith(hand.side)


def test_missing_pictures_are_not_examples(make: Make) -> None:
    manifest = make("val", 3)
    (manifest.parent / read_manifest(manifest)[1].image).unlink()
    assert len(compare_manifest(manifest).examples) == 2


def test_the_same_sample_gives_the_same_page(make: Make, tmp_path: Path) -> None:
    report = compare_manifest(make("val", 40))
    for name in ("a", "b"):
        write_report(tmp_path / f"{name}.html", [report])
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_only_the_random_part_is_compared_with_the_pool(make: Make) -> None:
    report = compare_manifest(make("train", 200))
    assert report.tested == "random"
    assert report.sample["interaction"]["hand_object"] > 100 * report.summary.pool["interaction"]["hand_object"] / 1000
    assert {verdict for _, verdict in report.verdicts()} <= {"kept", "-"}


FORCED = '[VAL_newdays_img]\nstrata = [{ name = "right", share = 1.0, where = { side = ["right"] } }]\n'


def test_a_sample_of_conditions_alone_gets_no_verdict(make: Make, tmp_path: Path) -> None:
    (tmp_path / "forced.toml").write_text(f'id = "<script>alert(1)</script>"\ntitle = "x"\n{FORCED}')
    report = compare_manifest(make("val", 30, str(tmp_path / "forced.toml")))
    assert (report.tested, report.comparisons) == ("", [])
    write_report(tmp_path / "page.html", [report])
    content = (tmp_path / "page.html").read_text()
    assert "Every stratum has conditions" in content
    assert "<script>" not in content
    assert "&lt;script&gt;" in content


def test_a_manipulated_sample_differs(make: Make) -> None:
    manifest = make("test", 200)
    write_manifest(manifest, [hand.model_copy(update={"side": "left"}) for hand in read_manifest(manifest)])
    report = compare_manifest(manifest)
    verdicts = dict(zip((c.feature for c in report.comparisons), (v for _, v in report.verdicts()), strict=True))
    assert verdicts["side"] == "differs"
    assert verdicts["contact"] == "kept"


def test_manifest_and_summary_must_belong_together(make: Make) -> None:
    manifest, other = make("test", 30), make("val", 30)
    summary_path(manifest).write_bytes(summary_path(other).read_bytes())
    with pytest.raises(InputError, match="belong to different samples"):
        compare_manifest(manifest)
    summary_path(manifest).write_text("{}")
    with pytest.raises(InputError, match="is not the summary of a sample"):
        compare_manifest(manifest)
    summary_path(manifest).unlink()
    with pytest.raises(InputError, match="hint sample writes this file beside the manifest"):
        compare_manifest(manifest)


def test_the_command_prints_a_table_or_json(make: Make, tmp_path: Path) -> None:
    manifests = [str(make("test", 40)), str(make("train", 40))]
    done = hint("sample", "report", *manifests)
    assert "TEST_newdays_img, 40 hands of" in done.stdout
    assert "hand position" in done.stdout
    assert done.stdout.count("second hand of the same side  1\n") == 2
    assert (tmp_path / "out" / "TEST_newdays_img.html").is_file()
    options = ("--json", "--out", tmp_path / "elsewhere.html")
    found = json.loads(hint("sample", "report", *manifests, *options).stdout)
    assert [one["hands"] for one in found] == [40, 40]
    assert (tmp_path / "elsewhere.png").is_file()


def test_a_manifest_cannot_name_pictures_elsewhere(make: Make) -> None:
    manifest = make("val", 10)
    content = manifest.read_text()
    for place in ("/etc/passwd", "../x.jpg", "a/../../x.jpg"):
        manifest.write_text(re.sub(r'"image":"[^"]*"', f'"image":"{place}"', content, count=1))
        with pytest.raises(InputError, match=r"line 1 \(image: .* must lie below the manifest"):
            read_manifest(manifest)
