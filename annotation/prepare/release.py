"""The folders of the released HInt, and how to recognise its root.

Source: README and ``check_number_of_files`` of github.com/ddshan/hint, which count jpg and json together.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from hint.errors import InputError, UnknownNameError
from hint.names import folder_of_subset, subset_of_folder

#: Folder -> hands in it, each a jpg and a json.
HANDS = {
    "TRAIN_newdays_img": 9666,
    "VAL_newdays_img": 550,
    "TEST_newdays_img": 1754,
    "TRAIN_epick_img": 2780,
    "VAL_epick_img": 625,
    "TEST_epick_img": 1906,
    "TRAIN_ego4d_img": 11652,
    "VAL_ego4d_img": 514,
    "TEST_ego4d_img": 1714,
    "VAL_ego4d_seq": 2320,
    "TEST_ego4d_seq": 6953,
}

#: Folders name VISOR after its videos (EPIC-KITCHENS).
_SOURCES = {"newdays": "newdays", "epick": "visor", "ego4d": "ego4d"}


def source_of(folder: str) -> str:
    """Return the source of a released folder, as :func:`hint.names.parse_name` names it."""
    return _SOURCES[folder.split("_")[1]]


def split_of(folder: str) -> str:
    """Return "TRAIN", "VAL" or "TEST"."""
    return folder.partition("_")[0]


def choose_folders(only: Sequence[str]) -> tuple[str, ...]:
    """Return the released folders to check, in the order of the release.

    Args:
        only: Names of folders ("TEST_newdays_img") or subsets ("newdays", "val_ego4d"); none for all eleven.

    Raises:
        UnknownNameError: If the release has no such folder.
    """
    chosen = {folder_of_subset(subset_of_folder(name)): name for name in only}
    for folder, name in chosen.items():
        if folder not in HANDS:
            raise UnknownNameError("folder of HInt", name, HANDS)
    return tuple(folder for folder in HANDS if not chosen or folder in chosen)


def check_root(root: Path) -> None:
    """Require a HInt root: a folder with released folders in it.

    Raises:
        InputError: If it is not; the message shows the right command if the root is nearby.
    """
    if not root.exists():
        raise InputError(f"{root}: no such folder; expected the unpacked HInt_annotation_partial or HInt_annotation")
    if not root.is_dir():
        advice = "unpack it and pass the folder" if root.suffix == ".zip" else "pass the unpacked HInt folder"
        raise InputError(f"{root} is a file; {advice}")
    if _is_root(root):
        return
    raise InputError(f"{root} is not a HInt root: it has none of {', '.join(list(HANDS)[:3])}, ...; {_advice(root)}")


def _is_root(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in HANDS)


def _advice(wrong: Path) -> str:
    """Return what to type instead; people often pass the parent of the root, or one of its folders."""
    whole = wrong.resolve()
    if whole.name in HANDS:
        return f"it is one of them: {_command(whole.parent)} --only {whole.name}"
    below = sorted(child for child in wrong.iterdir() if child.is_dir() and _is_root(child))
    if below:
        return f"the root is in it: {_command(below[0])}"
    if not any(wrong.iterdir()):
        return "pass the unpacked HInt_annotation_partial or HInt_annotation (empty)"
    own = f"hint check {shlex.quote(str(wrong))}"
    return f"pass the unpacked HInt_annotation_partial or HInt_annotation; for labels of your own: {own}"


def _command(root: Path) -> str:
    return f"hint prepare verify {shlex.quote(str(root))}"
