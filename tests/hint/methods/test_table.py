"""The table of methods: what it lists, what it creates, and what it says when something is missing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.methods.table import BUILT_IN, MethodEntry, create, list_methods, load_method, names
from hint.types import Method, MethodOptions

PLUGIN = """
from hint.methods.box_centre import BoxCentre
from hint.types import MethodCard


class Mine(BoxCentre):
    '''Do as the box centre does.

    And no more.
    '''

    CARD = card = MethodCard("mine", "Mine", "Summary of mine.", code_licence="BSD", weights_licence="CC BY-NC 4.0")


class Plain:
    '''Say nothing about itself.'''

    create = BoxCentre.create


class NoMethod:
    @classmethod
    def create(cls, options):
        return "nothing"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a distribution whose entry points are given, with the modules of this file."""
    (tmp_path / "hint_plugin_of_a_test.py").write_text(PLUGIN)
    (tmp_path / "hint_broken_plugin_of_a_test.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(distribution: str, **entries: str) -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[hint.methods]", *lines, ""]))

    yield put
    for module in ("hint_plugin_of_a_test", "hint_broken_plugin_of_a_test"):
        sys.modules.pop(module, None)


def row_of(name: str) -> MethodEntry:
    return next(entry for entry in list_methods() if entry.name == name)


def test_every_built_in_method_has_a_row_under_its_own_name() -> None:
    rows = list_methods()
    assert [row.name for row in rows][: len(BUILT_IN)] == list(BUILT_IN)
    assert all(row.title and row.summary and row.status for row in rows)
    assert {row.status for row in rows if row.name in ("mean-pose", "box-centre", "oracle-noise")} == {"ready"}


def test_listing_imports_nothing_heavy() -> None:
    heavy = "torch", "cv2", "matplotlib", "scipy", "timm", "smplx", "ai_edge_litert", "pandas"
    code = (
        "import sys; from hint.methods.table import list_methods; list_methods(); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_created_method_keeps_the_contract_and_its_name() -> None:
    method = create("mean-pose", MethodOptions())
    assert isinstance(method, Method)
    assert method.card.name == "mean-pose"


def test_an_unknown_name_offers_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'mean_pose'; did you mean mean-pose"):
        create("mean_pose", MethodOptions())


def test_a_missing_package_is_named_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint.methods.table.BUILT_IN", {"broken": _entry("a_package_that_is_not_there:Method")})
    with pytest.raises(MissingRequirementError, match=r"a_package_that_is_not_there: pip install .*\[models\]'"):
        create("broken", MethodOptions())


def test_a_missing_module_of_the_toolkit_is_a_defect_not_a_requirement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint.methods.table.BUILT_IN", {"broken": _entry("hint.methods.not_there:Method")})
    with pytest.raises(ModuleNotFoundError):
        create("broken", MethodOptions())


def _entry(target: str):
    from hint.methods.table import BuiltIn

    return BuiltIn(target, "hint.methods.box_centre", "models")


def test_a_plug_in_is_listed_with_its_card_and_created(install) -> None:
    install("someone", mine="hint_plugin_of_a_test:Mine")
    row = row_of("mine")
    assert (row.title, row.status, row.origin) == ("Mine", "ready", "someone")
    assert row.licence == "BSD; weights CC BY-NC 4.0"
    assert create("mine", MethodOptions()).card.name == "mine"
    assert "mine" in names()


def test_a_plug_in_without_a_card_is_described_by_its_docstring(install) -> None:
    install("someone", plain="hint_plugin_of_a_test:Plain")
    assert row_of("plain").summary == "Say nothing about itself."


def test_a_plug_in_that_cannot_be_imported_is_listed_with_its_error(install) -> None:
    install("someone", broken="hint_broken_plugin_of_a_test:Method")
    assert "No module named 'a_package_that_is_not_there'" in row_of("broken").status
    assert row_of("mean-pose").status == "ready"
    with pytest.raises(MissingRequirementError, match="pip uninstall someone"):
        create("broken", MethodOptions())


def test_a_plug_in_cannot_take_the_name_of_a_built_in_method(install) -> None:
    install("someone", box_centre="hint_plugin_of_a_test:Mine")
    rows = [row for row in list_methods() if row.name == "box-centre"]
    assert [row.status for row in rows] == ["ready", "not used: the name belongs to the toolkit"]
    assert create("box-centre", MethodOptions()).card.title == "Box centre"
    assert names().count("box-centre") == 1


def test_of_two_plug_ins_of_one_name_the_second_is_shown_as_not_used(install) -> None:
    install("b", twice="hint_plugin_of_a_test:Plain")
    install("a", twice="hint_plugin_of_a_test:Mine")
    rows = [row for row in list_methods() if row.name == "twice"]
    assert [(row.origin, row.status) for row in rows] == [
        ("a", "ready"),
        ("b", "not used: the name belongs to a"),
    ]
    assert create("twice", MethodOptions()).card.name == "mine"


def test_a_plug_in_that_makes_no_method_says_what_it_lacks(install) -> None:
    install("someone", nothing="hint_plugin_of_a_test:NoMethod")
    with pytest.raises(InputError, match="someone makes no method: it needs create"):
        create("nothing", MethodOptions())


def test_a_method_is_loaded_by_name_with_settings_as_keywords(make) -> None:
    method = load_method("oracle-noise", labels=make(), sigma=0.1, seed=3)
    assert (method.fingerprint["sigma"], method.fingerprint["seed"]) == (0.1, 3)
    with pytest.raises(UnknownNameError, match="setting of oracle-noise 'sigmaa'"):
        load_method("oracle-noise", sigmaa=1)


@pytest.mark.parametrize("options", [{"name": None}, {"name": []}, {"device": 3}, {"device": "zz"}])
def test_names_and_devices_that_do_not_exist_are_refused(options: dict[str, Any]) -> None:
    accepted = "auto, cpu, cuda" if "device" in options else "box-centre"
    with pytest.raises(UnknownNameError, match=accepted):
        load_method(**{"name": "box-centre", **options})


def test_a_method_prints_short() -> None:
    assert repr(load_method("box-centre")) == "<Box centre on cpu>"
    assert repr(load_method("hamer-tiny", device="cpu")) == "<HaMeR-tiny on cpu, fp32>"


def test_settings_and_methods_are_named_as_typed() -> None:
    for method, key in (("hamer-tiny", "__class__"), ("mean-pose", "no_such")):
        with pytest.raises(UnknownNameError, match=f"setting of {method} '{key}'"):
            load_method(method, **{key: 1})
    with pytest.raises(InputError, match="box-centre has no --crop"):
        load_method("box-centre", crop="hamer")


def test_labels_may_be_named_by_their_folder(hint_root: Path) -> None:
    assert load_method("oracle-noise", labels=str(hint_root)).card.needs_labels


def test_missing_files_are_reported_before_torch_is_imported(hint_home: Path, tmp_path: Path) -> None:
    for name, file in (
        ("hamer", "hint fetch hamer"),
        ("frankmocap", "pose_shape_best.pth"),
        ("metro", "MANO_RIGHT.pkl"),
    ):
        code = (
            "import sys\nfrom hint.errors import MissingRequirementError\nfrom hint.methods.table import load_method\n"
            f"try:\n    load_method({name!r})\nexcept MissingRequirementError as error:\n"
            "    print('torch' in sys.modules, error)"
        )
        shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert shown.stdout.startswith("False ")
        assert file in shown.stdout


def test_entries_print_short() -> None:
    assert repr(row_of("mean-pose")) == "<mean-pose: ready>"
    assert repr(row_of("hamer")) == "<hamer: needs its weights>"
    assert (row_of("mean-pose").ready, row_of("mean-pose").missing) == (True, "")
    assert not row_of("hamer").ready
    assert "hint fetch hamer" in row_of("hamer").missing


def test_lists_fit_eighty_columns_and_the_long_one_keeps_commands_whole() -> None:
    def lines(*options: str) -> list[str]:
        command = [sys.executable, "-c", "from hint.cli import main; main()", "list", "methods", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    short = lines()
    assert [line.split()[0] for line in short][: len(BUILT_IN)] == list(BUILT_IN)
    assert max(map(len, short)) <= 80
    steps = {line.split()[0]: line for line in short}
    assert steps["vitpose-wholebody"].endswith("  hint fetch vitpose-h-wholebody")
    assert steps["handoccnet-param"].endswith("  needs snapshot_demo.pth.tar")
    assert steps["mean-pose"].endswith("  ready")
    assert any("hint fetch frankmocap (" in line for line in lines("--verbose"))
