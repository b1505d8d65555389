"""Predict the hands of pictures or of a video: find them, ask a method in batches, write and draw what it says.

Hands of several pictures or frames go through the network together. Pictures wait, in order, until their hands are
done; then they are drawn, so a video is decoded once. What is done is saved every so often and when the run is
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, UnknownNameError
from hint.prediction.boxes import Boxes
from hint.prediction.detect import Finder
from hint.prediction.mano_file import picture_camera
from hint.prediction.mesh_file import FORMATS, write_mesh
from hint.prediction.one_euro import OneEuro
from hint.prediction.rows import Row, Rows, join, join_parameters
from hint.prediction.seen import Found, Look, Seen
from hint.prediction.source import Picture, Source
from hint.prediction.tracks import Tracker
from hint.types import Hand, Image, ManoMethod, ManoParameters, Method, Predictions

if TYPE_CHECKING:
    from hint.prediction.video_file import VideoFile

#: Pictures that wait for the network at most; they are held in memory.
_MOST_WAITING = 32

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Wanted:
    """What is to come out.

    Attributes:
        out: Folder for files, None for none.
        mesh: "obj", "ply" or "glb" to write a mesh of every hand.
        overlay: Whether to draw pictures, or the video.
        smooth: How to smooth a video, None to leave it as it is.
        focal_length: Of whole pictures, px; None for the default.
        batch_size: Hands per forward pass.
        overwrite: Whether to forget what lies in ``out``.
    """

    out: Path | None = None
    mesh: str | None = None
    overlay: bool = False
    smooth: OneEuro | None = None
    focal_length: float | None = None
    batch_size: int = 16
    overwrite: bool = False

    def check(self, source: Source, method: Method) -> None:
        """Raise before any work if something of this cannot be had.

        Raises:
            InputError: If it cannot.
        """
        if self.mesh is not None and self.mesh not in FORMATS:
            raise UnknownNameError("mesh format", self.mesh, FORMATS)
        if self.mesh is not None and not isinstance(method, ManoMethod):
            raise InputError(f"{method.card.name} gives no MANO mesh; leave out --mesh, or use hamer or hamer-tiny")
        if (self.mesh or self.overlay) and self.out is None:
            raise InputError("meshes and overlays go to files: name a folder with out")
        if self.smooth is not None and source.rate is None:
            raise InputError("only a video can be smoothed")
        if self.focal_length is not None and not 0 < self.focal_length < float("inf"):
            raise InputError(f"a focal length of {self.focal_length} px is none")
        if method.card.needs_labels:
            raise InputError(f"{method.card.name} looks at ground truth and predicts nothing by itself")


@dataclass(frozen=True, eq=False)
class Predicted:
    """What came out.

    Attributes:
        predictions: A row for every hand, smoothed where that was asked for.
        parameters: What MANO was posed with, in the same order, None for methods that do not pose it.
        looks: The pictures and their hands, in order.
        failures: Name of a picture, or of a hand -> why it is left out.
        reused: Hands an earlier run had done.
    """

    predictions: Predictions
    parameters: ManoParameters | None
    looks: list[Look]
    failures: dict[str, str]
    reused: int


def predict_hands(
    source: Source, method: Method, finder: Finder, wanted: Wanted | None = None, advance: Advance = lambda steps: None
) -> Predicted:
    """Predict the hands of pictures or of a video.

    Args:
        source: What is looked at.
        method: What predicts.
        finder: What says where hands are.
        wanted: What is to be written.
        advance: Told how many pictures were done.

    Raises:
        InputError: If something that is wanted cannot be had, no box fits any picture, or the folder holds something
            else.
        KeyboardInterrupt: On Ctrl-C, after saving.
    """
    wanted = wanted or Wanted()
    wanted.check(source, method)
    rows = Rows(method, finder.identity, wanted.out, wanted.focal_length, wanted.overwrite)
    with _video(source, wanted) as video:
        job = _Job(source, method, finder, wanted, rows, video, advance)
        try:
            job.work()
        finally:
            rows.save()
    return job.result()


def _video(source: Source, wanted: Wanted) -> Any:
    if source.rate is None or not wanted.overlay or wanted.out is None:
        return nullcontext()
    from hint.prediction.video_file import VideoFile

    return VideoFile(wanted.out / "overlay.mp4", source.rate)


class _Job:
    def __init__(
        self,
        source: Source,
        method: Method,
        finder: Finder,
        wanted: Wanted,
        rows: Rows,
        video: VideoFile | None,
        advance: Advance,
    ) -> None:
        self._source, self._method, self._finder, self._wanted = source, method, finder, wanted
        self._rows, self._video, self._advance = rows, video, advance
        self._faces = method.faces if isinstance(method, ManoMethod) else None
        self._tracker, self._smoother = Tracker(), _smoother(wanted, method)
        self._waiting: list[tuple[Look, Image]] = []
        self._pending: list[tuple[Hand, Picture, Any]] = []
        self._looks: list[Look] = []
        self._done: list[Row] = []
        self._names: set[str] = set()
        self._failures: dict[str, str] = {}
        self._reused = 0

    def work(self) -> None:
        """Look at all pictures."""
        for picture in self._source.pictures():
            earlier = self._rows.earlier(picture)
            if earlier is not None and self._is_finished(picture, *earlier):
                continue
            try:
                look, image, ready = self._prepared(picture, earlier)
            except InputError as error:
                self._failures[picture.name] = str(error)
                self._advance(1)
                continue
            self._queue(look, image, ready)
        self._flush()
        if isinstance(self._finder, Boxes) and not any(look.hands for look in self._looks) and not self._failures:
            raise InputError("none of the boxes belongs to any of the pictures; see docs/predict.md for how they match")

    def result(self) -> Predicted:
        """Return, and write where that was asked for, what came out."""
        wanted, predictions = self._wanted, join(self._done)
        if self._smoother is not None and wanted.out is not None:
            setting = vars(wanted.smooth)
            self._rows.write(self._done, wanted.out, "-smooth", {**self._rows.header, "one_euro": setting})
        parameters = join_parameters(self._done) if self._faces is not None else None
        meta = {**self._rows.header, "found_by": self._finder.identity}
        return Predicted(replace(predictions, meta=meta), parameters, self._looks, self._failures, self._reused)

    def _prepared(
        self, picture: Picture, earlier: tuple[tuple[int, int], list[Seen]] | None
    ) -> tuple[Look, Image, list[tuple[Hand, Picture, Any]]]:
        """Find the hands of a picture, and crop those that are not done."""
        image = picture.read()
        look = self._looked(picture, image, earlier)
        todo = [seen.hand for seen in look.hands if self._rows.row(seen.hand, picture) is None]
        self._reused += len(look.hands) - len(todo)
        return look, image, [(hand, picture, self._method.prepare(hand, image)) for hand in todo]

    def _queue(self, look: Look, image: Image, ready: list[tuple[Hand, Picture, Any]]) -> None:
        if len(self._pending) + len(ready) > self._wanted.batch_size:
            self._flush()
        self._note(look)
        self._pending += ready
        self._waiting.append((look, image))
        if len(self._pending) >= self._wanted.batch_size or len(self._waiting) >= _MOST_WAITING:
            self._flush()

    def _is_finished(self, picture: Picture, size: tuple[int, int], hands: Sequence[Seen]) -> bool:
        """Tell whether a picture needs no second look: all its hands are done and all files are there."""
        look = Look(picture, size, tuple(hands))
        rows = self._rows.of(look)
        files = [self._overlay_file(picture)] if self._wanted.overlay else []
        files += [self._mesh_file(seen.hand) for seen in hands] if self._wanted.mesh else []
        redrawn = picture.frame is not None or (self._wanted.overlay and not self._rows.drawn_alike)
        if redrawn or len(rows) < len(hands) or not all(file.is_file() for file in files):
            return False
        self._note(look)
        self._done += rows
        self._reused += len(rows)
        self._advance(1)
        return True

    def _looked(self, picture: Picture, image: Image, earlier: tuple[tuple[int, int], list[Seen]] | None) -> Look:
        size = (image.shape[1], image.shape[0])
        if earlier is not None:
            found = [Found(s.hand.box_xyxy, s.hand.is_right, s.score, s.hand.hand_id) for s in earlier[1]]
        else:
            found = self._finder.find(picture, image)
        inside = [hand for hand in found if self._is_inside(hand, picture, size)]
        if picture.frame is None:
            numbers = list(range(len(inside)))
        else:
            numbers = self._tracker.update(picture.frame, [(hand.box_xyxy, hand.is_right) for hand in inside])
        seen = [_named(hand, picture, number) for hand, number in zip(inside, numbers, strict=True)]
        # Looks are kept, frames are not.
        kept = picture if picture.frame is None else replace(picture, pixels=None)
        return Look(kept, size, tuple(seen))

    def _is_inside(self, found: Found, picture: Picture, size: tuple[int, int]) -> bool:
        x1, y1, x2, y2 = found.box_xyxy
        if x2 > 0 and y2 > 0 and x1 < size[0] and y1 < size[1]:
            return True
        box = [round(edge, 1) for edge in found.box_xyxy]
        self._failures[found.hand_id or picture.name] = f"the box {box} lies outside {size[0]}x{size[1]} px"
        return False

    def _note(self, look: Look) -> None:
        ids = [seen.hand.hand_id for seen in look.hands]
        again = [i for k, i in enumerate(ids) if i in self._names or i in ids[:k]]
        if again:
            raise InputError(f"a second hand is named {again[0]}; give every box its own hand_id")
        self._names.update(ids)
        self._rows.note(look)
        self._looks.append(look)

    def _flush(self) -> None:
        """Ask the method about the hands that are ready, and let the pictures that wait for them go on."""
        pending, size = self._pending, self._wanted.batch_size
        for part in (pending[k : k + size] for k in range(0, len(pending), size)):
            hands, ready = [hand for hand, _, _ in part], [prepared for _, _, prepared in part]
            if isinstance(self._method, ManoMethod):
                predictions, parameters = self._method.infer_hands(hands, ready)
            else:
                predictions, parameters = replace(self._method.infer(hands, ready), vertices=None), None
            self._rows.add([(hand, picture) for hand, picture, _ in part], predictions, parameters)
        waiting, self._waiting, self._pending = self._waiting, [], []
        for look, image in waiting:
            self._go_on(look, image)
            self._advance(1)

    def _go_on(self, look: Look, image: Image) -> None:
        rows = self._rows.of(look)
        if self._smoother is not None and look.picture.frame is not None and self._source.rate:
            seconds = look.picture.frame / self._source.rate
            tracks = {seen.hand.hand_id: seen.track or 0 for seen in look.hands}
            rows = [self._smoother.smooth(row, tracks[row.hand.hand_id], seconds) for row in rows]
        self._done += rows
        if self._wanted.mesh and self._faces is not None:
            self._write_meshes(rows, self._faces)
        if self._wanted.overlay:
            self._draw(look, image, rows, self._faces)

    def _write_meshes(self, rows: Sequence[Row], faces: NDArray[np.int64]) -> None:
        from hint.prediction.drawing import local_mesh

        for row in rows:
            if (mesh := local_mesh(row, faces)) is not None:
                write_mesh(self._mesh_file(row.hand), mesh)

    def _draw(self, look: Look, image: Image, rows: Sequence[Row], faces: NDArray[np.int64] | None) -> None:
        from hint.images import write_image
        from hint.prediction.drawing import annotated

        drawn = annotated(image, rows, picture_camera(look.size, self._wanted.focal_length), faces)
        if self._video is not None:
            self._video.add(drawn)
        else:
            write_image(self._overlay_file(look.picture), drawn)

    def _overlay_file(self, picture: Picture) -> Path:
        return (self._wanted.out or Path()) / "overlay" / f"{picture.name}.jpg"

    def _mesh_file(self, hand: Hand) -> Path:
        return (self._wanted.out or Path()) / "meshes" / f"{hand.hand_id}.{self._wanted.mesh}"


def _named(found: Found, picture: Picture, number: int) -> Seen:
    """Give a hand its name: the picture's, its number there or its track, its side."""
    hand_id = found.hand_id or f"{picture.name}_{number}_{'r' if found.is_right else 'l'}"
    hand = Hand(hand_id, found.box_xyxy, found.is_right, picture.path)
    return Seen(hand, found.score, None if picture.frame is None else number)


def _smoother(wanted: Wanted, method: Method) -> Any:
    if wanted.smooth is None:
        return None
    from hint.prediction.smoothing import Smoother

    return Smoother(wanted.smooth, method)
