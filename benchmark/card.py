"""The card of a method: what its authors declare about it, in a TOML file beside its predictions.

Nothing in it can be computed from predictions, so whoever shows it says that it was declared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from hint.errors import InputError, problems_in
from hint.files.named_toml import parse_toml
from hint.types import MethodCard

#: Largest card to read, bytes; the time that TOML takes grows with the square of a key's length.
LARGEST_CARD = 16 << 10
#: How much of a problem is told, characters and number; a hostile card could fill pages.
_LONGEST_PROBLEM, _MOST_PROBLEMS = 200, 20

#: What records say of predictions that nobody described.
UNDESCRIBED = "Predictions given as a file."

#: Authors that are named where there is little room.
_NAMED_AUTHORS = 3

#: Kinds of characters that are not shown as themselves: controls and what changes the text around it, unassigned ones,
#: halves of a pair, ends of lines. Some letters and symbols are blank besides.
_HIDDEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

#: Accents on one letter; a hundred of them cover the rows above.
_MOST_MARKS = 4

#: Latin letters in one word with Cyrillic, Cherokee or wide ones, or with Greek ones that look the same.
_ALIKE = (
    "\u0400-\u052f\u13a0-\u13fd\uab70-\uabbf\uff21-\uff3a\uff41-\uff5a"
    "\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
)
_TWIN = re.compile(rf"[A-Za-z]\w*[{_ALIKE}]|[{_ALIKE}]\w*[A-Za-z]")

#: Name of the dataset in ``training_data``.
_HINT = re.compile(r"\bhint\b", re.IGNORECASE)


class CardError(InputError):
    """A card that cannot be used; ``problems`` says each thing that is wrong with it."""

    def __init__(self, name: str, problems: list[str]) -> None:
        told = [text if len(text) <= _LONGEST_PROBLEM else f"{text[:_LONGEST_PROBLEM]}..." for text in problems]
        more = [f"and {len(told) - _MOST_PROBLEMS} more"] if len(told) > _MOST_PROBLEMS else []
        self.problems = (*told[:_MOST_PROBLEMS], *more)
        super().__init__(f"{name} is not the card of a method: {'; '.join(self.problems)}")


def is_shown_as_it_is(text: str) -> bool:
    """Tell whether a page shows a text as it is, and no other text looks the same."""
    if text.isascii():
        return text.isprintable()
    kinds = [unicodedata.category(c) for c in text]
    marks = "".join("m" if kind in ("Mn", "Me") else " " for kind in kinds)
    hidden = any(kind in _HIDDEN for kind in kinds) or not _BLANK.isdisjoint(text)
    return not (hidden or "m" * (_MOST_MARKS + 1) in marks or _TWIN.search(text))


def _plain(text: str) -> str:
    if not text.isprintable() or not is_shown_as_it_is(text):
        raise ValueError("one line of visible characters is expected, of one alphabet in a word")
    if not text.strip():
        raise ValueError("it is empty; leave the key out")
    return text.strip()


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_address = False
    if not is_address or re.search(r"[\s<>\"'`\\]", text):
        raise ValueError("an address that starts with https:// or http:// is expected")
    return text


def _answer(value: object) -> object:
    """Take TOML's true and false for yes and no."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


Text = Annotated[str, Field(max_length=100), AfterValidator(_plain)]
Address = Annotated[str, Field(max_length=300), AfterValidator(_plain), AfterValidator(_address)]
Answer = Annotated[Literal["yes", "no", "not stated"], BeforeValidator(_answer)]


class Card(BaseModel):
    """What is declared about a method; only the title is required.

    Attributes:
        title: Name in tables.
        paper: Address of the paper, None if there is none.
        code: Address of the code, None if there is none.
        authors: Who made the method.
        licence: Of the weights or the code, such as "MIT".
        training_data: Names of the datasets it was trained on.
        trained_on_hint: Whether HInt was among them: "yes", "no" or "not stated".
        parameters: Number of learned parameters.
        hands_per_second: Speed, on ``device``.
        device: What the speed was measured on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    title: Text
    paper: Address | None = None
    code: Address | None = None
    authors: tuple[Text, ...] = Field(default=(), max_length=50, strict=False)
    licence: Text | None = None
    training_data: tuple[Text, ...] = Field(default=(), max_length=50, strict=False)
    trained_on_hint: Answer = "not stated"
    parameters: int | None = Field(default=None, ge=1, le=10**13)
    hands_per_second: float | None = Field(default=None, gt=0, le=10**6)
    device: Text | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Card:
        if any(map(_HINT.search, self.training_data)) and self.trained_on_hint != "yes":
            raise ValueError('training_data names HInt, so trained_on_hint must be "yes"')
        if self.hands_per_second is not None and self.device is None:
            raise ValueError("hands_per_second says little without the device it was measured on; add device")
        return self


def read_card(path: Path | str) -> Card:
    """Read a card.

    Raises:
        CardError: If there is no such file, or it is not a card; the message says everything that is wrong.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            return parse_card(stream.read(LARGEST_CARD + 1), str(path))
    except OSError as error:
        raise InputError(f"cannot read the card {path}: {error.strerror or error}") from error


def parse_card(content: bytes, name: str = "card.toml") -> Card:
    """Read a card from the bytes of a file; ``name`` is what messages call it.

    Raises:
        CardError: If it is not a card.
    """
    if len(content) > LARGEST_CARD:
        raise CardError(name, [f"it has more than {LARGEST_CARD:,} bytes"])
    try:
        return Card.model_validate(parse_toml(content))
    except ValidationError as error:
        raise CardError(name, problems_in(error)) from error
    except ValueError as error:
        raise CardError(name, [f"it is not a TOML file: {error}"]) from error


def method_card(card: Card, name: str) -> MethodCard:
    """Return what a card says of predictions called ``name``, as records hold it."""
    return MethodCard(
        name,
        card.title,
        f"Predictions given as a file, by {_names(card.authors)}.",
        paper=card.paper or "",
        code_licence=card.licence or "",
        training_data=card.training_data,
        trained_on_hint={"yes": True, "no": False, "not stated": None}[card.trained_on_hint],
        parameters=card.parameters,
        code=card.code or "",
    )


def _names(authors: Sequence[str]) -> str:
    """Return the first authors, and whether there are more."""
    shown = ", ".join(authors[:_NAMED_AUTHORS])
    return f"{shown} and others" if len(authors) > _NAMED_AUTHORS else shown or "the author of its card"


def card_toml(card: Card) -> str:
    """Return a card as the TOML file it is read from; equal cards give equal text."""
    values = card.model_dump(exclude_defaults=True)
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: Any) -> str:
    """Return a text, a number or several of them as TOML; texts have no control characters, which cards refuse."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"')) if isinstance(value, str) else repr(value)
