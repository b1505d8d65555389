"""Speak to a Label Studio server, and say in one line what went wrong.

Nothing is ever sent twice on its own account: a request whose answer got lost may have been carried out, so whoever
writes looks at what is there before writing again.
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

#: Seconds an answer may take. Long, because a request that outlives it may still be carried out later.
TIMEOUT = 600.0
#: Seconds a small question, which may be asked again, may take.
_SMALL = 60.0
#: Tasks listed at a time.
_PAGE = 1000
#: Columns of a listed task; of the predictions the table itself, not a counter, is asked.
_COLUMNS = "id,data,predictions_model_versions,total_predictions,overlap"

_STRANGE = "answered something no Label Studio 1.23 would; is this its address?"
#: Times something is tried while the server is there but fails.
_TRIES = 500

Value = TypeVar("Value")
OnFailure = Callable[[str], None]


class StudioError(HintError):
    """The server, or what it holds, is not as it should be."""


class Unreachable(StudioError):  # noqa: N818 - says what is the case
    """No answer, or one that says "later": worth another try."""


class Dropped(Unreachable):
    """The server was there and went away in the middle of an answer."""


@dataclass(frozen=True)
class Address:
    """Where a server is and how to get in.

    Attributes:
        url: Such as "http://127.0.0.1:8089", without a slash at the end.
        token: Token of a user, of either kind the server gives out.
    """

    url: str
    token: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{self.url!r} is no address of a server; write http://host:port")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


@contextmanager
def one_line(url: str) -> Iterator[None]:
    """Turn what the SDK and its transport raise into our errors.

    Raises:
        Unreachable: If another try may help.
        InputError: If the token is refused.
        StudioError: If the server refused, or answered something else than Label Studio would.
    """
    import httpx
    from label_studio_sdk.core.api_error import ApiError
    from label_studio_sdk.core.parse_error import ParsingError

    try:
        yield
    except httpx.TimeoutException as error:
        raise Unreachable(f"{url} did not answer in time; is it busy? --timeout gives it longer") from error
    except (httpx.TransportError, httpx.StreamError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        kind = Unreachable if isinstance(error, httpx.ConnectError) else Dropped
        raise kind(f"no answer from {url} ({reason}); is the server running? hint studio serve") from error
    except ApiError as error:
        raise _translate(url, error.status_code or 0, error.body) from error
    except (ParsingError, ValueError) as error:
        raise StudioError(f"{url} {_STRANGE}") from error


def _translate(url: str, status: int, body: Any) -> HintError:
    if status in (401, 403):
        return InputError(f"{url} refused the token ({status}); copy one from Account & Settings into --token")
    if status >= 500 or status in (408, 409, 429):
        return Unreachable(f"{url} failed ({status}: {_short(body)}); its own log says why")
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return StudioError(f"{url} answered with a web page ({status}), not JSON; is this the address of Label Studio?")
    if status < 400:
        return StudioError(f"{url} {_STRANGE}")
    if status == 404:
        return StudioError(f"{url}: a project or task is not there any more ({_short(body)}); was it deleted?")
    return StudioError(f"{url} refused ({status}): {_short(body)}")


def _short(body: Any) -> str:
    if isinstance(body, Mapping):
        body = body.get("validation_errors") or body.get("detail") or body
    text = " ".join(str(body).split())
    return "a web page" if text.startswith("<") else text[:200]


class Studio:
    """A server, as far as hint needs it.

    Every method raises what :func:`one_line` says, and sends each request once.
    """

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        import httpx
        from label_studio_sdk import LabelStudio

        # A proxy of the environment must not stand between this machine and itself.
        http = httpx.Client(timeout=timeout, follow_redirects=True, trust_env=not address.is_loopback)
        self.address, self.url = address, address.url
        self.http = http
        #: When the server was last heard of, by :func:`time.monotonic`.
        self.heard = time.monotonic()
        with one_line(self.url):
            self.api = LabelStudio(base_url=address.url, api_key=address.token, httpx_client=http, max_retries=0)
        self.once: Any = {"max_retries": 0, "timeout_in_seconds": int(max(1, timeout))}
        self.small: Any = {"max_retries": 0, "timeout_in_seconds": int(max(1, min(timeout, _SMALL)))}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with one_line(self.url):
            yield
        self.heard = time.monotonic()

    def patiently(self, work: Callable[[], Value], patience: float, on_failure: OnFailure = lambda _: None) -> Value:
        """Do something that may be done again, until it works or the server was away for too long.

        Args:
            work: Must look at what is there before it writes.
            patience: Seconds the server may be away.
            on_failure: Called with the reason of each failure.

        Raises:
            Unreachable: As the last try did.
        """
        away_since = 0.0
        for tries_left in range(_TRIES, 0, -1):
            try:
                return work()
            except Unreachable as error:
                # What was heard after the last failure ends an absence.
                away_since = time.monotonic() if self.heard > away_since else away_since
                if time.monotonic() - away_since > patience or tries_left == 1:
                    raise
                on_failure(str(error))
                time.sleep(1)
        raise AssertionError

    def version(self) -> str:
        """Return the server's version; this also tells whether the token is accepted."""
        with self._asking():
            self.api.users.whoami(request_options=self.small)
            return str(self.api.versions.get(request_options=self.small).release)

    def arrive(self, patience: float, on_failure: OnFailure) -> str:
        """Return the version of a server that must be there now; one that is just being restarted is waited for.

        Raises:
            Unreachable: If it is not there.
        """
        try:
            return self.version()
        except Dropped as error:
            on_failure(str(error))
            return self.patiently(self.version, patience, on_failure)

    def projects(self) -> list[Any]:
        """Return all projects."""
        with self._asking():
            return list(self.api.projects.list(page_size=500, request_options=self.small))

    def project(self, project: int) -> Any:
        """Return a project as it is now."""
        with self._asking():
            return self.api.projects.get(project, request_options=self.small)

    def find(self, title: str) -> Any | None:
        """Return the project of a title, None where there is none.

        Raises:
            InputError: If there are several.
        """
        found = [project for project in self.projects() if project.title == title]
        if len(found) > 1:
            numbers = ", ".join(str(project.id) for project in found)
            raise InputError(f"{self.url} has {len(found)} projects called {title!r} ({numbers}); rename all but one")
        return self.project(found[0].id) if found else None

    def create(self, title: str, config: str, guidelines: str) -> Any:
        """Make a project in which every task is labelled once, from its predictions."""
        with self._asking():
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

    def show_predictions(self, project: int, version: str) -> None:
        """Let annotators start from the predictions of a model version."""
        with self._asking():
            self.api.projects.update(
                id=project, model_version=version, show_collab_predictions=True, request_options=self.small
            )

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """Return all tasks: id, data, predictions_model_versions, total_predictions, overlap.

        Raises:
            Unreachable: If the list is shorter or longer than the project says (the SDK ends a list where a page is
                not found).
        """
        with self._asking():
            listed = self.api.tasks.list(
                project=project, page_size=_PAGE, fields="all", include=_COLUMNS, request_options=self.once
            )
            found = [task.model_dump(include=set(_COLUMNS.split(","))) for task in listed]
        expected = self.project(project).task_number or 0
        if len(found) != expected:
            raise Unreachable(f"{self.url} listed {len(found)} of {expected} tasks")
        return found

    def add_tasks(self, project: int, data: Sequence[Mapping[str, Any]]) -> None:
        """Create tasks without predictions; see what is there before calling it again."""
        with self._asking():
            self.api.projects.import_tasks(
                project, request=[{"data": dict(one)} for one in data], request_options=self.once
            )

    def add_predictions(self, project: int, predictions: Sequence[Mapping[str, Any]]) -> int:
        """Create predictions ({"task", "model_version", "result"}); return how many the server says it made."""
        with self._asking():
            done = self.api.projects.import_predictions(
                project, request=[dict(one) for one in predictions], request_options=self.once
            )
            return int(done.created or 0)

    def change_task(self, task: int, **values: Any) -> None:
        """Change ``data`` or ``overlap`` of a task."""
        with self._asking():
            self.api.tasks.update(id=str(task), request_options=self.small, **values)

    def export(self, project: int) -> bytes:
        """Return all tasks with annotations and drafts, as the server's JSON."""
        with self._asking():
            return bytes(self.api.projects.exports.as_binary(project))

    def emails(self) -> dict[int, str]:
        """Return user id -> email."""
        with self._asking():
            return {int(user.id): str(user.email) for user in self.api.users.list(request_options=self.small)}

    def serve_folder(self, project: int, folder: str) -> None:
        """Let a project show pictures of a folder of the server's; never synchronised, that would make tasks."""
        with self._asking():
            local = self.api.import_storage.local
            if any(one.path == folder for one in local.list(project=project, request_options=self.small)):
                return
            local.create(project=project, path=folder, title="hint", use_blob_urls=True, request_options=self.small)

    def uploads(self, project: int) -> dict[str, str]:
        """Return file name as it was sent -> address, of the files uploaded to a project."""
        with self._asking():
            files = self.api.files.list(project, all_=True, request_options=self.small)
        # The server puts eight digits and a dash before a name.
        return {str(one.file).rpartition("/")[2].partition("-")[2]: f"/data/{one.file}" for one in files}

    def upload(self, project: int, files: Mapping[str, bytes]) -> None:
        """Send files that make no tasks; each under a field of its own, as of one field only the last would be kept."""
        from label_studio_sdk.core.api_error import ApiError

        parts = {f"file{k}": (name, content) for k, (name, content) in enumerate(files.items())}
        with self._asking():
            answer = self.http.post(
                f"{self.url}/api/projects/{project}/import",
                params={"commit_to_project": "false"},
                headers=self.api._client_wrapper.get_headers(),
                files=parts,
            )
            if not answer.is_success:
                raise ApiError(status_code=answer.status_code, body=answer.text)
