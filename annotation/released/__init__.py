"""Names of the released HInt: its Ego4D pictures, and the videos of its validation and test hands.

The Ego4D names are those of the official list (github.com/ddshan/hint, MIT: ``LICENSE.txt`` beside this file). The
names of the test videos of New Days and VISOR are those in the official evaluation npz. ``tools/released_names.py``
writes both files.
"""

from __future__ import annotations

import lzma
from collections import defaultdict
from functools import cache
from pathlib import Path

from hint.names import parse_name

#: ``FOLDER/STEM`` of all 23,153 Ego4D pictures, one a line, sorted.
EGO4D_PICTURES = Path(__file__).with_name("ego4d_pictures.txt.xz")

#: Videos of the test hands of New Days and VISOR, one a line.
TEST_VIDEOS = Path(__file__).with_name("test_videos.txt")


@cache
def ego4d_stems() -> dict[str, frozenset[str]]:
    """Return the released folders of Ego4D with the stems of their pictures."""
    stems = defaultdict(set)
    for line in lzma.decompress(EGO4D_PICTURES.read_bytes()).decode().splitlines():
        folder, _, stem = line.partition("/")
        stems[folder].add(stem)
    return {folder: frozenset(found) for folder, found in stems.items()}


@cache
def evaluation_videos() -> frozenset[str]:
    """Return the clips of Ego4D's validation and test hands, and the videos of the test hands of New Days and VISOR.

    No list of the validation videos of New Days and VISOR is published.
    """
    lines = TEST_VIDEOS.read_text(encoding="utf-8").splitlines()
    held_out = (stems for folder, stems in ego4d_stems().items() if not folder.startswith("TRAIN_"))
    clips = {name.clip_id for stems in held_out for stem in stems if (name := parse_name(stem))}
    return frozenset(clips | {line for line in lines if not line.startswith("#")})
