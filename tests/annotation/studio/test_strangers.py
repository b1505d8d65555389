"""Whatever strangers wrote into a project, an export or a folder: nothing leaves its folder, nothing is a traceback."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from command import error, hint

from annotation.prelabel.guess import Thresholds
from annotation.studio.address import Address
from annotation.studio.answer import read_answer
from annotation.studio.answers import Broken
from annotation.studio.backend import app as backend_app
from annotation.studio.backend.frames import Frames
from annotation.studio.backend.predictor import Predictor
from annotation.studio.client import Studio
from annotation.studio.config import COMMENT, STATUS
from annotation.studio.known import key_of, mark
from annotation.studio.pull import annotator_folder
from annotation.studio.push import task_of
from annotation.studio.task import read_task, results, task_data
from annotation.studio.work import Annotation
from hint.errors import InputError
from hint.files.claim import claimed
from hint.files.manifest import SampledHand, read_manifest
from hint.methods.table import create
from hint.types import MethodOptions


@pytest.fixture
def hands(draw_sample: Callable[..., Any], tmp_path: Path) -> list[SampledHand]:
    """Three hands; their manifest is ``tmp_path/TRAIN_newdays_img.jsonl``."""
    return read_manifest(draw_sample(tmp_path, 3).manifest)


def exported(hands: list[SampledHand], k: int = 0) -> dict[str, Any]:
    """A task of hint, labelled, as the server exports it."""
    task = task_of(hands[k], None, 0.5)
    labels = results(task)
    for part in labels:
        part["value"]["x"] = min(part["value"]["x"] + 1, 99)
    data = json.loads(json.dumps(task_data(hands[k].hand_id, "/data/upload/1/a.jpg", task)))
    return {
        "id": k + 1,
        "data": data,
        "annotations": [{"id": k + 1, "completed_by": 1, "result": labels}],
        "project": 1,
    }


CHANGES: dict[str, tuple[str, Any]] = {
    "a hand that climbs": ("hand_id", "../../../evil_r"),
    "a hand at the root": ("hand_id", "/tmp/evil_r"),
    "a hand of another system": ("hand_id", "..\\evil_r"),
    "a hand that speaks to the terminal": ("hand_id", "\x1b[31m_r"),
    "a hand that no disk can hold": ("hand_id", "x" * 300 + "_r"),
    "a hand without a name": ("hand_id", ""),
    "a folder above": ("hint.folder", ".."),
    "a picture at the root": ("hint.image", "/etc/passwd"),
    "a picture above": ("hint.image", "TRAIN_newdays_img/../../a.jpg"),
    "a part without area": ("hint.crop", [0, 0, 0, 5]),
    "a picture without pixels": ("hint.shown", [0, 0]),
    "a box that is not a number": ("hint.box_xyxy", [float("nan")] * 4),
    "a mean pose beyond numbers": ("hint.mean_pose", [[float("inf")] * 2] * 21),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_task_that_somebody_changed_is_not_read(change: str, hands: list[SampledHand]) -> None:
    data = exported(hands)["data"]
    assert read_task(data)[0] == hands[0].hand_id
    key, value = CHANGES[change]
    place = data["hint"] if key.startswith("hint.") else data
    place[key.removeprefix("hint.")] = value
    with pytest.raises(ValueError, match="its data was changed"):
        read_task(data)


def test_a_mark_that_names_another_file_makes_no_honeypot(hands: list[SampledHand]) -> None:
    _, task = read_task(exported(hands)["data"])
    name = hands[0].hand_id
    for key, is_one in (("0123456789abcdef" * 2, True), ("../" * 8 + "etc/pass", False), ("", False)):
        marked = task.model_copy(update={"image_sha256": mark(name, key)})
        assert (key_of(name, marked) == key) is is_one


def point(**value: Any) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda result: result[1]["value"].update(value)


ODD: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "a list as a joint": point(keypointlabels=[["wrist"]]),
    "a number as joints": point(keypointlabels=5),
    "a text as joints": point(keypointlabels="wrist"),
    "a number too large": point(x=10**400),
    "a position that is no number": point(x=float("nan")),
    "a list as a size": lambda result: result[1].update(original_width=[1]),
    "values that are a text": lambda result: result[1].update(value="x"),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_label_that_no_page_makes_is_broken(odd: str, hands: list[SampledHand]) -> None:
    row = exported(hands)
    _, task = read_task(row["data"])
    result = row["annotations"][0]["result"]
    assert read_answer(task, result)[1] == {}
    ODD[odd](result)
    answer, problems = read_answer(task, result)
    assert problems
    assert answer.keypoints is None
    assert str(Broken(Annotation(1, 1, "a_l", "ann", "", "", "", None, result), problems))


@pytest.mark.parametrize("value", [5, [5], {"a": 1}, [["x"]], None])
def test_what_is_no_text_says_nothing_of_the_hand(value: Any, hands: list[SampledHand]) -> None:
    row = exported(hands)
    _, task = read_task(row["data"])
    odd = [{"from_name": STATUS, "value": {"choices": value}}, {"from_name": COMMENT, "value": {"text": value}}]
    answer, problems = read_answer(
        task, [*row["annotations"][0]["result"], *odd, {"from_name": STATUS, "value": value}]
    )
    assert (answer.usable, answer.comment, problems) == (True, "", {})


@pytest.mark.parametrize(
    ("url", "token"),
    [
        *(
            (url, "t")
            for url in ("http://[::1", "http://a:99999", "ftp://a", "http://", "http://ann:secret@a", "http://a?b")
        ),
        *(("http://a", token) for token in ("a\nb", "\u2603")),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url: str, token: str) -> None:
    with pytest.raises(InputError) as refused:
        Address(url, token)
    assert "secret" not in str(refused.value)


BAD_ROWS: tuple[dict[str, Any], ...] = (
    *({"id": value} for value in ("x", None, [1])),
    *({"annotations": value} for value in ([5], [[]], [{"id": "x", "result": []}], [{"result": []}])),
    *({"annotations": [{"id": 9, "result": value}]} for value in (5, "x", [5], [[1]])),
    {"annotations": [{"id": 9, "result": [], "lead_time": "x"}]},
    {"drafts": 5},
)


def test_an_import_takes_what_is_sound_and_names_the_rest(hands: list[SampledHand], tmp_path: Path) -> None:
    bad = [{**exported(hands), **change} for change in BAD_ROWS]
    for key, value in CHANGES.values():
        row = exported(hands)
        (row["data"]["hint"] if key.startswith("hint.") else row["data"])[key.removeprefix("hint.")] = value
        bad.append(row)
    twins = [copy.deepcopy(exported(hands, 1)["annotations"][0]) | {"id": n, "completed_by": n} for n in (7, 8)]
    good = {**exported(hands, 1), "annotations": twins}
    (tmp_path / "export.json").write_text(json.dumps([*bad, good]))
    before = sorted(tmp_path.rglob("*"))
    people = ["--person", "7=a/b@example.com", "--person", "8=a_b@example.com"]
    done = hint("studio", "import", tmp_path / "export.json", "--out", tmp_path / "out", *people, code=1)
    written = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert all(path.is_relative_to(tmp_path / "out") for path in written)
    labels = [path for path in written if path.name == f"{hands[1].hand_id}.json"]
    assert len(labels) == 2, "people whose names are alike have folders of their own"
    assert not any("evil" in path.name for path in written)
    told = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert sum("left out" in line for line in told) >= 5
    assert annotator_folder("ann@example.com") == "ann@example.com"


def test_a_folder_that_somebody_prepared_moves_no_other_files(hands: list[SampledHand], tmp_path: Path) -> None:
    export, out, victim = tmp_path / "export.json", tmp_path / "out", tmp_path / "victim.txt"
    export.write_text(json.dumps([exported(hands, 1)]))
    hint("studio", "import", export, "--out", out)
    victim.write_text("precious")
    record = json.loads((out / "pull.json").read_text())
    for name in ("../victim.txt", str(victim)):
        (out / "pull.json").write_text(json.dumps({**record, "files": [*record["files"], name]}))
        assert "pull.json" in error(hint("studio", "import", export, "--out", out, code=2))
        (out / "pull.json").write_text(json.dumps(record))
        (out / "unfinished.json").write_text(json.dumps({"project": record["identity"], "files": [name]}))
        assert "unfinished.json" in error(hint("studio", "import", export, "--out", out, code=2))
        (out / "unfinished.json").unlink()
    assert victim.read_text() == "precious"
    with claimed(out):
        assert "another run" in error(hint("studio", "import", export, "--out", out, code=2))
    for damage in ("{", "[5]", "[{}]"):
        (out / "raw.json").write_text(damage)
        hint("studio", "import", export, "--out", out)
        assert any(path.read_text() == damage for path in out.glob("earlier/*/raw.json"))


def ask(app: Any, requests: list[dict[str, Any]], password: str = "secret") -> list[httpx.Response]:
    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ml", auth=("hint", password)) as client:
            return [await client.request("POST", "/predict", **request) for request in requests]

    return asyncio.run(send())


def test_the_backend_answers_nonsense_in_one_line_and_reads_no_other_files(
    hands: list[SampledHand], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    method = create("box-centre", MethodOptions())
    nowhere = Studio(Address("http://127.0.0.1:9", "token-of-nobody"))
    app = backend_app.make_app(Predictor(method, Frames(nowhere, []), Thresholds(), told.append), "secret")
    box = {"x": 1, "y": 2, "width": 10, "height": 10}
    odd_boxes = [{**box, "y": float("nan")}, {**box, "x": 10**400}, {**box, "width": 0}, [1], "x", None]
    contexts = [{"result": [{"type": "rectangle", "value": value}]} for value in odd_boxes]
    bodies = [{"tasks": [], "params": {"context": context}} for context in (*contexts, 5, {"result": 5})]
    odd = [*bodies, {"tasks": 5}, {"tasks": [5]}, [], 5]
    requests: list[dict[str, Any]] = [{"content": json.dumps(body)} for body in odd]
    requests += [{"content": content} for content in (b"{", b"[" * 200_000, b"\xff\xfe")]
    for answer in ask(app, requests):
        assert (answer.status_code, list(answer.json())) == (400, ["error"])

    row = exported(hands)
    addresses = ["file:///etc/passwd", "http://169.254.169.254/latest", "//evil/data/a.jpg", "/etc/passwd"]
    addresses += ["/data/../api/current-user/token", "/data/local-files/?d=%2e%2e/%2e%2e/etc/passwd", "/data/..%2fapi"]
    tasks = [{"id": 1, "data": {**row["data"], "image": address}} for address in addresses]
    tasks += [{"id": 2, "data": value} for value in (5, None, [], {"hint": 5})]
    (answer,) = ask(app, [{"content": json.dumps({"tasks": tasks, "params": []})}])
    assert answer.json() == {"results": [[]] * len(tasks)}
    assert sum("not on the server" in line for line in told) == len(addresses)
    assert len(told) == len(tasks)
    assert not any("token-of-nobody" in line for line in told)

    monkeypatch.setattr(backend_app, "_LARGEST", 1000)
    assert ask(app, [{"content": b" " * 1001}])[0].status_code == 400
    assert ask(app, [{"content": b"{}"}], password="guess")[0].status_code == 401
