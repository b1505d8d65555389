"""The client of Label Studio: tokens, and what is said while the server is away."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from annotation.studio.address import Address
from annotation.studio.client import Studio
from annotation.studio.config import label_config
from annotation.studio.failures import UnreachableError
from hint.errors import InputError


def test_an_outage_is_two_lines_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    studio = Studio(Address("http://127.0.0.1:9", "x"))
    notes: list[str] = []
    answers = iter([*["refused"] * 25, "ok"])

    def work() -> str:
        answer = next(answers)
        if answer != "ok":
            raise UnreachableError(f"no answer ({answer})")
        studio._responded(httpx.Response(200, headers={"date": "Sun, 29 Nov 2026 10:00:00 GMT"}))
        return answer

    assert studio.retry(work, 60, notes.append) == "ok"
    assert notes == ["no answer (refused); trying again for 60 s", "http://127.0.0.1:9 answers again after 25 s"]
    assert studio.outages == 1
    answers = iter(["refused", "ok"] * 20)

    def half() -> str:
        studio._responded(httpx.Response(200))  # one request of two works
        return work()

    for _ in range(20):
        studio.retry(half, 60, notes.append)
    assert len(notes) == 2, "nothing is said twice in a minute"
    answers = iter(["refused"] * 100)
    with pytest.raises(UnreachableError):
        studio.retry(work, 30, notes.append)


def test_both_kinds_of_token_work(server: Any) -> None:
    """A personal access token is exchanged for others that are valid for minutes."""
    with httpx.Client(base_url=server.url, trust_env=False) as browser:
        page = browser.get("/user/login/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found is not None
        form = {key: server.login[key] for key in ("email", "password")}
        browser.post("/user/login/", data={**form, "csrfmiddlewaretoken": found[1]}, headers={"Referer": server.url})
        answer = browser.post("/api/token/", headers={"X-CSRFToken": browser.cookies["csrftoken"]})
        token = answer.json()["token"]
    studio = Studio(Address(server.url, token))
    assert studio.version() == "1.23.2"
    assert studio.projects() == server.client().projects()
    with pytest.raises(InputError, match=r"rejected the token \(401\)"):
        Studio(Address(server.url, f"{token[:-8]}00000000")).version()


def test_all_projects_are_listed_however_many_come_at_a_time(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = server.client()
    made = [studio.create(f"listed {k}", label_config(), "").id for k in range(3)]
    known = studio.projects()
    assert {*made} <= {project.id for project in known}
    monkeypatch.setattr("annotation.studio.client._PROJECTS", 2)
    assert studio.projects() == known


def test_the_client_starts_without_what_reads_tables() -> None:
    """Nothing else takes a second of every command."""
    code = (
        "import sys\nfrom annotation.studio.address import Address\nfrom annotation.studio.client import Studio\n"
        "api = Studio(Address('http://127.0.0.1:9', 'x')).api\n"
        "api.projects, api.users, api.versions, api.tasks, api.predictions, api.annotations, api.files\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
