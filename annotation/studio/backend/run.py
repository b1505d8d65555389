"""``hint studio ml``: set up a method and serve it to projects of Label Studio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from annotation.prelabel.calibration import read_calibration
from annotation.prelabel.guess import Thresholds
from annotation.prelabel.occlusion import NONE, with_occlusion
from annotation.studio.backend.connection import Connection
from annotation.studio.backend.frames import Frames
from annotation.studio.backend.predictor import Predictor
from annotation.studio.backend.serve import Place, serve_predictor
from annotation.studio.client import Studio
from annotation.studio.pushed import pushed_manifests
from hint.errors import InputError
from hint.types import Method


def serve_method(
    method: Method,
    studio: Studio,
    projects: Sequence[str],
    place: Place,
    *,
    manifests: Sequence[Path] = (),
    calibration: Path | None = None,
    occlusion: str | None = None,
    on_ready: Callable[[Sequence[Connection], str], None],
    on_note: Callable[[str], None],
) -> None:
    """Serve a method to projects until Ctrl-C.

    Args:
        method: What predicts.
        studio: The server.
        projects: Titles of its projects.
        place: Where to listen.
        manifests: Where to find original frames, besides the manifests pushed from this machine.
        calibration: Thresholds of existence and occlusion, None for the defaults.
        occlusion: Where flags of occlusion come from, as for ``hint prelabel``.
        on_ready: Called with the connections and the version of the points.
        on_note: Called with messages for the user.

    Raises:
        InputError: If the method needs labels, a project does not exist, or the port is in use.
        StudioError: If the server does not reach the backend.
    """
    if method.card.needs_labels:
        raise InputError(f"{method.card.name} uses the ground truth, which these hands do not have yet")
    method = with_occlusion(method, occlusion)
    thresholds = read_calibration(calibration).thresholds(method) if calibration else Thresholds()
    if occlusion == NONE:
        thresholds = replace(thresholds, occlusion_below=0.0)
    # The version is known before the projects, whose manifests the pictures come from.
    bases = [manifest.parent for manifest in manifests]
    predictor = Predictor(method, Frames(studio, bases), thresholds, on_note)
    connections = [Connection(studio, title, predictor.version) for title in projects]
    for connection in connections:
        bases += [manifest.parent for manifest in pushed_manifests(connection.identity)]
    serve_predictor(predictor, place, connections, lambda: on_ready(connections, predictor.version), on_note)
