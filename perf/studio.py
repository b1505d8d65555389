"""How long push and pull take, beside the server's own bulk import and export of the same tasks.

    python perf/studio.py --hands 5000 --out /tmp/studio

The server's own import takes tasks and predictions in one request per 250 and is never looked at again; it is what a
push would cost if nothing could get lost. It is measured with Label Studio's own client (SDK), and without.
Processor seconds are those of the server and of the client together (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from label_studio_sdk.base_client import LabelStudioBase
from studio_hands import Server, write_hands

from annotation.studio.client import Studio
from annotation.studio.config import label_config
from annotation.studio.project import list_tasks
from annotation.studio.task import results

BATCH = 250


def processor_seconds(server: Server) -> float:
    """Return what the server, this process and its finished children have used since they began."""
    fields = Path(f"/proc/{server.login['pid']}/stat").read_text().rpartition(")")[2].split()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own = sum(one.ru_utime + one.ru_stime for one in used)
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost(server: Server, work: Callable[[], object]) -> dict[str, float]:
    """Return how long something takes, by the clock and by processors."""
    started, used = time.perf_counter(), processor_seconds(server)
    work()
    wall, used = time.perf_counter() - started, processor_seconds(server) - used
    return {"wall": round(wall, 1), "processor": round(used, 1)}


def bulk_import(studio: Studio, title: str, rows: list[dict[str, object]], sdk: LabelStudioBase | None = None) -> None:
    """Import tasks with predictions the server's own way."""
    project = studio.create(title, label_config(), "").id
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        if sdk is None:
            studio.add_tasks(project, part)
        else:
            sdk.projects.import_tasks(project, request=part, request_options={"max_retries": 0})


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
        took = {
            "push": cost(server, lambda: server.run(*push)),
            "push again": cost(server, lambda: server.run(*push)),
        }
        studio = server.client()
        tasks = list_tasks(studio, studio.find("pushed").id).tasks
        rows = [
            {"data": dict(tasks[i].data), "predictions": [{"model_version": "m", "result": results(tasks[i].hint)}]}
            for i in ids
        ]
        took["import"] = cost(server, lambda: bulk_import(studio, "imported", rows))
        took["import by the SDK"] = cost(server, lambda: bulk_import(studio, "by the SDK", rows, server.client().api))
        bulk_import(studio, "labelled", annotated(rows))
        number = studio.find("labelled").id
        took["export"] = cost(server, lambda: studio.export(number))
        pull = ("studio", "pull", "--project", "labelled", "--out", options.out / "pulled", "--manifest", manifest)
        took["pull"] = cost(server, lambda: server.run(*pull))
        took["pull again"] = cost(server, lambda: server.run(*pull))
        status = ("studio", "status", "--project", "labelled")
        time.sleep(130)  # tasks that changed within two minutes are exported again
        took["status"] = cost(server, lambda: server.run(*status))
        took["status again"] = cost(server, lambda: server.run(*status))
        took["status before any label"] = cost(server, lambda: server.run("studio", "status", "--project", "pushed"))
    finally:
        server.stop()
    ratios = {
        f"{ours} / {theirs}": {kind: round(took[ours][kind] / took[theirs][kind], 2) for kind in took[ours]}
        for ours, theirs in (("push", "import"), ("push", "import by the SDK"), ("pull", "export"))
    }
    print(json.dumps({"hands": options.hands, "seconds": took, "ratios": ratios}, indent=2))


if __name__ == "__main__":
    main()
