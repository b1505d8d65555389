"""Tell a project of Label Studio to ask a backend for points, and take that back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from annotation.studio.backend.app import USER
from annotation.studio.client import Studio
from annotation.studio.failures import StudioError
from annotation.studio.guess import MEAN_POSE
from annotation.studio.project import require_project
from hint.errors import HintError

#: Marks the backends that ``hint studio ml`` connected.
_MARK = "hint studio ml"
#: Versions that stand for no prediction: none, and the mean hand that annotators may start from.
_NOTHING = ("", MEAN_POSE)


class Connection:
    """A project that asks a backend.

    While it is connected, tasks are predicted as they are opened. Its title is the version of the points, so that those
    that are stored are found again by the next backend with the same settings.

    Args:
        studio: The server.
        title: Title of the project.
        version: Version of the backend's points.

    Attributes:
        shown: Version of other points that the project shows and goes on showing, "" for none: then the backend answers
            only drawn boxes.
    """

    def __init__(self, studio: Studio, title: str, version: str) -> None:
        self._studio, self._title, self._version = studio, title, version
        found = require_project(studio, title)
        self.project, self.identity = found.id, found.identity
        self.shown = ""

    def open(self, url: str, password: str) -> None:
        """Connect the project to a backend, instead of an earlier one.

        Args:
            url: Address of the backend as the server sees it.
            password: Of the backend.

        Raises:
            StudioError: If the server does not reach it, or does not accept it.
        """
        self.close()
        settings = {
            "project": self.project,
            "url": url,
            "title": self._version,
            "description": _MARK,
            "is_interactive": True,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": USER,
            "basic_auth_pass": password,
        }
        try:
            self._studio.ask("POST", "/api/ml", json=settings)
        except HintError as error:
            # For a local address the server refuses to report to the backend, which is not wanted, but connects it.
            if not any(one["readable_state"] == "Connected" for one in self._own()):
                raise StudioError(
                    f"project {self._title!r} cannot use {url}: {error}; a server of your own must reach that address "
                    "(--address), and take local ones with LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false"
                ) from error
        self._drop_reports(url)
        found = self._studio.project(self.project).model_version or ""
        if found in (*_NOTHING, self._version) or not self._predicted(found):
            self._studio.show_predictions(self.project, self._version)
        else:
            self.shown = found

    def close(self) -> None:
        """Disconnect it; annotators start from the mean pose again, which all tasks have."""
        for one in self._own():
            self._studio.send("DELETE", f"/api/ml/{one['id']}")
        stored = (version for version in (MEAN_POSE, self._version) if not self.shown and self._predicted(version))
        if version := next(stored, ""):
            self._studio.show_predictions(self.project, version)

    def _own(self) -> list[dict[str, Any]]:
        """Return the backends of the project that hint connected; the server asks each whether it is up."""
        listed = self._studio.ask("GET", "/api/ml", params={"project": self.project})
        return [one for one in listed if one.get("description") == _MARK]

    def _drop_reports(self, url: str) -> None:
        """Keep the server from reporting everything that is done in the project to the backend."""
        for one in self._studio.ask("GET", "/api/webhooks/", params={"project": self.project}):
            if one["url"] == f"{url}/webhook":
                self._studio.send("DELETE", f"/api/webhooks/{one['id']}/")

    def _predicted(self, version: str) -> bool:
        """Return whether the project contains predictions of a version."""
        found = self._studio.ask("GET", f"/api/projects/{self.project}/model-versions/", params={"extended": True})
        return any(one["model_version"] == version for one in found["static"])


def close_quietly(connections: list[Connection], on_note: Callable[[str], None]) -> None:
    """Disconnect projects on the way out; a server that has gone cannot be told."""
    for connection in connections:
        with suppress(HintError):
            connection.close()
            continue
        on_note("the server did not answer, so it goes on asking; the next hint studio ml replaces the connection")
