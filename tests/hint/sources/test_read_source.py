import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.sources import SOURCES, read_source


def test_an_unknown_source_error_suggests_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="unknown source 'ego4'; did you mean ego4d"):
        read_source("ego4", Path())


@pytest.mark.parametrize("name", SOURCES)
def test_an_empty_root_error_names_the_expected_paths(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} does not contain .*; looked for .* below it"):
        read_source(name, tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_source(name, tmp_path / "nowhere")


def test_visor_is_read_from_either_release(tmp_path: Path, synthetic: ModuleType) -> None:
    synthetic.write_hands23(tmp_path / "hands23", 5, prefix="EK")
    synthetic.write_visor(tmp_path / "visor", 5)
    assert {hand.stem[:2] for hand in read_source("visor", tmp_path / "hands23").hands} == {"EK"}
    assert {hand.stem[0] for hand in read_source("visor", tmp_path / "visor").hands} == {"P"}
    with pytest.raises(InputError, match=r"does not contain VISOR, but .*hands23 does: use --root .*hands23"):
        read_source("visor", tmp_path)


def test_hands_are_sorted_and_unique(tmp_path: Path, synthetic: ModuleType) -> None:
    synthetic.write_hands23(tmp_path, 200)
    ids = [hand.hand_id for hand in read_source("newdays", tmp_path).hands]
    assert ids == sorted(set(ids))


def test_synthetic_trees_are_reproducible(tmp_path: Path, synthetic: ModuleType) -> None:
    for seed in (4, 5):
        again = [synthetic.write_fho_main(tmp_path / name, 50, seed=seed) for name in ("a.json", "b.json")]
        assert again[0] == again[1]
        assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("newdays", "hands23", "PIL"), ("visor", "hands23", "PIL"), ("ego4d", "stream", "ijson")],
)
def test_a_missing_package_is_named(
    name: str, module: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cached in (f"hint.sources.{module}", "hint.sources.ego4d"):
        monkeypatch.delitem(sys.modules, cached, raising=False)
        monkeypatch.delattr(f"hint.sources.{cached.rpartition('.')[2]}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingRequirementError, match=rf"{name} needs {package}: pip install .*\[frames\]"):
        read_source(name, tmp_path)


def test_the_table_imports_no_reader() -> None:
    code = "import sys, hint.sources; print(sorted({'PIL', 'ijson', 'cv2', 'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
