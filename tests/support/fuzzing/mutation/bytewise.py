"""Changes to bytes, whatever they mean."""

from __future__ import annotations

from random import Random

_INTERESTING = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
)


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Flip, insert, remove, repeat or cut."""
    if not content:
        return random.choice(_INTERESTING)
    start = random.randrange(len(content))
    end = min(len(content), start + random.choice((1, 1, 2, 4, 16, 256)))
    kind = random.randrange(7)
    if kind == 0:
        return content[:start] + bytes([content[start] ^ 1 << random.randrange(8)]) + content[start + 1 :]
    if kind == 1:
        return content[:start] + random.choice(_INTERESTING) + content[start:]
    if kind == 2:
        return content[:start] + random.choice(_INTERESTING) + content[end:]
    if kind == 3:
        return content[:start] + content[end:]
    if kind == 4:
        return content[:start] + content[start:end] * random.choice((2, 3, 50)) + content[end:]
    if kind == 5:
        return content[: random.choice((0, start, start, len(content) - 1))]
    target = random.randrange(len(content))
    return content[:target] + content[start:end] + content[target + end - start :]
