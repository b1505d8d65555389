"""Read MANO_RIGHT.pkl as its authors distribute it, without chumpy and without running what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint import safepickle, settings
from hint.errors import InputError, MissingRequirementError
from hint.files.atomic import write_npz
from hint.files.bounded_npz import is_zip
from hint.files.npz import read_npz
from hint.files.path import as_path
from hint.mano.model import ManoModel

#: Names of the arrays in MANO_RIGHT.pkl, by field of :class:`ManoModel`.
OFFICIAL_NAMES = {
    "v_template": "v_template",
    "faces": "f",
    "shapedirs": "shapedirs",
    "posedirs": "posedirs",
    "j_regressor": "J_regressor",
    "lbs_weights": "weights",
    "parents": "kintree_table",
    "hands_mean": "hands_mean",
    "hands_components": "hands_components",
}

#: Where the official repositories look for the file, below the working folder.
PLACES = (
    "_DATA/data/mano/MANO_RIGHT.pkl",
    "data/mano/MANO_RIGHT.pkl",
    "mano/MANO_RIGHT.pkl",
    "MANO_RIGHT.pkl",
    "metro/modeling/data/MANO_RIGHT.pkl",
    "src/modeling/data/MANO_RIGHT.pkl",
)

#: The file writes "no parent" as -1 in unsigned 32 bits.
_NO_PARENT = 2**32 - 1

_INDEX, _MIDDLE, _LITTLE, _THUMB = 1, 4, 7, 13


class _Chumpy(safepickle.State):
    """A chumpy array: either the numbers themselves (Ch) or a selection from another one (Select)."""

    def array(self) -> Any:
        fields = self.__dict__
        if "idxs" in fields:
            flat = np.asarray(dense(fields["a"])).ravel()[np.asarray(fields["idxs"])]
            return flat.reshape(fields["preferred_shape"]) if "preferred_shape" in fields else flat
        return dense(fields["x"])


class _Sparse(safepickle.State):
    """A scipy matrix in compressed column form."""

    def array(self) -> NDArray[np.float64]:
        fields = self.__dict__
        dense = np.zeros(fields["_shape"])
        columns = np.repeat(np.arange(dense.shape[1]), np.diff(fields["indptr"]))
        np.add.at(dense, (fields["indices"], columns), fields["data"])
        return dense


#: Globals that files of hand and body models name.
ALLOWED: safepickle.Allowed = {
    **safepickle.NUMPY,
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy.reordering", "Select"): _Chumpy,
    ("scipy.sparse.csc", "csc_matrix"): _Sparse,
    ("scipy.sparse._csc", "csc_matrix"): _Sparse,
}


def dense(value: Any) -> Any:
    """Return the array behind an object read from such a file."""
    return value.array() if isinstance(value, (_Chumpy, _Sparse)) else value


def read_mano(path: Path | str) -> ManoModel:
    """Read a MANO right hand.

    Args:
        path: ``MANO_RIGHT.pkl``, or the same arrays as npz.

    Raises:
        InputError: If the file is damaged, holds something else, or is a left hand.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; name MANO_RIGHT.pkl, or use --mano procedural")
    stored = _read_npz(path) if is_zip(path) else safepickle.load(path, ALLOWED)
    if not isinstance(stored, dict):
        raise InputError(f"{path}: holds a {type(stored).__name__}, not the arrays of a MANO hand")
    return _model(stored, str(path))


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return read_npz(path)
    except InputError as error:
        raise InputError(f"{error}; name MANO_RIGHT.pkl itself") from error


def _model(stored: Mapping[str, Any], source: str) -> ManoModel:
    absent = [name for name in OFFICIAL_NAMES.values() if name not in stored]
    if absent:
        raise InputError(f"{source}: has no {', '.join(absent)}; a MANO hand has {', '.join(OFFICIAL_NAMES.values())}")
    try:
        arrays = {field: np.asarray(dense(stored[name])) for field, name in OFFICIAL_NAMES.items()}
        arrays["shapedirs"] = arrays["shapedirs"][..., :10]
        parents = arrays["parents"].reshape(-1, 16)[0].astype(np.int64)
        arrays["parents"] = np.where(parents == _NO_PARENT, -1, parents)
        model = ManoModel(**arrays, source=source)
    except safepickle.DAMAGE as error:
        raise InputError(f"{source}: not the arrays of a MANO hand ({error})") from error
    _refuse_left(model)
    return model


def _refuse_left(model: ManoModel) -> None:
    """Refuse MANO_LEFT: seen from above, with the palm down, the thumb of a right hand is on the other side."""
    joints = model.j_regressor @ model.v_template
    along, across = joints[_MIDDLE] - joints[0], joints[_THUMB] - joints[_LITTLE]
    if np.cross(along, across)[1] < 0:
        raise InputError(f"{model.source}: is a left hand; name MANO_RIGHT.pkl (left hands are mirrored images)")


def from_embedded(stored: Mapping[str, NDArray[Any]], source: str) -> ManoModel:
    """Build the hand from the arrays smplx leaves in a checkpoint.

    Args:
        stored: smplx buffer name without prefix -> array. The mean pose and the pose directions, which no network
            needs, may be absent or cut; what is missing is zero.
        source: File they came from.
    """
    components = np.zeros((45, 45))
    kept = np.asarray(stored.get("hand_components", np.zeros((0, 45))))
    components[: len(kept)] = kept
    try:
        official = {
            "v_template": stored["v_template"],
            "f": stored["faces_tensor"],
            "shapedirs": stored["shapedirs"],
            "posedirs": stored["posedirs"].T.reshape(-1, 3, len(stored["posedirs"])),
            "J_regressor": stored["J_regressor"],
            "weights": stored["lbs_weights"],
            "kintree_table": stored["parents"],
            "hands_mean": stored.get("hand_mean", np.zeros(45)),
            "hands_components": components,
        }
    except KeyError as error:
        raise InputError(f"{source}: its MANO arrays have no {error}; name MANO_RIGHT.pkl with --mano") from error
    return _model(official, f"MANO arrays in {source}")


def find_mano(option: str | None) -> ManoModel:
    """Return the hand a command should use.

    Args:
        option: A file, "procedural" for the hand that needs no licence, or None for the usual places.

    Raises:
        InputError: If the named file cannot be used.
        MissingRequirementError: If none is named and none is found.
    """
    if option == "procedural":
        from hint.mano.procedural import procedural_hand

        return procedural_hand()
    if option is not None:
        return read_mano(as_path(option))
    found = installed_mano()
    if found is None:
        raise MissingRequirementError(missing_mano())
    return read_mano(found)


def mano_or_procedural(option: str | None) -> ManoModel:
    """Return the named hand as :func:`find_mano` does; without a name the installed MANO, else the procedural hand."""
    return find_mano(option if option is not None or installed_mano() else "procedural")


def installed_mano() -> Path | None:
    """Return the MANO file in the usual places, None where there is none."""
    return next((path for path in settings.candidates("mano/MANO_RIGHT.pkl", *PLACES) if path.is_file()), None)


def missing_mano() -> str:
    """Return where to get MANO, where it goes, and how to continue without it."""
    place = settings.candidates("mano/MANO_RIGHT.pkl")[0]
    return (
        f"MANO_RIGHT.pkl not found: register at https://mano.is.tue.mpg.de, download the models and put the file at "
        f"{place} (or name it with --mano); to try without, use --mano procedural"
    )


def write_mano_npz(model: ManoModel, path: Path | str) -> None:
    """Write a hand as plain arrays under their official names, for :func:`read_mano` and smplx alike."""
    arrays = {OFFICIAL_NAMES[field]: array for field, array in model.arrays().items()}
    write_npz(Path(path), arrays | {"kintree_table": np.stack([model.parents, np.arange(16)])})
