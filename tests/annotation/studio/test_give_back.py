"""Labels that cannot be used: counted, listed, sent back to their authors and mended, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labelling import label_all, next_task, offered, push, submit, tasks_in

from annotation.studio.client import Address, Studio
from annotation.studio.give_back import give_back, with_reason
from annotation.studio.task import is_returned, own_comments, results

ANN, BEN = "ann@example.com", "ben@example.com"


@pytest.fixture
def few(draw_sample: Callable[..., Any], tmp_path: Path) -> Any:
    """Five hands."""
    folder = tmp_path / "few"
    folder.mkdir()
    return draw_sample(folder, 5, seed=21)


def twice(task: Any) -> list[dict[str, Any]]:
    """The results of a task with a second index_mcp."""
    found = results(task.hint)
    extra = [{**one, "id": "again", "value": {**one["value"], "x": 50.0, "y": 50.0}} for one in found[10:12]]
    return [*found, *extra]


def test_broken_labels_go_back_to_their_author(server: Any, few: Any, people: dict[str, str], tmp_path: Path) -> None:
    listing = push(server, few, "give back")
    project = server.client().find("give back").id
    (double,) = json.loads(server.hint("studio", "double", 1, "--project", "give back", "--json").stdout)["hand_ids"]
    incomplete, doubled, fine, other = [hand_id for hand_id in few.ids if hand_id != double]
    ann, ben = server.client(people[ANN]), server.client(people[BEN])
    wrong = {incomplete: lambda task: results(task.hint)[2:], doubled: twice, double: twice}
    label_all(ann, project, listing, lambda task: wrong.get(task.hand_id, lambda _: None)(task))

    done = server.hint("studio", "status", "--project", "give back", "--check", code=1)
    assert "2 of 5 hands labelled" in done.stdout
    assert "doubles: 1, 0 labelled by two, 0 by one" in done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if "/data?task=" in line}
    assert rows.keys() == {incomplete, doubled, double}
    assert ANN in rows[incomplete]
    assert "joints are missing (wrist)" in rows[incomplete]
    assert "a joint appears twice (index_mcp)" in rows[doubled]
    assert f"{server.url}/projects/{project}/data?task={listing.tasks[doubled].id}" in rows[doubled]
    assert offered(ann, project) is None
    assert offered(ben, project) == double

    would = server.hint("studio", "return", "--project", "give back", "--dry-run")
    assert "3 labels of 'give back' would go back" in would.stdout
    assert offered(ann, project) is None
    done = server.hint("studio", "return", "--project", "give back", "--comment", "See the guidelines")
    assert "3 labels of 'give back' went back to their authors" in done.stdout
    assert f"other people will see 1 of them, so their authors start anew: {double}" in done.stderr
    status = json.loads(server.hint("studio", "status", "--project", "give back", "--check", "--json").stdout)
    assert status["returned"] == {ANN: sorted([incomplete, doubled, double])}
    assert (status["broken"], status["labelled"]) == ([], 2)

    assert offered(ben, project) == double, "nobody else gets what was returned to ann, but the double was for ben too"
    assert next_task(ben, project)["predictions"][0]["result"] == results(listing.tasks[double].hint)
    seen: dict[str, Any] = {}
    while task := next_task(ann, project):
        hand_id = task["data"]["hand_id"]
        seen[hand_id] = task["predictions"][0]["result"]
        submit(
            ann, listing.tasks[hand_id], None if hand_id != doubled else with_reason(twice_mended(seen[doubled]), "x")
        )
    assert seen.keys() == {incomplete, doubled, double}
    assert [one["id"] for one in seen[doubled]] == [*(one["id"] for one in twice(listing.tasks[doubled])), "returned"]
    (text,) = seen[incomplete][-1]["value"]["text"]
    assert text == "Returned: joints are missing (wrist). See the guidelines"
    assert seen[double] == results(listing.tasks[double].hint), "ben must not start from the points of ann"

    submit(ben, listing.tasks[double])
    done = server.hint("studio", "status", "--project", "give back", "--check")
    assert "5 of 5 hands labelled" in done.stdout
    assert "doubles: 1, 1 labelled by two" in done.stdout
    server.hint("studio", "pull", "--project", "give back", "--out", tmp_path / "out")
    notes = [json.loads(line) for line in (tmp_path / "out" / ANN / "annotations.jsonl").read_text().splitlines()]
    assert {note["comment"] for note in notes} == {""}, "the reason is no comment of the annotator"
    assert "0 labels of 'give back' went back" in server.hint("studio", "return", "--project", "give back").stdout

    refused = server.hint("studio", "return", fine, other, "--project", "give back", code=2)
    assert f"need --comment TEXT, so that authors know why: {min(fine, other)}" in refused.stderr
    assert (
        f"no labels by {BEN[1:]!r}; there are some by: {ANN}, {BEN}"
        in server.hint("studio", "return", "--annotator", BEN[1:], "--project", "give back", code=2).stderr
    )
    assert (
        "for 1 hands: nobody_l" in server.hint("studio", "return", "nobody_l", "--project", "give back", code=2).stderr
    )
    server.hint("studio", "return", fine, "--project", "give back", "--comment", "The wrist is off")
    assert next_task(ann, project)["predictions"][0]["result"][-1]["value"]["text"] == ["Returned: The wrist is off"]
    server.hint("studio", "pull", "--project", "give back", "--out", tmp_path / "later")
    assert json.loads((tmp_path / "later" / "pull.json").read_text())["returned"] == {ANN: [fine]}


def twice_mended(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in result if one["id"] not in ("again", "returned")]


def test_a_label_that_changes_meanwhile_is_left_alone(server: Any, few: Any, people: dict[str, str]) -> None:
    listing = push(server, few, "changes")
    ann = server.client(people[ANN])
    task = listing.tasks[few.ids[0]]
    label = submit(ann, task, results(task.hint)[2:])

    class Slow(Studio):
        """A client that looks at a task when its author has just mended it."""

        def task(self, number: int) -> dict[str, Any]:
            ann.api.annotations.update(id=label.id, result=results(task.hint))
            return super().task(number)

    done = give_back(Slow(Address(server.url, server.login["token"])), "changes")
    assert (done.labels, done.changed) == ([], [few.ids[0]])
    assert not tasks_in(server, "changes").doubled
    assert "1 of 5 hands labelled" in server.hint("studio", "status", "--project", "changes", "--check").stdout


def test_reasons_stay_apart_from_comments() -> None:
    said = [{"from_name": "comment", "value": {"text": ["my own"]}}, {"from_name": "kp", "value": {}}]
    once = with_reason(said, "first")
    again = with_reason(once, "second")
    assert own_comments(again) == ["my own"]
    assert again[-1]["value"]["text"] == ["Returned: second", "my own"]
    assert [is_returned(one) for one in (said, once, again)] == [False, True, True]
