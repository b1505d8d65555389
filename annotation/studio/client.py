"""A client of Label Studio whose errors fit in one line.

It never repeats a request by itself: a request whose answer was lost may have been carried out, so callers list what
exists before they write again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hint.errors import HintError, InputError

#: Seconds a response may take. Long, because the server may still carry out a request that timed out.
TIMEOUT = 600.0
#: Seconds a small, repeatable request may take.
_SMALL = 60.0
#: Tasks listed at a time.
_PAGE = 1000
#: Columns of a listed task; these predictions columns come from the table itself, not from a counter.
_COLUMNS = "id,data,predictions_model_versions,total_predictions,overlap"

_STRANGE = "did not answer like Label Studio 1.23; is the address correct?"
#: Attempts while the server is up but fails.
_TRIES = 500

Value = TypeVar("Value")
OnFailure = Callable[[str], None]


class StudioError(HintError):
    """The server or its content is not as expected."""


class Unreachable(StudioError):  # noqa: N818 - a state, not a fault
    """No response, or a temporary failure: worth another try."""


class Dropped(Unreachable):
    """The server closed the connection in the middle of a response."""


@dataclass(frozen=True)
class Address:
    """URL and token of a server.

    Attributes:
        url: Such as "http://127.0.0.1:8089", without a trailing slash.
        token: Token of a user, of either kind the server issues.
    """

    url: str
    token: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{self.url!r} is not a server address; use http://host:port")

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


@contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Turn errors of the SDK and its transport into ours.

    Raises:
        Unreachable: If another try may help.
        InputError: If the token is rejected.
        StudioError: If the server refused, or did not answer like Label Studio.
    """
    import httpx
    from label_studio_sdk.core.api_error import ApiError
    from label_studio_sdk.core.parse_error import ParsingError

    try:
        yield
    except httpx.TimeoutException as error:
        raise Unreachable(f"{url} did not answer in time; is it busy? --timeout allows more time") from error
    except (httpx.TransportError, httpx.StreamError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        kind = Unreachable if isinstance(error, httpx.ConnectError) else Dropped
        raise kind(f"no answer from {url} ({reason}); is the server running? hint studio serve starts one") from error
    except ApiError as error:
        raise _translate(url, error.status_code or 0, error.body) from error
    except (ParsingError, ValueError) as error:
        raise StudioError(f"{url} {_STRANGE}") from error


def _translate(url: str, status: int, body: Any) -> HintError:
    if status in (401, 403):
        return InputError(f"{url} rejected the token ({status}); copy one from Account & Settings into --token")
    if status >= 500 or status in (408, 409, 429):
        return Unreachable(f"{url} failed ({status}: {_short(body)}); see the log of the server")
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return StudioError(f"{url} answered with a web page ({status}), not JSON; is this the address of Label Studio?")
    if status < 400:
        return StudioError(f"{url} {_STRANGE}")
    if status == 404:
        return StudioError(f"{url}: a project or task no longer exists ({_short(body)}); was it deleted?")
    return StudioError(f"{url} refused ({status}): {_short(body)}")


def _short(body: Any) -> str:
    if isinstance(body, Mapping):
        body = body.get("validation_errors") or body.get("detail") or body
    text = " ".join(str(body).split())
    return "a web page" if text.startswith("<") else text[:200]


class Studio:
    """The requests hint needs.

    Every method raises as :func:`translated_errors` does, and sends each request once.
    """

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        import httpx
        from label_studio_sdk import LabelStudio

        # Requests to this machine must not go through a proxy of the environment.
        http = httpx.Client(timeout=timeout, follow_redirects=True, trust_env=not address.is_loopback)
        self.url = address.url
        self.http = http
        #: Time of the last response, by :func:`time.monotonic`.
        self.last_response = time.monotonic()
        with translated_errors(self.url):
            self.api = LabelStudio(base_url=address.url, api_key=address.token, httpx_client=http, max_retries=0)
        self.once: Any = {"max_retries": 0, "timeout_in_seconds": int(max(1, timeout))}
        self.small: Any = {"max_retries": 0, "timeout_in_seconds": int(max(1, min(timeout, _SMALL)))}

    @contextmanager
    def _request(self) -> Iterator[None]:
        with translated_errors(self.url):
            yield
        self.last_response = time.monotonic()

    def send(self, method: str, path: str, **content: Any) -> Any:
        """Send a small request once; return the response, a success.

        Args:
            method: Such as "POST".
            path: Such as "/api/ml".
            content: ``params``, ``json`` or ``files``, as httpx takes them.
        """
        from label_studio_sdk.core.api_error import ApiError

        with self._request():
            headers = self.api._client_wrapper.get_headers()
            answer = self.http.request(method, f"{self.url}{path}", headers=headers, **content)
            if not answer.is_success:
                raise ApiError(status_code=answer.status_code, body=answer.text)
        return answer

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """Send a request as :meth:`send` does; return the JSON of the response."""
        answer = self.send(method, path, **content)
        with translated_errors(self.url):
            return answer.json()

    def retry(self, work: Callable[[], Value], patience: float, on_failure: OnFailure = lambda _: None) -> Value:
        """Repeat something until it works or the server was away for too long.

        Args:
            work: Must list what exists before it writes.
            patience: Seconds the server may be away.
            on_failure: Called with the reason of each failure.

        Raises:
            Unreachable: The error of the last attempt.
        """
        away_since = 0.0
        for tries_left in range(_TRIES, 0, -1):
            try:
                return work()
            except Unreachable as error:
                # A response since the last failure restarts the clock.
                away_since = time.monotonic() if self.last_response > away_since else away_since
                if time.monotonic() - away_since > patience or tries_left == 1:
                    raise
                on_failure(str(error))
                time.sleep(1)
        raise AssertionError

    def version(self) -> str:
        """Return the server's version; this also checks the token."""
        with self._request():
            self.api.users.whoami(request_options=self.small)
            return str(self.api.versions.get(request_options=self.small).release)

    def wait_until_up(self, patience: float, on_failure: OnFailure) -> str:
        """Return the version of a server that must be up; wait for one that is just restarting.

        Raises:
            Unreachable: If it is down.
        """
        try:
            return self.version()
        except Dropped as error:
            on_failure(str(error))
            return self.retry(self.version, patience, on_failure)

    def projects(self) -> list[Any]:
        """Return all projects."""
        with self._request():
            return list(self.api.projects.list(page_size=500, request_options=self.small))

    def project(self, project: int) -> Any:
        """Return the current state of a project."""
        with self._request():
            return self.api.projects.get(project, request_options=self.small)

    def find(self, title: str) -> Any | None:
        """Return the project with a title, None if there is none.

        Raises:
            InputError: If there are several.
        """
        found = [project for project in self.projects() if project.title == title]
        if len(found) > 1:
            numbers = ", ".join(str(project.id) for project in found)
            raise InputError(f"{self.url} has {len(found)} projects called {title!r} ({numbers}); rename all but one")
        return self.project(found[0].id) if found else None

    def create(self, title: str, config: str, guidelines: str) -> Any:
        """Create a project in which every task is labelled once, starting from its predictions."""
        with self._request():
            made = self.api.projects.create(
                title=title,
                label_config=config,
                expert_instruction=guidelines,
                show_instruction=True,
                maximum_annotations=1,
                show_collab_predictions=True,
                enable_empty_annotation=False,
                sampling="Sequential sampling",
                request_options=self.once,
            )
        return self.project(made.id)

    def change_page(self, project: int, config: str, guidelines: str) -> Any:
        """Replace what annotators see; return the project. The server refuses what does not fit existing labels."""
        with self._request():
            self.api.projects.update(
                id=project, label_config=config, expert_instruction=guidelines, request_options=self.small
            )
        return self.project(project)

    def show_predictions(self, project: int, version: str) -> None:
        """Let annotators start from the predictions of a model version."""
        with self._request():
            self.api.projects.update(
                id=project, model_version=version, show_collab_predictions=True, request_options=self.small
            )

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """Return all tasks: id, data, predictions_model_versions, total_predictions, overlap.

        Raises:
            Unreachable: If the number of tasks differs from that of the project (the SDK ends a list at a page that is
                not found).
        """
        with self._request():
            listed = self.api.tasks.list(
                project=project, page_size=_PAGE, fields="all", include=_COLUMNS, request_options=self.once
            )
            found = [task.model_dump(include=set(_COLUMNS.split(","))) for task in listed]
        expected = self.project(project).task_number or 0
        if len(found) != expected:
            raise Unreachable(f"{self.url} listed {len(found)} of {expected} tasks")
        return found

    def add_tasks(self, project: int, data: Sequence[Mapping[str, Any]]) -> None:
        """Create tasks without predictions; list the project before repeating this."""
        with self._request():
            self.api.projects.import_tasks(
                project, request=[{"data": dict(one)} for one in data], request_options=self.once
            )

    def add_predictions(self, project: int, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Create predictions ({"task", "model_version", "result"}); list the project before repeating this."""
        with self._request():
            self.api.projects.import_predictions(
                project, request=[dict(one) for one in predictions], request_options=self.once
            )

    def change_task(self, task: int, **values: Any) -> None:
        """Change ``data`` or ``overlap`` of a task."""
        with self._request():
            self.api.tasks.update(id=str(task), request_options=self.small, **values)

    def change_project(self, project: int, **values: Any) -> None:
        """Change settings of a project."""
        with self._request():
            self.api.projects.update(id=project, request_options=self.small, **values)

    def task(self, task: int) -> dict[str, Any]:
        """Return a task: its overlap, annotations and predictions."""
        with self._request():
            found = self.api.tasks.get(id=str(task), request_options=self.small)
        return {
            "overlap": found.overlap,
            "annotations": found.annotations or [],
            "predictions": [one.model_dump() for one in found.predictions or []],
        }

    def change_prediction(self, prediction: int, result: Sequence[Mapping[str, Any]]) -> None:
        """Change the points of a prediction."""
        with self._request():
            self.api.predictions.update(id=prediction, result=[*result], request_options=self.small)

    def cancel_annotation(self, annotation: int, result: Sequence[Mapping[str, Any]]) -> None:
        """Change an annotation, and mark it as skipped by its author."""
        with self._request():
            self.api.annotations.update(id=annotation, result=[*result], was_cancelled=True, request_options=self.small)

    def export(self, project: int) -> bytes:
        """Return all tasks with annotations and drafts, as the server's JSON."""
        with self._request():
            return bytes(self.api.projects.exports.as_binary(project))

    def emails(self) -> dict[int, str]:
        """Return user id -> email."""
        with self._request():
            return {int(user.id): str(user.email) for user in self.api.users.list(request_options=self.small)}

    def serve_folder(self, project: int, folder: str) -> None:
        """Let a project show pictures from a folder; it is never synchronised, which would create tasks."""
        with self._request():
            local = self.api.import_storage.local
            if any(one.path == folder for one in local.list(project=project, request_options=self.small)):
                return
            local.create(project=project, path=folder, title="hint", use_blob_urls=True, request_options=self.small)

    def uploads(self, project: int) -> dict[str, str]:
        """Return original file name -> address, for the files uploaded to a project."""
        with self._request():
            files = self.api.files.list(project, all_=True, request_options=self.small)
        # The server prefixes names with eight characters and a dash.
        return {str(one.file).rpartition("/")[2].partition("-")[2]: f"/data/{one.file}" for one in files}

    def upload(self, project: int, files: Mapping[str, bytes]) -> None:
        """Upload files without creating tasks; of several files in one form field only the last would be kept."""
        from label_studio_sdk.core.api_error import ApiError

        parts = {f"file{k}": (name, content) for k, (name, content) in enumerate(files.items())}
        with self._request():
            answer = self.http.post(
                f"{self.url}/api/projects/{project}/import",
                params={"commit_to_project": "false"},
                headers=self.api._client_wrapper.get_headers(),
                files=parts,
            )
            if not answer.is_success:
                raise ApiError(status_code=answer.status_code, body=answer.text)
