"""How a worker comes by its method: it loads one by its name, or takes the one that is loaded already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from hint.engine.engine import Engine, LocalEngine
from hint.errors import HintError, InputError
from hint.methods.table import create
from hint.types import Method, MethodCard, MethodOptions

Answer = TypeVar("Answer")


class Recipe(Protocol):
    """Loads a method; can be pickled unless it holds a loaded one."""

    def load(self, device: str | None) -> Method:
        """Return the method.

        Args:
            device: "cpu" or "cuda"; None as its options say.
        """
        ...


@dataclass(frozen=True)
class NamedMethod:
    """A method of the table.

    Attributes:
        name: Its name.
        options: How to load it.
    """

    name: str
    options: MethodOptions

    def load(self, device: str | None) -> Method:
        """Load the method."""
        return create(self.name, replace(self.options, device=device or self.options.device))


@dataclass(frozen=True)
class LoadedMethod:
    """A method that is loaded in this process, and stays there.

    Attributes:
        method: The method.
    """

    method: Method

    def load(self, device: str | None) -> Method:
        """Return the method."""
        return self.method

    def __reduce__(self) -> NoReturn:
        raise InputError(
            f"{self.method.card.name} is loaded in this process; several processes or machines load it themselves: "
            "give its name and options instead"
        )


@dataclass(frozen=True)
class Identity:
    """What results of a method are told apart by.

    Attributes:
        card: Its description.
        fingerprint: Everything that changes its output.
        device: Where it computes, for the record.
    """

    card: MethodCard
    fingerprint: dict[str, Any]
    device: str

    @staticmethod
    def of(method: Method) -> Identity:
        """Return that of a loaded method."""
        return Identity(method.card, method.fingerprint, str(getattr(method, "device", "cpu")))

    @property
    def header(self) -> dict[str, Any]:
        """What is written beside its results."""
        return {"method": self.card.name, "fingerprint": self.fingerprint}


@dataclass(frozen=True)
class _Ask(Generic[Answer]):
    recipe: Recipe
    question: Callable[[Method], Answer]

    def __call__(self, device: str | None) -> Callable[[Iterable[None]], Iterator[Answer]]:
        answer = self.question(self.recipe.load(device))
        return lambda jobs: (answer for _ in jobs)

    def lost(self, job: None, why: str) -> NoReturn:
        raise HintError(f"the method cannot be loaded: {why}")


def ask(recipe: Recipe, engine: Engine, question: Callable[[Method], Answer]) -> tuple[Recipe, Answer]:
    """Load a method where it will run, and ask something about it.

    Args:
        recipe: Loads the method.
        engine: Runs it.
        question: A function of a module.

    Returns:
        The recipe to run, which does not load again what this process has loaded, and the answer.

    Raises:
        MissingRequirementError: If files or packages are missing.
        InputError: If the options of the method cannot be used.
    """
    if engine.is_local:
        method = recipe.load(None)
        return LoadedMethod(method), question(method)
    (answer,) = engine.run(_Ask(recipe, question), [None])
    return recipe, answer


@dataclass(frozen=True)
class Ready:
    """A method that is known on the engine that will run it.

    Attributes:
        recipe: Loads it; what this process has loaded is not loaded again.
        engine: Runs it.
        identity: What it is.
    """

    recipe: Recipe
    engine: Engine
    identity: Identity

    @staticmethod
    def load(method: Method | Recipe, engine: Engine | None = None) -> Ready:
        """Load a method where it will run, by default in this process, and ask what it is.

        Raises:
            MissingRequirementError: If files or packages are missing.
            InputError: If its options cannot be used.
        """
        engine = engine or LocalEngine()
        recipe, identity = ask(LoadedMethod(method) if isinstance(method, Method) else method, engine, Identity.of)
        return Ready(recipe, engine, identity)
