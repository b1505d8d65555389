"""Files taken out of a package that pip downloads: a small wheel in a folder stands for the real one."""

import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from command import hint

from hint.errors import InputError, MissingRequirementError
from hint.fetch import ASSETS, FetchError, fetch, receipt
from hint.fetch.archive import Member
from hint.fetch.assets import MEDIAPIPE, Wheel
from hint.fetch.transfer import DamagedArchiveError

CONTENT = {"palms.tflite": b"palms" * 100, "landmarks.tflite": b"landmarks" * 100}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """The asset ``mediapipe``, made of a package that does not exist."""
    members = tuple(
        Member(f"handpack/{name}", f"mediapipe/{name}", len(content), hashlib.sha256(content).hexdigest())
        for name, content in CONTENT.items()
    )
    wheel = replace(MEDIAPIPE, requirement="handpack==1.0", members=members)
    monkeypatch.setitem(ASSETS, "mediapipe", replace(ASSETS["mediapipe"], wheel=wheel))
    return wheel


def make_wheel(folder: Path, content: dict[str, bytes]) -> Path:
    """Write a wheel that pip accepts, for the same kind of machine as the real one."""
    folder.mkdir(exist_ok=True)
    path = folder / "handpack-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
    about = "handpack-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            packed.writestr(f"handpack/{name}", data)
        packed.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: handpack\nVersion: 1.0\n")
        packed.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp312\n")
        packed.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def only_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pip_downloads_it_as_it_is_set_up(small: Wheel, only_local: Path, hint_home: Path) -> None:
    make_wheel(only_local, CONTENT)
    report = fetch("mediapipe")
    places = [hint_home / "mediapipe" / name for name in CONTENT]
    assert list(report.files) == list(report.new) == places
    assert {place.name: place.read_bytes() for place in places} == CONTENT
    assert report.source == "handpack==1.0"
    written = receipt("mediapipe")
    assert written is not None
    assert written["source"] == "handpack==1.0"
    assert not list((hint_home / "downloads").rglob("*.whl")), "the wheel is not kept"
    again = fetch("mediapipe")
    assert (again.new, again.source) == ((), "")


def test_a_package_that_pip_cannot_find_is_one_line_that_tells_what_to_do(small: Wheel, only_local: Path) -> None:
    with pytest.raises(FetchError, match=r"pip could not download handpack==1\.0 .*--url WHEEL") as failed:
        fetch("mediapipe")
    assert "\n" not in str(failed.value)


def test_without_pip_there_is_another_way(small: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint.fetch.wheel.find_spec", lambda name: None)
    with pytest.raises(MissingRequirementError, match=r"ensurepip.*--url WHEEL"):
        fetch("mediapipe")


def test_a_wheel_of_the_users_own_is_kept(small: Wheel, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "mine", CONTENT)
    fetch("mediapipe", url=str(wheel))
    assert wheel.is_file()


def test_files_can_go_to_a_folder_that_an_environment_carries(small: Wheel, tmp_path: Path, hint_home: Path) -> None:
    wheel, share = make_wheel(tmp_path / "mine", CONTENT), tmp_path / "share"
    report = fetch("mediapipe", url=str(wheel), out=share)
    assert sorted(path.name for path in share.iterdir()) == sorted(CONTENT)
    assert report.files == tuple(share / name for name in CONTENT)
    assert not (hint_home / "mediapipe").exists()
    assert receipt("mediapipe") is None


def test_only_the_missing_file_is_taken_and_another_in_place_is_refused(
    small: Wheel, tmp_path: Path, hint_home: Path
) -> None:
    wheel = make_wheel(tmp_path / "mine", CONTENT)
    fetch("mediapipe", url=str(wheel))
    place = hint_home / "mediapipe" / "palms.tflite"
    place.unlink()
    assert fetch("mediapipe", url=str(wheel)).new == (place,)
    place.write_bytes(b"other")
    with pytest.raises(FetchError, match="not the expected file; move it away"):
        fetch("mediapipe", url=str(wheel))
    assert place.read_bytes() == b"other"


WRONG = {
    "without a file": {"palms.tflite": CONTENT["palms.tflite"]},
    "with another file": CONTENT | {"palms.tflite": b"other"},
    "with a longer file": CONTENT | {"palms.tflite": CONTENT["palms.tflite"] + bytes(10**6)},
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_nothing_is_written_from_another_wheel(
    content: dict[str, bytes], small: Wheel, tmp_path: Path, hint_home: Path
) -> None:
    wheel = make_wheel(tmp_path / "mine", content)
    with pytest.raises(DamagedArchiveError, match="does not hold the expected handpack/"):
        fetch("mediapipe", url=str(wheel))
    assert not (hint_home / "mediapipe").exists()


def test_what_is_no_wheel_is_refused(small: Wheel, tmp_path: Path) -> None:
    page = tmp_path / "page.whl"
    page.write_bytes(b"<html>")
    with pytest.raises(DamagedArchiveError, match=r"not a \.zip"):
        fetch("mediapipe", url=str(page))
    with pytest.raises(InputError, match="no archive at"):
        fetch("mediapipe", url=str(tmp_path / "absent.whl"))


def test_the_licence_is_shown_and_must_be_accepted() -> None:
    done = hint("fetch", "mediapipe", code=3)
    assert "Apache-2.0" in done.stderr
    assert "hint fetch mediapipe --accept-licence" in done.stderr
