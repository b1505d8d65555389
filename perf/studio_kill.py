"""Kill the server while hands are pushed and pulled and two people save all the time; count what is left.

    python perf/studio_kill.py --hands 3000 --kills 16 --out /tmp/kill

Ends with 1 unless every hand is there once with its prediction and no acknowledged annotation is lost.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
from studio_hands import Server, write_hands

from annotation.studio.project import list_tasks
from annotation.studio.task import results

TITLE = "killed"


def save_all_the_time(server: Server, token: str, stop: threading.Event, saved: list[int], failed: list[str]) -> None:
    """Be an annotator who never rests."""
    studio, tasks, turn = server.client(token), [], 0
    while not stop.wait(0.2):
        try:
            if turn >= len(tasks):
                project = studio.find(TITLE)
                tasks = [t for t in list_tasks(studio, project.id).tasks.values() if t.hint.guess] if project else []
                turn = 0
            if tasks:
                task, turn = tasks[turn], turn + 1
                made = studio.api.annotations.create(
                    id=task.id, result=results(task.hint), request_options={"max_retries": 0, "timeout_in_seconds": 60}
                )
                saved.append(made.id)
        except Exception as error:
            failed.append(type(error).__name__)
            time.sleep(0.5)


def count(server: Server, ids: list[str], saved: list[int]) -> dict[str, int]:
    """Ask the database itself."""
    with closing(sqlite3.connect(server.database)) as database:
        rows = database.execute(
            "select json_extract(task.data, '$.hand_id'), count(prediction.id) from task "
            "left join prediction on prediction.task_id = task.id group by task.id"
        ).fetchall()
        kept = {number for (number,) in database.execute("select id from task_completion")}
        sound = database.execute("pragma integrity_check").fetchone() == ("ok",)
    times = Counter(hand_id for hand_id, _ in rows)
    return {
        "tasks": len(rows),
        "missing": len(set(ids) - set(times)),
        "doubled": sum(n > 1 for n in times.values()),
        "predictions": sum(n for _, n in rows),
        "without_prediction": sum(n == 0 for _, n in rows),
        "predicted_twice": sum(n > 1 for _, n in rows),
        "annotations": len(kept),
        "acknowledged": len(saved),
        "lost": len(set(saved) - kept),
        "database_sound": int(sound),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=3000, help="number of hands")
    parser.add_argument("--kills", type=int, default=16, help="times the server is killed")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and the server")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    manifest, predictions, ids = write_hands(options.out / "frames", options.hands)
    server = Server(options.out / "home")
    server.start()
    stop, saved, failed = threading.Event(), [], []
    people = [server.sign_up(f"{name}@example.com") for name in ("ann", "ben")]
    workers = [threading.Thread(target=save_all_the_time, args=(server, t, stop, saved, failed)) for t in people]
    for worker in workers:
        worker.start()
    push = ("studio", "push", manifest, "--predictions", predictions, "--project", TITLE, "--patience", 300)
    pull = ("studio", "pull", "--project", TITLE, "--out", options.out / "pulled", "--patience", 300)
    started, killed = time.monotonic(), Counter()
    for name, command, kills in (
        ("push", push, options.kills - options.kills // 4),
        ("pull", pull, options.kills // 4),
    ):
        before = server.arrivals()
        process = server.begin(*command)
        while process.poll() is None and server.arrivals() == before:
            time.sleep(0.05)  # a command that finds no server at all gives up at once
        while process.poll() is None and killed[name] < kills:
            time.sleep(float(rng.uniform(1, 8)))
            if process.poll() is None:
                server.kill()
                killed[name] += 1
                server.start()
        if process.wait():
            sys.exit(f"hint studio {name} ended with {process.returncode}")
    stop.set()
    for worker in workers:
        worker.join()
    seconds = round(time.monotonic() - started)
    found = count(server, ids, saved)
    server.stop()
    print(json.dumps({"hands": options.hands, "kills": dict(killed), "seconds": seconds, **found}, indent=2))
    print("failures annotators saw:", dict(Counter(failed)))
    wrong = ("missing", "doubled", "without_prediction", "predicted_twice", "lost")
    sys.exit(int(any(found[key] for key in wrong) or found["predictions"] != options.hands))


if __name__ == "__main__":
    main()
