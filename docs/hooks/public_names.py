"""Fill the API reference from the public names of ``hint``; one without a docstring fails the build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

import hint

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hint", "annotation", "benchmark", "leaderboard")
PAGE = "api/index.md"
#: Places in that page, each filled with the names of one kind.
PLACES = {"functions": "<!-- functions -->", "types": "<!-- types -->", "errors": "<!-- errors -->"}
ENTRY = """\
::: hint.{name}
    options:
      show_root_full_path: true
      inherited_members: true
"""

_ROLE = re.compile(r":[a-z]+:(?=<code>)")
_log = get_plugin_logger("public_names")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put every public name in its place."""
    if page.file.src_uri != PAGE:
        return markdown
    entries: dict[str, list[str]] = {kind: [] for kind in PLACES}
    for name, found in public_objects():
        entries[kind(found)].append(ENTRY.format(name=name))
        for path in undocumented(found):
            _log.warning("hint.%s: %s has no docstring", name, path)
    for each, place in PLACES.items():
        markdown = markdown.replace(place, "\n\n".join(entries[each]))
    return markdown


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take off the Sphinx roles of docstrings, such as the ``:func:`` before a name."""
    return _ROLE.sub("", html)


def public_objects() -> Iterator[tuple[str, griffe.Object]]:
    """Yield every public name and what it stands for, read from the source without importing it."""
    loader = griffe.GriffeLoader(search_paths=[ROOT])
    for package in PACKAGES:
        loader.load(package)
    loader.resolve_aliases(implicit=True)
    for name in (name for name in hint.__all__ if not name.startswith("_")):
        try:
            member = loader.modules_collection["hint"][name]
            found = member.final_target if isinstance(member, griffe.Alias) else member
        except (KeyError, griffe.AliasResolutionError) as error:
            _log.warning("hint.%s cannot be found: %s", name, error)
            continue
        if found.is_module:
            _log.warning("hint.%s is the module %s, not what is in it", name, found.path)
        yield name, found


def kind(found: griffe.Object) -> str:
    """Return the place of an object in the page."""
    if found.is_function:
        return "functions"
    return "errors" if found.name.endswith("Error") else "types"


def undocumented(found: griffe.Object) -> list[str]:
    """Return the paths of an object and its public methods that have no docstring."""
    members = found.members.values() if found.is_class else ()
    methods = [m for m in members if m.is_function and not m.name.startswith("_")]
    return [each.path for each in (found, *methods) if not each.has_docstring]
