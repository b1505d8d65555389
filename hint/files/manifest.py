"""Manifest of sampled hands: JSON Lines, one hand per line, sorted by id; Parquet of the same columns is read, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from hint.box import FARTHEST, Box, require_box
from hint.errors import InputError, first_problem, some_ids
from hint.files.atomic import write_bytes
from hint.files.json_file import without_mark
from hint.files.parquet_rows import is_parquet, parquet_rows
from hint.files.storage import read_bytes
from hint.names import LONGEST_NAME, is_file_name, is_path_below


def _file_name(text: str) -> str:
    if not is_file_name(text):
        raise ValueError(f"not the name of a file (no slashes or control characters, at most {LONGEST_NAME} bytes)")
    return text


#: A text that files or folders are called by.
FileName = Annotated[str, AfterValidator(_file_name)]
#: Px along a side of a picture.
Length = Annotated[int, Field(gt=0, le=FARTHEST)]
#: Where something is along a side, px.
Place = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]


class SampledHand(BaseModel):
    """One line of a manifest.

    Attributes:
        hand_id: HInt name of the hand, and of its picture.
        source: Dataset it comes from.
        source_split: Split in the source, "" if it has none.
        split: "train", "val" or "test" of the sample.
        folder: HInt folder it belongs to, such as "TRAIN_newdays_img".
        video: Recording; no two splits share one.
        clip: Name of the video in HInt file names.
        frame: Frame number in the source.
        epic_frame: VISOR: number in EPIC-KITCHENS' own frames, None if its mapping was not there.
        frame_type: Ego4D's critical frame, "" elsewhere.
        action: Ego4D's action, "" elsewhere.
        side: Side of the hand.
        box_xyxy: Box in px; None if the source gives only a centre.
        centre: (x, y) of the hand in px.
        size: (width, height) of the frame in px.
        contact: What the hand touches, according to the source.
        interaction: "hand_object", "hand_hand", "none" or "unknown", according to the policy.
        stratum: Part of the policy that chose it.
        policy: Name of the policy.
        policy_sha256: Digest of its file.
        seed: Seed of the draw.
        origin: Path of the picture or video below the root of the source.
        image: The picture, relative to the manifest.
        image_sha256: Its digest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hand_id: FileName
    source: str
    source_split: str
    split: Literal["train", "val", "test"]
    folder: FileName
    video: str
    clip: str
    frame: int
    epic_frame: int | None = None
    frame_type: str
    action: str
    side: Literal["left", "right"]
    box_xyxy: tuple[float, float, float, float] | None
    centre: tuple[Place, Place]
    size: tuple[Length, Length]
    contact: str
    interaction: str
    stratum: str
    policy: str
    policy_sha256: str
    seed: int
    origin: str
    image: str
    image_sha256: str

    @field_validator("image")
    @classmethod
    def _below(cls, image: str) -> str:
        if not is_path_below(image):
            raise ValueError("the picture must lie below the manifest")
        return image

    @field_validator("box_xyxy")
    @classmethod
    def _has_area(cls, box: Box | None) -> Box | None:
        return None if box is None else require_box(box)


def write_manifest(path: Path, hands: Iterable[SampledHand]) -> None:
    """Write a manifest atomically, sorted by id."""
    lines = [hand.model_dump_json() for hand in sorted(hands, key=lambda hand: hand.hand_id)]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def _lines(path: Path) -> Iterator[tuple[int, Callable[[], SampledHand]]]:
    """Yield the number of each line, or row, and what reads it."""
    if is_parquet(path):
        for number, row in enumerate(parquet_rows(path), start=1):
            yield number, partial(SampledHand.model_validate, row)
        return
    for number, line in enumerate(without_mark(read_bytes(path)).splitlines(), start=1):
        if line.strip():
            yield number, partial(SampledHand.model_validate_json, line)


def read_manifest(path: Path) -> list[SampledHand]:
    """Read a manifest.

    Args:
        path: JSON Lines, or the same columns as Parquet, a file or a folder of files; or a URL of either.

    Raises:
        InputError: If the file is missing, lines are not sampled hands (file and lines are named), or ids repeat.
        MissingRequirementError: If it is Parquet and pyarrow is not installed.
    """
    hands: list[SampledHand] = []
    problems: list[str] = []
    for number, read in _lines(path):
        try:
            hands.append(read())
        except ValidationError as error:
            problems.append(f"line {number} ({first_problem(error)})")
    if problems:
        total = len(problems) + len(hands)
        raise InputError(f"{path}: {len(problems)} of {total} lines are not sampled hands: {some_ids(problems)}")
    duplicates = [i for i, n in Counter(hand.hand_id for hand in hands).items() if n > 1]
    if duplicates:
        raise InputError(f"{path}: duplicate hand ids: {some_ids(duplicates)}")
    if not hands:
        raise InputError(f"{path} is empty")
    return hands
