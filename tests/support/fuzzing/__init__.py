"""Fuzzing of everything that reads a file: seeds, mutations that know the format, and what a reader may do with them.

``targets.py`` lists the readers, ``mutation/`` spoils their files, ``judge.py`` says whether a reader took it well.
``tests/test_fuzzing.py`` runs a little of it, ``tools/fuzz.py`` as much as one likes.
"""
