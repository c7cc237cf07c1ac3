"""A generic anomaly that was drawn and is not yet put into a sample."""

from __future__ import annotations

from dataclasses import dataclass

SHAPES = {"ellipse": 0.73, "rim": 0.15, "noise": 0.12}
"""How often each shape is drawn."""

MODES = {
    "add": 0.37,
    "replace": 0.37,
    "texture": 0.09,
    "patch": 0.06,
    "warp": 0.04,
    "elsewhere": 0.07,
}
"""How often each kind of change is drawn. The last three often look like a healthy head, and more
of them made a detector worse (development seeds 130 and 131)."""


@dataclass(frozen=True)
class GenericAnomaly:
    """A drawn anomaly: all that is needed to put it into a sample.

    Parameters
    ----------
    shape : str
        Key of `SHAPES`.
    mode : str
        Key of `MODES`.
    planes : tuple of int
        The planes that change.
    amplitudes : tuple of float
        For each of these planes, signed, in standard deviations of the plane.
    centre : (int, int)
        Row and column.
    radii : (float, float)
        Half axes of the ellipse, pixels.
    angle : float
        Direction of the first half axis, radians.
    edge : float
        Width of the soft edge, pixels.
    depth : float
        How far a "rim" reaches below the brain's edge, pixels.
    offset : (int, int)
        From a pixel to the place that replaces it ("patch", "elsewhere"), rows and columns.
    grain : float
        Size of the grains of a "texture", pixels.
    seed : int
        Seed of the outline's noise and of the texture.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.synthesis import GenericAnomalies
    >>> from ctmri_detect.testing import make_heads
    >>> drawn = GenericAnomalies(modes=("add",)).draw(make_heads(1)[0], np.random.default_rng(0))
    >>> drawn.mode, drawn.shape in SHAPES
    ('add', True)
    """

    shape: str
    mode: str
    planes: tuple[int, ...]
    amplitudes: tuple[float, ...]
    centre: tuple[int, int]
    radii: tuple[float, float]
    angle: float
    edge: float
    depth: float
    offset: tuple[int, int]
    grain: float
    seed: int
