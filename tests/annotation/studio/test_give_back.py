"""Labels that cannot be used: counted, listed, sent back to their authors and mended, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labelling import label_all, next_task, offered, push, submit

from annotation.studio.address import Address
from annotation.studio.answer import is_returned, own_comments
from annotation.studio.client import Studio
from annotation.studio.exported.file import ExportFile, Tasks
from annotation.studio.give_back import GivenBack, give_back, with_reason
from annotation.studio.push import task_of
from annotation.studio.status import project_status
from annotation.studio.task import results, task_data
from hint.errors import InputError
from hint.files.manifest import read_manifest

ANN, BEN = "ann@example.com", "ben@example.com"


@pytest.fixture
def few(draw_sample: Callable[..., Any], tmp_path: Path) -> Any:
    """Five hands."""
    folder = tmp_path / "few"
    folder.mkdir()
    return draw_sample(folder, 5, seed=21)


def incomplete(task: Any) -> list[dict[str, Any]]:
    """The results of a task without its wrist."""
    return results(task.hint)[2:]


def twice(task: Any) -> list[dict[str, Any]]:
    """The results of a task with a second index_mcp."""
    found = results(task.hint)
    extra = [{**one, "id": "again", "value": {**one["value"], "x": 50.0, "y": 50.0}} for one in found[10:12]]
    return [*found, *extra]


def test_broken_labels_go_back_to_their_author(server: Any, few: Any, people: dict[str, str], tmp_path: Path) -> None:
    listing, studio = push(server, few, "give back"), server.client()
    project = studio.find("give back").id
    (double,) = json.loads(server.hint("studio", "double", 1, "--project", "give back", "--json").stdout)["hand_ids"]
    lacking, doubled, fine, other = [hand_id for hand_id in few.ids if hand_id != double]
    ann, ben = server.client(people[ANN]), server.client(people[BEN])
    wrong = {lacking: incomplete, doubled: twice, double: twice}
    label_all(ann, project, listing, lambda task: wrong.get(task.hand_id, lambda _: None)(task))

    done = server.hint("studio", "status", "--project", "give back", "--check", code=1)
    assert "2 of 5 hands labelled" in done.stdout
    assert "doubles: 1, 0 labelled by two, 0 by one" in done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if "/data?task=" in line}
    assert rows.keys() == wrong.keys()
    assert ANN in rows[lacking]
    assert "joints are missing (wrist)" in rows[lacking]
    assert "a joint appears twice (index_mcp)" in rows[doubled]
    assert f"{server.url}/projects/{project}/data?task={listing.tasks[doubled].id}" in rows[doubled]
    everywhere = server.hint("studio", "status", "--check", code=1)
    assert f"data?task={listing.tasks[doubled].id}" in everywhere.stdout, "without --project, those of all projects"
    assert "hint studio return --project 'give back'" in everywhere.stderr
    assert ["give", "back", "5", "4"] in [line.split() for line in server.hint("studio", "status").stdout.splitlines()]
    assert {one.hand_id for one in give_back(studio, "give back", dry_run=True).labels} == wrong.keys()
    assert offered(ann, project) is None
    assert offered(ben, project) == double

    done = server.hint("studio", "return", "--project", "give back", "--comment", "See the guidelines")
    assert "give back: labels that went back to their authors: 3" in done.stdout
    assert f"start anew, because other people will see the task: 1: {double}" in done.stderr
    status = project_status(studio, "give back")
    assert (status.returned, status.broken, status.labelled) == ({ANN: sorted(wrong)}, [], 2)

    assert offered(ben, project) == double, "nobody else gets what was returned to ann, but the double was for ben too"
    seen: dict[str, Any] = {}
    while task := next_task(ann, project):
        hand_id = task["data"]["hand_id"]
        seen[hand_id] = task["predictions"][0]["result"]
        submit(ann, listing.tasks[hand_id], with_reason(results(listing.tasks[hand_id].hint), "left as it was"))
    assert seen.keys() == wrong.keys()
    assert seen[doubled][:-1] == twice(listing.tasks[doubled]), "the author goes on from the own points"
    assert seen[lacking][-1]["value"]["text"] == ["Returned: joints are missing (wrist). See the guidelines"]
    assert seen[double] == results(listing.tasks[double].hint), "ben must not start from the points of ann"

    submit(ben, listing.tasks[double])
    status = project_status(studio, "give back")
    assert (status.returned, status.broken, status.labelled, status.doubles_done) == ({}, [], 5, 1)
    server.hint("studio", "pull", "--project", "give back", "--out", tmp_path / "out")
    notes = [json.loads(line) for line in (tmp_path / "out" / ANN / "annotations.jsonl").read_text().splitlines()]
    assert [note["comment"] for note in notes] == 5 * [""], "the reason is no comment of the annotator"
    assert give_back(studio, "give back").labels == []

    for message, options in {
        f"need --comment TEXT, so that authors know why: {min(fine, other)}": {"hands": [fine, other]},
        f"no labels by {BEN[1:]!r}; there are some by: {ANN}, {BEN}": {"annotator": BEN[1:]},
        "for 1 hand: nobody_l": {"hands": ["nobody_l"]},
    }.items():
        with pytest.raises(InputError, match=message):
            give_back(studio, "give back", **options)
    give_back(studio, "give back", hands=[fine], comment="The wrist is off")
    assert next_task(ann, project)["predictions"][0]["result"][-1]["value"]["text"] == ["Returned: The wrist is off"]
    assert project_status(studio, "give back").returned == {ANN: [fine]}


def test_a_label_that_changes_meanwhile_is_left_alone(server: Any, few: Any, people: dict[str, str]) -> None:
    listing = push(server, few, "changes")
    ann = server.client(people[ANN])
    task = listing.tasks[few.ids[0]]
    label = submit(ann, task, incomplete(task))

    class Slow(Studio):
        """A client that looks at a task when its author has just mended it."""

        def task(self, task: int) -> dict[str, Any]:
            ann.api.annotations.update(id=label.id, result=results(listing.tasks[few.ids[0]].hint))
            return super().task(task)

    done = give_back(Slow(Address(server.url, server.login["token"])), "changes")
    assert (done.labels, done.changed) == ([], [few.ids[0]])
    status = project_status(ann, "changes")
    assert (status.labelled, status.returned) == (1, {})


def test_reasons_stay_apart_from_comments() -> None:
    said = [{"from_name": "comment", "value": {"text": ["my own"]}}, {"from_name": "kp", "value": {}}]
    once = with_reason(said, "first")
    again = with_reason(once, "second")
    assert own_comments(again) == ["my own"]
    assert again[-1]["value"]["text"] == ["Returned: second", "my own"]
    assert [is_returned(one) for one in (said, once, again)] == [False, True, True]


def test_what_was_sent_back_before_is_left_out_of_the_same_command(draw_sample: Any, tmp_path: Path) -> None:
    hands = read_manifest(draw_sample(tmp_path, 3).manifest)
    rows = []
    for number, hand in enumerate(hands[:2], start=1):
        task = task_of(hand, None, 0.5)
        label = {"id": number, "completed_by": {"email": ANN}, "result": results(task)}
        rows.append({"id": number, "data": task_data(hand.hand_id, "/data/a.jpg", task), "annotations": [label]})
    before = rows[0]["annotations"][0]
    before |= {"was_cancelled": True, "result": with_reason(before["result"], "wrist is off")}
    (tmp_path / "project.json").write_text(json.dumps(rows))
    studio = ExportFile(tmp_path / "project.json", Tasks(rows, unchanged=True), {})

    def done(*names: str, annotator: str | None = None) -> GivenBack:
        return give_back(studio, "project", hands=names, annotator=annotator, comment="c", dry_run=True)

    both = done(hands[0].hand_id, hands[1].hand_id)
    assert ([one.hand_id for one in both.labels], both.before) == ([hands[1].hand_id], [hands[0].hand_id])
    assert done(hands[0].hand_id, annotator=ANN).before == [hands[0].hand_id]
    with pytest.raises(InputError, match=hands[2].hand_id):
        done(hands[0].hand_id, hands[2].hand_id)
