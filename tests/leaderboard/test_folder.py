from __future__ import annotations

import json
from pathlib import Path

import pytest

from hint.errors import InputError, WriteError
from leaderboard.site.folder import MARKER, write_site


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_site_replaces_an_earlier_one_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "a" / "site"
    write_site(out, {"index.html": b"1", "methods/x.html": b"x"})
    write_site(out, {"index.html": b"2", "methods/y.html": b"y"})
    found = content(out)
    assert json.loads(found.pop(MARKER))["files"] == ["index.html", "methods/y.html"]
    assert found == {"index.html": b"2", "methods/y.html": b"y"}
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["site"], "nothing is left beside it"


def test_files_that_did_not_change_are_not_written_again(tmp_path: Path) -> None:
    write_site(tmp_path / "site", {"index.html": b"1", "a/same.html": b"s"})
    before = (tmp_path / "site" / "a" / "same.html").stat()
    write_site(tmp_path / "site", {"index.html": b"2", "a/same.html": b"s"})
    after = (tmp_path / "site" / "a" / "same.html").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (tmp_path / "site" / "index.html").read_bytes() == b"2"


def test_ctrl_c_at_any_moment_leaves_the_earlier_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, rename = tmp_path / "site", Path.rename
    write_site(out, {"index.html": b"1"})

    for moment in ("before", "between", "after"):

        def interrupted(self: Path, target: Path, moment: str = moment) -> Path:
            if moment == "before" or (moment == "between" and self.name.endswith("-new")):
                raise KeyboardInterrupt
            moved = rename(self, target)
            if moment == "after" and target.name.endswith("-old"):
                raise KeyboardInterrupt
            return moved

        monkeypatch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_site(out, {"index.html": b"2"})
        assert content(out)["index.html"] == b"1"
        assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    (tmp_path / "site" / "deep").mkdir(parents=True)
    write_site(tmp_path / "site", {"index.html": b"1"})
    assert (tmp_path / "site" / "index.html").is_file()


def test_what_is_not_ours_is_never_touched(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not empty"):
        write_site(out, {"index.html": b"1"})
    assert content(out) == {"thesis.tex": b"years of work"}
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="folder"):
        write_site(tmp_path / "file", {"index.html": b"1"})
    with pytest.raises(InputError, match="too long"):
        write_site(tmp_path / ("a" * 300), {"index.html": b"1"})
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "to").symlink_to(out)
    with pytest.raises(InputError, match="is not empty"):
        write_site(tmp_path / "links", {"index.html": b"1"})
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(InputError, match="folder"):
        write_site(tmp_path / "link", {"index.html": b"1"})


def test_a_file_put_into_a_site_stops_the_next_one(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": b"1"})
    (out / "CNAME").write_text("example.org")
    with pytest.raises(InputError, match="CNAME"):
        write_site(out, {"index.html": b"2"})
    assert (out / "index.html").read_bytes() == b"1"


@pytest.mark.parametrize("marker", ["{", "[]", '{"format": "other", "files": []}', '{"format": "hint-site-1"}'])
def test_a_broken_file_list_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(InputError, match="does not list the files"):
        write_site(tmp_path, {"index.html": b"1"})


def test_a_failure_leaves_the_earlier_site(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, {"index.html": b"1"})
    with pytest.raises(WriteError, match="cannot write"):
        write_site(out, {"index.html": b"2", "x" * 300: b"a name too long for any file system"})
    assert content(out).keys() == {"index.html", MARKER}
    assert (out / "index.html").read_bytes() == b"1"
    assert [p.name for p in tmp_path.iterdir()] == ["site"]
