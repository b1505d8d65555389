"""What a method needs that the core does not bring, and what to type to get it."""

from collections.abc import Sequence
from importlib.util import find_spec

#: Import name -> the smallest extra that brings it.
EXTRA_OF = {
    **dict.fromkeys(("cv2", "matplotlib", "PIL"), "images"),
    **dict.fromkeys(("av", "ijson"), "frames"),
    **dict.fromkeys(("torch", "torchvision", "timm", "smplx", "safetensors", "scipy"), "models"),
    "embreex": "demo",
    "jinja2": "site",
    **dict.fromkeys(("accelerate", "tensorboard"), "train"),
    **dict.fromkeys(("addict", "json_tricks", "munkres", "termcolor", "yapf"), "prelabel"),
    **dict.fromkeys(("httpx", "label_studio_sdk"), "annotate"),
}


def pip_command(extra: str) -> str:
    """Return the command that installs one extra of this distribution."""
    return f"pip install 'hint-toolkit[{extra}]'"


def missing_packages(packages: Sequence[str], extra: str) -> str:
    """Tell which packages are absent, without importing any.

    Args:
        packages: Import names.
        extra: Extra of this distribution that brings them.

    Returns:
        One line that ends in the command to type, "" where nothing is missing.
    """
    absent = [package for package in packages if not _is_there(package)]
    return f"needs {', '.join(absent)}: {pip_command(extra)}" if absent else ""


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is absent
        return False
