"""Several processes: no job is forgotten."""

from engine_methods import SlowStart

from hint.engine.work import Work


def test_no_job_is_forgotten_while_many_results_wait_for_the_first() -> None:
    engine = Work(devices="cpu*2").find_engine()
    assert list(engine.run(SlowStart(0.5), range(300))) == list(range(300))
