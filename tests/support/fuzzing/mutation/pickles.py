"""Changes to pickles, and to checkpoints that hold one; nothing is unpickled to make them."""

from __future__ import annotations

import pickletools
from itertools import pairwise
from random import Random

from fuzzing.judge import HOSTILE_PICKLES
from fuzzing.mutation.archives import change_members
from fuzzing.mutation.bytewise import mutate_bytes

_OPERATIONS = (
    *(
        b"N",
        b"\x88",
        b"K\x01",
        b"K\xff",
        b"G\x7f\xf8\0\0\0\0\0\0",
        b"I99999999999\n",
        b"]",
        b"}",
        b")",
        b"(",
        b"0",
        b"1",
        b"2",
    ),
    *(
        b"X\x01\0\0\0x",
        b"X\0\0\0\0",
        b"T\x02\0\0\0\xff\xfe",
        b"B\x01\0\0\0x",
        b"\x85",
        b"R",
        b"b",
        b"s",
        b"u",
        b"a",
        b"e",
        b".",
    ),
    *(
        b"cnumpy\nndarray\n",
        b"cnumpy\ndtype\n",
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"cnumpy.core.multiarray\nscalar\n",
    ),
    *(
        b"c_codecs\nencode\n",
        b"c__builtin__\nset\n",
        b"c__builtin__\nobject\n",
        b"ccopy_reg\n_reconstructor\n",
        b"h\0",
        b"j\xff\xff\0\0",
    ),
    *(
        b"cbuiltins\neval\n",
        b"cos\nsystem\n",
        b"cnumpy\nsave\n",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"P1\n",
        b"Q",
        b"\x82\x01",
    ),
    *(
        b"\x81",
        b"\x92",
        b"\x94",
        b"q\xff",
        b"r\xff\xff\xff\x7f",
        b"\x95\xff\0\0\0\0\0\0\0",
        b"\x97",
        b"o",
        b"ios\nsystem\n",
    ),
    *HOSTILE_PICKLES,
)


def mutate_pickle(content: bytes, random: Random) -> bytes:
    """Remove, repeat, swap or replace operations."""
    places = [place for _, _, place in pickletools.genops(content) if place is not None] + [len(content)]
    parts = [content[a:b] for a, b in pairwise(places)]
    here, there = random.randrange(len(parts)), random.randrange(len(parts))
    kind = random.randrange(6)
    if kind == 0:
        del parts[here]
    elif kind == 1:
        parts.insert(here, parts[there])
    elif kind == 2:
        parts[here], parts[there] = parts[there], parts[here]
    elif kind == 3:
        parts[here] = random.choice(_OPERATIONS)
    elif kind == 4:
        parts.insert(here, random.choice(_OPERATIONS))
    else:
        parts[here] = parts[here][:1] + mutate_bytes(parts[here][1:], random)
    return b"".join(parts)


def mutate_checkpoint(content: bytes, random: Random) -> bytes:
    """Change the pickle in PyTorch's zip, its other files, or the zip."""
    if content[:2] != b"PK":
        return mutate_pickle(content, random)
    return change_members(content, random, {"data.pkl": mutate_pickle}, aligned=True)
