"""``import hint``: what it offers, how fast it is there, and what happens where something hides or lacks."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import hint
from hint.imports import check_package

ROOT = Path(hint.__file__).resolve().parent.parent


def python(code: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code where the toolkit comes after the working folder on the path, as in a notebook."""
    start = f"import sys; sys.path[:0] = ['', {str(ROOT)!r}]\n"
    return subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code)], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.mark.parametrize("name", hint._PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(hint, name)
    assert callable(value)
    assert value.__doc__


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(hint.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            seen[alias.asname] = f"{node.module}:{alias.name}"
    assert seen == hint._PUBLIC


def test_import_is_light() -> None:
    done = python("""
        import hint
        heavy = {"numpy", "torch", "cv2", "matplotlib", "pandas", "pydantic", "typing", "rich", "typer"}
        print(sorted(heavy & set(sys.modules)))
        print({"evaluate", "load_labels"} <= set(dir(hint)))
    """)
    assert done.stdout.split() == ["[]", "True"], done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="evaluat"):
        hint.evaluat  # noqa: B018


@pytest.mark.parametrize("name", ["annotation", "benchmark", "leaderboard"])
def test_a_folder_that_hides_a_package_is_named(name: str, tmp_path: Path) -> None:
    stray = tmp_path / name
    stray.mkdir()
    (stray / "__init__.py").touch()
    done = python("import hint\nhint.Record; hint.check; hint.build_leaderboard", tmp_path)
    last = done.stderr.splitlines()[-1]
    assert "InputError" in last
    assert str(stray.resolve()) in last
    assert str(ROOT / name) in last


def test_the_command_line_names_the_hiding_folder_in_one_line(tmp_path: Path) -> None:
    stray = tmp_path / "benchmark.py"
    stray.touch()
    done = python("from hint.cli import main\nmain(['list', 'protocols'])", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert str(stray.resolve()) in done.stderr


def test_a_folder_without_python_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "benchmark").mkdir()
    done = python("import hint\nprint(hint.Record.__module__)", tmp_path)
    assert done.stdout.strip() == "benchmark.record", done.stderr


def test_the_packages_of_the_toolkit_pass() -> None:
    for name in ("annotation", "benchmark", "leaderboard"):
        check_package(name)


def test_without_pandas_the_message_names_what_to_install() -> None:
    done = python("""
        sys.modules["pandas"] = None
        import numpy, hint
        predictions = hint.Predictions(numpy.array(["a_l"]), numpy.zeros((1, 21, 2)))
        print(repr(predictions))
        predictions.to_frame()
    """)
    assert "1 hand" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert "MissingRequirementError" in last
    assert "pandas" in last
    assert "pip install" in last


def test_an_absent_package_is_named_with_what_brings_it() -> None:
    done = python("sys.modules['cv2'] = None\nimport hint\nhint.draw")
    assert "MissingRequirementError" in done.stderr.splitlines()[-1]


def test_str_paths_load_and_save(hint_root: Path, tmp_path: Path) -> None:
    labels = hint.load_labels(str(hint_root), subsets="newdays")
    assert len(labels) == 12
    path = str(tmp_path / "mine.npz")
    hint.save_predictions(path, hint.Predictions(labels.hand_id, labels.keypoints_2d))
    assert np.array_equal(hint.load_predictions(path).hand_id, labels.hand_id)


def test_draw_returns_a_new_picture() -> None:
    image = np.full((60, 80, 3), 255, np.uint8)
    points = np.stack([np.linspace(5, 70, 21), np.linspace(5, 50, 21)], 1)
    drawn = hint.draw(image, points)
    assert drawn.shape == image.shape
    assert (drawn != 255).any()
    assert (image == 255).all()
    both = hint.draw(image, np.stack([points, points[::-1]]), visibility=np.zeros((2, 21)))
    assert (both == 255).all()


@pytest.mark.parametrize(
    ("image", "points"),
    [
        (np.zeros((5, 5, 3)), np.zeros((21, 2))),
        (np.zeros((5, 5, 4), np.uint8), np.zeros((21, 2))),
        (np.zeros((5, 5, 3), np.uint8), np.zeros((20, 2))),
    ],
)
def test_draw_refuses_what_is_no_picture_or_no_hand(image: np.ndarray, points: np.ndarray) -> None:
    with pytest.raises(hint.InputError, match="shape"):
        hint.draw(image, points)
