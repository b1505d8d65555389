"""What ``hint predict`` writes and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hint.detection import Choice, Picture
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.files.atomic import OVERWRITE, require_writable
from hint.files.predictions import TABLES
from hint.prediction.detections import FrameDetections
from hint.prediction.mesh_file import FORMATS
from hint.prediction.one_euro import OneEuro
from hint.prediction.source import Source
from hint.requirements import missing_packages
from hint.types import Hand, ManoMethod, Method

#: Focal length of no camera, px.
LONGEST = 1e7


@dataclass(frozen=True)
class PredictOptions:
    """Options of a prediction.

    Attributes:
        out: Folder to write to, None to write nothing.
        mesh: "obj", "ply" or "glb" to write a mesh of every hand.
        table: "csv" or "parquet" to write the predictions as a table, too.
        overlay: Whether to draw the hands on the pictures, or the video.
        smooth: How to smooth a video, None to leave it as it is.
        focal_length: Of whole pictures, px; None for what their files state, or the default.
        batch_size: Hands per forward pass.
        overwrite: "missing" resumes from what ``out`` holds, "never" refuses to touch it, "always" starts over.
        choice: Which of the detected hands are taken, and as which side.
    """

    out: Path | None = None
    mesh: str | None = None
    table: str | None = None
    overlay: bool = False
    smooth: OneEuro | None = None
    focal_length: float | None = None
    batch_size: int = 16
    overwrite: str = "missing"
    choice: Choice = field(default_factory=Choice)

    def check(self, source: Source) -> None:
        """Check before any work, and before a method is loaded, that the options suit the input.

        Raises:
            InputError: If they do not.
            MissingRequirementError: If a package that writes the table is absent.
        """
        self.check_folder()
        if self.mesh is not None and self.mesh not in FORMATS:
            raise UnknownNameError("mesh format", self.mesh, FORMATS)
        if self.table is not None and f".{self.table}" not in TABLES:
            raise UnknownNameError("kind of table", self.table, [suffix[1:] for suffix in TABLES])
        if self.table == "parquet" and (missing := missing_packages(["pyarrow"], "pandas")):
            raise MissingRequirementError(f"Parquet {missing}")
        if (self.mesh or self.overlay or self.table) and self.out is None:
            raise InputError("meshes, overlays and tables are files: name a folder with out=")
        if self.smooth is not None and source.rate is None:
            raise InputError("only a video can be smoothed")
        if self.focal_length is not None and not 1 <= self.focal_length <= LONGEST:
            raise InputError(f"the focal length is {self.focal_length} px, expected 1 to {LONGEST:,.0f}")
        if self.batch_size < 1:
            raise InputError(f"the batch size is {self.batch_size}, expected 1 or more")

    def check_method(self, method: Method) -> None:
        """Check that a method can do what is asked for.

        Raises:
            InputError: If it cannot.
        """
        if self.mesh is not None and not isinstance(method, ManoMethod):
            name = method.card.name
            raise InputError(f"{name} has no MANO mesh; leave out --mesh, or fit one: --method {name}-mano")
        if method.card.needs_labels:
            raise InputError(f"{method.card.name} needs ground truth; it cannot predict unlabelled pictures")

    def check_folder(self) -> None:
        """Check that results may be written.

        Raises:
            InputError: If there are results that must not be touched.
            WriteError: If the folder cannot be written to.
        """
        if self.overwrite not in OVERWRITE:
            raise UnknownNameError("overwrite", self.overwrite, OVERWRITE)
        if self.out is not None and self.overwrite == "never" and self.file("predictions.npz").exists():
            raise InputError(f"{self.file('predictions.npz')} exists; give another --out, or another --overwrite")
        if self.out is not None:
            require_writable(self.out)

    def file(self, name: str) -> Path:
        """Return a file of the output folder."""
        return (self.out or Path()) / name

    def overlay_file(self, picture: Picture) -> Path:
        """Return where a picture is drawn: all frames of a video go to one file."""
        return self.file("overlay.mp4" if picture.frame is not None else f"overlay/{picture.name}.jpg")

    def mesh_file(self, hand: Hand) -> Path:
        """Return where the mesh of a hand is written."""
        return self.file(f"meshes/{hand.hand_id}.{self.mesh}")

    def tables(self) -> list[Path]:
        """Return the tables to write, beside the npz files of the same names."""
        endings = ("", "-smooth") if self.smooth is not None else ("",)
        return [self.file(f"predictions{ending}.{self.table}") for ending in endings] if self.table else []

    def files(self, frames: Sequence[FrameDetections]) -> tuple[Path, ...]:
        """Return the files that hold the results of pictures, as far as they exist."""
        endings = ("", "-smooth") if self.smooth is not None else ("",)
        names = [f"{name}{ending}.npz" for ending in endings for name in ("predictions", "mano")]
        paths = [self.file(name) for name in (*names, "hands.jsonl")] + self.tables()
        paths += [self.overlay_file(frame.picture) for frame in frames if self.overlay]
        paths += [self.mesh_file(found.hand) for frame in frames for found in frame.hands if self.mesh]
        return tuple(path for path in dict.fromkeys(paths) if path.is_file())
