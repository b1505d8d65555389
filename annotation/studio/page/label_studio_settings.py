"""Django settings of a Label Studio that adds a script to its pages.

Label Studio imports this file in an environment of its own, in which hint is not installed: it may use nothing but the
standard library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_OWN = "label_studio.core.settings.label_studio"


def __dir__() -> list[str]:
    return dir(sys.modules[_OWN])


def __getattr__(name: str) -> Any:
    """Return a setting of Label Studio, which already asks for the first ones while the last ones load."""
    return getattr(sys.modules[_OWN], name)


def add_script(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a middleware that puts the script of ``HINT_STUDIO_SCRIPT`` at the end of every page."""
    script = Path(os.environ["HINT_STUDIO_SCRIPT"]).read_text("utf-8")

    def respond(request: Any) -> Any:
        response = get_response(request)
        if not response.streaming and response.headers.get("Content-Type", "").startswith("text/html"):
            tag = f'<script nonce="{getattr(request, "csp_nonce", "")}">{script}</script></body>'
            response.content = response.content.replace(b"</body>", tag.encode(), 1)
        return response

    return respond


import_module(_OWN).MIDDLEWARE.append(f"{__name__}.add_script")
