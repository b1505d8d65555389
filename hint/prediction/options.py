"""What ``hint predict`` writes and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from hint.detection import Choice, Picture
from hint.engine.shard import Shard
from hint.engine.work import HERE, Work
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.files.atomic import OVERWRITE, require_writable
from hint.files.camera_file import LONGEST, Calibration
from hint.files.predictions import TABLES
from hint.prediction.animation import ANIMATIONS
from hint.prediction.detections import FrameDetections, track_name
from hint.prediction.facts import MethodFacts
from hint.prediction.mesh_file import FORMATS
from hint.prediction.one_euro import OneEuro
from hint.prediction.placement import check_camera
from hint.prediction.source import Source
from hint.requirements import missing_packages
from hint.types import Hand, HandLabels
from hint.viewers.recording import check_recording

#: Folders below that of the output, of files for every picture, hand and track.
_OVERLAYS, _MESHES, _TRACKS = "overlay", "meshes", "animation"


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
        overwrite: "missing" resumes from what ``out`` holds, "never" refuses to touch it, "always" starts over.
        choice: Which of the detected hands are taken, and as which side.
        animation: "glb" or "bvh" to write every track of a video as an animated hand.
        camera: The calibrated camera, None for none.
        rerun: File to write a recording for rerun to, None for none.
        truth: Labels, for the errors in a recording; None for none.
        shard: Predict this part of the pictures only, and leave merging to a later run without; None for all.
        work: Who does the work, and how much of it at a time.
    """

    out: Path | None = None
    _: KW_ONLY
    mesh: str | None = None
    table: str | None = None
    overlay: bool = False
    smooth: OneEuro | None = None
    focal_length: float | None = None
    overwrite: str = "missing"
    choice: Choice = field(default_factory=Choice)
    animation: str | None = None
    camera: Calibration | None = None
    rerun: Path | None = None
    truth: HandLabels | None = None
    shard: Shard | None = None
    work: Work = HERE

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
        if (self.mesh or self.overlay or self.table or self.animation) and self.out is None:
            raise InputError("meshes, overlays, tables and animations are files: name a folder with out=")
        self._check_strangers(source)
        self._check_viewers(source)
        self._check_sharing(source)
        if self.smooth is not None and source.rate is None:
            raise InputError("only a video can be smoothed")
        if self.focal_length is not None and not 1 <= self.focal_length <= LONGEST:
            raise InputError(f"the focal length is {self.focal_length} px, expected 1 to {LONGEST:,.0f}")

    def _check_strangers(self, source: Source) -> None:
        """Refuse to replace what no earlier run wrote: these files are written after ``predictions.npz``."""
        if self.out is None or self.overwrite == "always" or self.file("predictions.npz").exists():
            return
        files = [*self.tables(), *self.file(_TRACKS).glob(f"*.{self.animation}")]
        files += [self.file("placed.npz")] if self.camera is not None else []
        files += [self.file("overlay.mp4")] if self.overlay and source.rate is not None else []
        if strange := [file for file in files if file.exists()]:
            raise InputError(
                f"{strange[0]} is not of an earlier run; give another --out, or --overwrite always to replace it"
            )

    def _check_viewers(self, source: Source) -> None:
        if self.animation is not None and self.animation not in ANIMATIONS:
            raise UnknownNameError("animation format", self.animation, ANIMATIONS)
        if self.animation is not None and source.rate is None:
            raise InputError("only a video can be animated")
        if (self.mesh or self.animation == "glb") and (missing := missing_packages(["trimesh"], "models")):
            raise MissingRequirementError(f"{'--mesh' if self.mesh else '--animation'} {missing}")
        if self.camera is not None:
            if self.focal_length is not None:
                raise InputError("a camera states its focal length; leave out --focal-length")
            check_camera(self.camera, source)
        if self.rerun is not None:
            check_recording(self.rerun, replace=self.overwrite == "always")

    def _check_sharing(self, source: Source) -> None:
        if self.shard is not None and source.rate is not None:
            raise InputError("hands are followed through a whole video: leave out --shard, which is for pictures")
        if self.shard is not None and self.out is None:
            raise InputError("a shard leaves its part in a folder, where a later run joins all: name it with out=")
        if self.shard is not None and self.overwrite == "always":
            raise InputError("shards only add to what is there: remove that first, and leave out --overwrite")
        if self.work.parts is not None and (self.overlay or self.mesh):
            raise InputError(
                "workers write overlays and meshes to OUT, which --parts is for where not all see it; leave out one"
            )

    @property
    def gathers(self) -> bool:
        """Whether files about all hands are written."""
        return self.out is not None and self.shard is None

    @property
    def shows_pictures(self) -> bool:
        """Whether pictures are needed once their hands are predicted."""
        return self.overlay or self.rerun is not None

    @property
    def lens(self) -> float | Calibration | None:
        """Focal length of whole pictures, px, or their camera; None for what they state."""
        return self.camera or self.focal_length

    def check_method(self, facts: MethodFacts) -> None:
        """Check that a method can do what is asked for.

        Raises:
            InputError: If it cannot.
        """
        name = facts.card.name
        needs: dict[str, tuple[object, object]] = {
            "--mesh": (self.mesh, facts.faces),
            "--camera": (self.camera, facts.faces),
        }
        needs["--animation"] = (self.animation, facts.hand_model)
        for option, (asked, held) in needs.items():
            if asked is not None and held is None:
                raise InputError(f"{name} has no MANO mesh; leave out {option}, or fit one: --method {name}-mano")
        if facts.card.needs_labels:
            raise InputError(f"{name} needs ground truth; it cannot predict unlabelled pictures")
        if self.smooth is not None and facts.faces is not None and facts.method is None:
            raise InputError("smoothed hands are posed in this process; leave out --smooth, or --devices and --engine")

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

    def folders(self) -> list[Path]:
        """Return the folders below that of the output."""
        return [] if self.out is None else [self.file(name) for name in (_OVERLAYS, _MESHES, _TRACKS)]

    def overlay_file(self, picture: Picture) -> Path:
        """Return where a picture is drawn: all frames of a video go to one file."""
        return self.file("overlay.mp4" if picture.frame is not None else f"{_OVERLAYS}/{picture.name}.jpg")

    def mesh_file(self, hand: Hand) -> Path:
        """Return where the mesh of a hand is written."""
        return self.file(f"{_MESHES}/{hand.hand_id}.{self.mesh}")

    def animation_file(self, track: str) -> Path:
        """Return where a track of that name is written."""
        return self.file(f"{_TRACKS}/{track}.{self.animation}")

    def tables(self) -> list[Path]:
        """Return the tables to write, beside the npz files of the same names."""
        endings = ("", "-smooth") if self.smooth is not None else ("",)
        return [self.file(f"predictions{ending}.{self.table}") for ending in endings] if self.table else []

    def files(self, of_pictures: Iterable[Path]) -> tuple[Path, ...]:
        """Return the files that hold results, with those of pictures, as far as they exist."""
        endings = ("", "-smooth") if self.smooth is not None else ("",)
        names = [f"{name}{ending}.npz" for ending in endings for name in ("predictions", "mano")]
        paths = [self.file(name) for name in (*names, "hands.jsonl")] + self.tables()
        paths += of_pictures
        paths += [self.file("placed.npz")] if self.camera is not None else []
        paths += [self.rerun] if self.rerun is not None else []
        return tuple(path for path in paths if path.is_file())

    def files_of(self, frame: FrameDetections) -> list[Path]:
        """Return the files that may show the hands of a picture."""
        paths = [self.overlay_file(frame.picture)] if self.overlay else []
        paths += [self.mesh_file(found.hand) for found in frame.hands if self.mesh]
        return paths + [self.animation_file(track_name(frame.picture, h)) for h in frame.hands if self.animation]
