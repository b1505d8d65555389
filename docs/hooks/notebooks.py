"""Show notebooks as pages: text as it is, code as code, and the outputs that are stored in the file."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put a Markdown page, and the pictures in it, in the place of every notebook."""
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(notebook)
        path = PurePosixPath(notebook.src_uri)
        pictures: dict[str, bytes] = {}
        text = "\n\n".join(_page(json.loads(notebook.content_string)["cells"], path.stem, pictures))
        files.append(File.generated(config, str(path.with_suffix(".md")), content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, str(path.with_name(name)), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to a notebook to its page."""
    return markdown.replace(".ipynb)", ".md)")


def _page(cells: list[dict[str, Any]], stem: str, pictures: dict[str, bytes]) -> Iterator[str]:
    for cell in cells:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
        for output in cell.get("outputs", ()):
            yield _output(output, stem, pictures)


def _output(output: dict[str, Any], stem: str, pictures: dict[str, bytes]) -> str:
    """Return one output as Markdown, the richest form there is."""
    data = output.get("data", {})
    if "image/png" in data:
        name = f"{stem}-{len(pictures) + 1}.png"
        pictures[name] = base64.b64decode("".join(data["image/png"]))
        return f"![Output of the cell above]({name})"
    if "text/html" in data:
        return f'<div class="output">{"".join(data["text/html"]).strip()}</div>'
    text = "".join(output.get("text", data.get("text/plain", output.get("traceback", ""))))
    return f"```text\n{_ANSI.sub('', text).rstrip()}\n```"
