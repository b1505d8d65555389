"""Make the files of ``annotation.released`` from what the authors of HInt and HaMeR publish.

    python tools/released_names.py ego4d_frame_names.json hamer_evaluation_data

The first is in github.com/ddshan/hint, prep_HInt (MIT). The second holds the official evaluation npz, of which nothing
but the names of the videos of New Days and VISOR is kept.
"""

from __future__ import annotations

import argparse
import json
import lzma
from pathlib import Path

from annotation.released import EGO4D_PICTURES, TEST_VIDEOS
from hint.files import read_labels, write_bytes

_HEAD = "# Videos of HInt's test hands of New Days (YouTube) and VISOR; tools/released_names.py wrote them.\n"


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("evaluation", type=Path)
    options = parser.parse_args()
    folders = json.loads(options.frames.read_bytes())
    pictures = sorted(f"{folder}/{Path(name).stem}\n" for folder, names in folders.items() for name in names)
    write_bytes(EGO4D_PICTURES, lzma.compress("".join(pictures).encode(), preset=9 | lzma.PRESET_EXTREME))
    labels = read_labels(options.evaluation)
    videos = sorted(set(labels.clip_id[labels.subset != "ego4d"].tolist()))
    write_bytes(TEST_VIDEOS, "".join([_HEAD, *(f"{video}\n" for video in videos)]).encode())


if __name__ == "__main__":
    main()
