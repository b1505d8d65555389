"""Submissions: what they hold, and what is refused of strangers."""

import io
import json
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.card import Card
from benchmark.evaluate import evaluate
from benchmark.protocol import load_protocol
from benchmark.record import read_record, write_record
from benchmark.submission import ProtocolName, Submission, parse_submission
from benchmark.submission_zip import SubmissionError, read_bounded
from benchmark.submit import submit
from hint.errors import InputError, UnknownNameError
from hint.files import write_predictions
from hint.types import HandLabels, Predictions

NAMES = ["card.toml", "predictions.npz", "submission.json"]


def read_submission(path: Path) -> Submission:
    return parse_submission(read_bounded(path), str(path))


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path: Path, files: dict[str, bytes], **attributes: object) -> Path:
    """Write a zip as other tools do; ``attributes`` are those of every entry."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo("place")
            entry.filename = name  # the constructor would change backslashes and cut at a null byte
            entry.compress_type = zipfile.ZIP_DEFLATED
            for key, value in attributes.items():
                setattr(entry, key, value)
            archive.writestr(entry, content)
    return path


@pytest.fixture
def results(tmp_path: Path, make: Callable[..., HandLabels]) -> Path:
    labels = make(9)
    keypoints = labels.keypoints_2d.astype(np.float32) + 3
    keypoints[0] = np.inf
    predictions = Predictions(labels.hand_id[::-1], keypoints[::-1], meta={"weights": "/home/me/secret.ckpt"})
    write_predictions(tmp_path / "mine.npz", predictions)
    evaluate(labels, tmp_path / "mine.npz", out=tmp_path, name="mine")
    return tmp_path / "mine"


@pytest.fixture
def made(results: Path, tmp_path: Path) -> Path:
    return submit(results, Card(title="Mine"), tmp_path / "s.zip").path


def test_a_submission_holds_ids_keypoints_and_the_card_and_nothing_of_this_machine(
    results: Path, made: Path, tmp_path: Path
) -> None:
    held = entries(made)
    assert sorted(held) == NAMES
    with np.load(io.BytesIO(held["predictions.npz"]), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["hand_id", "keypoints_2d"]
    assert b"/home/me" not in made.read_bytes()
    assert str(tmp_path).encode() not in made.read_bytes()
    back = read_submission(made)
    assert back.protocol == ProtocolName(id="hint-v1", sha256=load_protocol().sha256)
    assert back.predictions.hand_id.tolist() == sorted(back.predictions.hand_id.tolist())
    again = submit(tmp_path / "mine.npz", Card(title="Mine"), tmp_path / "t.zip")
    assert again.path.read_bytes() == made.read_bytes() == back.to_bytes()
    assert "1 hand" in again.remarks[0]


def test_what_cannot_be_ranked_is_not_packed(results: Path, tmp_path: Path, make: Callable[..., HandLabels]) -> None:
    labels, card, out = make(9), Card(title="Mine"), tmp_path / "s.zip"
    evaluate(labels, "oracle-noise", out=tmp_path, name="control", limit=4)
    with pytest.raises(SubmissionError) as refused:
        submit(tmp_path / "control", card, out)
    assert [any(word in text for text in refused.value.problems) for word in ("control", "--limit")] == [True, True]
    few = Predictions(labels.hand_id[:6], labels.keypoints_2d[:6].astype(np.float32))
    write_predictions(tmp_path / "few.npz", few)
    evaluate(labels, tmp_path / "few.npz", out=tmp_path)
    (results / "predictions.npz").unlink()
    for call, fact in (
        (lambda: submit(tmp_path / "few", card, out), "NaN"),
        (lambda: submit(results, card, out), "--predictions"),
        (lambda: submit(results, card, out, predictions=tmp_path / "few.npz"), "scored from"),
        (lambda: submit(results, card, out, predictions=tmp_path / "none.npz"), "no such file"),
        (lambda: submit(results, card, out, protocol="hint-v1"), "--protocol"),
        (lambda: submit(tmp_path / "few.npz", card, out, predictions=tmp_path / "few.npz"), "--predictions"),
        (lambda: submit(tmp_path / "few.npz", card, out, protocol="freihand"), "pred.zip"),
        (lambda: submit(tmp_path / "few.json", card, out), "hint export"),
        (lambda: submit(tmp_path / "few.npz", card, tmp_path / "few.npz"), "something.zip"),
    ):
        with pytest.raises(InputError, match=fact):
            call()
    with pytest.raises(UnknownNameError, match="hint-v1"):
        submit(tmp_path / "few.npz", card, out, protocol="hint-v0")
    assert not out.exists()


def test_hands_that_were_matched_by_box_are_packed_with_those_that_were_not_found(
    tmp_path: Path, make: Callable[..., HandLabels]
) -> None:
    labels = make(9)
    evaluate(
        labels, Predictions(labels.hand_id[:6], labels.keypoints_2d[:6].astype(np.float32)), out=tmp_path, name="m"
    )
    record = read_record(tmp_path / "m" / "record.json")
    matched = record.model_copy(update={"fingerprint": {"predictions_sha256": "of more hands", "matched_by_iou": 0.3}})
    write_record(tmp_path / "m" / "record.json", matched)
    packed = submit(tmp_path / "m", Card(title="Mine"), tmp_path / "s.zip")
    assert sorted(packed.submission.predictions.hand_id.tolist()) == sorted(labels.hand_id.tolist())
    assert "3 hands" in packed.remarks[0]
    with pytest.raises(InputError, match="leave out --predictions"):
        submit(tmp_path / "m", Card(title="Mine"), tmp_path / "t.zip", predictions=tmp_path / "m" / "predictions.npz")


def test_another_file_is_not_replaced(made: Path, tmp_path: Path) -> None:
    before, source = made.read_bytes(), tmp_path / "mine.npz"
    assert submit(source, Card(title="Mine"), made).path == made
    for overwrite in ("missing", "never"):
        with pytest.raises(InputError, match="--overwrite always"):
            submit(source, Card(title="Other"), made, overwrite=overwrite)
    assert made.read_bytes() == before
    submit(source, Card(title="Other"), made, overwrite="always")
    assert read_submission(made).card.title == "Other"


def test_a_zip_made_anew_on_windows_or_a_mac_is_taken(made: Path, tmp_path: Path) -> None:
    held = entries(made)
    windows = {f"mine\\{name}": content for name, content in held.items()}
    mac = {"mine/": b"", **{f"mine/{n}": c for n, c in held.items()}, "__MACOSX/mine/._card.toml": b"x"}
    litter = {**held, ".DS_Store": b"x", "._card.toml": b"x", "Thumbs.db": b"x"}
    for files in (windows, mac, litter):
        assert read_submission(zipped(tmp_path / "anew.zip", files)).to_bytes() == made.read_bytes()


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {key: content for key, content in files.items() if key != name}


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        (lambda f: without(f, "card.toml"), ["card.toml is missing"]),
        (lambda f: {"notes.txt": b"", "model.py": b""}, ["notes.txt", "model.py", *NAMES]),
        (lambda f: {f"../{n}": c for n, c in f.items()}, ["leads out"]),
        (lambda f: {f"/tmp/{n}": c for n, c in f.items()}, ["leads out"]),
        (lambda f: {f"C:\\{n}": c for n, c in f.items()}, ["leads out"]),
        (lambda f: {f"a/b/{n}": c for n, c in f.items()}, ["does not belong"]),
        (lambda f: f | {"card.toml\0.png": b""}, ["leads out"]),
        (lambda f: f | {"::error::\x1b[31m" + "x" * 5000: b""}, ["does not belong", "leads out"]),
        (lambda f: {f"{k}.txt": b"" for k in range(200)}, ["200 files"]),
        (lambda f: f | {"card.toml": b"#" * (1 << 20)}, ["card.toml unpacks to more"]),
        (lambda f: f | {"predictions.npz": bytes(40_000_000)}, ["predictions.npz unpacks to more"]),
        (lambda f: f | {"card.toml": b'title = "Other"'}, ["card.toml changed"]),
        (lambda f: f | {"card.toml": b"titel = 1"}, ["title", "titel"]),
        (lambda f: f | {"submission.json": b"[" * 10_000}, ["submission.json"]),
        (lambda f: f | {"submission.json": b'{"a": 1' + b"0" * 5000 + b"}"}, ["submission.json"]),
        (
            lambda f: f | {"submission.json": f["submission.json"].replace(b"hint-v1", b"../../etc/x.toml")},
            ["submission.json", "protocol.id"],
        ),
        (lambda f: f | {"predictions.npz": f["predictions.npz"][:-40]}, ["predictions.npz", "changed"]),
    ],
)
def test_a_hostile_zip_is_refused_with_all_that_is_wrong(made: Path, tmp_path: Path, change, facts) -> None:
    path = zipped(tmp_path / "hostile.zip", change(entries(made)))
    tracemalloc.start()
    with pytest.raises(SubmissionError) as refused:
        read_submission(path)
    assert tracemalloc.get_traced_memory()[1] < 300_000_000
    tracemalloc.stop()
    text = str(refused.value)
    assert all(fact in text for fact in facts), text
    assert len(text) < 3000
    assert text.isprintable()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hostile.zip", "mine", "mine.npz", "s.zip"]


def arrays(**given: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **given)
    return stream.getvalue()


def lying(shape: str) -> bytes:
    """Return an npz whose array announces another shape than it has."""
    stream = io.BytesIO()
    np.save(stream, np.zeros((2, 21, 2), np.float32))
    content = stream.getvalue().replace(b"(2, 21, 2), }" + b" " * 20, f"{shape}, }}".ljust(33).encode())
    with zipfile.ZipFile(out := io.BytesIO(), "w") as archive:
        archive.writestr("keypoints_2d.npy", content)
        archive.writestr("hand_id.npy", content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (arrays(hand_id=np.array(["a"])), "keypoints_2d"),
        (arrays(hand_id=np.array(["a", "a"]), keypoints_2d=np.zeros((2, 21, 2))), "duplicate"),
        (arrays(hand_id=np.array(["a"]), keypoints_2d=np.zeros((1, 20, 2))), "shape"),
        (arrays(hand_id=np.array(["a"]), keypoints_2d=np.array([[["x"] * 2] * 21])), "numbers"),
        (arrays(hand_id=np.array([b"\xff"]), keypoints_2d=np.zeros((1, 21, 2))), "predictions.npz"),
        (arrays(hand_id=np.array(["a\x1b"]), keypoints_2d=np.zeros((1, 21, 2))), "ids"),
        (arrays(hand_id=np.array(["a" * 300]), keypoints_2d=np.zeros((1, 21, 2))), "ids"),
        (arrays(hand_id=np.array(["a"]), keypoints_2d=np.zeros((100_000, 21, 2), np.float64)), "unpacks to more"),
        (lying("(9999999999999, 21, 2)"), "npz"),
        (lying("(99999999, 21, 2)"), "npz"),
        (lying("(-1, 21, 2)"), "npz"),
        (lying("(__import__('os'),)"), "npz"),
        pytest.param(b"\x80\x04pickle", "npz", id="a pickle"),
        (b"", "npz"),
    ],
)
def test_hostile_predictions_are_refused_in_a_line(made: Path, tmp_path: Path, content: bytes, fact: str) -> None:
    path = zipped(tmp_path / "hostile.zip", entries(made) | {"predictions.npz": content})
    with pytest.raises(SubmissionError) as refused:
        read_submission(path)
    assert fact in str(refused.value)
    assert "\n" not in str(refused.value)


def test_objects_links_and_encrypted_files_are_refused(made: Path, tmp_path: Path) -> None:
    objects = io.BytesIO()
    np.savez(objects, hand_id=np.array(["a"]), keypoints_2d=np.array([{"a": 1}], dtype=object))
    files = entries(made)
    linked = {"external_attr": (stat.S_IFLNK | 0o777) << 16}
    encrypted = zipped(tmp_path / "e.zip", files)
    flagged = encrypted.read_bytes().replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")
    encrypted.write_bytes(flagged)
    for path, fact in (
        (zipped(tmp_path / "o.zip", files | {"predictions.npz": objects.getvalue()}), "predictions.npz"),
        (zipped(tmp_path / "l.zip", files, **linked), "link"),
        (encrypted, "encrypted"),
    ):
        with pytest.raises(SubmissionError, match=fact):
            read_submission(path)
    (tmp_path / "link.zip").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="is a link"):
        read_submission(tmp_path / "link.zip")
    twice = zipped(tmp_path / "twice.zip", files | {"card.twin": b""})
    twice.write_bytes(twice.read_bytes().replace(b"card.twin", b"card.toml"))
    with pytest.raises(SubmissionError, match="twice"):
        read_submission(twice)


SAMPLE = Submission(
    Card(title="Mine"),
    Predictions(np.array(["a", "b"]), np.ones((2, 21, 2), np.float32)),
    ProtocolName(id="hint-v1", sha256="0" * 64),
).to_bytes()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.binary(max_size=8), st.integers(0, 8))
def test_a_damaged_zip_is_refused_or_means_the_same(tmp_path_factory, place: int, put: bytes, cut: int) -> None:
    path = tmp_path_factory.mktemp("damaged") / "s.zip"
    path.write_bytes(SAMPLE[:place] + put + SAMPLE[place + cut :])
    with suppress(SubmissionError):
        assert read_submission(path).to_bytes() == SAMPLE


def test_the_manifest_names_no_one_and_no_time(made: Path) -> None:
    assert sorted(json.loads(entries(made)["submission.json"])) == ["hint", "protocol", "schema", "sha256"]
