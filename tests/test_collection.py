"""Tests have the same names in every process, whatever its clock, seed, user or machine."""

import re

import pytest

#: Bytes, addresses, digests and temporary folders: values of one run, or nothing a person would type.
UNWRITTEN = re.compile(r"\\x[0-9a-f]{2}|0x[0-9a-f]{6,}|[0-9a-f]{32,}|/tmp/|pytest-of-")


def test_ids_are_written_names(request: pytest.FixtureRequest) -> None:
    names = [item.name for item in request.session.items]
    assert [name for name in names if UNWRITTEN.search(name) or len(name) > 250] == []
