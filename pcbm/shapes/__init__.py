"""A procedural world of pictures, a tiny CLIP trained on it, and the data of the demo.

Importing this package stays light: torch and open_clip are imported when the CLIP is loaded.
"""

from __future__ import annotations

from pcbm.shapes.clip import load_clip as load_tiny_clip
from pcbm.shapes.demo import (
    DEMO_CLASSES,
    DEMO_CONCEPTS_PER_CLASS,
    DEMO_L1_RATIO,
    DEMO_TEMPLATES,
    DEMO_WORDS,
    TEXTURE_WORDS,
    DemoImages,
    demo_split,
    shapes_rows,
)
from pcbm.shapes.world import ATTRIBUTES, render, sample_scenes

__all__ = [
    "ATTRIBUTES",
    "DEMO_CLASSES",
    "DEMO_CONCEPTS_PER_CLASS",
    "DEMO_L1_RATIO",
    "DEMO_TEMPLATES",
    "DEMO_WORDS",
    "TEXTURE_WORDS",
    "DemoImages",
    "demo_split",
    "load_tiny_clip",
    "render",
    "sample_scenes",
    "shapes_rows",
]
