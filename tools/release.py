"""Build the sdist and the wheel in dist/, check them, and run the demo from the wheel in an empty environment.

python tools/release.py            a release: the tree must be clean and the changelog must name the version
python tools/release.py --trial    the same without these two conditions
python tools/release.py --quick    build and check only; no environment, no demo
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from zipfile import ZipFile

import hint
from hint.provenance import PACKAGES

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"


def main() -> None:
    """Run the steps; the first that fails ends with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", action="store_true", help="skip the checks of the tree and the changelog")
    parser.add_argument("--quick", action="store_true", help="build and check only")
    options = parser.parse_args()
    if not (options.trial or options.quick):
        check_tree()
    sdist, wheel = build()
    check_contents(sdist, wheel)
    if not options.quick:
        with tempfile.TemporaryDirectory(prefix="hint-release-") as folder:
            try_demo(wheel, Path(folder))
    say(f"{sdist.relative_to(ROOT)}\n{wheel.relative_to(ROOT)}")


def check_tree() -> None:
    """Refuse uncommitted files, and a changelog or a citation that does not name the version."""
    if changed := git("status", "--porcelain"):
        sys.exit("commit or remove these first:\n" + "\n".join(changed))
    for name, start in (("CHANGELOG.md", "## "), ("CITATION.cff", "version: ")):
        if not re.search(f"^{start}{re.escape(hint.__version__)}\\b", (ROOT / name).read_text(), re.MULTILINE):
            sys.exit(f"{name} has no line that starts with '{start}{hint.__version__}'")


def build() -> tuple[Path, Path]:
    """Build both files into an empty dist/ and return them."""
    shutil.rmtree(DIST, ignore_errors=True)
    run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(DIST)], ROOT)
    return next(DIST.glob("*.tar.gz")), next(DIST.glob("*.whl"))


def check_contents(sdist: Path, wheel: Path) -> None:
    """Refuse a wheel without some file of the packages, or an sdist without some file of the repository."""
    with ZipFile(wheel) as archive:
        require(git("ls-files", *PACKAGES), archive.namelist(), wheel)
    with tarfile.open(sdist) as archive:
        require(git("ls-files"), [name.partition("/")[2] for name in archive.getnames()], sdist)


def require(wanted: list[str], held: list[str], path: Path) -> None:
    """End with the files that an archive lacks, if there are any."""
    if lacking := sorted(set(wanted) - set(held)):
        sys.exit(f"{path.name} lacks {len(lacking)} files: {', '.join(lacking[:5])}")
    say(f"{path.name}: all {len(wanted)} files, {path.stat().st_size / 1e6:.1f} MB")


def try_demo(wheel: Path, folder: Path) -> None:
    """Install the wheel in an empty environment and run the demo outside of the repository."""
    venv.create(folder / "env", with_pip=True)
    binaries = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    for extra, command in (("", ["list", "protocols"]), ("[demo]", ["demo", "--out", "demo"])):
        package = f"hint-toolkit{extra} @ {wheel.as_uri()}"
        run([str(binaries / "python"), "-m", "pip", "install", "--quiet", package], folder)
        run([str(binaries / "hint"), *command], folder)
    if not (records := list(folder.glob("demo/*/record.json"))):
        sys.exit("the demo left no record")
    say(f"the demo left {len(records)} records")


def git(*command: str) -> list[str]:
    """Return the lines a git command prints."""
    return subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def run(command: list[str], folder: Path) -> None:
    """Run a command with files of its own, away from the packages of the repository; end with its exit code."""
    say(f"$ {' '.join(command)}")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment | {"HINT_HOME": str(folder / "home")})
    if done.returncode:
        sys.exit(done.returncode)


def say(text: str) -> None:
    """Print progress at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
