"""Names of hands made from the names of pictures and labels: unique, the same in every run, and safe as file names."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from hint.names import parse_name

#: What a file name may not hold everywhere, and hand ids never do.
_UNSAFE = re.compile(r"[^\w.-]+")
#: Characters kept of a name; file systems take 255 bytes.
_LONGEST = 60
_DIGITS = 8


def safe_name(name: str) -> str:
    """Return a name as it is if it is a file name on every system; else without what is not, and with a digest of it.

    The digest keeps "a b" and "a-b" apart, whichever other names there are. Composed and decomposed letters are the
    same, since file systems change one into the other.
    """
    composed = unicodedata.normalize("NFC", name)
    safe = _UNSAFE.sub("-", composed).strip(".-")[:_LONGEST]
    if safe == composed:
        return safe
    digest = hashlib.sha256(composed.encode(errors="surrogateescape")).hexdigest()[:_DIGITS]
    return f"{safe}-{digest}" if safe else digest


def readable(name: str) -> str:
    """Return a file name as text that can be written; bytes that are none are replaced."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def name_of_hand(picture: str, number: int, is_right: bool) -> str:
    """Return the id of a hand: its picture, its number there and its side."""
    return with_side(f"{safe_name(picture)}_{number}", is_right)


def name_of_label(hand_id: str, is_right: bool) -> str:
    """Return the id of a labelled hand: its own, if that is a file name that ends in its side."""
    parsed, safe = parse_name(hand_id), safe_name(hand_id)
    return safe if safe == hand_id and parsed and parsed.is_right == is_right else with_side(safe, is_right)


def with_side(name: str, is_right: bool) -> str:
    """Return a name with the ending that tells the side of the hand."""
    return f"{name}_{'r' if is_right else 'l'}"
