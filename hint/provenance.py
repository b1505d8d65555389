"""What a number was made with: versions, commit, machine, command."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from hint.errors import without_url_secrets
from hint.version import __version__

#: The import packages of the toolkit.
PACKAGES = ("hint", "annotation", "benchmark", "leaderboard")

_SECRET_OPTION = re.compile(r"(--?(?:[\w-]+[-_])?(?:token|key|secret|password))(=.*)?", re.IGNORECASE)


def collect(packages: Sequence[str]) -> dict[str, Any]:
    """Describe the program, the machine and the time as JSON values; environment variables are never read.

    Args:
        packages: Distribution names whose versions matter, such as "numpy".

    Returns:
        hint, git ({commit, dirty} or None), python, platform, cpu, cores, packages (None where not installed),
        command, utc.
    """
    return {
        "hint": __version__,
        "git": git_state(Path(__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "packages": {name: installed_version(name) for name in packages},
        "command": shlex.join(without_secrets(sys.argv)),
        "utc": utc_now(),
    }


def utc_now() -> str:
    """Return the time in UTC as ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def installed_version(package: str) -> str | None:
    """Return the version of a distribution without importing it, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def git_state(package: Path) -> dict[str, Any] | None:
    """Return the commit a package folder was checked out at, and whether its checkout was changed since.

    Args:
        package: Folder of an import package.

    Returns:
        {"commit": 40 digits, "dirty": whether files of the toolkit's packages changed or were added}; None without
        git or where the folder is not tracked, as in site-packages below some other checkout.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    changed = _git(package.parent, "status", "--porcelain", "--", *PACKAGES)
    return None if commit is None or changed is None else {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    done = run_git(folder, *arguments)
    return None if done is None else done.decode(errors="replace").strip()


def run_git(folder: Path, *arguments: str) -> bytes | None:
    """Return what a git command prints that reads the repository of a folder; None if it fails or there is no git."""
    # GIT_DIR and its kin, set inside a hook, would answer for another repository; no lock, so that a commit that is
    # under way is not disturbed.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, env=environment, capture_output=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _cpu() -> str:
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def without_secrets(arguments: Iterable[str]) -> list[str]:
    """Replace what follows an option named like a token, and what may be secret in addresses, by ``***``."""
    cleaned: list[str] = []
    hide_next = False
    for argument in arguments:
        option = _SECRET_OPTION.fullmatch(argument)
        if option:
            cleaned.append(f"{option[1]}=***" if option[2] else argument)
        else:
            cleaned.append("***" if hide_next else without_url_secrets(argument))
        hide_next = option is not None and not option[2]
    return cleaned


def peak_memory_bytes() -> int | None:
    """Return the largest resident size of this process so far, in bytes; None where the system does not report it.

    Linux's ``getrusage`` carries over the peak of the process that started this one, so its own record is read there.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return int(peak[1]) * 1024 if peak else None
    if sys.platform == "win32":
        return None
    import resource

    # macOS counts bytes, the other systems kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def peak_gpu_memory_bytes() -> int | None:
    """Return the most memory PyTorch has held on a GPU so far, in bytes; None where it used none."""
    torch = sys.modules.get("torch")  # who did not load it did not use it
    if torch is None or not torch.cuda.is_initialized():
        return None
    peaks = [int(torch.cuda.max_memory_allocated(k)) for k in range(torch.cuda.device_count())]
    return sum(peaks)
