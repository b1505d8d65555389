"""Rendered hands with exact labels: a demonstration set without anyone's licence on it, and training pictures.

Everything follows from seeds: hands are posed with the procedural MANO model, put into made-up scenes, cast with rays
and labelled from their own geometry.
"""

from hint.demo.dataset import clip_scenes, render_demo_set
from hint.demo.renderer import Rendered, render
from hint.demo.scene import Scene, next_frame, sample_scene

__all__ = ["Rendered", "Scene", "clip_scenes", "next_frame", "render", "render_demo_set", "sample_scene"]
