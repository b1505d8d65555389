"""What a board kept from earlier builds changes no byte, and is asked for instead of computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.record import Record
from hint.settings import CACHE_VARIABLE
from hint.types import HandLabels
from leaderboard.site.build import build_leaderboard

#: A cell of a subset: all, visible and occluded joints; besides them the slices of a subset, and all scores.
CELLS, OTHERS = 3, 2


def site(records: Path, out: Path) -> dict[str, bytes]:
    build_leaderboard(records, out)
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def kept(cache: Path) -> dict[str, int]:
    return {p.name: p.stat().st_ino for p in cache.rglob("*.npz")}


def test_one_more_record_gives_the_bytes_of_a_build_from_nothing(
    make: Callable[..., HandLabels], make_record: Callable[..., Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, cache = tmp_path / "records", tmp_path / "cache"
    labels = make(40)
    for k, sigma in enumerate((0.02, 0.05)):
        make_record(records / f"{k}", labels, sigma, k, name=f"noise-{k}", title=f"Noise {k}")
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    first = site(records, tmp_path / "site")
    before = kept(cache)
    assert len(before) == 2 * (CELLS + OTHERS)
    assert site(records, tmp_path / "site") == first
    assert kept(cache) == before, "nothing was computed again"

    make_record(records / "2", labels, 0.03, 2, name="noise-2", title="Noise 2")
    damaged = sorted(before)[0]
    (path,) = cache.rglob(damaged)
    path.write_bytes(path.read_bytes()[:-100])
    grown = site(records, tmp_path / "site")
    after = kept(cache)
    assert len(after) == 3 * (CELLS + OTHERS)
    assert {name for name in before if after[name] != before[name]} == {damaged}, "all but the damaged one were used"

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "nothing"))
    assert site(records, tmp_path / "anew") == grown

    monkeypatch.setenv(CACHE_VARIABLE, str(records / "0" / "record.json"))
    assert site(records, tmp_path / "without") == grown, "a cache that cannot be written to stops nobody"
