"""Make the weights of HaMeR-tiny: look at rendered hands, then train on what was seen.

    python tools/hamer_tiny look build/tiny -n 2000 --seed 7
    python tools/hamer_tiny train build/tiny --minutes 60 --out hint/methods/hamer/hamer_tiny.safetensors

``look`` may run several times at once with other seeds, and later again to add hands. Both run on the CPU; more hands
and more time are what helps. No photograph and no annotation is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from learn import train
from pictures import look_at_hands

from hint.methods.hamer.tiny import WEIGHTS


def main() -> None:
    """Run one of the two steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True, dest="step")
    look = steps.add_parser("look", help="render hands and write what the landmark network sees in them")
    look.add_argument("folder", type=Path)
    look.add_argument("-n", type=int, default=2000, help="hands")
    look.add_argument("--seed", type=int, default=7)
    learn = steps.add_parser("train", help="train on what was seen")
    learn.add_argument("folder", type=Path)
    learn.add_argument("--out", type=Path, default=WEIGHTS)
    learn.add_argument("--minutes", type=float, default=60)
    learn.add_argument("--start", type=Path, help="weights to go on from")
    learn.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.step == "look":
        look_at_hands(options.folder, options.n, options.seed)
    else:
        train(options.folder, options.out, options.minutes, options.start, options.seed)


if __name__ == "__main__":
    main()
