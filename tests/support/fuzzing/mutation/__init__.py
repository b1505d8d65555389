"""Changes to valid files that keep enough of their form to get past the first check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import TypeAlias

from fuzzing.mutation.archives import mutate_tar, mutate_tar_gz, mutate_zip
from fuzzing.mutation.arrays import mutate_npz, mutate_parquet, mutate_safetensors
from fuzzing.mutation.bytewise import mutate_bytes
from fuzzing.mutation.pickles import mutate_checkpoint, mutate_pickle
from fuzzing.mutation.texts import mutate_text, mutate_toml, mutate_xml, mutate_yaml
from fuzzing.mutation.values import mutate_json, mutate_json_lines

Mutation: TypeAlias = Callable[[bytes, Random], bytes]

#: Form of a file -> what changes it and keeps its form.
MUTATIONS: Mapping[str, Mutation] = {
    "bytes": mutate_bytes,
    "text": mutate_text,
    "toml": mutate_toml,
    "yaml": mutate_yaml,
    "xml": mutate_xml,
    "json": mutate_json,
    "json lines": mutate_json_lines,
    "npz": mutate_npz,
    "parquet": mutate_parquet,
    "zip": mutate_zip,
    "tar": mutate_tar,
    "tar.gz": mutate_tar_gz,
    "pickle": mutate_pickle,
    "checkpoint": mutate_checkpoint,
    "safetensors": mutate_safetensors,
}

#: Share of changes to the bytes alone.
_BYTEWISE = 0.2
#: Largest file to make, bytes.
LARGEST = 1 << 20


def mutate(content: bytes, form: str, random: Random) -> bytes:
    """Change a file in one to four places; what has lost its form is changed byte by byte."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        change = mutate_bytes if random.random() < _BYTEWISE else MUTATIONS[form]
        try:
            content = change(content, random)
        except Exception:  # it is no longer of that form, for which libraries have many errors
            content = mutate_bytes(content, random)
    return content[:LARGEST]
