"""Changes to archives: names that lead out, links, lies about sizes, and changed contents."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from random import Random

from fuzzing.mutation.bytewise import mutate_bytes
from fuzzing.mutation.texts import mutate_toml
from fuzzing.mutation.values import mutate_json

# fmt: off
_NAMES = (
    "../x", "/tmp/x", "a/../../x", "a\\b", "C:x", "", ".", "..", "a\0b", "a\nb", "\u202ex", "a" * 300, "a/", "con",
)
# fmt: on


def _mutate_arrays(content: bytes, random: Random) -> bytes:
    from fuzzing.mutation.arrays import mutate_npz

    return mutate_npz(content, random)


def _mutate_pickle(content: bytes, random: Random) -> bytes:
    from fuzzing.mutation.pickles import mutate_pickle

    return mutate_pickle(content, random)


#: Ending of a name -> what changes such a file.
_BY_NAME: Mapping[str, Callable[[bytes, Random], bytes]] = {
    ".json": mutate_json,
    ".toml": mutate_toml,
    ".npz": _mutate_arrays,
    ".pyd": _mutate_pickle,
    ".npy": mutate_bytes,
}


def mutate_zip(content: bytes, random: Random) -> bytes:
    """Change an entry, or what the archive says about one."""
    return change_members(content, random, _BY_NAME)


def change_members(
    content: bytes, random: Random, by_name: Mapping[str, Callable[[bytes, Random], bytes]], aligned: bool = False
) -> bytes:
    """Change an entry of a zip, by its name, or what the archive says about one.

    Args:
        content: The archive.
        random: Of the choice.
        by_name: Ending of a name -> what changes such a file.
        aligned: Whether entries are stored as they are, from multiples of 64 bytes on, as PyTorch has them.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    place = random.randrange(len(entries))
    info, held = entries[place]
    kind = random.randrange(12)
    if kind < 6:
        change = next((change for ending, change in by_name.items() if info.filename.endswith(ending)), mutate_bytes)
        entries[place] = info, change(held, random)
    elif kind == 6:
        info.filename = random.choice(_NAMES) or "x"
    elif kind == 7:
        info.external_attr = random.choice((stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR)) << 16
    elif kind == 8:
        entries.append((zipfile.ZipInfo(random.choice((info.filename, *_NAMES[:5]))), held))
    elif kind == 9:
        del entries[place]
    elif kind == 10:
        info.compress_type = random.choice(
            (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        )
    return _packed(entries, aligned) if kind < 11 else _lying(_packed(entries, aligned), random)


def _packed(entries: list[tuple[zipfile.ZipInfo, bytes]], aligned: bool) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for info, held in entries:
            entry = zipfile.ZipInfo("x", info.date_time)
            entry.filename, entry.compress_type, entry.external_attr = (
                info.filename,
                info.compress_type,
                info.external_attr,
            )
            if aligned:
                start = stream.tell() + 30 + len(entry.filename.encode()) + 4
                entry.extra = b"FB" + (-start % 64).to_bytes(2, "little") + bytes(-start % 64)
            archive.writestr(entry, held)
    return stream.getvalue()


def _lying(content: bytes, random: Random) -> bytes:
    """Change a field of an entry in the directory at the end."""
    at = content.find(b"PK\x01\x02")
    field, size = random.choice(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)))
    value = random.choice((0, 1, 8, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)) & (256**size - 1)
    return content[: at + field] + value.to_bytes(size, "little") + content[at + field + size :]


def mutate_tar(content: bytes, random: Random) -> bytes:
    """Change a member, its name, kind or size."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as source, tarfile.open(fileobj=stream, mode="w") as target:
        members = source.getmembers()
        chosen = random.choice(members)
        kind = random.randrange(8)
        for member in members:
            held = source.extractfile(member)
            data = held.read() if held else b""
            if member is chosen:
                data = _changed_member(member, data, kind, random)
            if kind == 7 and member is chosen:
                continue
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    packed = stream.getvalue()
    return wrong_size(packed, random) if kind == 6 else packed


def _changed_member(member: tarfile.TarInfo, data: bytes, kind: int, random: Random) -> bytes:
    if kind < 3:
        change = next((change for ending, change in _BY_NAME.items() if member.name.endswith(ending)), mutate_bytes)
        return change(data, random)
    if kind == 3:
        member.name = random.choice((*_NAMES[:4], "a" * 300, "x/" * 200))
    elif kind == 4:
        types = (
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.FIFOTYPE,
            tarfile.CHRTYPE,
            tarfile.DIRTYPE,
            tarfile.GNUTYPE_SPARSE,
        )
        member.type, member.linkname = random.choice(types), random.choice(("/etc/passwd", "../x", member.name))
    elif kind == 5:
        member.pax_headers = {
            random.choice(("size", "path", "GNU.sparse.size", "x")): random.choice(("-1", "x", "1" * 30))
        }
    return data


def wrong_size(packed: bytes, random: Random) -> bytes:
    """Change the size in the first header, and keep its checksum right."""
    header = bytearray(packed[:512])
    header[124:136] = random.choice(
        (b"77777777777\0", b"00000000000\0", b"-0000000001\0", b"\x80" + b"\xff" * 11, b"x" * 12)
    )
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + packed[512:]


def mutate_tar_gz(content: bytes, random: Random) -> bytes:
    """Change what is in it, or its bytes."""
    if random.random() < 0.2:
        return mutate_bytes(content, random)
    return gzip.compress(mutate_tar(gzip.decompress(content), random), 1, mtime=0)
