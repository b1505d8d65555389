"""``python -m hint`` is ``hint``."""

from hint.cli import main

main()
