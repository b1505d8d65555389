"""``hint studio push`` against a real server."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import numpy as np
import pytest
from command import error
from PIL import Image

from annotation.studio.config import GUIDELINES, label_config, signed
from annotation.studio.task import from_percent
from hint.files import read_predictions, write_predictions
from hint.images import read_image
from hint.skeleton import JOINT_NAMES
from hint.types import Predictions


def push(server: Any, sample: Any, project: str, *more: object, code: int = 0) -> Any:
    options = ("--predictions", sample.predictions, "--project", project)
    return server.hint("studio", "push", sample.manifest, *options, *more, code=code)


def tasks_of(server: Any, title: str) -> list[dict[str, Any]]:
    """What the SDK itself says is there."""
    api = server.client().api
    project = next(p for p in api.projects.list(page_size=1000).items if p.title == title)
    return [task.model_dump() for task in api.tasks.list(project=project.id, page_size=1000, fields="all").items]


@pytest.fixture(scope="module")
def pushed(server: Any, draw_sample: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    sample = draw_sample(tmp_path_factory.mktemp("three_hundred"), 300, seed=3)
    done = push(server, sample, "three hundred", "--json")
    assert json.loads(done.stdout)["added"] == 300
    return sample


def test_300_hands_arrive_with_their_predictions(server: Any, pushed: Any) -> None:
    tasks = tasks_of(server, "three hundred")
    assert sorted(task["data"]["hand_id"] for task in tasks) == pushed.ids
    row = {hand_id: k for k, hand_id in enumerate(pushed.ids)}
    for task in tasks:
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "guess"
        found = prediction["result"]
        assert [one["id"] for one in found] == [f"kp{k:02d}" for k in range(21) for _ in range(2)]
        assert [one["from_name"] for one in found] == ["state", "kp"] * 21
        assert all(one["value"]["width"] == 0.5 for one in found)
        assert [one["value"]["keypointlabels"] for one in found[1::2]] == [[name] for name in JOINT_NAMES]
        k = row[task["data"]["hand_id"]]
        exists, hidden = pushed.labels.existence[k], pushed.labels.occlusion[k]
        states = np.where(exists, np.where(hidden, "occluded", ""), "out_of_frame")
        assert ["".join(one["value"]["labels"]) for one in found[::2]] == states.tolist()
        percent = np.array([[one["value"]["x"], one["value"]["y"]] for one in found[::2]])
        assert (percent >= 0).all()
        assert (percent <= 100).all()
        points = from_percent(percent, task["data"]["hint"]["crop"])
        np.testing.assert_allclose(points[exists], pushed.labels.keypoints_2d[k][exists], atol=1e-4)
    project = next(p for p in server.client().projects() if p.title == "three hundred")
    assert server.client().project(project.id).model_version == "guess"


def test_pushing_again_does_nothing_and_says_so(server: Any, pushed: Any) -> None:
    before = tasks_of(server, "three hundred")
    done = push(server, pushed, "three hundred")
    assert done.stdout.startswith("nothing to do: all 300 hands are in 'three hundred'")
    assert_unchanged(tasks_of(server, "three hundred"), before)


def assert_unchanged(tasks: list[dict[str, Any]], before: list[dict[str, Any]]) -> None:
    """Compare tasks one by one, but for the age of their predictions in words, which grows by itself."""
    for now, was in zip(tasks, before, strict=True):
        for task in (now, was):
            task["predictions"] = [(one["id"], one["model_version"], one["result"]) for one in task["predictions"]]
        assert now == was


def test_pictures_are_shown_to_those_who_are_logged_in(server: Any, pushed: Any) -> None:
    task = tasks_of(server, "three hundred")[0]
    address = server.url + task["data"]["image"]
    assert httpx.get(address, trust_env=False).status_code == 401
    answer = server.client().http.get(address)
    assert answer.status_code == 200
    file = server.data / "pictures" / unquote(address.partition("?d=")[2])
    assert answer.content == file.read_bytes()
    height, width = read_image(file).shape[:2]
    assert [width, height] == task["data"]["hint"]["shown"]


def test_a_missing_picture_is_restored(server: Any, sample: Any) -> None:
    push(server, sample, "gone pictures")
    project = next(p for p in server.client().projects() if p.title == "gone pictures")
    file = server.data / "pictures" / f"project-{project.id}" / f"{sample.ids[0]}.jpg"
    before = file.read_bytes()
    file.unlink()
    assert "1 missing picture restored" in push(server, sample, "gone pictures", "--margin", 3).stderr
    assert file.read_bytes() == before


def test_predictions_may_come_later(server: Any, sample: Any) -> None:
    server.hint("studio", "push", sample.manifest, "--project", "bare first")
    for task in tasks_of(server, "bare first"):
        assert [one["model_version"] for one in task["predictions"]] == ["mean-pose"]
        assert task["data"]["start"] == "MEAN POSE, not a prediction: place all 21 points"
    assert server.client().find("bare first").model_version == "mean-pose"
    some = read_predictions(sample.predictions)
    points = some.keypoints_2d.copy()
    points[3, 7] = np.nan
    write_predictions(sample.predictions, Predictions(some.hand_id, points, meta={"method": "hamer"}))
    done = push(server, sample, "bare first")
    assert f"1 hand without a complete prediction, so with the mean pose instead: {sample.ids[3]}" in done.stderr
    found = {task["data"]["hand_id"]: task for task in tasks_of(server, "bare first")}
    for task in found.values():
        assert sorted(one["model_version"] for one in task["predictions"]) == ["hamer", "mean-pose"]
    assert server.client().find("bare first").model_version == "hamer", "annotators see one version only"
    assert found[sample.ids[3]]["data"]["start"].startswith("MEAN POSE")
    assert found[sample.ids[0]]["data"]["start"] == "points predicted by hamer"
    assert found[sample.ids[0]]["data"]["hint"]["guess"]["version"] == "hamer"
    again = server.hint("studio", "push", sample.manifest, "--project", "bare first")
    assert again.stdout.startswith("nothing to do")
    inside = ((points[0] >= 0) & (points[0] < (200, 150))).all(1)
    assert found[sample.ids[0]]["data"]["hint"]["guess"]["existence"] == inside.tolist()


def test_existing_tasks_are_never_changed(server: Any, sample: Any) -> None:
    push(server, sample, "unchanged")
    before = tasks_of(server, "unchanged")
    moved = read_predictions(sample.predictions)
    write_predictions(sample.predictions, Predictions(moved.hand_id, moved.keypoints_2d + 1))
    message = error(push(server, sample, "unchanged", code=2))
    assert "project 'unchanged' contains 12 hands with other initial points" in message
    renamed = sample.predictions.with_name("other.npz")
    shutil.copy(sample.predictions, renamed)
    fresh = sample.manifest.with_name("more.jsonl")
    lines = sample.manifest.read_text().splitlines()
    fresh.write_text(lines[0].replace(sample.ids[0], "ND_000video999_frame000000_l") + "\n")
    (sample.folder / "TRAIN_newdays_img" / "ND_000video999_frame000000_l.jpg").write_bytes(
        (sample.folder / "TRAIN_newdays_img" / f"{sample.ids[0]}.jpg").read_bytes()
    )
    write_predictions(renamed, Predictions(np.array(["ND_000video999_frame000000_l"]), moved.keypoints_2d[:1]))
    done = server.hint("studio", "push", fresh, "--predictions", renamed, "--project", "unchanged", code=2)
    assert "contains predictions of guess, not of other" in error(done)
    assert_unchanged(tasks_of(server, "unchanged"), before)


def test_doubles_can_be_shown_without_points_in_a_project_of_their_own(
    server: Any, sample: Any, tmp_path: Path
) -> None:
    push(server, sample, "with points")
    listing = tmp_path / "doubles.txt"
    server.hint("studio", "double", 3, "--project", "with points", "--list", listing)
    ids = listing.read_text().split()
    server.hint("studio", "push", sample.manifest, "--hands", listing, "--project", "blind")
    server.hint("studio", "double", 3, "--project", "blind")
    tasks = tasks_of(server, "blind")
    assert sorted(task["data"]["hand_id"] for task in tasks) == sorted(ids)
    assert [(task["data"]["start"][:9], task["overlap"]) for task in tasks] == [("MEAN POSE", 2)] * 3
    listing.write_text("nobody_l\n")
    refused = server.hint("studio", "push", sample.manifest, "--hands", listing, "--project", "blind", code=2)
    assert f"lacks 1 hands of {listing}: nobody_l" in error(refused)


def test_another_picture_than_the_sampled_one_is_refused(server: Any, sample: Any) -> None:
    picture = sample.folder / "TRAIN_newdays_img" / f"{sample.ids[5]}.jpg"
    Image.fromarray(read_image(picture)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(picture)
    assert "is not the picture that was sampled" in error(push(server, sample, "other pictures", code=2))
    assert tasks_of(server, "other pictures") == []


def test_a_changed_configuration_is_refused(server: Any, sample: Any) -> None:
    push(server, sample, "changed config")
    studio = server.client()
    project = studio.find("changed config")
    changed = project.label_config.replace("out_of_frame", "gone")
    studio.api.projects.update(id=project.id, label_config=changed)
    assert "the labelling configuration of project 'changed config' was changed" in error(
        push(server, sample, "changed config", code=2)
    )
    done = server.hint("studio", "pull", "--project", "changed config", "--out", sample.folder / "out", code=2)
    assert "joints, states or choices were renamed" in error(done)


def test_pushing_again_brings_the_page_up_to_date(server: Any, sample: Any) -> None:
    push(server, sample, "older page")
    studio = server.client()
    project = studio.find("older page").id
    older = signed(label_config().partition("<!--")[0].replace("State of a point", "Points"))
    studio.change_page(project, older, "older guidelines")
    assert push(server, sample, "older page").stdout.startswith("nothing to do")
    headers = {"Authorization": f"Token {server.login['token']}"}
    shown = studio.http.get(f"{server.url}/api/projects/{project}/", headers=headers).json()
    assert (shown["label_config"], shown["expert_instruction"]) == (label_config().strip(), GUIDELINES)


def test_pictures_can_be_uploaded(server: Any, sample: Any) -> None:
    push(server, sample, "uploaded", "--upload")
    tasks = tasks_of(server, "uploaded")
    addresses = [task["data"]["image"] for task in tasks]
    assert all(address.startswith("/data/upload/") for address in addresses)
    studio = server.client()
    for task in tasks[:3]:
        content = studio.http.get(server.url + task["data"]["image"]).content
        (sample.folder / "back.jpg").write_bytes(content)
        height, width = read_image(sample.folder / "back.jpg").shape[:2]
        assert [width, height] == task["data"]["hint"]["shown"]
    assert push(server, sample, "uploaded", "--upload").stdout.startswith("nothing to do")


def test_one_pusher_at_a_time(server: Any, draw_sample: Callable[..., Any], tmp_path: Path) -> None:
    sample = draw_sample(tmp_path, 600, seed=4)
    arguments = ("studio", "push", sample.manifest, "--predictions", sample.predictions, "--project", "two pushers")
    both = [server.begin(*arguments) for _ in range(2)]
    message = [process.communicate(timeout=300)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert sum("another push to 'two pushers' is running" in text for text in message) == 1
    assert Counter(task["data"]["hand_id"] for task in tasks_of(server, "two pushers")) == Counter(sample.ids)


def test_a_wrong_token_is_one_line(server: Any, sample: Any) -> None:
    for command in (
        ("push", sample.manifest, "--project", "wrong token"),
        ("pull", "--project", "wrong token", "--out", sample.folder / "out"),
        ("status", "--project", "wrong token"),
        ("double", 3, "--project", "wrong token"),
    ):
        done = server.hint("studio", *command, HINT_STUDIO_TOKEN="0" * 40, code=2)
        assert f"{server.url} rejected the token (401)" in error(done)
    assert not (sample.folder / "out").exists()


def test_a_server_that_is_down_is_one_line(server: Any, sample: Any) -> None:
    where = ("--url", "http://127.0.0.1:9")
    token = {"HINT_STUDIO_TOKEN": "x"}
    done = server.hint("studio", "push", sample.manifest, "--project", "nobody", "--upload", *where, code=1, **token)
    assert "no answer from http://127.0.0.1:9" in error(done)
    assert "is the server running?" in error(done)
    done = server.hint("studio", "pull", "--project", "nobody", "--out", sample.folder / "out", *where, code=1, **token)
    assert "no answer from http://127.0.0.1:9" in error(done)


def test_without_a_server_it_says_how_to_get_one(server: Any, sample: Any, tmp_path: Path) -> None:
    done = server.hint("studio", "status", HINT_HOME=str(tmp_path / "home"), code=3)
    assert "start one with hint studio serve" in error(done)
    done = server.hint("studio", "status", "--url", "localhost:8089", code=2, HINT_STUDIO_TOKEN="x")
    assert "is not a server address" in error(done)


@contextmanager
def answering(status: int, body: bytes, seconds: float = 0, kind: str = "text/html") -> Iterator[str]:
    """A server that is no Label Studio."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    other.daemon_threads = True
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{other.server_port}"
    finally:
        other.shutdown()
        other.server_close()


@pytest.mark.parametrize(
    ("answer", "options", "message"),
    [
        ((200, b"<html>hello</html>"), (), "answered with a web page (200), not JSON"),
        ((404, b"<html>hello</html>"), (), "answered with a web page (404), not JSON"),
        ((502, b"<html>Bad Gateway</html>"), (), "failed (502: a web page)"),
        ((200, b'{"id": 5', 0, "application/json"), (), "did not answer like Label Studio 1.23"),
        ((200, b"{}", 5), ("--timeout", 1), "did not answer in time"),
    ],
    ids=["web page", "web page, 404", "bad gateway", "cut JSON", "slow"],
)
def test_other_servers_are_one_line(
    server: Any, sample: Any, answer: tuple[Any, ...], options: tuple[object, ...], message: str
) -> None:
    with answering(*answer) as url:
        where = ("--upload", "--url", url, *options)
        pushed = ("studio", "push", sample.manifest, "--project", "other")
        done = server.hint(*pushed, *where, code=1, HINT_STUDIO_TOKEN="x")
    assert message in error(done)


def test_what_cannot_be_pushed_is_reported(server: Any, sample: Any) -> None:
    assert "names of 3 to 50 characters" in error(push(server, sample, "ab", code=2))
    assert "not both" in error(push(server, sample, "both", "--upload", "--served", sample.folder, code=2))
    (sample.folder / "token").write_text("x\n")
    where = ("--url", "http://127.0.0.2:9", "--token-file", sample.folder / "token")
    assert "choose --upload or --served DIR" in error(push(server, sample, "where", *where, code=2))
    done = server.hint("studio", "pull", "--project", "never pushed", "--out", sample.folder / "out", code=2)
    assert "has no project 'never pushed'" in error(done)
