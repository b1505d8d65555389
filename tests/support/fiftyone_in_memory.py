"""Load a folder with FiftyOne and print what it holds, as JSON; run by a Python that has fiftyone and mongomock.

FiftyOne keeps datasets in MongoDB. Its importer is what is tested, so a database in memory stands in for it.
"""

import json
import os
import sys
from typing import Any

os.environ |= {
    "FIFTYONE_DATABASE_URI": "mongodb://localhost",
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DATABASE_ADMIN": "false",
    "FIFTYONE_DISABLE_SERVICES": "1",
    "FIFTYONE_DO_NOT_TRACK": "1",
}

import fiftyone
import fiftyone.core.odm.database as database
import mongomock


class Client(mongomock.MongoClient):
    """A database in memory, which takes what FiftyOne says to a client."""

    _closed = False

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()


client, connect = Client(), database.mongoengine.connect
database.pymongo.MongoClient = lambda **_: client
database.mongoengine.connect = lambda name, **_: connect(name, mongo_client_class=lambda *_, **__: client)

folder, kind = sys.argv[1:]
options = {"labels_path": f"{folder}/labels.json", "data_path": folder, "label_types": ["detections", "keypoints"]}
dataset = fiftyone.Dataset.from_dir(
    dataset_dir=folder,
    dataset_type=getattr(fiftyone.types, kind),
    **(options if kind == "COCODetectionDataset" else {}),
)
skeleton = dataset.default_skeleton
held = {
    "schema": {name: type(field).__name__ for name, field in dataset.get_field_schema().items()},
    "skeleton": [skeleton.labels, skeleton.edges] if skeleton else None,
    "samples": [json.loads(sample.to_json()) for sample in dataset],
}
sys.stdout.write(json.dumps(held))
