"""What a run must know of its method where the method itself may be loaded elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hint.engine.engine import Engine
from hint.engine.recipe import LoadedMethod, Recipe
from hint.errors import HintError
from hint.mano.model import ManoModel
from hint.types import ManoMethod, Method, MethodCard
from hint.viewers.rig import RiggedMethod


@dataclass(frozen=True, eq=False)
class MethodFacts:
    """A method, as far as it is not needed itself.

    Attributes:
        card: Its description.
        fingerprint: Everything that changes its output.
        faces: Triangles of the right hand, None for methods that do not pose MANO.
        focal_length: Px, of a method that sees hands with the camera of the whole picture.
        hand_model: The right hand it poses, where bones can move it.
        method: The method itself, where it is loaded in this process.
    """

    card: MethodCard
    fingerprint: dict[str, Any]
    faces: NDArray[np.int64] | None
    focal_length: float | None
    hand_model: ManoModel | None
    method: Method | None = None

    @property
    def header(self) -> dict[str, Any]:
        """What is written beside its results."""
        return {"method": self.card.name, "fingerprint": self.fingerprint}


@dataclass(frozen=True)
class _Ask:
    recipe: Recipe

    def __call__(self, device: str | None) -> Callable[[Iterable[None]], Iterator[MethodFacts]]:
        facts = _facts(self.recipe.load(device))
        return lambda jobs: (facts for _ in jobs)

    def lost(self, job: None, why: str) -> NoReturn:
        raise HintError(f"the method cannot be loaded: {why}")


def facts_of(recipe: Recipe, engine: Engine) -> tuple[Recipe, MethodFacts]:
    """Load a method where it will run, and ask what it is.

    Returns:
        The recipe to run, which does not load again what this process has loaded, and the facts.
    """
    if not engine.is_local:
        (facts,) = engine.run(_Ask(recipe), [None])
        return recipe, facts
    method = recipe.load(None)
    return LoadedMethod(method), replace(_facts(method), method=method)


def _facts(method: Method) -> MethodFacts:
    faces = method.faces if isinstance(method, ManoMethod) else None
    model = method.hand_model if isinstance(method, RiggedMethod) else None
    return MethodFacts(method.card, method.fingerprint, faces, getattr(method, "focal_length", None), model)
