"""Let links from the documentation into the repository work on the site too.

A page links to ``../annotation/sample/policies/paper-v1.toml``, which works wherever the repository is browsed. On the
site such a link leads to a page that shows the file. A link to something that is not there is a warning, which fails
a strict build.
"""

from __future__ import annotations

import re
from functools import partial
from os.path import relpath
from pathlib import Path
from posixpath import dirname, join, normpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
#: Files of the repository that are pages of their own, and their place on the site.
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}

_LINK = re.compile(r"(?<=\]\()(?:\.\./)+[^)#\s]+")
_log = get_plugin_logger("repository_links")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository, and one for every file that a page links to."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text().replace("](docs/", "](")
        files.append(File.generated(config, place, content=text))
    linked = {target for page in files.documentation_pages() for target in _targets(page)}
    for target in sorted(linked - PAGES.keys()):
        if (ROOT / target).exists():
            place, text = _place(target), _listing(ROOT / target, target)
            files.append(File.generated(config, place, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave ``docs/`` to the pages made of their targets."""
    return _LINK.sub(partial(_on_site, page.file), markdown)


def _on_site(page: File, link: re.Match[str]) -> str:
    target = _target(page, link[0])
    if target is None:
        return link[0]
    if not (ROOT / target).exists():
        _log.warning("%s links to %s, which is not in the repository", page.src_uri, target)
    return relpath(_place(target), dirname(page.src_uri) or ".")


def _targets(page: File) -> set[str]:
    found = (_target(page, link) for link in _LINK.findall(page.content_string))
    return {target for target in found if target is not None}


def _target(page: File, link: str) -> str | None:
    """Return the path in the repository a link leads to, None for one within ``docs/``."""
    path = normpath(join("docs", dirname(page.src_uri), link))
    return None if path.startswith("docs/") else path


def _place(target: str) -> str:
    return PAGES.get(target, f"repository/{target}.md")


def _listing(path: Path, title: str) -> str:
    head = f"---\nsearch:\n  exclude: true\n---\n# {title}\n\n"
    if path.is_dir():
        return head + "\n".join(f"- `{entry.name}`" for entry in sorted(path.iterdir()) if entry.name[0] not in "._")
    return f"{head}``````{path.suffix.removeprefix('.')}\n{path.read_text().rstrip()}\n``````\n"
