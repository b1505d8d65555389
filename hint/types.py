"""The values every part of the toolkit exchanges, and the conventions they share.

Conventions, stated once:

* Pixels of the full image as stored (EXIF orientation ignored; only ``hint predict`` turns photographs upright, and
  says so), 0-based, x right, y down; boxes are xyxy.
* 3D in metres, angles in radians.
* The leading axis is N hands; the joint axis has 21 entries in HInt order (:mod:`hint.skeleton`).
* ``hand_id`` is the HInt stem (``ND_<id>_frame001201_l``) and the primary key; ``clip_id`` groups hands of one video.
* Visibility: 0 the joint does not exist in the frame, 1 occluded, 2 visible. "all" = v > 0.
* Labels keep float64, as released, so that they can be written back unchanged; predictions are float32.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, counted, some_ids
from hint.hand_rows import HandLabel, HandPrediction, HandRows, check_unique, shaped

#: No picture has so many px along a side.
_FARTHEST = 1e9

#: The precision that each method chooses itself: the fastest that keeps the keypoints.
AUTO = "auto"

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Bool = NDArray[np.bool_]
Strings = NDArray[np.str_]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Hand:
    """One hand for a method to predict: where it is, and which side.

    Attributes:
        hand_id: Primary key.
        box_xyxy: Annotated box in px, not padded.
        is_right: Side of the hand.
        image: Path of the picture, None where labels came without pictures.
    """

    hand_id: str
    box_xyxy: tuple[float, float, float, float]
    is_right: bool
    image: Path | None = None


@dataclass(frozen=True, eq=False, repr=False)
class HandLabels(HandRows[HandLabel], row=HandLabel):
    """Annotated hands.

    Attributes:
        hand_id: (N,) unique ids.
        clip_id: (N,) video or clip of each hand.
        subset: (N,) name of the part of the dataset, such as "newdays".
        box_xyxy: (N,4) px.
        is_right: (N,) side.
        keypoints_2d: (N,21,2) px; joints out of frame keep their extrapolated position.
        existence: (N,21) True where the joint lies in the frame.
        occlusion: (N,21) True where the joint is marked occluded.
        image: (N,) path of the picture, "" where there is none.
        box_side: (N,) px, longest side of the box where the file states it; None: it follows from ``box_xyxy``. Corners
            computed from a centre and a size lose the last digit of the size, and PCK compares with it.
        notes: What a reader of the labels must know about the file they come from, such as what was left out.

    Raises:
        InputError: If shapes disagree, ids repeat, boxes or keypoints are not finite, or ``box_side`` contradicts the
            box.
    """

    hand_id: Strings
    clip_id: Strings
    subset: Strings
    box_xyxy: Double
    is_right: Bool
    keypoints_2d: Double
    existence: Bool
    occlusion: Bool
    image: Strings
    box_side: Double | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.hand_id)
        kinds: dict[str, tuple[Any, ...]] = {
            "box_xyxy": (np.float64, 4),
            "keypoints_2d": (np.float64, 21, 2),
            "is_right": (np.bool_,),
            "existence": (np.bool_, 21),
            "occlusion": (np.bool_, 21),
            "box_side": (np.float64,),
        }
        for name, values in self._columns():
            dtype, *shape = kinds.get(name, (np.str_,))
            object.__setattr__(self, name, shaped(values, dtype, (n, *shape), name))
        check_unique(self.hand_id)
        near = (np.abs(self.box_xyxy) < _FARTHEST).all(1) & (np.abs(self.keypoints_2d) < _FARTHEST).all((1, 2))
        if not near.all():
            raise InputError(
                f"box or keypoints are far outside any picture, or not finite: {some_ids(self.hand_id[~near].tolist())}"
            )
        flat = (self.box_xyxy[:, 2:] <= self.box_xyxy[:, :2]).any(1)
        if flat.any():
            raise InputError(f"box of zero or negative size: {some_ids(self.hand_id[flat].tolist())}")
        if self.box_side is not None:
            other = ~np.isclose(self.box_side, self._side_of_corners(), rtol=1e-6, atol=1e-6)
            if other.any():
                raise InputError(f"box_side contradicts box_xyxy: {some_ids(self.hand_id[other].tolist())}")

    def _columns(self) -> list[tuple[str, Any]]:
        return [(name, values) for name in _arrays(self) if (values := getattr(self, name)) is not None]

    def _side_of_corners(self) -> Double:
        side: Double = (self.box_xyxy[:, 2:] - self.box_xyxy[:, :2]).max(1, initial=0)
        return side

    @property
    def longest_side(self) -> Double:
        """(N,) px, longest side of each box: what distances are divided by."""
        return self._side_of_corners() if self.box_side is None else self.box_side

    @property
    def visibility(self) -> NDArray[np.uint8]:
        """(N,21): 0 not in the frame, 1 occluded, 2 visible."""
        return self.existence * (np.uint8(2) - self.occlusion.astype(np.uint8))

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets, in order of appearance."""
        return list(dict.fromkeys(self.subset.tolist()))

    def select(self, index: Any) -> HandLabels:
        """Return the hands an index array or a mask picks."""
        return HandLabels(**{name: values[index] for name, values in self._columns()}, notes=self.notes)

    def _summary(self) -> list[str]:
        return [counted(len(set(self.clip_id.tolist())), "clip"), *self.subsets]

    def hands(self) -> list[Hand]:
        """Return what a method may see of these labels: everything except the keypoints."""
        return [
            Hand(str(i), (b[0], b[1], b[2], b[3]), bool(r), Path(p) if p else None)
            for i, b, r, p in zip(self.hand_id, self.box_xyxy.tolist(), self.is_right, self.image.tolist(), strict=True)
        ]

    @staticmethod
    def concatenate(parts: Sequence[HandLabels]) -> HandLabels:
        """Join label sets; ids must stay unique."""
        names = [f.name for f in fields(HandLabels) if f.name not in ("box_side", "notes")]
        joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
        joined["notes"] = tuple(dict.fromkeys(note for p in parts for note in p.notes))
        if any(p.box_side is not None for p in parts):
            joined["box_side"] = np.concatenate([p.longest_side for p in parts])
        return HandLabels(**joined)


@dataclass(frozen=True, eq=False, repr=False)
class Predictions(HandRows[HandPrediction], row=HandPrediction):
    """Hands as a method predicts them.

    A hand that was not found keeps its row, with NaN keypoints.

    Attributes:
        hand_id: (N,) unique ids.
        keypoints_2d: (N,21,2) px of the full image.
        keypoints_3d: (N,21,3) metres, camera axes of the method, or None.
        vertices: (N,V,3) metres, or None.
        score: (N,21) or (N,) confidence, or None.
        existence: (N,21) True where the joint is estimated to be in the frame, or None; a start for annotation.
        occlusion: (N,21) True where the joint is estimated to be occluded, or None; likewise.
        occlusion_probability: (N,21) estimate of how likely that is, 0..1; NaN where unknown, or None.
        meta: How they were made; stored with them as JSON.
        notes: What a reader must know about the file they come from, such as what was left out.

    Raises:
        InputError: If shapes disagree or ids repeat.
    """

    hand_id: Strings
    keypoints_2d: Float
    keypoints_3d: Float | None = None
    vertices: Float | None = None
    score: Float | None = None
    existence: Bool | None = None
    occlusion: Bool | None = None
    occlusion_probability: Float | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.hand_id)
        object.__setattr__(self, "hand_id", shaped(self.hand_id, np.str_, (n,), "hand_id"))
        object.__setattr__(self, "keypoints_2d", shaped(self.keypoints_2d, np.float32, (n, 21, 2), "keypoints_2d"))
        shapes = {"keypoints_3d": (n, 21, 3), "vertices": None, "score": None, "occlusion_probability": (n, 21)}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values is None:
                continue
            shape = shape or (n, *np.shape(values)[1:])
            object.__setattr__(self, name, shaped(values, np.float32, shape, name))
        for name in ("existence", "occlusion"):
            if (values := getattr(self, name)) is not None:
                object.__setattr__(self, name, shaped(values, np.bool_, (n, 21), name))
        check_unique(self.hand_id)

    @property
    def predicted(self) -> Bool:
        """(N,21) joints whose position is finite."""
        return np.asarray(np.isfinite(self.keypoints_2d).all(2))

    def without(self, names: Collection[str]) -> Predictions:
        """Return the predictions without some of their optional columns."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.default is not None or f.name not in names}
        return Predictions(**kept)

    def _map(self, change: Callable[[str], Any]) -> Predictions:
        names = [name for name in _arrays(self) if getattr(self, name) is not None]
        return Predictions(**{name: change(name) for name in names}, meta=self.meta, notes=self.notes)

    def select(self, index: Any) -> Predictions:
        """Return the rows an index array or a mask picks."""
        return self._map(lambda name: getattr(self, name)[index])

    def _summary(self) -> list[str]:
        lost = int((~np.isfinite(self.keypoints_2d)).all((1, 2)).sum())
        known = [name for name in _arrays(self)[2:] if getattr(self, name) is not None]
        return [f"{lost:,} not found", *known] if lost else known

    @staticmethod
    def concatenate(parts: Sequence[Predictions]) -> Predictions:
        """Join predictions of the same kind; the first one's meta is kept."""
        return parts[0]._map(lambda name: np.concatenate([getattr(part, name) for part in parts]))


def _arrays(rows: HandLabels | Predictions) -> list[str]:
    """Return the names of the fields that have a row for each hand."""
    return [f.name for f in fields(rows) if f.name not in ("meta", "notes")]


@dataclass(frozen=True, eq=False)
class ManoParameters:
    """MANO parameters of N hands, and where each is in front of the camera of its crop.

    They pose a right MANO hand. A left hand is its mirror image: negate x of vertices, joints and ``cam_t``. Rotations
    are absolute: do not add MANO's mean pose (``flat_hand_mean=True``). Each is relative to its parent, the wrist's to
    the camera.

    Attributes:
        global_orient: (N,1,3,3) rotation of the wrist.
        hand_pose: (N,15,3,3) rotations of the finger joints, in MANO's order: index, middle, little, ring, thumb.
        betas: (N,10) shape.
        cam: (N,3) scale, x, y of a weak-perspective camera, as the network outputs them.
        cam_t: (N,3) metres in front of the crop's camera, added to vertices.
        focal_length: (N,) of the crop's camera, px of the picture.
        square: (N,3) centre x, y and side of what the crop shows, px of the picture; not mirrored.

    Raises:
        InputError: If shapes disagree.
    """

    global_orient: Float
    hand_pose: Float
    betas: Float
    cam: Float
    cam_t: Float
    focal_length: Float
    square: Float

    def __post_init__(self) -> None:
        n = len(self.global_orient)
        shapes = ((1, 3, 3), (15, 3, 3), (10,), (3,), (3,), (), (3,))
        for f, shape in zip(fields(self), shapes, strict=True):
            object.__setattr__(self, f.name, shaped(getattr(self, f.name), np.float32, (n, *shape), f.name))

    def __len__(self) -> int:
        return len(self.global_orient)

    def select(self, index: Any) -> ManoParameters:
        """Return the rows an index array or a mask picks."""
        return ManoParameters(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @staticmethod
    def concatenate(parts: Sequence[ManoParameters]) -> ManoParameters:
        """Join the rows of several."""
        names = [f.name for f in fields(ManoParameters)]
        return ManoParameters(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class MethodCard:
    """What a reader of a score must know about a method.

    Attributes:
        name: Name on the command line.
        title: Name in tables.
        summary: One sentence.
        paper: Citation or URL, "" if there is none.
        code: URL of the authors' code, "" if there is none.
        code_licence: Licence of the implementation that runs here.
        weights_licence: Licence of the weights, "" if there are none.
        training_data: Names of the datasets the weights were trained on.
        trained_on_hint: Whether HInt was among them, None where nobody said so.
        reads_images: Whether it uses pixels.
        needs_labels: Whether it uses the ground truth (controls only).
        parameters: Number of learned parameters, if known.
        note: What tables must show beside the name, such as "random weights".
    """

    name: str
    title: str
    summary: str
    paper: str = ""
    code_licence: str = "MIT"
    weights_licence: str = ""
    training_data: tuple[str, ...] = ()
    trained_on_hint: bool | None = None
    reads_images: bool = True
    needs_labels: bool = False
    parameters: int | None = None
    note: str = ""
    code: str = ""


@runtime_checkable
class Method(Protocol):
    """Something that turns a picture and a box into 21 keypoints.

    The engine calls ``prepare`` in worker threads, one hand at a time, and ``infer`` with a batch of what it returned.
    A method that does not run on the CPU may have an attribute ``device`` that names its device, for the record, and
    ``find_batch_size`` (:class:`hint.methods.batch.BatchedMethod`).
    """

    @property
    def card(self) -> MethodCard:
        """Description of the method as it is set up."""
        ...

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Everything that changes the output (weights sha256, precision, crop), as JSON values."""
        ...

    def prepare(self, hand: Hand, image: Image | None) -> Any:
        """Turn one hand into network input; ``image`` is RGB (H,W,3), None where ``reads_images`` is False."""
        ...

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Predict a batch; one row per hand, NaN keypoints where none was found."""
        ...


@runtime_checkable
class ManoMethod(Method, Protocol):
    """A method that also returns MANO parameters; ``hint predict`` uses them, evaluation does not."""

    @property
    def faces(self) -> NDArray[np.int64]:
        """(F,3) triangles of the right hand, counter-clockwise seen from outside."""
        ...

    def infer_hands(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> tuple[Predictions, ManoParameters]:
        """Predict a batch as ``infer`` does, and return its MANO parameters."""
        ...

    def pose(self, parameters: ManoParameters) -> tuple[Float, Float]:
        """Return joints (N,21,3) and vertices (N,V,3) of right hands, metres, not translated."""
        ...


@dataclass(frozen=True)
class MethodOptions:
    """How a method is set up.

    Attributes:
        device: "auto", "cpu" or "cuda".
        precision: "fp32", "bf16", ... as the method offers, or "auto": the fastest that keeps the keypoints.
        weights: File, or a name the method documents; None for its default.
        mano: MANO file, "procedural", or None for the installed one.
        labels: Ground truth, for controls that need it.
        train_labels: Labels a control is fitted on.
        seed: Seed of methods that draw random numbers.
        extra: Method-specific settings from ``--set key=value``.
    """

    device: str = "auto"
    precision: str = AUTO
    weights: str | None = None
    mano: str | None = None
    labels: HandLabels | None = None
    train_labels: HandLabels | None = None
    seed: int = 0
    extra: dict[str, str] = field(default_factory=dict)
