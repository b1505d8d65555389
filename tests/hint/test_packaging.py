from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hint", "annotation", "benchmark", "leaderboard")
#: What hint leaderboard init writes.
TEMPLATE = "docs/leaderboard-template"


def test_the_wheel_holds_every_file_of_the_packages() -> None:
    """A pattern in .gitignore that meets a package would leave it out of the wheel."""
    built = {Path(file.path).relative_to(ROOT) for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    wanted = {
        path.relative_to(ROOT)
        for package in (*PACKAGES, TEMPLATE)
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert built == wanted
