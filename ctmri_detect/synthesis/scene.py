"""What a lesion needs to know of a slice: the place of each tissue and of the skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scene", "grid"]


@dataclass(frozen=True)
class Scene:
    """Tissue of one slice, known (phantom) or estimated (real images).

    Parameters
    ----------
    fractions : dict of str to ndarray of shape (height, width)
        Share of each tissue in each pixel, 0..1; at least "csf", "gm" and "wm".
    depth : ndarray of shape (height, width)
        Signed distance to the inner skull, mm, negative inside.
    spacing : float
        mm per pixel.
    """

    fractions: dict[str, NDArray[np.float32]]
    depth: NDArray[np.float32]
    spacing: float

    def brain(self) -> NDArray[np.float32]:
        """Share of grey and white matter."""
        return np.asarray(self.fractions["gm"] + self.fractions["wm"])

    def fluid(self, *, deep: bool) -> NDArray[np.float32]:
        """Share of fluid in the ventricles (deeper than 20 mm), or in sulci and cisterns."""
        inner = self.depth < -20.0
        return self.fractions["csf"] * (inner if deep else ~inner)

    def intracranial(self) -> NDArray[np.float32]:
        """Share of all tissue inside the skull."""
        names = [name for name in ("csf", "dura", "vein") if name in self.fractions]
        total = self.brain() + np.sum([self.fractions[name] for name in names], axis=0)
        return total * (self.depth < 0.6)


def grid(shape: tuple[int, int], spacing: float) -> tuple[NDArray, NDArray]:
    """x (to the right) and y (downwards) of each pixel, mm from the middle of the image."""
    height, width = shape
    x = (np.arange(width) - (width - 1) / 2) * spacing
    y = (np.arange(height) - (height - 1) / 2) * spacing
    mesh = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return mesh[0], mesh[1]
