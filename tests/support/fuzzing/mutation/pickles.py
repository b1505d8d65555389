"""Changes to pickles, and to checkpoints that hold one; nothing is unpickled to make them."""

from __future__ import annotations

import pickletools
from itertools import pairwise
from random import Random

from fuzzing.judge import HOSTILE_PICKLES
from fuzzing.mutation.archives import change_members
from fuzzing.mutation.bytewise import mutate_bytes

_OPERATIONS = (
    *b"N \x88 K\x01 K\xff G\x7f\xf8\0\0\0\0\0\0 ] } ) ( 0 1 2 \x85 R b s u a e . h\0 j\xff\xff\0\0 Q o".split(b" "),
    *b"\x81 \x92 \x94 \x97 q\xff r\xff\xff\xff\x7f \x82\x01".split(b" "),
    *b"X\x01\0\0\0x X\0\0\0\0 T\x02\0\0\0\xff\xfe B\x01\0\0\0x".split(b" "),
    *(b"I99999999999\n", b"P1\n", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x95\xff\0\0\0\0\0\0\0", b"ios\nsystem\n"),
    *(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"cnumpy\nsave\n", b"c_codecs\nencode\n", b"c__builtin__\nset\n"),
    *(b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\nscalar\n", b"cbuiltins\neval\n"),
    *(b"c__builtin__\nobject\n", b"ccopy_reg\n_reconstructor\n", b"cos\nsystem\n"),
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
