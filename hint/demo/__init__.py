"""Rendered hands with exact labels: a demo set without licence restrictions, and training pictures.

Everything follows from seeds: hands are posed with the procedural MANO model, placed in random scenes, ray-traced, and
labelled from their geometry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hint.demo.dataset import render_demo_set
    from hint.demo.pictures import clip_scenes
    from hint.demo.renderer import Rendered, render
    from hint.demo.scene import Scene, next_frame, sample_scene

__all__ = ["Rendered", "Scene", "clip_scenes", "next_frame", "render", "render_demo_set", "sample_scene"]

_MODULES = {
    "render_demo_set": "dataset",
    "clip_scenes": "pictures",
    **dict.fromkeys(("Rendered", "render"), "renderer"),
    **dict.fromkeys(("Scene", "next_frame", "sample_scene"), "scene"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'hint.demo' has no attribute {name!r}")
    from hint.imports import load

    return load(f"hint.demo.{_MODULES[name]}:{name}")
