"""Run a method over many hands, here or on many machines, so that an interrupted run resumes.

To read it, begin with ``run.py``, which is the whole way of a run, and go on with what it calls:

* ``work.py``, ``engine.py``: what users say of who does the work, and what an engine is; ``processes.py`` (with
  ``devices.py``) and ``ray_engine.py`` are two more beside the one of this process.
* ``recipe.py``: how a worker comes by its method.
* ``inputs.py``, ``jobs.py``, ``shard.py``: what is asked for, and how it is cut into jobs.
* ``hands.py``: what a worker does with a job.
* ``results.py``: what is done lies on the disk, in ``parts.py``; ``stored.py`` reads it, ``earlier.py`` tells whether
  it is of this run, and ``merge.py`` makes one file of it.
"""

from hint.engine.engine import Engine, LocalEngine
from hint.engine.inputs import check_pictures, input_key
from hint.engine.recipe import LoadedMethod, NamedMethod, Ready, Recipe
from hint.engine.run import RunResult, run
from hint.engine.shard import Shard
from hint.engine.work import HERE, Work

__all__ = [
    "HERE",
    "Engine",
    "LoadedMethod",
    "LocalEngine",
    "NamedMethod",
    "Ready",
    "Recipe",
    "RunResult",
    "Shard",
    "Work",
    "check_pictures",
    "input_key",
    "run",
]
