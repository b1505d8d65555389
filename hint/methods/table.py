"""The table of methods: name -> where its class is. Nothing heavy is imported until a method is created.

A package can bring methods of its own through entry points of the group ``hint.methods``:

    [project.entry-points."hint.methods"]
    my-method = "my_package.module:MyMethod"

The class needs ``create(options: MethodOptions)``, a class method that returns a :class:`hint.types.Method`, and may
have a :class:`hint.types.MethodCard` named ``CARD``, which the list of methods shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.files import read_labels
from hint.methods.requirements import pip_command
from hint.types import HandLabels, Method, MethodCard, MethodOptions

GROUP = "hint.methods"
READY = "ready"

#: A line of the list of methods: name, title, summary, status ("ready", or what is missing and what to type), licence
#: of code and weights, and the distribution that brings the method.
Row = dict[str, str]


@dataclass(frozen=True)
class BuiltIn:
    """Where a method of the toolkit is.

    Attributes:
        target: "module:Class".
        about: Module cheap to import, or "module:Class" of one, with its ``CARD`` and, where something may be missing,
            ``missing() -> str``.
        extra: Extra of the distribution that brings its packages, "" where the core is enough.
    """

    target: str
    about: str
    extra: str = ""


BUILT_IN = {
    "hamer": BuiltIn("hint.methods.hamer.method:HamerMethod", "hint.methods.hamer.card", "models"),
    "hamer-tiny": BuiltIn("hint.methods.hamer.method:HamerTinyMethod", "hint.methods.hamer.tiny", "models"),
    "frankmocap": BuiltIn("hint.methods.frankmocap.method:FrankMocapMethod", "hint.methods.frankmocap.card", "models"),
    "handoccnet-param": BuiltIn(
        "hint.methods.handoccnet.method:HandOccNetParam", "hint.methods.handoccnet.card:Param", "models"
    ),
    "handoccnet-noparam": BuiltIn(
        "hint.methods.handoccnet.method:HandOccNetNoParam", "hint.methods.handoccnet.card:NoParam", "models"
    ),
    "metro": BuiltIn(
        "hint.methods.vertex_transformers.method:MetroMethod", "hint.methods.vertex_transformers.card:Metro", "models"
    ),
    "mesh-graphormer": BuiltIn(
        "hint.methods.vertex_transformers.method:MeshGraphormerMethod",
        "hint.methods.vertex_transformers.card:MeshGraphormer",
        "models",
    ),
    "mediapipe": BuiltIn("hint.methods.mediapipe:MediaPipeMethod", "hint.methods.mediapipe", "mediapipe"),
    "mmpose": BuiltIn("hint.methods.mmpose.method:MMPoseMethod", "hint.methods.mmpose.card", "prelabel"),
    "rtmpose": BuiltIn("hint.methods.mmpose.rtmpose:RTMPose", "hint.methods.mmpose.rtmpose", "prelabel"),
    "mean-pose": BuiltIn("hint.methods.mean_pose:MeanPose", "hint.methods.mean_pose"),
    "box-centre": BuiltIn("hint.methods.box_centre:BoxCentre", "hint.methods.box_centre"),
    "oracle-noise": BuiltIn("hint.methods.oracle_noise:OracleNoise", "hint.methods.oracle_noise"),
}


def load_method(
    name: str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    weights: Path | str | None = None,
    mano: Path | str | None = None,
    seed: int = 0,
    labels: HandLabels | None = None,
    train_labels: HandLabels | Path | str | None = None,
    **settings: object,
) -> Method:
    """Load a method; see :class:`hint.types.MethodOptions`."""
    if isinstance(train_labels, str | Path):
        train_labels = read_labels(Path(train_labels), split="train")
    options = MethodOptions(
        device,
        precision,
        None if weights is None else str(weights),
        None if mano is None else str(mano),
        labels,
        train_labels,
        seed,
        {key: str(value) for key, value in settings.items()},
    )
    return create(name, options)


def check(name: str, options: MethodOptions) -> None:
    """Refuse a method that lacks something; imports nothing heavy.

    Raises:
        UnknownNameError: If no method has this name.
        MissingRequirementError: If packages or files are missing.
    """
    if name not in BUILT_IN and name not in _plugins():
        raise UnknownNameError("method", name, names())
    tell: Callable[[], str] | None = getattr(_load(BUILT_IN[name].about), "missing", None) if name in BUILT_IN else None
    is_default = not (options.weights or options.mano or options.extra)
    if tell and is_default and (lacking := tell()):
        raise MissingRequirementError(f"{name} {lacking}")


def create(name: str, options: MethodOptions) -> Method:
    """Set up a method.

    Args:
        name: A name of :func:`names`.
        options: What the command line says to it.

    Raises:
        UnknownNameError: If no method has this name.
        MissingRequirementError: If packages, weights or a licence are missing, or a plug-in cannot be loaded.
    """
    plugins = _plugins()
    if name in BUILT_IN:
        return _create_built_in(name, BUILT_IN[name], options)
    if name not in plugins:
        raise UnknownNameError("method", name, names())
    return _create_plugin(plugins[name][0], options)


def names() -> list[str]:
    """Return the names of all methods, those of the toolkit first."""
    return [*BUILT_IN, *(name for name in sorted(_plugins()) if name not in BUILT_IN)]


def list_methods() -> list[Row]:
    """Describe all methods, without importing torch for those of the toolkit.

    A plug-in that cannot be loaded, or whose name is taken, has a row that says so.
    """
    rows = [_built_in_row(name, entry) for name, entry in BUILT_IN.items()]
    for name, found in sorted(_plugins().items()):
        holder = "the toolkit" if name in BUILT_IN else _origin(found[0])
        for place, entry_point in enumerate(found):
            is_taken = name in BUILT_IN or place > 0
            rows.append(_taken_row(entry_point, holder) if is_taken else _plugin_row(entry_point))
    return rows


def _create_built_in(name: str, entry: BuiltIn, options: MethodOptions) -> Method:
    try:
        method: Method = _load(entry.target).create(options)
    except ImportError as error:
        absent = error.name or ""
        if not entry.extra or absent.split(".")[0] == "hint":
            raise  # a defect, not a missing package
        raise MissingRequirementError(f"{name} needs {absent or error}: {pip_command(entry.extra)}") from error
    return method


def _create_plugin(entry_point: EntryPoint, options: MethodOptions) -> Method:
    try:
        loaded: Any = entry_point.load()
    except Exception as error:
        raise MissingRequirementError(_cannot_load(entry_point, error)) from error
    method = loaded.create(options) if hasattr(loaded, "create") else None
    if not isinstance(method, Method):
        raise InputError(
            f"{entry_point.value} of {_origin(entry_point)} makes no method: it needs create(options) that returns an "
            "object with card, fingerprint, prepare and infer (hint.types.Method)"
        )
    return method


def _built_in_row(name: str, entry: BuiltIn) -> Row:
    about = _load(entry.about)
    missing: Callable[[], str] | None = getattr(about, "missing", None)
    return _row(name, about.CARD, (missing() if missing else "") or READY, "hint-toolkit")


def _plugin_row(entry_point: EntryPoint) -> Row:
    try:
        loaded: Any = entry_point.load()
    except Exception as error:
        return _bare_row(entry_point, _cannot_load(entry_point, error))
    card = getattr(loaded, "CARD", None)
    if isinstance(card, MethodCard):
        return _row(entry_point.name, card, READY, _origin(entry_point))
    return _bare_row(entry_point, READY, summary=(loaded.__doc__ or "").strip().partition("\n")[0])


def _taken_row(entry_point: EntryPoint, holder: str) -> Row:
    return _bare_row(entry_point, f"not used: the name belongs to {holder}")


def _bare_row(entry_point: EntryPoint, status: str, summary: str = "") -> Row:
    card = MethodCard(entry_point.name, title=entry_point.name, summary=summary, code_licence="unknown")
    return _row(entry_point.name, card, status, _origin(entry_point))


def _row(name: str, card: MethodCard, status: str, origin: str) -> Row:
    licence = f"{card.code_licence}; weights {card.weights_licence}" if card.weights_licence else card.code_licence
    return {
        "name": name,
        "title": card.title,
        "summary": card.summary,
        "status": status,
        "licence": licence,
        "origin": origin,
    }


def _plugins() -> dict[str, list[EntryPoint]]:
    """Return the entry points of each name, in the order of their distributions; the first one counts."""
    found: dict[str, list[EntryPoint]] = {}
    for entry_point in sorted(entry_points(group=GROUP), key=lambda e: (_origin(e), e.value)):
        found.setdefault(entry_point.name, []).append(entry_point)
    return found


def _origin(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else "unknown package"


def _cannot_load(entry_point: EntryPoint, error: Exception) -> str:
    origin = _origin(entry_point)
    said = " ".join(str(error).split()) or "no message"
    return (
        f"{entry_point.value} of {origin} cannot be loaded ({type(error).__name__}: {said}); "
        f"mend {origin} or type: pip uninstall {origin}"
    )


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    loaded = import_module(module)
    return getattr(loaded, name) if name else loaded
