"""Label tasks of a real Label Studio as its page does, through the server's own interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annotation.studio.project import Listing, list_tasks
from annotation.studio.task import results

Result = list[dict[str, Any]]


def push(server: Any, sample: Any, project: str) -> Listing:
    """Push a sample with its predictions; return the tasks."""
    server.hint("studio", "push", sample.manifest, "--predictions", sample.predictions, "--project", project)
    return tasks_in(server, project)


def tasks_in(server: Any, project: str) -> Listing:
    """List the tasks of a project."""
    studio = server.client()
    return list_tasks(studio, studio.find(project).id)


def submit(studio: Any, task: Any, result: Result | None = None, **more: Any) -> Any:
    """Submit a label; the initial points if there are no others."""
    found = results(task.hint) if result is None else result
    return studio.api.annotations.create(id=task.id, result=found, lead_time=12.0, **more)


def moved(task: Any, joint: int, x: float, y: float, state: str) -> Result:
    """The results of a task after a point was moved, percent, and its state set."""
    found = results(task.hint)
    for one in found[2 * joint : 2 * joint + 2]:
        one["value"] |= {"x": x, "y": y}
    found[2 * joint]["value"]["labels"] = [] if state == "visible" else [state]
    return found


def unusable(reason: str) -> Result:
    """The results of a hand that was marked unusable."""
    status = {"id": "s", "from_name": "hand_status", "to_name": "image", "type": "choices"}
    comment = {"id": "c", "from_name": "comment", "to_name": "image", "type": "textarea"}
    return [{**status, "value": {"choices": ["unusable"]}}, {**comment, "value": {"text": [reason]}}]


def draft(studio: Any, task: Any) -> None:
    """Begin a task and leave it, as the labelling page does."""
    answer = studio.http.post(
        f"{studio.url}/api/tasks/{task.id}/drafts",
        json={"result": results(task.hint), "lead_time": 3},
        headers=studio.api._client_wrapper.get_headers(),
    )
    assert answer.status_code == 201, answer.text


def next_task(studio: Any, project: int) -> dict[str, Any] | None:
    """The task that Label All Tasks shows next, as the page gets it."""
    headers = studio.api._client_wrapper.get_headers()
    answer = studio.http.get(f"{studio.url}/api/projects/{project}/next", headers=headers)
    found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
    return found


def offered(studio: Any, project: int) -> str | None:
    """The hand that Label All Tasks shows next."""
    found = next_task(studio, project)
    return str(found["data"]["hand_id"]) if found else None


def label_all(
    studio: Any, project: int, listing: Listing, label: Callable[[Any], Result | None] = lambda _: None
) -> list[str]:
    """Label everything that Label All Tasks shows; return the hands in that order."""
    done: list[str] = []
    while hand_id := offered(studio, project):
        assert hand_id not in done
        submit(studio, listing.tasks[hand_id], label(listing.tasks[hand_id]))
        done.append(hand_id)
    return done
