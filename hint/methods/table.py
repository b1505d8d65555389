"""The table of methods: name -> where its class is. Nothing heavy is imported until a method is created.

A package can add methods through entry points of the group ``hint.methods``:

    [project.entry-points."hint.methods"]
    my-method = "my_package.module:MyMethod"

The class needs ``create(options: MethodOptions)``, a class method that returns a :class:`hint.types.Method`, and may
have a :class:`hint.types.MethodCard` named ``CARD``, which the list of methods shows.

Behind the name of any method, ``-mano`` fits a MANO hand to its keypoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.file_hash import hash_ahead
from hint.files.path import as_path
from hint.methods.mano_card import SUFFIX, missing_for_fit
from hint.methods.official_file import OfficialFile
from hint.methods.options import method_options
from hint.methods.setup import require_device
from hint.requirements import DISTRIBUTION, pip_command
from hint.types import AUTO, HandLabels, Method, MethodCard, MethodOptions

GROUP = "hint.methods"
READY = "ready"


@dataclass(frozen=True)
class MethodEntry:
    """A line of the list of methods.

    Attributes:
        name: What ``--method`` and :func:`load_method` take.
        title: Name in tables.
        summary: One sentence.
        status: "ready", or what is missing and what to type.
        licence: Of code and weights.
        origin: Distribution that brings the method.
    """

    name: str
    title: str
    summary: str
    status: str
    licence: str
    origin: str

    @property
    def ready(self) -> bool:
        """Whether the method runs as it is."""
        return self.status == READY

    @property
    def missing(self) -> str:
        """What is missing and what to type, "" where nothing is."""
        return "" if self.ready else self.status

    @property
    def state(self) -> str:
        """What is missing in a few words, "ready" where nothing is."""
        return self.status.partition(":")[0]

    def __repr__(self) -> str:
        return f"<{self.name}: {self.state}>"


@dataclass(frozen=True)
class BuiltIn:
    """Where a method of the toolkit is.

    Attributes:
        target: "module:Class".
        about: Module cheap to import, or "module:Class" of one, with its ``CARD`` and, where something may be missing,
            ``missing(options: MethodOptions) -> str``.
        extra: Extra of the distribution that brings its packages, "" where the core is enough.
    """

    target: str
    about: str
    extra: str = ""


BUILT_IN = {
    "hamer": BuiltIn("hint.methods.hamer.method:HamerMethod", "hint.methods.hamer.card", "models"),
    "hamer-tiny": BuiltIn("hint.methods.hamer.method:HamerTinyMethod", "hint.methods.hamer.tiny", "models"),
    "wilor": BuiltIn("hint.methods.wilor.method:WilorMethod", "hint.methods.wilor.card", "models"),
    "anyhand-hamer": BuiltIn("hint.methods.anyhand.method:AnyHandHamer", "hint.methods.anyhand.card:OfHamer", "models"),
    "anyhand-wilor": BuiltIn("hint.methods.anyhand.method:AnyHandWilor", "hint.methods.anyhand.card:OfWilor", "models"),
    "hawor": BuiltIn("hint.methods.hawor.method:HaworMethod", "hint.methods.hawor.card", "models"),
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
    "mediapipe": BuiltIn("hint.methods.mediapipe.box:MediaPipeMethod", "hint.methods.mediapipe.card", "mediapipe"),
    "mediapipe-detector": BuiltIn(
        "hint.methods.mediapipe.detector:MediaPipeDetectorMethod", "hint.methods.mediapipe.card:Detector", "mediapipe"
    ),
    "mediapipe-mano": BuiltIn("hint.methods.mano_fit:MediaPipeMano", "hint.methods.mediapipe.card:Fitted", "models"),
    "mmpose": BuiltIn("hint.methods.mmpose.method:MMPoseMethod", "hint.methods.mmpose.card", "prelabel"),
    "rtmpose": BuiltIn("hint.methods.mmpose.named:RTMPose", "hint.methods.mmpose.named:RTMPose", "prelabel"),
    "rtmw-wholebody": BuiltIn("hint.methods.mmpose.named:RTMW", "hint.methods.mmpose.named:RTMW", "prelabel"),
    "vitpose-wholebody": BuiltIn("hint.methods.mmpose.named:ViTPose", "hint.methods.mmpose.named:ViTPose", "prelabel"),
    "mean-pose": BuiltIn("hint.methods.mean_pose:MeanPose", "hint.methods.mean_pose"),
    "box-centre": BuiltIn("hint.methods.box_centre:BoxCentre", "hint.methods.box_centre"),
    "oracle-noise": BuiltIn("hint.methods.oracle_noise:OracleNoise", "hint.methods.oracle_noise"),
}


def load_method(
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    weights: Path | str | None = None,
    mano: Path | str | None = None,
    seed: int = 0,
    labels: HandLabels | Path | str | None = None,
    train_labels: HandLabels | Path | str | None = None,
    **settings: object,
) -> Method:
    """Load a method once, to use it many times.

    Args:
        name: A name of :func:`list_methods`.
        device: "auto", "cpu" or "cuda".
        precision: "fp32", "bf16", ...: what the method offers; "auto": the fastest that keeps the keypoints.
        weights: File, or a name the method documents, such as "random"; None for the usual places.
        mano: MANO file, "procedural" for the hand that needs no licence, or None for the usual places.
        seed: Of methods that draw random numbers.
        labels: Ground truth, for controls that need it.
        train_labels: Labels a control is fitted on.
        settings: The method's own settings, as ``--set`` takes them; underscores stand for hyphens.

    Raises:
        UnknownNameError: If no method, device or setting has this name.
        MissingRequirementError: If packages, weights or a licence are missing, or a plug-in cannot be loaded.
        InputError: If a file or a setting cannot be used.
    """
    options = method_options(device, precision, weights, mano, seed, settings)
    return create(name, replace(options, labels=as_labels(labels), train_labels=as_labels(train_labels, split="train")))


def create(name: str, options: MethodOptions) -> Method:
    """Load a method from options that are gathered already; see :func:`load_method`."""
    check(name, options)
    if inner := _inner(name):
        return _fitted(create(inner, options), options)
    known = replace(options, extra={_setting(name, key): value for key, value in options.extra.items()})
    try:
        return _create_built_in(name, known) if name in BUILT_IN else _create_plugin(_plugins()[name][0], known)
    except UnknownNameError as error:
        raise _as_typed(error, name, options) from None


def check(name: str, options: MethodOptions) -> None:
    """Refuse a method that cannot be loaded because something is missing; imports nothing heavy.

    Raises:
        UnknownNameError: If no method or device has this name.
        MissingRequirementError: If packages or files are missing; the message names all of them.
    """
    if inner := _inner(name):
        check(inner, options)
        if lacking := missing_for_fit():
            raise MissingRequirementError(f"{name} {lacking}")
        return
    if name not in names():
        raise UnknownNameError("method", name, _suggestions(str(name)))
    require_device(options.device)
    if name in BUILT_IN and (lacking := _missing(BUILT_IN[name], options)):
        raise MissingRequirementError(f"{name} {lacking}")


def needs_labels(name: str) -> bool:
    """Return whether a method looks at the ground truth; of plug-ins that is not known before they are loaded."""
    entry = BUILT_IN.get(_inner(name) or name)
    return entry is None or bool(_load(entry.about).CARD.needs_labels)


def names() -> list[str]:
    """Return the names of all methods, those of the toolkit first."""
    return [*BUILT_IN, *(name for name in sorted(_plugins()) if name not in BUILT_IN)]


def list_methods() -> list[MethodEntry]:
    """Describe all methods, without importing torch for those of the toolkit.

    A plug-in that cannot be loaded, or whose name is taken, has an entry that says so in its status.
    """
    entries = [_built_in_entry(name, built_in) for name, built_in in BUILT_IN.items()]
    for name, found in sorted(_plugins().items()):
        holder = "the toolkit" if name in BUILT_IN else _origin(found[0])
        for place, entry_point in enumerate(found):
            is_taken = name in BUILT_IN or place > 0
            entries.append(_taken_entry(entry_point, holder) if is_taken else _plugin_entry(entry_point))
    return entries


def official_files() -> list[OfficialFile]:
    """Return the files that methods of the toolkit read as their authors distribute them, each once."""
    files = [file for entry in BUILT_IN.values() for file in getattr(_load(entry.about), "FILES", ())]
    return list(dict.fromkeys(files))


def _suggestions(name: str) -> list[str]:
    """Return the names of all methods, with ``-mano`` behind them where the name has it."""
    fitted = [known + SUFFIX for known in names() if SUFFIX in name and not known.endswith(SUFFIX)]
    return list(dict.fromkeys([*names(), *fitted]))


def _inner(name: str) -> str:
    """Return the method that a name with ``-mano`` behind it fits a hand to, "" where it is no such name."""
    known = names()
    inner = name.removesuffix(SUFFIX) if isinstance(name, str) else ""
    return inner if name not in known and inner in known else ""


def _fitted(method: Method, options: MethodOptions) -> Method:
    fitted: Method = _load("hint.methods.mano_fit:ManoFit").wrap(method, options)
    return fitted


def as_labels(given: HandLabels | Path | str | None, split: str = "test") -> HandLabels | None:
    """Return labels that were given, or read those whose place was."""
    if given is None or isinstance(given, HandLabels):
        return given
    from hint.files import read_labels

    return read_labels(as_path(given), split=split)


def _setting(method: str, key: str) -> str:
    """Return a setting as the method knows it: those of the toolkit are spelled as on the command line."""
    return key.replace("_", "-") if method in BUILT_IN else key


def _as_typed(error: UnknownNameError, method: str, options: MethodOptions) -> InputError:
    """Return the error about a setting with the names of method and setting that a user typed."""
    if not error.kind.startswith("setting of "):
        return error
    typed = {key.replace("_", "-"): key for key in options.extra}
    name = str(error.name)
    key = typed.get(name.replace("_", "-"), name)
    if key == "crop":
        return InputError(f"{method} has no --crop")
    return UnknownNameError(f"setting of {method}", key, error.known)


def _missing(entry: BuiltIn, options: MethodOptions) -> str:
    missing: Callable[[MethodOptions], str] | None = getattr(_load(entry.about), "missing", None)
    return missing(options) if missing else ""


def _create_built_in(name: str, options: MethodOptions) -> Method:
    entry = BUILT_IN[name]
    if options.weights is not None:
        hash_ahead(Path(options.weights))  # while PyTorch is imported, and the network made
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
    if options.precision == AUTO and not hasattr(loaded, "best_precision"):  # made before there was auto
        options = replace(options, precision="fp32")
    method = loaded.create(options) if hasattr(loaded, "create") else None
    if not isinstance(method, Method):
        raise InputError(
            f"{entry_point.value} of {_origin(entry_point)} makes no method: it needs create(options) that returns an "
            "object with card, fingerprint, prepare and infer (hint.types.Method)"
        )
    return method


def _built_in_entry(name: str, entry: BuiltIn) -> MethodEntry:
    return _entry(name, _load(entry.about).CARD, _missing(entry, MethodOptions()) or READY, DISTRIBUTION)


def _plugin_entry(entry_point: EntryPoint) -> MethodEntry:
    try:
        loaded: Any = entry_point.load()
    except Exception as error:
        return _bare_entry(entry_point, _cannot_load(entry_point, error))
    card = getattr(loaded, "CARD", None)
    if isinstance(card, MethodCard):
        return _entry(entry_point.name, card, READY, _origin(entry_point))
    return _bare_entry(entry_point, READY, summary=(loaded.__doc__ or "").strip().partition("\n")[0])


def _taken_entry(entry_point: EntryPoint, holder: str) -> MethodEntry:
    return _bare_entry(entry_point, f"not used: the name belongs to {holder}")


def _bare_entry(entry_point: EntryPoint, status: str, summary: str = "") -> MethodEntry:
    card = MethodCard(entry_point.name, title=entry_point.name, summary=summary, code_licence="unknown")
    return _entry(entry_point.name, card, status, _origin(entry_point))


def _entry(name: str, card: MethodCard, status: str, origin: str) -> MethodEntry:
    licence = f"{card.code_licence}; weights {card.weights_licence}" if card.weights_licence else card.code_licence
    return MethodEntry(name, card.title, card.summary, status, licence, origin)


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
    message = " ".join(str(error).split()) or "no message"
    return (
        f"{entry_point.value} of {origin} cannot be loaded ({type(error).__name__}: {message}); "
        f"repair {origin} or type: pip uninstall {origin}"
    )


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    loaded = import_module(module)
    return getattr(loaded, name) if name else loaded
