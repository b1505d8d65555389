"""What a run must know of its method where the method itself may be loaded elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.engine.engine import Engine, LocalEngine
from hint.engine.recipe import Identity, LoadedMethod, Recipe, ask
from hint.mano.model import ManoModel
from hint.types import ManoMethod, Method, MethodCard
from hint.viewers.rig import RiggedMethod


@dataclass(frozen=True, eq=False)
class MethodFacts:
    """A method, as far as it is not needed itself.

    Attributes:
        identity: What its results are told apart by.
        faces: Triangles of the right hand, None for methods that do not pose MANO.
        focal_length: Px, of a method that sees hands with the camera of the whole picture.
        hand_model: The right hand it poses, where bones can move it.
        method: The method itself, where it is loaded in this process.
    """

    identity: Identity
    faces: NDArray[np.int64] | None
    focal_length: float | None
    hand_model: ManoModel | None
    method: Method | None = None

    @property
    def card(self) -> MethodCard:
        """Its description."""
        return self.identity.card

    @property
    def header(self) -> dict[str, Any]:
        """What is written beside its results."""
        return self.identity.header


@dataclass(frozen=True)
class ReadyMethod:
    """A method that is known on the engine that will run it, as :class:`hint.engine.Ready`, and what it is.

    Attributes:
        recipe: Loads it; what this process has loaded is not loaded again.
        engine: Runs it.
        facts: What it is.
    """

    recipe: Recipe
    engine: Engine
    facts: MethodFacts

    @staticmethod
    def load(method: Method | Recipe, engine: Engine | None = None) -> ReadyMethod:
        """Load a method where it will run, by default in this process, and ask what it is.

        Raises:
            MissingRequirementError: If files or packages are missing.
            InputError: If its options cannot be used.
        """
        engine = engine or LocalEngine()
        recipe, facts = ask(LoadedMethod(method) if isinstance(method, Method) else method, engine, _facts)
        if isinstance(recipe, LoadedMethod):
            facts = replace(facts, method=recipe.method)
        return ReadyMethod(recipe, engine, facts)


def _facts(method: Method) -> MethodFacts:
    faces = method.faces if isinstance(method, ManoMethod) else None
    model = method.hand_model if isinstance(method, RiggedMethod) else None
    return MethodFacts(Identity.of(method), faces, getattr(method, "focal_length", None), model)
