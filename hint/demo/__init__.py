"""Rendered hands with exact labels: a demo set without licence restrictions, and training pictures.

Everything follows from seeds: hands are posed with the procedural MANO model, placed in random scenes, ray-traced, and
labelled from their geometry.
"""

from hint.demo.dataset import clip_scenes, render_demo_set
from hint.demo.renderer import Rendered, render
from hint.demo.scene import Scene, next_frame, sample_scene

__all__ = ["Rendered", "Scene", "clip_scenes", "next_frame", "render", "render_demo_set", "sample_scene"]
