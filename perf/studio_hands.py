"""Drawn hands and a server of its own, for the scripts that measure ``hint studio``."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from annotation.studio.address import Address
from annotation.studio.client import Studio
from hint.files import write_predictions
from hint.files.manifest import SampledHand, write_manifest
from hint.images import write_image
from hint.provenance import sha256_file
from hint.types import Predictions

HINT = Path(sys.executable).with_name("hint")
FOLDER = "TRAIN_newdays_img"
SIZE = (640, 480)


def write_hands(out: Path, n: int, seed: int = 0) -> tuple[Path, Path, list[str]]:
    """Write n pictures of 640x480 px, a manifest and predictions; return the latter two and the ids."""
    rng = np.random.default_rng(seed)
    ids = [f"ND_{k:011d}_frame{k:06d}_{'lr'[k % 2]}" for k in range(n)]
    corner, side = rng.uniform(20, 300, (n, 2)), rng.uniform(80, 160, (n, 2))
    points = (corner[:, None] + rng.uniform(-0.1, 1.1, (n, 21, 2)) * side[:, None]).astype(np.float32)
    smooth = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(40, 0).repeat(40, 1)
    write_image(out / FOLDER / "picture.jpg", smooth)
    content, digest = (out / FOLDER / "picture.jpg").read_bytes(), sha256_file(out / FOLDER / "picture.jpg")
    (out / FOLDER / "picture.jpg").unlink()
    hands = []
    for k, hand_id in enumerate(ids):
        (out / FOLDER / f"{hand_id}.jpg").write_bytes(content)
        hands.append(_line(hand_id, np.concatenate([corner[k], corner[k] + side[k]]).tolist(), digest))
    write_manifest(out / f"{FOLDER}.jsonl", hands)
    write_predictions(out / "guess.npz", Predictions(np.array(ids), points))
    return out / f"{FOLDER}.jsonl", out / "guess.npz", ids


def _line(hand_id: str, box: list[float], digest: str) -> SampledHand:
    return SampledHand(
        hand_id=hand_id,
        source="newdays",
        source_split="train",
        split="train",
        folder=FOLDER,
        video=hand_id[3:14],
        clip=hand_id[3:14],
        frame=1,
        frame_type="",
        action="",
        side="right" if hand_id.endswith("r") else "left",
        box_xyxy=(box[0], box[1], box[2], box[3]),
        centre=((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
        size=SIZE,
        contact="none",
        interaction="none",
        stratum="random",
        policy="paper-v1",
        policy_sha256="0" * 64,
        seed=0,
        origin="drawn.jpg",
        image=f"{FOLDER}/{hand_id}.jpg",
        image_sha256=digest,
    )


@dataclass
class Server:
    """``hint studio serve`` in a home of its own."""

    home: Path
    more: Sequence[str] = ()
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its commands."""
        return {**os.environ, "HINT_HOME": str(self.home)}

    @property
    def login(self) -> dict[str, Any]:
        """Return what the server wrote about itself."""
        return json.loads((self.home / "label-studio" / "server.json").read_text())

    @property
    def database(self) -> Path:
        """Return where the database lies."""
        return self.home / "label-studio" / "data" / "label_studio.sqlite3"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [str(HINT), "studio", "serve", "--port", str(self.port), *self.more]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if not self.process.stdout.readline().startswith("address"):
            sys.exit("the server did not start")

    def arrivals(self) -> int:
        """How many commands this run of the server was asked by."""
        log = self.database.with_name("server.log").read_text(errors="replace")
        return log.count("GET /api/current-user/whoami")

    def kill(self) -> None:
        """Kill -9 of the server itself."""
        assert self.process is not None
        os.kill(self.login["pid"], signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop it in good order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def client(self, token: str | None = None) -> Studio:
        """Return a connection, of the first user or of somebody else."""
        return Studio(Address(f"http://127.0.0.1:{self.port}", token or self.login["token"]))

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen([str(HINT), *map(str, arguments)], env=self.environment, text=True)

    def run(self, *arguments: object) -> None:
        """Run a command; end everything if it fails."""
        if code := self.begin(*arguments).wait():
            sys.exit(f"hint {arguments[1]} ended with {code}")

    def sign_up(self, email: str) -> str:
        """Invite somebody, sign up as that person, return the token."""
        url = f"http://127.0.0.1:{self.port}"
        invite = httpx.get(
            f"{url}/api/invite", headers={"Authorization": f"Token {self.login['token']}"}, trust_env=False
        )
        link = f"{url}{invite.json()['invite_url']}"
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as browser:
            csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(link).text)
            form = {"csrfmiddlewaretoken": csrf[1] if csrf else "", "email": email, "password": "a-long-password"}
            browser.post(link, data=form, headers={"Referer": link})
            return str(browser.get(f"{url}/api/current-user/token").json()["token"])
