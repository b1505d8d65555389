"""What only the author of a record knows: the method, its speed, how it was run. Shown as declared, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.card import UNDESCRIBED, is_shown_as_it_is
from benchmark.protocol import list_protocols
from benchmark.record import Record
from hint.types import MethodCard
from leaderboard.bounds import MOST_SUBSETS
from leaderboard.names import slug

#: Field of a card -> its longest text.
_TEXTS = {
    **{"name": 100, "title": 100, "summary": 500, "paper": 500, "code": 300},
    **{"code_licence": 200, "weights_licence": 200, "note": 100},
}
_REQUIRED = ("name", "title")
_MOST_DATASETS, _LONGEST_DATASET = 50, 100

#: Field -> largest value that can be true; nothing may be negative.
_TIMING = {
    **dict.fromkeys(("load_seconds", "predict_seconds", "score_seconds"), 1e8),
    **{"hands_per_second": 1e7, "reused": 1e9, "peak_memory_bytes": 1e14, "peak_gpu_memory_bytes": 1e14},
}
_MOST_PARAMETERS = 10**13

#: Entries of a free table, and characters of what is shown of each.
_MOST_ENTRIES, _LONGEST_ENTRY = 60, 4_000

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


def declared_problems(record: Record) -> Iterator[str]:
    """Yield what is declared and cannot be true, or cannot be shown."""
    yield from card_problems(record.method)
    yield from _name_problems(record)
    for name, largest in _TIMING.items():
        value = getattr(record.timing, name)
        if value is not None and not 0 <= value <= largest:
            yield f"timing.{name} cannot be true, expected 0 to {largest:g}"
    yield from _text_problems("timing.device", record.timing.device, 100)
    if not 0 <= record.seed < 2**63:
        yield "seed must be a whole number of at least 0"
    for name in ("fingerprint", "provenance"):
        yield from _table_problems(name, getattr(record, name))


def card_problems(card: MethodCard) -> Iterator[str]:
    """Yield what a card says that cannot be true, or cannot be shown."""
    for name, longest in _TEXTS.items():
        yield from _text_problems(f"method.{name}", getattr(card, name), longest, name in _REQUIRED)
    if len(card.training_data) > _MOST_DATASETS:
        yield f"method.training_data names {len(card.training_data):,} datasets, more than {_MOST_DATASETS}"
    for name in card.training_data[:_MOST_DATASETS]:
        yield from _text_problems("method.training_data", name, _LONGEST_DATASET)
    if card.parameters is not None and not 0 <= card.parameters <= _MOST_PARAMETERS:
        yield f"method.parameters cannot be true, expected 0 to {_MOST_PARAMETERS:g}"


def trained_on_hint(record: Record) -> bool | None:
    """Return whether HInt was in the training data, None where nobody said so.

    Earlier versions wrote "no" for predictions files that nobody had described.
    """
    card = record.method
    is_default = card.summary == UNDESCRIBED and not card.training_data and not card.trained_on_hint
    return None if is_default else card.trained_on_hint


def _name_problems(record: Record) -> Iterator[str]:
    names = list_protocols()
    if not _NAME.fullmatch(record.protocol.id):
        yield "protocol.id must be letters, digits, dashes, dots and underscores, 60 at most"
    elif record.protocol.id not in names and slug(record.protocol.id) in {slug(name) for name in names}:
        yield f"protocol.id {record.protocol.id} is too much like that of another protocol"
    named = record.data[:MOST_SUBSETS]
    digests = [("protocol.sha256", record.protocol.sha256), *(("labels_sha256", d.labels_sha256) for d in named)]
    for place, digest in digests:
        if not _SHA256.fullmatch(digest):
            yield f"{place} must be 64 hexadecimal digits"
    if len(record.data) > MOST_SUBSETS:
        yield f"data names {len(record.data):,} subsets, more than {MOST_SUBSETS}"
    for part in named:
        yield from _text_problems("data.name", part.name, 100, required=True)


def _text_problems(place: str, text: str, longest: int, required: bool = False) -> Iterator[str]:
    if len(text) > longest:
        yield f"{place} has {len(text):,} characters, more than {longest}"
    elif not is_shown_as_it_is(text):
        yield f"{place} holds characters that cannot be seen, or letters of two alphabets that look alike in one word"
    elif required and not text.strip():
        yield f"{place} is empty"


def _table_problems(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a free table; the tables in it count as text."""
    if len(table) > _MOST_ENTRIES:
        yield f"{name} has {len(table):,} entries, more than {_MOST_ENTRIES}"
        return
    for key, value in table.items():
        yield from _text_problems(name, key, 100)
        yield from _text_problems(
            f"{name}.{key[:40]}", str(value).replace("\n", " ").replace("\t", " "), _LONGEST_ENTRY
        )
