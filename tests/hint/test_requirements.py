"""What to type to install what is missing: from a checkout, a wheel, or neither."""

import json
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hint import requirements
from hint.requirements import WITHOUT_DEPENDENCIES, missing_packages, pip_command, wheels_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make the toolkit look as if pip had installed it, from what ``direct_url`` says."""

    declared = metadata.requires("hint-toolkit")

    def install(direct_url: dict[str, Any] | None) -> None:
        monkeypatch.setattr(requirements, "__file__", str(tmp_path / "site-packages" / "hint" / "requirements.py"))
        text = None if direct_url is None else json.dumps(direct_url)
        distribution = SimpleNamespace(read_text=lambda _: text, requires=declared)
        monkeypatch.setattr(metadata, "distribution", lambda _: distribution)

    return install


def test_a_checkout_is_installed_again_with_the_extras() -> None:
    assert pip_command("models") == f"pip install -e '{ROOT}[models]'"
    assert pip_command("train", "images") == f"pip install -e '{ROOT}[images,train]'"


def test_wheels_without_dependencies_are_named_with_a_file_that_is_there() -> None:
    assert pip_command("prelabel") == f"pip install -e '{ROOT}[prelabel]' && {wheels_command()}"
    assert "mmpose==" in WITHOUT_DEPENDENCIES.read_text()
    assert str(WITHOUT_DEPENDENCIES) in wheels_command()


def test_a_folder_that_was_installed_is_named(installed, tmp_path: Path) -> None:
    source = tmp_path / "my source"
    source.mkdir()
    (source / "pyproject.toml").write_text('[project]\nname = "hint-toolkit"\n')
    installed({"url": source.as_uri(), "dir_info": {}})
    assert pip_command("models") == f"pip install '{source}[models]'"


def test_a_wheel_is_named_as_long_as_it_is_there(installed, tmp_path: Path) -> None:
    wheel = tmp_path / "hint_toolkit-1.0-py3-none-any.whl"
    wheel.touch()
    installed({"url": wheel.as_uri(), "archive_info": {}})
    assert pip_command("models") == f"pip install '{wheel}[models]'"
    wheel.unlink()
    assert "torch" in pip_command("models")


def test_a_repository_is_named_at_its_commit(installed) -> None:
    installed({"url": "https://example.org/hint.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}})
    assert pip_command("models") == "pip install 'hint-toolkit[models] @ git+https://example.org/hint.git@abc'"


def test_from_nowhere_the_packages_themselves_are_named(installed) -> None:
    installed(None)
    command = pip_command("demo")
    assert "hint-toolkit" not in command
    assert all(package in command for package in ("torch", "embreex", "opencv-python-headless"))
    assert "numpy" not in command


def test_packages_are_looked_for_without_importing_them() -> None:
    assert missing_packages(["numpy", "google_is.not_there", "not_there_either"], "models") == (
        f"needs google_is.not_there, not_there_either: {pip_command('models')}"
    )
    assert missing_packages(["numpy"], "models") == ""
