"""A real Label Studio, one per session; each test uses projects of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from command import HINT, hint
from sampled_hands import line_of

from annotation.studio.address import Address
from annotation.studio.client import Studio
from hint.files import write_predictions
from hint.files.manifest import write_manifest
from hint.images import write_image
from hint.provenance import sha256_file
from hint.types import HandLabels, Predictions

#: Made by ``make test``, of the release the toolkit installs; no test installs anything.
LABEL_STUDIO = Path(__file__).resolve().parents[3] / ".label-studio"
SIZE = (200, 150)


@dataclass
class Server:
    """``hint studio serve``, as a person starts it."""

    home: Path
    port: int
    extra: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {"HINT_HOME": str(self.home), "HINT_LABEL_STUDIO": str(LABEL_STUDIO)}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HINT_STUDIO")}
        return {**kept, **own}

    @property
    def login(self) -> dict[str, Any]:
        return json.loads((self.home / "label-studio" / "server.json").read_text())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.home / "label-studio" / "data"

    def start(self) -> list[str]:
        command = [str(HINT), "studio", "serve", "--port", str(self.port), *self.extra]
        with (self.home / "serve.err").open("w") as remarks:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.PIPE, stderr=remarks, text=True
            )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().strip() for _ in range(2)]
        assert lines[0].startswith("address"), (self.home / "serve.err").read_text()
        return lines

    def kill(self) -> None:
        """kill -9 of the server itself, as if the machine had taken it."""
        assert self.process is not None
        os.kill(self.login["pid"], signal.SIGKILL)
        assert self.process.wait(30) == 1

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(40)

    def hint(self, *arguments: object, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        return hint(*arguments, code=code, **{**self.environment, **more})

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(HINT), *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def client(self, token: str | None = None) -> Studio:
        return Studio(Address(self.url, token or self.login["token"]), timeout=120)

    def sign_up(self, email: str) -> str:
        """Invite somebody, sign up as that person, return the token."""
        invite = httpx.get(f"{self.url}/api/invite", headers={"Authorization": f"Token {self.login['token']}"})
        link = f"{self.url}{invite.json()['invite_url']}"
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as browser:
            form = browser.get(link)
            csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
            assert csrf is not None, form.text[:500]
            fields = {"csrfmiddlewaretoken": csrf[1], "email": email, "password": "a-long-password"}
            browser.post(link, data=fields, headers={"Referer": link})
            return str(browser.get(f"{self.url}/api/current-user/token").json()["token"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def label_studio() -> Path:
    """The environment with Label Studio."""
    if not (LABEL_STUDIO / ".ready").is_file():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "Label Studio is not installed: make .label-studio/.ready"
        )
    return LABEL_STUDIO


@pytest.fixture(scope="session")
def server(label_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one server of the session; its data folder goes with the session's other temporary folders."""
    running = Server(tmp_path_factory.mktemp("studio_home"), free_port())
    try:
        running.start()
        yield running
    finally:
        if running.process is not None and running.process.poll() is None:
            assert running.stop(signal.SIGTERM) == 0


@dataclass
class Sample:
    """A manifest of drawn hands with their true labels, and predictions that are these labels."""

    folder: Path
    manifest: Path
    predictions: Path
    labels: HandLabels
    ids: list[str] = field(default_factory=list)


def make_sample(folder: Path, n: int = 12, seed: int = 0, size: tuple[int, int] = SIZE) -> Sample:
    """Draw n hands, points of some of them beyond the frame; all pictures show the same noise."""
    rng = np.random.default_rng(seed)
    pictures = folder / "TRAIN_newdays_img"
    ids = [f"ND_{seed:03d}video{k // 2:03d}_frame{k:06d}_{'lr'[k % 2]}" for k in range(n)]
    noise = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    corner, side = rng.uniform((10, 10), (size[0] / 2, size[1] / 2), (n, 2)), rng.uniform(40, 70, (n, 2))
    points = (corner[:, None] + rng.normal(0.5, 0.8, (n, 21, 2)) * side[:, None]).astype(np.float32)
    write_image(folder / "noise.jpg", noise)
    content = (folder / "noise.jpg").read_bytes()
    pictures.mkdir()
    for hand_id in ids:
        (pictures / f"{hand_id}.jpg").write_bytes(content)
    exists = ((points >= 0) & (points < size)).all(2)
    labels = HandLabels(
        hand_id=np.array(ids),
        clip_id=np.array([i[3:14] for i in ids]),
        subset=np.full(n, "train_newdays"),
        box_xyxy=np.concatenate([corner, corner + side], axis=1),
        is_right=np.array([i.endswith("r") for i in ids]),
        keypoints_2d=points.astype(np.float64),
        existence=exists,
        occlusion=rng.random((n, 21)) < 0.3,
        image=np.array([str(pictures / f"{i}.jpg") for i in ids]),
    )
    digest = sha256_file(folder / "noise.jpg")
    (folder / "noise.jpg").unlink()
    lines = [line_of(labels, k, size, image_sha256=digest) for k in range(n)]
    write_manifest(folder / "TRAIN_newdays_img.jsonl", lines)
    guesses = Predictions(labels.hand_id, points, existence=labels.existence, occlusion=labels.occlusion)
    write_predictions(folder / "guess.npz", guesses)
    return Sample(folder, folder / "TRAIN_newdays_img.jsonl", folder / "guess.npz", labels, ids)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Twelve hands."""
    folder = tmp_path / "frames"
    folder.mkdir()
    return make_sample(folder)


@pytest.fixture(scope="session")
def draw_sample() -> Callable[..., Sample]:
    """The function that draws hands into an empty folder."""
    return make_sample


@pytest.fixture(scope="session")
def new_server() -> Callable[..., Server]:
    """The class of servers, for tests that need one of their own."""
    return Server


@pytest.fixture(scope="session")
def people(server: Server) -> dict[str, str]:
    """Two annotators besides the first user: email -> token."""
    return {email: server.sign_up(email) for email in ("ann@example.com", "ben@example.com")}


@pytest.fixture
def await_true() -> Callable[..., None]:
    """Wait for something another process does."""

    def wait(test: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not test():
            assert time.monotonic() < end
            time.sleep(0.05)

    return wait
