"""What the core does not bring, and what to type to get it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement

from hint.errors import MissingRequirementError

DISTRIBUTION = "hint-toolkit"

#: Lists the wheels that are installed without what they declare; it lies in the package, so that every install has it.
WITHOUT_DEPENDENCIES = Path(__file__).with_name("requirements-nodeps.txt")

#: Import name -> the smallest extra that brings it.
EXTRA_OF = {
    **dict.fromkeys(("cv2", "matplotlib", "PIL"), "images"),
    "pi_heif": "heic",
    **dict.fromkeys(("av", "ijson"), "frames"),
    **dict.fromkeys(("torch", "torchvision", "timm", "smplx", "safetensors", "scipy", "trimesh"), "models"),
    "ai_edge_litert": "mediapipe",
    "embreex": "demo",
    "jinja2": "site",
    "rerun": "rerun",
    "pycocotools": "oks",
    "yaml": "yolo",
    **dict.fromkeys(("pandas", "pyarrow"), "pandas"),
    **dict.fromkeys(("accelerate", "tensorboard"), "train"),
    **dict.fromkeys(("fsspec", "ray"), "scale"),
    "wandb": "wandb",
    "mlflow": "mlflow",
    **dict.fromkeys(("addict", "json_tricks", "munkres", "termcolor", "yapf"), "prelabel"),
    **dict.fromkeys(("httpx", "label_studio_sdk", "starlette", "uvicorn"), "annotate"),
}

#: Extras whose main package comes from :data:`WITHOUT_DEPENDENCIES`.
_NEED_WHEELS = ("prelabel",)


def pip_command(*extras: str) -> str:
    """Return the command that installs extras of this distribution; it works where it is typed.

    From a checkout or a wheel that is still there, that is this checkout or wheel with the extras. From anywhere else,
    since nothing is published, it lists the packages the extras stand for.

    Args:
        extras: Names of extras; none for the core.
    """
    names = f"[{','.join(sorted(extras))}]" if extras else ""
    install = f"pip install {_source(names) or _packages(extras)}"
    return f"{install} && {wheels_command()}" if set(extras) & set(_NEED_WHEELS) else install


def wheels_command() -> str:
    """Return the command that installs MMPose, which comes without what it declares."""
    return f"pip install --no-deps -r {shlex.quote(str(WITHOUT_DEPENDENCIES))}"


def absent_package(error: ModuleNotFoundError) -> MissingRequirementError | None:
    """Return the advice for a package that could not be imported; None if no extra brings it."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRA_OF:
        return None
    return MissingRequirementError(f"this needs {package}: {pip_command(EXTRA_OF[package])}")


def missing_packages(packages: Sequence[str], *extras: str) -> str:
    """Tell which packages are absent, without importing any.

    Args:
        packages: Import names.
        extras: Extras of this distribution that bring them.

    Returns:
        One line that ends in the command to type, "" where nothing is missing.
    """
    absent = [package for package in packages if not _is_there(package)]
    return f"needs {', '.join(absent)}: {pip_command(*extras)}" if absent else ""


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is absent
        return False


def _source(names: str) -> str:
    """Return what pip is to install this distribution from, with the extras, "" where it came from nowhere we know."""
    checkout = Path(__file__).resolve().parents[1]
    if _is_checkout(checkout):
        return f"-e {_quoted(f'{checkout}{names}')}"
    origin = _direct_url()
    url = origin.get("url", "")
    if not url.startswith("file:"):
        return _quoted(f"{DISTRIBUTION}{names} @ {_versioned(origin)}") if url else ""
    path = Path(unquote(urlsplit(url).path))
    return _quoted(f"{path}{names}") if path.is_file() or _is_checkout(path) else ""


def _versioned(origin: dict[str, Any]) -> str:
    """Return the address of a repository at the commit that is installed, or that of an archive as it is."""
    repository: dict[str, str] = origin.get("vcs_info", {})
    return f"{repository['vcs']}+{origin['url']}@{repository['commit_id']}" if repository else str(origin["url"])


def _is_checkout(folder: Path) -> bool:
    project = folder / "pyproject.toml"
    return project.is_file() and f'name = "{DISTRIBUTION}"' in project.read_text(encoding="utf-8")


def _direct_url() -> dict[str, Any]:
    """Return where pip says the distribution came from, as PEP 610 has it; {} where it says nothing."""
    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _packages(extras: Sequence[str]) -> str:
    """Return the packages that extras stand for, quoted for a shell."""
    try:
        declared = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        declared = []
    found = dict.fromkeys(f"{r.name}{r.specifier}" for extra in extras or ("",) for r in _brought(declared, extra))
    return " ".join(map(_quoted, found)) or _quoted(DISTRIBUTION)


def _brought(declared: Sequence[Requirement], extra: str) -> Iterator[Requirement]:
    """Yield what one extra brings, with the extras it is made of; "" is the core."""
    for requirement in declared:
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if not applies or (extra and requirement.marker is None):
            continue
        if requirement.name == DISTRIBUTION:
            for inner in sorted(requirement.extras):
                yield from _brought(declared, inner)
        else:
            yield requirement


def _quoted(text: str) -> str:
    """Quote for a shell what brackets or comparisons would break."""
    return text if re.fullmatch(r"[\w./+=@:-]+", text) else f"'{text}'"
