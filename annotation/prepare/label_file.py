"""How a label is written: the encoding and the keys of its JSON, which parsers pass over in silence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

#: The keys of a released label.
KEYS = frozenset({"bbox", "keypoints", "existence", "occlusion"})

_UTF8_MARK = b"\xef\xbb\xbf"


def check_writing(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the kind and reason of everything a released file would not have.

    Args:
        content: A file that is readable as JSON.
    """
    encoding = json.detect_encoding(content)
    if content.startswith(_UTF8_MARK) or encoding not in ("utf-8", "utf-8-sig"):
        yield "encoding", "UTF-8 with a byte order mark" if content.startswith(_UTF8_MARK) else encoding.upper()
    repeated: Counter[str] = Counter()

    def count(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.update(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        return dict(pairs)

    hands = json.loads(content, object_pairs_hook=count)
    if repeated:
        yield "repeated key", ", ".join(sorted(repeated))
    if extra := sorted({key for hand in hands for key in hand} - KEYS):
        yield "extra key", ", ".join(extra)
