"""Boxes of people, for models that see whole bodies: JSON Lines of ``{"image": ..., "box_xyxy": [x1, y1, x2, y2]}``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError, model_validator

from hint.box import Box
from hint.errors import InputError, first_problem
from hint.files.json_file import read_json_lines


class _PersonLine(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str
    box_xyxy: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None

    @model_validator(mode="after")
    def _has_area(self) -> _PersonLine:
        if self.box_xyxy is not None:
            x1, y1, x2, y2 = self.box_xyxy
            if not (x2 > x1 and y2 > y1):
                raise ValueError("box_xyxy has no area")
        return self


class Persons:
    """The people of pictures.

    Args:
        path: A line for each person; one whose box is null says that nobody is in a picture.

    Raises:
        InputError: If it cannot be read; the message names the line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of_name: dict[str, list[_PersonLine]] = {}
        for number, value in enumerate(read_json_lines(path), start=1):
            try:
                line = _PersonLine.model_validate(value if isinstance(value, dict) else {})
            except (ValidationError, UnicodeEncodeError) as error:
                expected = '{"image": NAME, "box_xyxy": [x1, y1, x2, y2]}'
                raise InputError(f"{path}: person {number}: {first_problem(error)}; a line is {expected}") from error
            self._of_name.setdefault(PurePath(line.image).name, []).append(line)

    def at(self, image: Path | None) -> Sequence[Box]:
        """Return the boxes of the people in a picture; it is found by its name and as much of its path as is given.

        Raises:
            InputError: If the picture is not listed.
        """
        parts = PurePath(image).parts if image else ()
        lines = self._of_name.get(parts[-1], []) if parts else []
        own = [line for line in lines if parts[-len(PurePath(line.image).parts) :] == PurePath(line.image).parts]
        if not own:
            raise InputError(
                f'{self._path} lists nobody in {image}; add a line, with "box_xyxy": null if there is nobody to see'
            )
        return [line.box_xyxy for line in own if line.box_xyxy is not None]
