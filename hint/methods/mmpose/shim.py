"""Import MMPose without the packages that top-down hand models never call.

Importing ``mmpose.apis`` imports every head there is. Some of them name compiled operators (``mmcv.ops``), another
toolbox (``mmdet``), a fork of pycocotools whose wheel is built for numpy 1 (``xtcocotools``) or a module that newer
setuptools lacks (``pkg_resources``). While MMPose is being imported, stand-ins replace those that cannot
be imported themselves; afterwards nothing is left of it in ``sys.modules``.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

#: Operators that heads ask for by name at import time.
_OPERATORS = ("MultiScaleDeformableAttention", "DeformConv2d", "ModulatedDeformConv2d")


def mmpose_apis() -> Any:
    """Return the module ``mmpose.apis``, imported once.

    Raises:
        ImportError: If a package is missing that nothing can stand in for.
    """
    if "mmpose.apis" not in sys.modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _stand_ins():
                importlib.import_module("mmpose.apis")
        # It uses deprecated names of PyTorch in every forward pass.
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"mmpose\.")
    return sys.modules["mmpose.apis"]


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Put modules where MMPose looks for them, and take them away again."""
    added: dict[str, ModuleType] = {}
    try:
        for is_there, make in _NEEDED:
            if not is_there():
                modules = make()
                added |= modules
                sys.modules.update(modules)
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _module(name: str, **content: Any) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, loader=None)
    module.__dict__.update(content)
    return module


def _package(name: str, **modules: ModuleType) -> dict[str, ModuleType]:
    """Return a package with nothing in it but the modules given, under their full names."""
    package = _module(name, __path__=[], **modules)
    return {name: package, **{f"{name}.{short}": module for short, module in modules.items()}}


def _can_import(name: str) -> bool:
    """Tell whether a module loads; a wheel built for another numpy is there and raises ValueError."""
    try:
        importlib.import_module(name)
    except Exception:
        top = name.partition(".")[0]
        for loaded in [key for key in sys.modules if key == top or key.startswith(f"{top}.")]:
            del sys.modules[loaded]
        return False
    return True


def _has_operators() -> bool:
    # Looked for, not imported: MMEngine itself takes the absence of this module for mmcv-lite.
    return find_spec("mmcv._ext") is not None


def _operators() -> dict[str, ModuleType]:
    from torch import nn

    def refuse(self: object, *_: object, **__: object) -> None:
        raise RuntimeError(f"{type(self).__name__} needs mmcv with its compiled operators, not mmcv-lite")

    classes = {name: type(name, (nn.Module,), {"__init__": refuse}) for name in _OPERATORS}
    return {"mmcv.ops": _module("mmcv.ops", **classes)}


def _detection() -> dict[str, ModuleType]:
    from mmengine.config import ConfigDict

    def reduce_mean(_: Any) -> Any:
        raise RuntimeError("training this head needs mmdet")

    return _package("mmdet", utils=_module("mmdet.utils", ConfigType=ConfigDict | dict, reduce_mean=reduce_mean))


def _distributions() -> dict[str, ModuleType]:
    def get_distribution(name: str) -> SimpleNamespace:
        found = metadata.distribution(name)
        return SimpleNamespace(location=str(found.locate_file("")), version=found.version)

    absent = metadata.PackageNotFoundError
    module = _module("pkg_resources", get_distribution=get_distribution, DistributionNotFound=absent)
    return {"pkg_resources": module}


def _coco() -> dict[str, ModuleType]:
    names = ("coco", "cocoeval", "mask")
    return _package("xtcocotools", **{name: importlib.import_module(f"pycocotools.{name}") for name in names})


#: Whether it can be had, and what stands in for it otherwise.
_NEEDED: tuple[tuple[Callable[[], bool], Callable[[], dict[str, ModuleType]]], ...] = (
    (lambda: _can_import("pkg_resources"), _distributions),  # first: mmcv and MMEngine ask for it
    (_has_operators, _operators),
    (lambda: _can_import("mmdet.utils"), _detection),
    (lambda: _can_import("xtcocotools.mask"), _coco),
)
