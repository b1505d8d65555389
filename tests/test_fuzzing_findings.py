"""Files that readers once did not take well, as ``tools/fuzz.py`` and reading the code found them."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from fuzzing.judge import judge
from fuzzing.mutation.archives import wrong_size
from fuzzing.mutation.arrays import npy
from fuzzing.readers import find_target
from fuzzing.target import prepare

Change = Callable[[bytes], bytes]


def arrays(**given: np.ndarray | bytes) -> Change:
    """Replace arrays of an npz, or their files."""

    def change(seed: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(seed)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members |= {f"{key}.npy": value if isinstance(value, bytes) else npy(value) for key, value in given.items()}
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return stream.getvalue()

    return change


def swap(old: bytes, new: bytes, count: int = 1) -> Change:
    """Replace a text that must be there."""

    def change(seed: bytes) -> bytes:
        assert old in seed
        return seed.replace(old, new, count)

    return change


def value(*path: str | int, to: object) -> Change:
    """Replace a value of a JSON text."""

    def change(seed: bytes) -> bytes:
        content = holder = json.loads(seed)
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = to
        return json.dumps(content).encode()

    return change


def always(content: bytes) -> Change:
    return lambda _: content


def encrypted(seed: bytes) -> bytes:
    """Mark the first entry of a zip as encrypted."""
    at = seed.find(b"PK\x01\x02") + 8
    return seed[:at] + b"\1" + seed[at + 1 :]


def entry(ending: str, change: Change, compression: int = zipfile.ZIP_STORED) -> Change:
    """Change an entry of a zip."""

    def packed_anew(seed: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(seed)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, change(content) if name.endswith(ending) else content)
        return stream.getvalue()

    return packed_anew


def several_disks(seed: bytes) -> bytes:
    """Put in front of the end of a zip what zips of several disks have there."""
    end = seed.rfind(b"PK\x05\x06")
    return seed[:end] + struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2) + seed[end:]


def no_lzma(seed: bytes) -> bytes:
    """Pack a zip with LZMA, and spoil the middle of its first entry."""
    content = entry("", lambda held: held, zipfile.ZIP_LZMA)(seed)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = 30 + len(archive.namelist()[0]) + 12  # behind the header and the properties
    return content[:start] + b"\xff" * 40 + content[start + 40 :]


def packed_member(**headers: str) -> bytes:
    """Return a tar.gz whose one member, a sparse file, says this of itself."""
    stream, member = io.BytesIO(), tarfile.TarInfo("x")
    member.type, member.pax_headers = tarfile.GNUTYPE_SPARSE, headers
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member)
    return gzip.compress(stream.getvalue())


HEADER = b"\x93NUMPY\x01\x00\x04\x00[[[\n"
HUGE = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }    \n"
NO_CHARACTERS = np.full(3, 0xFFFF0041, np.uint32).view("U1")
DEEP = b"[" * 100_000 + b"]" * 100_000
WRONG_DTYPE = b"\x80\x02cnumpy\ndtype\nX\x02\0\0\0f8K\0K\1\x87R(" + b"K\0" * 8 + b"tb."


FINDINGS: dict[str, tuple[str, Change]] = {
    "npz: a header that ends in the middle": ("predictions npz", arrays(keypoints_2d=HEADER)),
    "npz: a header of a trillion entries": ("MANO npz", arrays(v_template=HUGE)),
    "npz: metadata nested too deeply": ("predictions npz", arrays(meta=np.array(DEEP.decode()))),
    "evaluation npz: text for numbers": ("evaluation npz all", arrays(right=np.array(["a", "b", "c"]))),
    "evaluation npz: names in a table": ("evaluation npz all", arrays(imgname=np.array([["a"], ["b"], ["c"]]))),
    "evaluation npz: sizes of another number": ("evaluation npz all", arrays(scale=np.zeros(8))),
    "evaluation npz: names of what is no character": ("evaluation npz all", arrays(imgname=NO_CHARACTERS)),
    "HO-3D boxes: numbers for names": ("HO-3D boxes", arrays(imgname=np.zeros((2, 2)))),
    "HO-3D boxes: centres of structures": ("HO-3D boxes", arrays(center=np.zeros((2, 2), "f4,i2"))),
    "mocap: text": ("mocap npz", arrays(hand_pose=np.full((3, 48), "a"))),
    "pickle: a value remembered under the number 2147483647": (
        "HO-3D meta",
        always(b"\x80\x02]r\xff\xff\xff\x7f."),
    ),
    "pickle: the same in text": ("HO-3D meta", always(b"(lp2147483647\n.")),
    "pickle: a type of arrays that crashes NumPy": ("data.pyd", always(WRONG_DTYPE)),
    "pickle: a message of two lines": ("FrankMocap mean", always(b"P1\n.")),
    "data.pyd: a number too large for a float": ("data.pyd", lambda _: pickle.dumps([{"keypoints_2d": 10**400}], 2)),
    "Hands23: a name with a null byte": ("Hands23 split", lambda seed: seed[:4] + b"\0" + seed[5:]),
    "VISOR: nested too deeply": ("VISOR", always(DEEP)),
    "VISOR: a coordinate of 400 digits": (
        "VISOR",
        lambda seed: seed.replace(b'"segments": [[[', b'"segments": [[[' + b"9" * 400 + b", 1], ["),
    ),
    "boxes: half of a character": ("boxes json", value(0, "image", to="\ud800")),
    "boxes: a table without ids": ("boxes csv", swap(b"hand_id", b"hand_idx")),
    "persons: half of a character": ("persons", swap(b"a.jpg", b"\\ud800")),
    "record: half of a character": ("record", value("method", "title", to="\ud800")),
    "FHO: nested too deeply": ("FHO v2", swap(b'"2.0"', DEEP)),
    "FHO: bytes that are no UTF-8": ("FHO v2", swap(b'"description": "x"', b'"description": "\xed\xa0\x80"')),
    "FHO: a value of 900 lists": (
        "FHO hands",
        swap(b'"clip_frame": ', b'"clip_frame": ' + b"[" * 900 + b"]" * 900 + b', "x": '),
    ),
    "ego4d.json: nested too deeply": ("ego4d.json", always(DEEP)),
    "ego4d.json: an infinite width": (
        "ego4d.json",
        always(
            b'{"videos": [{"video_uid": "v", "video_metadata": '
            b'{"display_resolution_width": 1e999, "display_resolution_height": 1}}]}'
        ),
    ),
    "COCO: occlusion that is no flag": ("COCO", value("annotations", 0, "occlusion", 3, to=[1])),
    "CVAT: an unknown encoding": ("CVAT", swap(b"encoding='utf-8'", b"encoding='utg-8'")),
    "CVAT: a picture with a name of 300 letters": ("CVAT", swap(b'name="', b'name="' + b"a" * 300)),
    "YOLO: a time that is none": ("YOLO data.yaml", swap(b"kpt_shape: [21", b"kpt_shape: [!!timestamp x")),
    "checkpoint: a zip whose directory is damaged": (
        "checkpoint",
        lambda seed: seed.replace(b"PK\x01\x02", b"PK\x01\x03"),
    ),
    "checkpoint: a zip that says it spans several disks": ("checkpoint Lightning", several_disks),
    "MANO: a zip that says it spans several disks": ("MANO npz", several_disks),
    "safetensors: four bytes": ("safetensors", always(b"\x80\0\2\0")),
    "topology: an entry that is encrypted": ("mano_downsampling.npz", encrypted),
    "topology: an entry that is no LZMA": ("mano_downsampling.npz", no_lzma),
    "adjacency: a tensor whose storage is a number": ("adjacency", entry("data.pkl", swap(b"tq\x05Q", b"K\x01q\x05Q"))),
    "tar: a member of 8 gigabytes": ("training tar", lambda seed: wrong_size(seed, Random(0))),
    "tar.gz: a member that never ends": ("weights tar.gz", always(packed_member(size="1" * 30))),
    "tar.gz: a member whose size is no number": (
        "weights tar.gz",
        always(packed_member(**{"GNU.sparse.realsize": "x"})),
    ),
    "protocol: infinitely many points": ("protocol ho3d-v3", swap(b"replicates = ", b"replicates = inf #")),
    "calibration: nested too deeply": ("calibration", lambda seed: b"a = " + DEEP + b"\n" + seed),
    "JSON-MIN: a place of 400 digits": ("export JSON-MIN", value(0, "joints", 0, "x", to=10**400)),
    "error table: one text for the names of hands": ("error table", arrays(hand_id=np.array("a"))),
    "picture: a chunk that says it has a gigabyte": (
        "picture png",
        lambda seed: seed.replace(seed[seed.index(b"IDAT") - 4 :][:8], b"\x40\0\0\0IDAT"),
    ),
    "JSON-MIN: an object for the number of a task": ("export JSON-MIN", value(0, "id", to={"a": 1})),
    "list of files: no list": ("list of files", always(b'{"path": 1}\n')),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_a_reader_takes_what_it_once_did_not(name: str, tmp_path: Path) -> None:
    target, change = FINDINGS[name]
    prepared = prepare(find_target(target), tmp_path / "files")
    content = change(prepared.seed)
    assert content != prepared.seed
    assert judge(prepared, content) is None
