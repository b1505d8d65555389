"""Check everything the toolkit can use: what is installed, what is missing, what is broken.

Missing things are optional; a problem makes results wrong or commands fail.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from hint import settings
from hint.errors import InputError, MissingRequirementError
from hint.fetch import receipt, receipt_path
from hint.fetch.assets import MEDIAPIPE
from hint.landmarks import files as landmarks
from hint.mano.read import installed_mano, missing_mano
from hint.methods.mmpose import card as mmpose
from hint.methods.table import official_files
from hint.programs import INSTALL, find_program, too_old
from hint.provenance import PACKAGES, installed_version
from hint.requirements import DISTRIBUTION, pip_command
from hint.version import __version__

State = Literal["ok", "missing", "problem"]

#: Names a folder of HInt data besides ``<home>/data``.
DATA_VARIABLE = "HINT_DATA"

#: All of them write the same ``cv2`` folder.
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")

#: How folders and evaluation files of HInt are called.
_HINT_PART = re.compile(r"(TRAIN|VAL|TEST)_(newdays|epick|ego4d)_")


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        group: "python", "packages", "files" or "system".
        name: What it is.
        state: "ok", "missing" (an optional part that is not there) or "problem".
        detail: Version, place or what is wrong.
        advice: What to type or do, "" if nothing.
    """

    group: str
    name: str
    state: State
    detail: str
    advice: str = ""


def examine(*, deep: bool = False) -> list[Finding]:
    """Check Python, packages, files and the machine; nothing is changed or downloaded.

    Args:
        deep: Also load OpenCV and PyTorch, each in its own process, and look for a GPU; takes seconds.
    """
    return [*_python(), *_packages(), *(_loading() if deep else ()), *_files(), *_system()]


def has_problem(findings: list[Finding]) -> bool:
    """Return whether there is a problem."""
    return any(finding.state == "problem" for finding in findings)


# Python


def _python() -> Iterator[Finding]:
    yield Finding("python", "python", "ok", f"{platform.python_version()}, {platform.platform()}")
    base = Path(__file__).resolve().parent.parent
    yield Finding("python", DISTRIBUTION, "ok", f"{__version__} in {base}")
    for name in PACKAGES[1:]:
        place = _place(name)
        if place == base:
            continue
        detail = f"{place or 'nowhere'} holds the package {name}, hint is in {base}"
        advice = f"uninstall the other {name} or take its folder off PYTHONPATH"
        yield Finding("python", name, "problem", detail, advice if place else "install the toolkit again")


def _place(package: str) -> Path | None:
    """Return the folder an import package would be loaded from, without loading it."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    origin = folders[0] if folders else spec.origin if spec else None
    return Path(origin).resolve().parent if origin else None


# Packages


@dataclass(frozen=True)
class Declared:
    """A package the toolkit declares, and the extra that brings it, "" for the core."""

    requirement: Requirement
    extra: str = ""

    @property
    def name(self) -> str:
        """Distribution name."""
        return self.requirement.name


def requirements() -> list[Declared]:
    """Return every package the installed distribution declares for users of this Python, each once.

    Where several extras bring a package, the smallest one is given.
    """
    lines = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    extras = set(metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []) - {"all", "dev", "docs"}
    parts = [[Declared(r, extra) for r in lines if _brings(r, extra)] for extra in sorted(extras)]
    core = [Declared(r) for r in lines if _brings(r, "")]
    found: dict[str, Declared] = {}
    for declared in [*core, *(d for part in sorted(parts, key=len) for d in part)]:
        found.setdefault(declared.name, declared)
    return list(found.values())


def _brings(requirement: Requirement, extra: str) -> bool:
    if requirement.name == DISTRIBUTION:
        return False
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _packages() -> Iterator[Finding]:
    try:
        declared = requirements()
    except metadata.PackageNotFoundError:
        detail = "the packages are here, the distribution is not installed: versions cannot be checked"
        yield Finding("packages", DISTRIBUTION, "problem", detail, pip_command())
        return
    absent = {extra for extra, name in _WITHOUT_DEPENDENCIES.items() if installed_version(name) is None}
    for requirement in declared:
        if requirement.name in OPENCV:
            yield _opencv(requirement)
        elif requirement.extra not in absent:
            yield _package(requirement)
    yield _without_dependencies("mmpose", mmpose.missing_parts())


def _package(declared: Declared) -> Finding:
    version = installed_version(declared.name)
    if version is None:
        command = pip_command(declared.extra) if declared.extra else f"pip install '{declared.requirement}'"
        state: State = "missing" if declared.extra else "problem"
        return Finding("packages", declared.name, state, "not installed", command)
    return _checked(declared.requirement, declared.name, version)


def _checked(requirement: Requirement, name: str, version: str) -> Finding:
    if requirement.specifier.contains(version, prereleases=True):
        return Finding("packages", name, "ok", version)
    bounded = f"{name}{requirement.specifier}"
    return Finding("packages", name, "problem", f"{version}, the toolkit needs {bounded}", f"pip install '{bounded}'")


def _opencv(declared: Declared) -> Finding:
    found = {name: version for name in OPENCV if (version := installed_version(name))}
    if not found:
        return Finding("packages", declared.name, "missing", "not installed", pip_command(declared.extra))
    if len(found) == 1:
        return _checked(declared.requirement, *found.popitem())
    detail = f"{' and '.join(f'{name} {version}' for name, version in found.items())} overwrite each other's files"
    bounded = f"{declared.name}{declared.requirement.specifier}"
    return Finding(
        "packages", "opencv", "problem", detail, f"pip uninstall -y {' '.join(found)} && pip install '{bounded}'"
    )


#: Extra -> the distribution it is for, which is installed by itself.
_WITHOUT_DEPENDENCIES = {"prelabel": "mmpose"}
_OLDER_PYTHON = "use an environment with an older Python for this method"


def _without_dependencies(name: str, lacking: str) -> Finding:
    version = installed_version(name)
    if not lacking:
        return Finding("packages", name, "ok", version or "")
    needs, _, command = lacking.partition(": ")
    return Finding("packages", name, "problem" if version else "missing", needs, command or _OLDER_PYTHON)


# Loading, in separate processes: a broken library may crash its process.

_CV2 = "import cv2; print(cv2.__version__)"
_TORCH = """
import torch
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
print(torch.version.cuda or torch.version.hip or "", ", ".join(names), sep="|")
"""


def _loading() -> Iterator[Finding]:
    if any(installed_version(name) for name in OPENCV):
        loaded, output = _run(_CV2)
        again = "pip install --force-reinstall 'opencv-python-headless>=4.12,<4.13'"
        yield Finding("packages", "import cv2", *(("ok", output) if loaded else ("problem", output, again)))
    if installed_version("torch"):
        loaded, output = _run(_TORCH)
        again = f"pip install --force-reinstall torch torchvision, or {pip_command('models')} in a new environment"
        yield _gpu(output) if loaded else Finding("packages", "import torch", "problem", output, again)


def _run(code: str) -> tuple[bool, str]:
    """Return whether code ran, and the last line it printed."""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        return False, "did not load within three minutes"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else f"ended with code {done.returncode}"


def _gpu(output: str) -> Finding:
    built_for, _, names = output.partition("|")
    if names:
        return Finding("packages", "torch on a GPU", "ok", f"{names} (CUDA {built_for})")
    if not built_for:
        return Finding("packages", "torch on a GPU", "missing", "this PyTorch is built for the CPU only")
    if shutil.which("nvidia-smi") is None:
        return Finding("packages", "torch on a GPU", "missing", "no NVIDIA driver: networks run on the CPU")
    advice = "update the driver, or install a PyTorch built for an older CUDA"
    return Finding(
        "packages", "torch on a GPU", "problem", f"PyTorch for CUDA {built_for} cannot use the NVIDIA driver", advice
    )


# Files


def _files() -> Iterator[Finding]:
    yield _hamer()
    for path in sorted((settings.home() / "weights").glob("*.safetensors")):
        yield Finding("files", path.name, "ok", f"{path}, {_size(path.stat().st_size)}")
    for file in official_files():
        yield _file(file.names[0], file.installed(), file.folder, file.advice())
    for network in (landmarks.LANDMARKS, landmarks.PALMS):
        yield _file(network.name, network.installed(), MEDIAPIPE.folder, landmarks.ADVICE)
    for preset in mmpose.PRESETS:
        path = mmpose.weights_path(preset)
        yield _file(path.name, path if path.is_file() else None, "weights", f"hint fetch {preset}")
    yield _mano()
    yield _data()


def _file(name: str, path: Path | None, folder: str, advice: str) -> Finding:
    if path is None:
        return Finding("files", name, "missing", f"not in {settings.home() / folder}", advice)
    return Finding("files", name, "ok", f"{path}, {_size(path.stat().st_size)}")


def _hamer() -> Finding:
    places = settings.candidates("weights/hamer.ckpt", "_DATA/hamer_ckpts/checkpoints/hamer.ckpt")
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return Finding("files", "hamer.ckpt", "missing", f"not at {places[0]}", "hint fetch hamer")
    size = path.stat().st_size
    try:
        recorded = (receipt("hamer") or {"files": {}})["files"].get("weights/hamer.ckpt", {}).get("bytes", size)
    except InputError:
        return Finding(
            "files", "hamer.ckpt", "problem", "its receipt cannot be read", f"remove {receipt_path('hamer')}"
        )
    if path == places[0] and size != recorded:
        detail = f"{path} has {size} bytes, {recorded} were fetched"
        return Finding("files", "hamer.ckpt", "problem", detail, f"remove {path} and type hint fetch hamer")
    return Finding("files", "hamer.ckpt", "ok", f"{path}, {_size(size)}")


def _mano() -> Finding:
    path = installed_mano()
    if path is None:
        detail, _, advice = missing_mano().partition(": ")
        return Finding("files", "MANO", "missing", detail, advice)
    with path.open("rb") as file:
        if file.read(200).lstrip().startswith(b"<"):
            advice = "log in at https://mano.is.tue.mpg.de and download the models again"
            return Finding("files", "MANO", "problem", f"{path} is a web page, not a model", advice)
    return Finding("files", "MANO", "ok", str(path))


def _data() -> Finding:
    given = os.environ.get(DATA_VARIABLE)
    places = [Path(given).expanduser()] if given else [settings.home() / "data", *_fetched_data()]
    for place in places:
        if parts := _hint_parts(place):
            return Finding("files", "HInt data", "ok", f"{place}: {', '.join(parts)}")
    fetch = "" if given else "hint fetch hint, or "
    advice = f"{fetch}name the folder with --data, or set {DATA_VARIABLE}"
    return Finding("files", "HInt data", "problem" if given else "missing", f"no parts of HInt in {places[0]}", advice)


def _fetched_data() -> list[Path]:
    """Return the folder ``hint fetch hint`` unpacked to, which may be outside of the home folder."""
    with suppress(InputError):
        return [Path(written["folder"])] if (written := receipt("hint")) else []
    return []


def _hint_parts(place: Path) -> list[str]:
    """Return the parts of HInt in a folder, or in the folders below it where archives were unpacked."""
    here = [place, *(sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else [])]
    for folders in (here[:1], here[1:]):
        entries = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
        if parts := sorted(name for name in entries if _HINT_PART.match(name)):
            return parts
    return []


def _size(n: int) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e8 else f"{n / 1e6:.1f} MB"


# System


def _system() -> Iterator[Finding]:
    home = settings.home()
    there = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        yield Finding("system", "home", "ok", f"{home}, {_size(shutil.disk_usage(there).free)} free")
    else:
        advice = f"set {settings.HOME_VARIABLE} to a folder you can write to"
        yield Finding("system", "home", "problem", f"{there} cannot be written to", advice)
    yield _program("ffmpeg")
    yield _program("ffprobe")


def _program(name: str) -> Finding:
    """Check a program that cuts frames out of videos."""
    try:
        program = find_program(name)
    except MissingRequirementError as error:
        return Finding("system", name, "problem", str(error).partition("; ")[0], INSTALL)
    if program is None:
        return Finding("system", name, "missing", "not on PATH", f"{INSTALL}, to cut frames out of videos")
    if program.is_too_old:
        return Finding("system", name, "problem", too_old(name, program), INSTALL)
    return Finding("system", name, "ok", f"{program.version}, {program.path}")
