"""Run a method over many hands, here or on many machines, so that an interrupted run resumes."""

from hint.engine.engine import Engine, LocalEngine
from hint.engine.inputs import check_pictures, input_key
from hint.engine.recipe import LoadedMethod, NamedMethod, Ready, Recipe
from hint.engine.run import RunResult, run
from hint.engine.shard import Shard
from hint.engine.store import Results, Store

__all__ = [
    "Engine",
    "LoadedMethod",
    "LocalEngine",
    "NamedMethod",
    "Ready",
    "Recipe",
    "Results",
    "RunResult",
    "Shard",
    "Store",
    "check_pictures",
    "input_key",
    "run",
]
