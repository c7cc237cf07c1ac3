"""A toy head of concentric shells, as a scene and as images."""

from __future__ import annotations

import numpy as np

from ctmri_detect.synthesis.scene import Scene
from ctmri_detect.synthesis.tissues import TISSUES

SIZE, SPACING, SKULL = 160, 1.0, 60.0


def toy_scene() -> Scene:
    """White core, grey ribbon, a fluid rim, bone, air; a round ventricle in the middle."""
    offset = (np.arange(SIZE) - (SIZE - 1) / 2) * SPACING
    x, y = np.meshgrid(offset, offset)
    radius = np.hypot(x, y)
    fractions = {name: np.zeros((SIZE, SIZE), np.float32) for name in TISSUES}
    for name, low, high in (
        ("csf", -1, 8),
        ("wm", 8, 45),
        ("gm", 45, 57),
        ("csf", 57, 60),
        ("bone", 60, 68),
        ("air", 68, 999),
    ):
        fractions[name][(radius >= low) & (radius < high)] = 1.0
    return Scene(fractions, (radius - SKULL).astype(np.float32), SPACING)
