from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from benchmark.mesh.protocol import load_mesh_protocol
from benchmark.protocol import KEYPOINTS, MESH, SEQUENCES, list_protocols, load_protocol, protocol_kind
from hint.errors import InputError, UnknownNameError

# A released protocol is never edited: results are only compared where this sum agrees. To change a rule, add a file.
RELEASED = {
    "hint-v1": "94354179dc31ecabced536ce9d2a56189b2287d935bb128c18f816cd3992a282",
    "hint-seq-v1": "5cefa2050a124716a72335b5c0d950859d41295b4265e379316ab6f14695632e",
    "freihand": "3824a62ccc61e3331d58ffb863054e0934f586c54e04be47e8fe9faefba7e662",
    "ho3d-v2": "58473fe5730e2d94e60abda94af9a94e2bdf6ae2878fd839f41aa80b333ba256",
    "ho3d-v3": "df57deb6f75f08790a78a79c0f3f0e5c15fb8bcd07ebd35c1f45444096d14d5c",
}


def source(name: str = "hint-v1") -> str:
    return files("benchmark").joinpath("protocols").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def test_released_protocols_are_what_they_were() -> None:
    loaders = {KEYPOINTS: load_protocol, SEQUENCES: load_protocol, MESH: load_mesh_protocol}
    assert {name: loaders[protocol_kind(name)](name).sha256 for name in RELEASED} == RELEASED
    assert set(RELEASED) <= set(list_protocols())


def test_a_protocol_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="freihand is of kind mesh-3d, this needs keypoints-2d"):
        load_protocol("freihand")
    with pytest.raises(InputError, match="hint-v1 is of kind keypoints-2d, this needs mesh-3d"):
        load_mesh_protocol("hint-v1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('comparison = "<"\n', 'comparison = "<="\n', "fscore.comparison must be '<', not '<='"),
        ('layout = "freihand"', 'layout = "arctic"', "layouts are freihand, ho3d"),
        ('names = ["none", "procrustes"]', 'names = ["none"]', "procrustes is needed"),
        ("thresholds_mm = [5, 15]", "", "'thresholds_mm' is missing"),
    ],
)
def test_3d_rules_that_are_not_implemented_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in source("freihand")
    (tmp_path / "mine.toml").write_text(source("freihand").replace(old, new))
    with pytest.raises(InputError, match=message):
        load_mesh_protocol(str(tmp_path / "mine.toml"))


def test_3d_protocols_know_the_official_numbers_of_hands() -> None:
    found = {name: load_mesh_protocol(name).hands for name in ("freihand", "ho3d-v2", "ho3d-v3")}
    assert found == {"freihand": 3960, "ho3d-v2": 11524, "ho3d-v3": 20137}


def test_the_official_protocol_is_the_default() -> None:
    protocol = load_protocol()
    assert (protocol.id, protocol.normaliser, protocol.comparison) == ("hint-v1", "box_longest_side", "<=")
    assert protocol.thresholds == (0.05, 0.1, 0.15)
    assert (protocol.auc_maximum, protocol.curve_points) == (0.3, 61)
    assert (protocol.level, protocol.replicates, protocol.unit) == (0.95, 2000, "clip")
    assert protocol.visibilities == ("all", "visible", "occluded")


def test_subsets_hold_as_many_hands_as_were_released() -> None:
    protocol = load_protocol()
    released = {s.name: (s.title, s.folder, s.hands, s.hands_npz) for s in protocol.subsets}
    assert released == {
        "newdays": ("New Days", "TEST_newdays_img", 1754, 1753),
        "epick": ("VISOR", "TEST_epick_img", 1906, 1906),
        "ego4d": ("Ego4D", "TEST_ego4d_img", 1714, 1714),
        "ego4d_seq": ("Ego4D sequences", "TEST_ego4d_seq", 6953, None),
    }
    assert protocol.subset("epick").title == "VISOR"


def test_a_subset_it_does_not_have_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean newdays"):
        load_protocol().subset("newday")


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean hint-v1"):
        load_protocol("hint-v2")


def test_a_custom_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(source().replace('"hint-v1"', '"mine"').replace("[0.05, 0.1, 0.15]", "[0.2]"), encoding="utf-8")
    protocol = load_protocol(str(path))
    assert (protocol.id, protocol.thresholds) == ("mine", (0.2,))
    assert protocol.sha256 == sha256(path.read_bytes()).hexdigest()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file.*hint-v1"):
        load_protocol(str(tmp_path / "missing.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"box_longest_side"', '"palm_length"', "error.normaliser must be 'box_longest_side', not 'palm_length'"),
        ('comparison = "<="', 'comparison = "<"', "pck.comparison"),
        ('unit = "clip"', 'unit = "hand"', "intervals.unit"),
        ("level = 0.95\n", "", "'level' is missing"),
        ("level = 0.95", "level = 95", "level must be between 0 and 1"),
        ("replicates = 2000", "replicates = 0", "at least one replicate"),
        ("curve_points = 61", "curve_points = 1", "a curve needs at least two points"),
        ("maximum = 0.3", "maximum = 0.0", "must be positive"),
        ("[0.05, 0.1, 0.15]", "[]", "thresholds must be positive"),
        ("[0.05, 0.1, 0.15]", "[0.05, -0.1]", "thresholds must be positive"),
        ("[0.05, 0.1, 0.15]", '["wide"]', "could not convert"),
        ('"occluded"]', '"hidden"]', "visibilities are all, visible, occluded"),
        ('name = "epick"', 'name = "newdays"', "two subsets have the same name"),
        ('name = "epick"', 'nome = "epick"', "nome"),
        ("hands = 1906", "hands = ", "not a TOML file"),
    ],
)
def test_a_malformed_protocol_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = source()
    assert old in text
    path = tmp_path / "broken.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message.replace("<", "[<]")):
        load_protocol(str(path))
