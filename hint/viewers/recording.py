"""A recording for rerun (.rrd): pictures, hands over them and meshes under the camera, on timelines.

It appears under its name once it is complete.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.box import Box
from hint.errors import InputError, MissingRequirementError, WriteError
from hint.files.atomic import atomic_write, require_writable
from hint.files.camera_file import Pose
from hint.normals import vertex_normals
from hint.render import LEFT_COLOUR, RIGHT_COLOUR, Camera
from hint.requirements import missing_packages
from hint.skeleton import BONES, FINGER_COLOURS, FINGER_OF_JOINT, JOINT_NAMES, WRIST_COLOUR
from hint.types import Double, Image

if TYPE_CHECKING:
    import rerun

#: What hands over a picture are -> colour of their bones; runs that are compared come after these.
_KINDS = {"left": LEFT_COLOUR, "right": RIGHT_COLOUR, "labels": (255, 255, 255)}
#: Colour of joints that are occluded.
_OCCLUDED = (20, 20, 20)
_JPEG_QUALITY = 85
#: rerun counts px from the corner of the first pixel, we from its middle.
_MIDDLE = 0.5
#: Bytes that must stay free on the disk: on a full one rerun waits for ever.
_FREE = 64 << 20
#: What the last bytes of a whole recording hold.
_FOOTER, _END = b"RRF2FOOT", 64

#: Where things are; what lies below the camera is seen by it.
CAMERA, PICTURE, ERRORS = "world/camera", "world/camera/picture", "errors"


def check_recording(path: Path, *, replace: bool) -> None:
    """Check, before any work, that a recording can be written.

    Raises:
        InputError: If the path is no .rrd, or something is there that may not be replaced.
        MissingRequirementError: If rerun is not installed.
        WriteError: If its folder cannot be written to, or the disk is nearly full.
    """
    if path.suffix != ".rrd":
        raise InputError(f"{path}: recordings for rerun end in .rrd")
    if path.is_dir() or (path.exists() and not replace):
        raise InputError(f"{path} exists; give another name, or --overwrite always")
    if missing := missing_packages(["rerun"], "rerun"):
        raise MissingRequirementError(f"a recording for rerun {missing}")
    require_writable(path.parent)
    _require_space(path.parent)


class Recording:
    """A recording that is being written; leave its context to finish it.

    Args:
        path: The .rrd.
        title: Name of the recording in the viewer.
        scene: Whether there are meshes to show in 3D.
        errors: Whether there are errors to plot.
        runs: Names of runs that are compared; each has a colour.
    """

    def __init__(self, path: Path, title: str, *, scene: bool, errors: bool, runs: Sequence[str] = ()) -> None:
        self._path, self._title, self._scene, self._errors = path, title, scene, errors
        self._runs = {run: FINGER_COLOURS[k % len(FINGER_COLOURS)] for k, run in enumerate(runs)}
        self._kinds = [*_KINDS, *self._runs]
        self._stack = ExitStack()
        self._shown: set[str] = set()
        self._before: set[str] = set()

    def __enter__(self) -> Recording:
        import rerun

        part = self._stack.enter_context(atomic_write(self._path))
        self._stream = rerun.RecordingStream("hint")
        self._stack.push(partial(self._end, Path(part.name)))
        for clock in (self._stream.set_log_time_enabled, self._stream.set_log_tick_enabled):
            clock(False)
        self._stream.save(part.name, default_blueprint=self._layout())
        self._stream.send_recording_name(self._title)
        self._stream.log("/", _annotations({**_KINDS, **self._runs}), static=True)
        for run, colour in self._runs.items():
            self._stream.log(f"{ERRORS}/{run}", rerun.SeriesLines(colors=[colour], names=[run]), static=True)
        if self._scene:
            self._stream.log("world", rerun.ViewCoordinates.RDF, static=True)
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stack.__exit__(*failure)

    def _end(self, part: Path, kind: type[BaseException] | None, *_: Any) -> None:
        """Write what is left, and raise if some of it was not written: of a full disk rerun tells nobody."""
        if kind is None:
            self.settle()
        self._stream.disconnect()
        if kind is None and _FOOTER not in _last_bytes(part):
            raise OSError(errno.ENOSPC, "it could not be written to its end; is the disk full?")

    def at(self, **times: float) -> None:
        """Go to the next step, and clear what the last one showed and this one does not.

        Args:
            times: Timeline -> where on it; whole numbers count, others are seconds.

        Raises:
            WriteError: If the disk is nearly full.
        """
        _require_space(self._path.parent)
        self.settle()
        self._before, self._shown = self._shown, set()
        for name, value in times.items():
            if isinstance(value, int):
                self._stream.set_time(name, sequence=value)
            else:
                self._stream.set_time(name, duration=value)

    def settle(self) -> None:
        """Clear what was shown before this step and not in it."""
        import rerun

        for entity in sorted(self._before - self._shown):
            self._stream.log(entity, rerun.Clear(recursive=False))
        self._before = set()

    def camera(self, camera: Camera, pose: Pose) -> None:
        """Say what camera took the picture, and where it is."""
        import rerun

        pinhole = rerun.Pinhole(
            focal_length=camera.focal,
            width=camera.width,
            height=camera.height,
            principal_point=np.array(camera.centre) + _MIDDLE,
            camera_xyz=rerun.ViewCoordinates.RDF,
        )
        self._stream.log(CAMERA, pinhole)
        self._stream.log(
            CAMERA, rerun.Transform3D(translation=-pose.rotation.T @ pose.translation, mat3x3=pose.rotation.T)
        )

    def picture(self, image: Image) -> None:
        """Show a picture, as JPEG."""
        import rerun

        self._stream.log(PICTURE, rerun.Image(image).compress(jpeg_quality=_JPEG_QUALITY))

    def box(self, entity: str, box: Box, kind: str, label: str) -> None:
        """Show a box over the picture; ``kind`` is "left" or "right"."""
        import rerun

        shown = rerun.Boxes2D(
            array=[np.array(box) + _MIDDLE],
            array_format=rerun.Box2DFormat.XYXY,
            class_ids=[self._kinds.index(kind)],
            labels=[label],
        )
        self._log(f"{PICTURE}/{entity}", shown)

    def keypoints(self, entity: str, points: ArrayLike, kind: str, visibility: ArrayLike | None = None) -> None:
        """Show 21 joints and their bones over the picture.

        Args:
            entity: What to call them.
            points: (21,2) px; joints that are not finite are left out.
            kind: "left", "right", "labels", or the name of a run: it gives bones their colour.
            visibility: (21,) 0 not in the frame (left out), 1 occluded (black), 2 visible; None: all visible.
        """
        import rerun

        places = np.asarray(points, np.float64)
        visible = np.full(len(places), 2) if visibility is None else np.asarray(visibility)
        kept = np.flatnonzero(np.isfinite(places).all(1) & (visible > 0))
        colours = [_OCCLUDED if visible[joint] == 1 else _joint_colour(joint) for joint in kept.tolist()]
        shown = rerun.Points2D(
            places[kept] + _MIDDLE,
            class_ids=self._kinds.index(kind),
            keypoint_ids=kept,
            colors=colours,
            radii=rerun.Radius.ui_points(3),
            show_labels=False,
        )
        self._log(f"{PICTURE}/{entity}", shown)

    def mesh(self, entity: str, vertices: Double, faces: NDArray[np.int64], is_right: bool) -> None:
        """Show a hand in 3D.

        Args:
            entity: What to call it.
            vertices: (V,3) metres, in the axes of the world.
            faces: (F,3) triangles of the right hand.
            is_right: Side.
        """
        import rerun

        shown = faces if is_right else faces[:, ::-1]
        mesh = rerun.Mesh3D(
            vertex_positions=vertices,
            triangle_indices=shown,
            vertex_normals=vertex_normals(vertices, shown),
            albedo_factor=RIGHT_COLOUR if is_right else LEFT_COLOUR,
        )
        self._log(f"world/{entity}", mesh)

    def error(self, entity: str, value: float) -> None:
        """Plot an error, % of the box; one that is not finite is left out."""
        import rerun

        if np.isfinite(value):
            self._stream.log(f"{ERRORS}/{entity}", rerun.Scalars(value))

    def _log(self, entity: str, shown: rerun.AsComponents) -> None:
        self._shown.add(entity)
        self._stream.log(entity, shown)

    def _layout(self) -> Any:
        import rerun.blueprint as blueprint

        views: list[Any] = [blueprint.Spatial2DView(origin=CAMERA if self._scene else PICTURE, name="picture")]
        if self._scene:
            views.append(blueprint.Spatial3DView(origin="world", name="hands in metres"))
        shown: Any = blueprint.Horizontal(*views)
        if self._errors:
            plot = blueprint.TimeSeriesView(origin=ERRORS, name="mean error, % of the box")
            shown = blueprint.Vertical(shown, plot, row_shares=[3, 1])
        return blueprint.Blueprint(shown, collapse_panels=True)


def _require_space(folder: Path) -> None:
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if free < _FREE:
        raise WriteError(f"no recording fits into {folder}: {free:,} bytes are free there, {_FREE:,} must stay free")


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-min(_END, path.stat().st_size), os.SEEK_END)
        return stream.read()


def _joint_colour(joint: int) -> tuple[int, int, int]:
    finger = FINGER_OF_JOINT[joint]
    return WRIST_COLOUR if finger < 0 else FINGER_COLOURS[finger]


def _annotations(kinds: Mapping[str, tuple[int, int, int]]) -> Any:
    import rerun

    joints = [rerun.AnnotationInfo(k, name, _joint_colour(k)) for k, name in enumerate(JOINT_NAMES)]
    return rerun.AnnotationContext(
        [
            rerun.ClassDescription(
                info=rerun.AnnotationInfo(number, name, colour),
                keypoint_annotations=joints,
                keypoint_connections=list(BONES),
            )
            for number, (name, colour) in enumerate(kinds.items())
        ]
    )
