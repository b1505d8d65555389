"""How long push and pull take, beside the server's own bulk import and export of the same tasks.

    python perf/studio.py --hands 5000 --out /tmp/studio

The server's own import takes tasks and predictions in one request per 250 and is never looked at again; it is what a
push would cost if nothing could get lost.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from studio_hands import Server, write_hands

from annotation.studio.client import Studio
from annotation.studio.config import label_config
from annotation.studio.project import list_tasks
from annotation.studio.task import results

BATCH = 250


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 1)


def bulk_import(studio: Studio, title: str, rows: list[dict[str, object]]) -> None:
    """Import tasks with predictions the server's own way."""
    project = studio.create(title, label_config(), "").id
    for start in range(0, len(rows), BATCH):
        studio.api.projects.import_tasks(project, request=rows[start : start + BATCH], request_options=studio.once)


def annotated(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the tasks with each prediction as somebody's annotation."""
    return [
        {"data": row["data"], "annotations": [{"result": row["predictions"][0]["result"], "ground_truth": False}]}
        for row in rows
    ]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=5000, help="number of hands")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and the server")
    options = parser.parse_args()
    manifest, predictions, ids = write_hands(options.out / "frames", options.hands)
    server = Server(options.out / "home")
    server.start()
    try:
        push = ("studio", "push", manifest, "--predictions", predictions, "--project", "pushed")
        took = {"push": seconds(lambda: server.run(*push)), "push again": seconds(lambda: server.run(*push))}
        studio = server.client()
        tasks = list_tasks(studio, studio.find("pushed").id).tasks
        rows = [
            {"data": dict(tasks[i].data), "predictions": [{"model_version": "m", "result": results(tasks[i].hint)}]}
            for i in ids
        ]
        took["server's own import"] = seconds(lambda: bulk_import(studio, "imported", rows))
        bulk_import(studio, "labelled", annotated(rows))
        number = studio.find("labelled").id
        took["server's own export"] = seconds(lambda: studio.export(number))
        pull = ("studio", "pull", "--project", "labelled", "--out", options.out / "pulled", "--manifest", manifest)
        took["pull"] = seconds(lambda: server.run(*pull))
        took["pull again"] = seconds(lambda: server.run(*pull))
        took["status"] = seconds(lambda: server.run("studio", "status", "--project", "labelled"))
    finally:
        server.stop()
    ratios = {
        "push / import": round(took["push"] / took["server's own import"], 2),
        "pull / export": round(took["pull"] / took["server's own export"], 2),
    }
    print(json.dumps({"hands": options.hands, "seconds": took, "ratios": ratios}, indent=2))


if __name__ == "__main__":
    main()
