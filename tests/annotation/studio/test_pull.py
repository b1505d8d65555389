"""Work of several people on a real server, and what ``hint studio pull`` makes of it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelling import draft, label_all, moved, push, submit, unusable

from annotation.studio.config import label_config
from annotation.studio.project import list_tasks
from annotation.studio.pull import pull as pull_labels
from annotation.studio.recent import recent_work
from annotation.studio.task import results
from annotation.studio.work import Work, fetch_work
from hint.files import read_labels, read_pairs
from hint.files.manifest import read_manifest, write_manifest
from hint.provenance import sha256_file

ANN, BEN = "ann@example.com", "ben@example.com"


def same_labels(found: Any, sample: Any, ids: list[str]) -> None:
    rows = [sample.ids.index(hand_id) for hand_id in ids]
    expected = sample.labels.select(rows)
    assert found.hand_id.tolist() == ids
    np.testing.assert_allclose(found.keypoints_2d, expected.keypoints_2d, atol=0.01)
    assert np.array_equal(found.existence, expected.existence)
    assert np.array_equal(found.occlusion, expected.occlusion)
    np.testing.assert_array_equal(found.box_xyxy, expected.box_xyxy)
    assert np.array_equal(found.is_right, expected.is_right)


def test_labels_make_the_round_trip(server: Any, sample: Any, people: dict[str, str], tmp_path: Path) -> None:
    listing = push(server, sample, "round trip")
    ann = server.client(people[ANN])
    for task in listing.tasks.values():
        submit(ann, task)
    out = tmp_path / "out"
    done = server.hint("studio", "pull", "--project", "round trip", "--out", out)
    assert "12 of 12 hands labelled" in done.stdout
    same_labels(read_labels(out / ANN, ["train_newdays"]), sample, sample.ids)
    for hand_id in sample.ids:
        picture = out / ANN / "TRAIN_newdays_img" / f"{hand_id}.jpg"
        assert picture.read_bytes() == (sample.folder / "TRAIN_newdays_img" / picture.name).read_bytes()
    record = json.loads((out / "pull.json").read_text())
    assert record["labels"] == {ANN: 12}
    assert record["raw_sha256"] == sha256_file(out / "raw.json")
    assert (record["server"], record["project"], record["url"]) == ("1.23.2", "round trip", server.url)
    assert len(json.loads((out / "raw.json").read_text())) == 12
    before = {path: path.read_bytes() for path in (out / ANN).rglob("*") if path.is_file()}
    server.hint("studio", "pull", "--project", "round trip", "--out", out)
    assert {path: path.read_bytes() for path in (out / ANN).rglob("*") if path.is_file()} == before


def test_everything_people_do_is_reported(server: Any, sample: Any, people: dict[str, str], tmp_path: Path) -> None:
    listing = push(server, sample, "all sorts")
    ids, tasks = sample.ids, [listing.tasks[hand_id] for hand_id in sample.ids]
    ann, ben = server.client(people[ANN]), server.client(people[BEN])
    submit(ann, tasks[0])
    submit(ann, tasks[1], moved(tasks[1], 8, 40.0, 60.0, "occluded"))
    contaminated = submit(ann, tasks[2])
    ben.api.annotations.update(id=contaminated.id, result=moved(tasks[2], 4, 10, 10, "visible"))
    submit(ann, tasks[3], [], was_cancelled=True)
    submit(ann, tasks[4], [{**one, "id": f"x{one['id']}"} for one in results(tasks[4].hint)][2:])
    submit(ben, tasks[5], [*results(tasks[5].hint), *unusable("too dark")])
    submit(ben, tasks[6], moved(tasks[6], 0, 1, 1, "visible"))
    submit(ben, tasks[6], moved(tasks[6], 0, 2, 2, "visible"))
    submit(ann, tasks[7], [], was_cancelled=True)
    submit(ann, tasks[7])
    draft(ben, tasks[8])
    ben.api.tasks.create(project=server.client().find("all sorts").id, data={"image": "/x.jpg"})

    done = server.hint("studio", "status", "--project", "all sorts")
    assert "all sorts: 5 of 12 hands labelled (41.7%)" in done.stdout
    assert f"unusable by {BEN}: 1: {ids[5]} (too dark)" in done.stderr
    listed = "hint studio status --project 'all sorts' --check lists them"
    assert f"not counted, because they are broken: 1; {listed}" in done.stderr
    status = json.loads(server.hint("studio", "status", "--project", "all sorts", "--json").stdout)
    by_email = {person["email"]: person for person in status["people"]}
    columns = ("labelled", "unusable", "broken", "returned", "skipped", "drafts", "changed_by_others")
    assert [by_email[ANN][key] for key in columns] == [4, 0, 1, 0, 1, 0, 1]
    assert [by_email[BEN][key] for key in columns] == [1, 1, 0, 0, 0, 1, 0]
    assert by_email[ANN]["seconds"] == 12.0

    out = tmp_path / "out"
    done = server.hint("studio", "pull", "--project", "all sorts", "--out", out, code=1)
    record = json.loads((out / "pull.json").read_text())
    assert record["labels"] == {ANN: 4, BEN: 1}
    assert record["changed_by_others"] == [f"{ids[2]} ({ANN}, then {BEN})"]
    assert record["skipped"] == {ANN: [ids[3]]}
    assert record["drafts"] == {BEN: [ids[8]]}
    assert record["unusable"] == {BEN: {ids[5]: "too dark"}}
    assert record["labelled"] == 5
    assert record["problems"] == {"joints are missing": [f"{ids[4]} ({ANN})"]}
    assert record["superseded"] == 1
    assert len(record["foreign"]) == 1
    assert f"left out 1: joints are missing: {ids[4]} ({ANN})" in done.stderr
    assert f"drafts by {BEN}: 1: {ids[8]}" in done.stderr

    found = read_pairs(out / ANN / "TRAIN_newdays_img")
    assert found.hand_id.tolist() == [ids[k] for k in (0, 1, 2, 7)]
    same_labels(found.select([0, 3]), sample, [ids[0], ids[7]])
    x, y, width, height = tasks[1].hint.crop
    assert found.keypoints_2d[1, 8].tolist() == pytest.approx([x + 0.4 * width, y + 0.6 * height])
    assert found.existence[1, 8]
    assert found.occlusion[1, 8]
    x, y, width, height = tasks[6].hint.crop
    wrist = read_pairs(out / BEN / "TRAIN_newdays_img").keypoints_2d[0, 0]
    assert wrist.tolist() == pytest.approx([x + 0.02 * width, y + 0.02 * height])
    notes = [json.loads(text) for text in (out / ANN / "annotations.jsonl").read_text().splitlines()]
    assert [note["moved"] for note in notes] == [[], ["index_tip"], ["thumb_tip"], []]
    notes = [json.loads(text) for text in (out / BEN / "annotations.jsonl").read_text().splitlines()]
    said = {note["hand_id"]: (note["usable"], note["comment"]) for note in notes}
    assert said == {ids[5]: (False, "too dark"), ids[6]: (True, "")}

    api = server.client().api
    api.annotations.delete(id=contaminated.id)
    server.hint("studio", "pull", "--project", "all sorts", "--out", out, code=1)
    names = {path.stem for path in (out / ANN / "TRAIN_newdays_img").iterdir()}
    assert names == {ids[k] for k in (0, 1, 7)}, "what is no longer there does not count"


def test_nothing_pulled_earlier_is_lost(server: Any, sample: Any, people: dict[str, str], tmp_path: Path) -> None:
    listing = push(server, sample, "kept labels")
    ids, tasks = sample.ids, [listing.tasks[hand_id] for hand_id in sample.ids]
    ann = server.client(people[ANN])
    made = [submit(ann, task) for task in tasks[:6]]
    out = tmp_path / "out"
    pull = ("studio", "pull", "--project", "kept labels", "--out", out)
    server.hint(*pull)
    before = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    ann.api.tasks.delete(id=str(tasks[0].id))
    ann.api.annotations.delete(id=made[1].id)
    submit(ann, tasks[2], results(tasks[2].hint)[2:])
    unusable = {"id": "s", "from_name": "hand_status", "to_name": "image", "type": "choices"}
    submit(ann, tasks[3], [{**unusable, "value": {"choices": ["unusable"]}}])
    ann.api.annotations.update(id=made[4].id, result=moved(tasks[4], 8, 40.0, 60.0, "occluded"))
    sample.folder.rename(tmp_path / "elsewhere")
    elsewhere = ("--url", f"http://localhost:{server.port}")
    done = server.hint(*pull, *elsewhere, code=1, HINT_STUDIO_TOKEN=server.login["token"])

    record = json.loads((out / "pull.json").read_text())
    folder = out / ANN / "TRAIN_newdays_img"
    assert sorted(path.name for path in folder.iterdir()) == [f"{i}.{end}" for i in ids[4:6] for end in ("jpg", "json")]
    assert record["pictures_absent"] == []
    withdrawn = {label["hand_id"]: (label["annotator"], label["reason"]) for label in record["withdrawn"]}
    assert withdrawn == {
        ids[0]: (ANN, "its task was deleted, or its data changed"),
        ids[1]: (ANN, "deleted"),
        ids[2]: (ANN, "no longer complete: joints are missing (wrist)"),
        ids[3]: (ANN, "marked unusable: no reason given"),
    }
    assert record["replaced"] == [f"{ANN}/TRAIN_newdays_img/{ids[4]}.json"]
    assert f"4 labels pulled earlier and withdrawn since; kept in earlier/{record['time']}" in done.stderr
    assert f"{ids[0]} ({ANN}: its task was deleted, or its data changed)" in done.stderr
    aside = out / "earlier" / record["time"]
    for name, content in before.items():
        if name.suffix in (".json", ".jpg") and len(name.parts) == 3:
            place = aside if name.stem in ids[:4] or name.name == f"{ids[4]}.json" else out
            assert (place / name).read_bytes() == content
    assert {row["data"]["hand_id"] for row in json.loads((aside / "raw.json").read_text())} == {
        ids[k] for k in (0, 1, 4)
    }, "annotations that are no longer in raw.json"
    server.hint("export", out, "--out", tmp_path / "now")
    assert len(read_labels(tmp_path / "now", ["train_newdays"])) == 2
    server.hint("export", aside / ANN, "--out", tmp_path / "before")
    same_labels(read_labels(tmp_path / "before", ["train_newdays"]), sample, ids[:5])

    manifest, predictions = (tmp_path / "elsewhere" / path.name for path in (sample.manifest, sample.predictions))
    server.hint("studio", "push", manifest, "--predictions", predictions, "--project", "kept labels")
    again = list_tasks(ann, ann.find("kept labels").id).tasks[ids[0]]
    submit(ann, again, results(tasks[0].hint))
    done = server.hint(*pull, code=1)
    assert "3 labels withdrawn before" in done.stderr
    assert (folder / f"{ids[0]}.jpg").is_file(), "a label that is back counts again"
    server.client().create("other labels", label_config(), "")
    other = server.hint("studio", "pull", "--project", "other labels", "--out", out, code=2)
    assert "contains labels of another project, 'kept labels' on" in other.stderr


def test_an_interrupted_pull_is_continued(
    server: Any, sample: Any, people: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = push(server, sample, "interrupted")
    ann = server.client(people[ANN])
    made = [submit(ann, listing.tasks[hand_id]) for hand_id in sample.ids[:2]]
    out = tmp_path / "out"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("annotation.studio.pull._write_notes", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pull_labels(server.client(), "interrupted", out)
    assert not (out / "pull.json").exists()
    ann.api.annotations.delete(id=made[0].id)
    record = pull_labels(server.client(), "interrupted", out)
    assert [label.hand_id for label in record.withdrawn] == sample.ids[:1]
    assert [path.stem for path in (out / ANN / "TRAIN_newdays_img").glob("*.json")] == [sample.ids[1]]
    assert not (out / "unfinished.json").exists()


def test_who_asks_again_gets_only_what_changed_exported(
    server: Any, sample: Any, people: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HINT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("annotation.studio.recent._LATE", timedelta(seconds=0))
    tasks = [*push(server, sample, "asked often").tasks.values()]
    ann, studio = server.client(people[ANN]), server.client()
    made = [submit(ann, task) for task in tasks[:3]]
    draft(ann, tasks[4])
    asked: list[tuple[int, ...]] = []
    export = studio.export
    monkeypatch.setattr(studio, "export", lambda project, ids=(): (asked.append(tuple(ids)), export(project, ids))[1])

    def ask() -> Work:
        time.sleep(1.1)  # the clock of responses has seconds
        return recent_work(studio, studio.find("asked often"))

    assert len(ask().annotations) == 3
    assert [sorted(ids) for ids in asked] == [[tasks[k].id for k in (0, 1, 2, 4)]], "the others are only listed"
    submit(ann, tasks[5])
    ann.api.annotations.delete(id=made[0].id)
    draft(ann, tasks[6])
    found = ask()
    assert sorted(asked[1]) == sorted(tasks[k].id for k in (0, 4, 5, 6))
    assert found == fetch_work(server.client(), studio.find("asked often").id)[1]
    assert found.drafts == {ANN: [tasks[4].hand_id, tasks[6].hand_id]}
    ann.api.tasks.delete(id=str(tasks[7].id))
    assert ask().n_tasks == 11, "what was deleted leaves no trace in the list of changes, but in the counts"
    for task in tasks[8:]:
        submit(ann, task)
    shutil.rmtree(tmp_path / "home" / "label-studio" / "exports")
    asked.clear()
    assert (len(ask().annotations), asked) == (7, [()]), "of a project over half done, all is exported at once"


def other_wrist(task: Any) -> list[dict[str, Any]]:
    """The results of a task by somebody who sees the wrist otherwise, where it is in the frame."""
    found = results(task.hint)
    state = found[0]["value"]["labels"]
    found[0]["value"]["labels"] = state if state == ["out_of_frame"] else [] if state else ["occluded"]
    return found


def test_doubles_go_to_two_people_and_are_recorded(
    server: Any, sample: Any, people: dict[str, str], tmp_path: Path
) -> None:
    listing = push(server, sample, "doubles")
    project = server.client().find("doubles").id
    first = json.loads(server.hint("studio", "double", 2, "--project", "doubles", "--seed", 5, "--json").stdout)
    chosen = json.loads(server.hint("studio", "double", 4, "--project", "doubles", "--seed", 5, "--json").stdout)
    assert len(chosen["hand_ids"]) == 4
    assert set(first["hand_ids"]) < set(chosen["hand_ids"])
    assert "0 of them new" in server.hint("studio", "double", 4, "--project", "doubles", "--seed", 5).stdout
    assert "use --seed 5" in server.hint("studio", "double", 6, "--project", "doubles", code=2).stderr
    assert (
        "already has 4 doubles"
        in server.hint("studio", "double", 1, "--seed", 5, "--project", "doubles", code=2).stderr
    )
    push(server, sample, "doubles")

    ann = label_all(server.client(people[ANN]), project, listing)
    assert sorted(ann) == sample.ids
    ben = label_all(server.client(people[BEN]), project, listing, other_wrist)
    assert sorted(ben) == chosen["hand_ids"], "the second person gets exactly the doubles"
    done = server.hint("studio", "status", "--project", "doubles")
    assert "doubles: 4, 4 labelled by two, 0 by one" in done.stdout
    out = tmp_path / "out"
    server.hint("studio", "pull", "--project", "doubles", "--out", out)
    record = json.loads((out / "pull.json").read_text())
    assert record["doubles"] == [{"hand_id": i, "annotators": [ANN, BEN]} for i in chosen["hand_ids"]]
    found = json.loads(server.hint("agreement", out / ANN, out / BEN, "--out", tmp_path / "a", "--json").stdout)
    rows = [sample.ids.index(hand_id) for hand_id in chosen["hand_ids"]]
    otherwise = int(sample.labels.existence[rows, 0].sum())
    assert otherwise > 0, "some wrists are in the frame"
    assert (found["hands"], len(found["only_a"]), found["only_b"]) == (4, len(sample.ids) - 4, [])
    assert found["existence"]["value"] == 100
    n = found["occlusion"]["n"]
    assert found["occlusion"]["value"] == pytest.approx(100 * (n - otherwise) / n)
    assert "2 people labelled this" in server.hint("export", out, "--out", tmp_path / "x", code=2).stderr
    server.hint("export", out, "--out", tmp_path / "labels", "--prefer", ANN)
    same_labels(read_labels(tmp_path / "labels", ["train_newdays"]), sample, sample.ids)


def test_pictures_can_be_moved(server: Any, sample: Any, people: dict[str, str], tmp_path: Path) -> None:
    listing = push(server, sample, "moved pictures")
    submit(server.client(people[ANN]), listing.tasks[sample.ids[0]])
    sample.folder.rename(tmp_path / "elsewhere")
    out = tmp_path / "out"
    done = server.hint("studio", "pull", "--project", "moved pictures", "--out", out)
    assert "1 hand without a picture (pass --manifest FILE to add it)" in done.stderr
    manifest = tmp_path / "elsewhere" / sample.manifest.name
    server.hint("studio", "pull", "--project", "moved pictures", "--out", out, "--manifest", manifest)
    assert (out / ANN / "TRAIN_newdays_img" / f"{sample.ids[0]}.jpg").is_file()


def test_hands_without_a_box_get_the_one_around_their_points(
    server: Any, sample: Any, people: dict[str, str], tmp_path: Path
) -> None:
    hands = [hand.model_copy(update={"box_xyxy": None}) for hand in read_manifest(sample.manifest)]
    write_manifest(sample.manifest, hands)
    listing = push(server, sample, "no boxes")
    submit(server.client(people[ANN]), listing.tasks[sample.ids[0]])
    server.hint("studio", "pull", "--project", "no boxes", "--out", tmp_path / "out")
    found = read_pairs(tmp_path / "out" / ANN / "TRAIN_newdays_img")
    points = found.keypoints_2d[0]
    assert found.box_xyxy[0].tolist() == [*points.min(0).tolist(), *points.max(0).tolist()]


def test_other_files_are_not_overwritten(server: Any, sample: Any, tmp_path: Path) -> None:
    push(server, sample, "overwrite")
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    done = server.hint("studio", "pull", "--project", "overwrite", "--out", out, code=2)
    assert "contains something other than an earlier pull" in done.stderr
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_deleted_project_is_one_line(server: Any, sample: Any, tmp_path: Path) -> None:
    push(server, sample, "deleted")
    api = server.client().api
    api.projects.delete(id=server.client().find("deleted").id)
    done = server.hint("studio", "pull", "--project", "deleted", "--out", tmp_path / "out", code=2)
    assert "has no project 'deleted'" in done.stderr


def test_a_deleted_task_comes_back_with_the_next_push(
    server: Any, sample: Any, people: dict[str, str], draw_sample: Callable[..., Any]
) -> None:
    listing = push(server, sample, "deleted task")
    server.client().api.tasks.delete(id=str(listing.tasks[sample.ids[3]].id))
    done = server.hint(
        "studio", "push", sample.manifest, "--predictions", sample.predictions, "--project", "deleted task"
    )
    assert "1 new, 1 got points" in done.stdout
