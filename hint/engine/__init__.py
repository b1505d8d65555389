"""Run a method over many hands, and keep its results so that an interrupted run resumes."""

from hint.engine.run import RunResult, check_pictures, input_key, run
from hint.engine.store import FileStore, Results, Store

__all__ = ["FileStore", "Results", "RunResult", "Store", "check_pictures", "input_key", "run"]
