"""Read untrusted XML files: no document type, so no entities of any kind; every error is one line."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hint.errors import InputError
from hint.files.storage import opened

#: Elements in each other; annotations need five.
_DEEPEST = 50


def read_xml(path: Path) -> Element:
    """Read an XML file.

    Expat alone would expand entities that the file declares, which a few lines make gigabytes of. Without a document
    type there is nothing to declare them, and nothing outside the file to fetch.

    Raises:
        InputError: If the file is missing, cannot be read, is not XML, has a document type, or is nested too deeply.
    """
    builder, depth = TreeBuilder(), 0

    def refuse(*_: object) -> None:
        raise InputError(f"{path} declares a document type (<!DOCTYPE ...>), which files of annotations do not need")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise InputError(f"{path} is not readable as XML: nested too deeply")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        with opened(path, whole=True) as stream:
            parser.ParseFile(stream)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise InputError(f"{path} is not readable as XML: {error}") from error
    return builder.close()
