"""A client of Label Studio whose errors fit in one line.

Small requests go through label-studio-sdk. Tasks in bulk, exports and uploads use its connection without its models,
which would copy every point and hide how many predictions the server kept.

It never repeats a request by itself: a request whose answer was lost may have been carried out, so callers list what
exists before they write again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict

from annotation.studio.address import Address
from annotation.studio.failures import DroppedError, UnreachableError, failure, is_page, translated_errors
from hint.errors import InputError

if TYPE_CHECKING:
    import httpx

#: Seconds a response may take. Long, because the server may still carry out a request that timed out.
TIMEOUT = 600.0
#: Seconds a small, repeatable request may take.
_SMALL = 60.0
#: Projects and tasks listed at a time.
_PROJECTS, _PAGE = 500, 1000
#: Columns of a listed task; these predictions columns come from the table itself, not from a counter.
_COLUMNS = ("id", "data", "predictions_model_versions", "total_predictions", "overlap")

#: Attempts while the server is up but fails.
_TRIES = 500
#: Seconds after which a line is told again.
_QUIET = 60.0

Value = TypeVar("Value")
OnNote = Callable[[str], None]


class Project(BaseModel):
    """A project as the server describes it.

    Attributes:
        id: Its number on the server.
        title: Its title, which can be changed.
        created_at: When it was created, to the microsecond.
        label_config: Its labelling configuration.
        task_number: Its tasks.
        finished_task_number: Tasks with all the labels they need.
        total_predictions_number: Their predictions.
        total_annotations_number: Their annotations that were not skipped.
        skipped_annotations_number: Their skipped annotations.
        model_version: The predictions annotators start from.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: int
    title: str
    created_at: str
    label_config: str = ""
    task_number: int = 0
    finished_task_number: int = 0
    total_predictions_number: int = 0
    total_annotations_number: int = 0
    skipped_annotations_number: int = 0
    model_version: str | None = None

    @property
    def identity(self) -> str:
        """What it keeps when the server moves or its title changes, and what no other project has."""
        return f"{self.id} {self.created_at}"


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None


def _project(found: Any) -> Project:
    """Return a project that the SDK read."""
    return Project.model_validate(found.model_dump(mode="json", exclude_none=True))


class Studio:
    """The requests hint needs.

    Every method raises as :func:`annotation.studio.failures.translated_errors` does, and sends each request once.
    """

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        # Its other client adds what reads labels into tables, and with it a second for pandas to start.
        from label_studio_sdk.base_client import LabelStudioBase

        from annotation.studio.session import open_session

        # Requests to this machine must not go through a proxy of the environment.
        self.http = open_session(address.url, address.token, timeout, proxies=not address.is_loopback)
        self.http.event_hooks["response"].append(self._responded)
        # The connection signs requests, so that both kinds of tokens last as long as a push.
        self.api = LabelStudioBase(base_url=address.url, api_key="signed", httpx_client=self.http, max_retries=0)
        #: Options of a request through :attr:`api`.
        self.small: Any = {"max_retries": 0, "timeout_in_seconds": int(max(1, min(timeout, _SMALL)))}
        self.url = address.url
        self.timeout = timeout
        #: What the clock of the server said at the last response; None if it did not tell.
        self.server_time: datetime | None = None
        #: How often the server went away while something was retried.
        self.outages = 0
        #: Since when it is away, by :func:`time.monotonic`; None while it responds.
        self._away_since: float | None = None
        self._on_note: OnNote = lambda _: None
        self._told: dict[str, float] = {}
        self._is_told = False

    def send(self, method: str, path: str, *, long: bool = False, **content: Any) -> Any:
        """Send a request once.

        Args:
            method: Such as "POST".
            path: Such as "/api/projects/".
            long: Whether the answer may take as long as the user allows, not only as long as a small one.
            content: ``params``, ``json``, ``content`` or ``files``, as httpx takes them.

        Returns:
            The response, a success.
        """
        with translated_errors(self.url):
            timeout = self.timeout if long else min(self.timeout, _SMALL)
            answer = self.http.request(method, path, timeout=timeout, **content)
        if not answer.is_success:
            raise failure(self.url, answer.status_code, answer.content)
        return answer

    def ask(self, method: str, path: str, *, long: bool = False, **content: Any) -> Any:
        """Send a request as :meth:`send` does; return the JSON of the response."""
        answer = self.send(method, path, long=long, **content)
        if is_page(answer.content):
            raise failure(self.url, answer.status_code, answer.content)
        with translated_errors(self.url):
            return answer.json()

    def retry(self, work: Callable[[], Value], patience: float, on_note: OnNote = lambda _: None) -> Value:
        """Repeat something until it works or the server was away for too long.

        Args:
            work: Must list what exists before it writes.
            patience: Seconds the server may be away.
            on_note: Called with a line for the user when the server goes, and when it is back.

        Raises:
            UnreachableError: The error of the last attempt.
        """
        self._on_note = on_note
        for tries_left in range(_TRIES, 0, -1):
            try:
                return work()
            except UnreachableError as error:
                if self._away_since is None:
                    self._away_since = time.monotonic()
                    self.outages += 1
                    self._tell_of_outage(f"{error}; trying again for {patience:.0f} s")
                if time.monotonic() - self._away_since > patience or tries_left == 1:
                    raise
                time.sleep(1)
        raise AssertionError

    def _responded(self, response: httpx.Response) -> None:
        """Note the time of a response, and that an outage is over."""
        if not response.is_success:
            return
        self.server_time = _date(response.headers.get("date", ""))
        if self._away_since is not None:
            away = max(1, time.monotonic() - self._away_since)
            self._away_since = None
            if self._is_told:
                self._on_note(f"{self.url} answers again after {away:.0f} s")

    def _tell_of_outage(self, line: str) -> None:
        """Tell the user, but nothing twice in a minute: a server may fail and answer by turns."""
        self._is_told = time.monotonic() - self._told.get(line, -_QUIET) >= _QUIET
        if self._is_told:
            self._told[line] = time.monotonic()
            self._on_note(line)

    def version(self) -> str:
        """Return the server's version; this also checks the token."""
        with translated_errors(self.url):
            self.api.users.whoami(request_options=self.small)
            return str(self.api.versions.get(request_options=self.small).release)

    def wait_until_up(self, patience: float, on_note: OnNote) -> str:
        """Return the version of a server that must be up; wait for one that is just restarting.

        Raises:
            UnreachableError: If it is down.
        """
        try:
            return self.version()
        except DroppedError as error:
            on_note(f"{error}; trying again for {patience:.0f} s")
            return self.retry(self.version, patience, on_note)

    def projects(self) -> list[Project]:
        """Return all projects."""
        found: list[Project] = []
        total = 1
        while len(found) < total:
            with translated_errors(self.url):
                number = len(found) // _PROJECTS + 1
                page = self.api.projects.list(page=number, page_size=_PROJECTS, request_options=self.small).response
                found += map(_project, page.results)
                total = page.count if page.results else 0
        return found

    def project(self, project: int) -> Project:
        """Return the current state of a project."""
        with translated_errors(self.url):
            return _project(self.api.projects.get(project, request_options=self.small))

    def find(self, title: str) -> Project | None:
        """Return the project with a title, None if there is none.

        Raises:
            InputError: If there are several.
        """
        found = [project for project in self.projects() if project.title == title]
        if len(found) > 1:
            numbers = ", ".join(str(project.id) for project in found)
            raise InputError(f"{self.url} has {len(found)} projects called {title!r} ({numbers}); rename all but one")
        return self.project(found[0].id) if found else None

    def create(self, title: str, config: str, guidelines: str) -> Project:
        """Create a project in which every task is labelled once, starting from its predictions."""
        with translated_errors(self.url):
            made = self.api.projects.create(
                title=title,
                label_config=config,
                expert_instruction=guidelines,
                show_instruction=True,
                maximum_annotations=1,
                show_collab_predictions=True,
                enable_empty_annotation=False,
                sampling="Sequential sampling",
                request_options={**self.small, "timeout_in_seconds": int(max(1, self.timeout))},
            )
        return self.project(int(made.id))

    def change_project(self, project: int, **values: Any) -> None:
        """Change settings of a project."""
        with translated_errors(self.url):
            self.api.projects.update(id=project, request_options=self.small, **values)

    def change_page(self, project: int, config: str, guidelines: str) -> Project:
        """Replace what annotators see; return the project. The server refuses what does not fit existing labels."""
        self.change_project(project, label_config=config, expert_instruction=guidelines)
        return self.project(project)

    def show_predictions(self, project: int, version: str) -> None:
        """Let annotators start from the predictions of a model version."""
        self.change_project(project, model_version=version, show_collab_predictions=True)

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """Return all tasks: id, data, predictions_model_versions, total_predictions, overlap."""
        return self._listed(project, _COLUMNS, fields="all")

    def annotation_counts(self, project: int) -> list[dict[str, Any]]:
        """Return all tasks: id, data, total_annotations, cancelled_annotations; for less than half of an export."""
        columns = ("id", "data", "total_annotations", "cancelled_annotations")
        return self._listed(project, columns, fields="task_only")

    def task_numbers(self, project: int, column: str, operator: str, value: str) -> list[int]:
        """Return the numbers of tasks that a filter of the task list lets through, such as "updated_at", "greater"."""
        kind = {"updated_at": "Datetime", "draft_exists": "Boolean"}[column]
        item = {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
        rows = self._listed(project, ("id",), fields="task_only", query=query)
        return [int(row["id"]) for row in rows]

    def _listed(self, project: int, columns: Sequence[str], **params: str) -> list[dict[str, Any]]:
        """Return columns of tasks.

        Raises:
            UnreachableError: If fewer tasks arrive than the server says there are.
        """
        found: list[dict[str, Any]] = []
        total = 1
        params = {**params, "project": str(project), "page_size": str(_PAGE), "include": ",".join(columns)}
        while len(found) < total:
            page = self.ask("GET", "/api/tasks/", long=True, params={**params, "page": len(found) // _PAGE + 1})
            with translated_errors(self.url):
                rows, total = list(page["tasks"]), int(page["total"])
            found += rows
            if len(rows) < _PAGE and len(found) < total:
                raise UnreachableError(f"{self.url} listed {len(found)} of {total} tasks")
        return found

    def add_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> tuple[list[int], int]:
        """Create tasks ({"data", "predictions"}); list the project before repeating this.

        Returns:
            The numbers of the tasks, in the same order, and the number of predictions: the server may lose them, and
            calls that a success.
        """
        path = f"/api/projects/{project}/import"
        done = self.ask("POST", path, long=True, params={"return_task_ids": True}, json=tasks)
        with translated_errors(self.url):
            return [int(number) for number in done["task_ids"]], int(done["prediction_count"])

    def add_predictions(self, project: int, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Create predictions ({"task", "model_version", "result"}); list the project before repeating this."""
        self.ask("POST", f"/api/projects/{project}/import/predictions", long=True, json=predictions)

    def change_task(self, task: int, **values: Any) -> None:
        """Change ``data`` or ``overlap`` of a task."""
        with translated_errors(self.url):
            self.api.tasks.update(id=str(task), request_options=self.small, **values)

    def task(self, task: int) -> dict[str, Any]:
        """Return a task as the server's JSON: among others its overlap, annotations and predictions."""
        found: dict[str, Any] = self.ask("GET", f"/api/tasks/{task}/")
        return found

    def change_prediction(self, prediction: int, result: Sequence[Mapping[str, Any]]) -> None:
        """Change the points of a prediction."""
        with translated_errors(self.url):
            self.api.predictions.update(id=prediction, result=[*result], request_options=self.small)

    def cancel_annotation(self, annotation: int, result: Sequence[Mapping[str, Any]]) -> None:
        """Change an annotation, and mark it as skipped by its author."""
        with translated_errors(self.url):
            self.api.annotations.update(id=annotation, result=[*result], was_cancelled=True, request_options=self.small)

    def export(self, project: int, tasks: Sequence[int] = ()) -> bytes:
        """Return tasks with annotations and drafts, as the server's JSON.

        Args:
            project: The project.
            tasks: Tasks to export, a few hundred at most; none for all.
        """
        params = {"exportType": "JSON", "download_all_tasks": True, "ids[]": [*tasks]}
        return bytes(self.send("GET", f"/api/projects/{project}/export", long=True, params=params).content)

    def emails(self) -> dict[int, str]:
        """Return user id -> email."""
        with translated_errors(self.url):
            return {int(user.id): str(user.email) for user in self.api.users.list(request_options=self.small)}

    def serve_folder(self, project: int, folder: str) -> None:
        """Let a project show pictures from a folder; it is never synchronised, which would create tasks."""
        local = self.api.import_storage.local
        with translated_errors(self.url):
            if any(one.path == folder for one in local.list(project=project, request_options=self.small)):
                return
            local.create(project=project, path=folder, title="hint", use_blob_urls=True, request_options=self.small)

    def uploads(self, project: int) -> dict[str, str]:
        """Return original file name -> address, for the files uploaded to a project."""
        with translated_errors(self.url):
            names = [str(one.file) for one in self.api.files.list(project, all_=True, request_options=self.small)]
        # The server prefixes names with eight characters and a dash.
        return {name.rpartition("/")[2].partition("-")[2]: f"/data/{name}" for name in names}

    def upload(self, project: int, files: Mapping[str, bytes]) -> None:
        """Upload files without creating tasks; of several files in one form field only the last would be kept."""
        parts = {f"file{k}": (name, content) for k, (name, content) in enumerate(files.items())}
        path = f"/api/projects/{project}/import"
        self.send("POST", path, long=True, params={"commit_to_project": False}, files=parts)
