"""A piece of metal in or at the head: a clip, a staple, a wire, in cross-section."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.synthesis.artefacts.draw import Artefact

__all__ = ["Clip", "place_clip"]

_REACH = 0.45  # of the image's longer side, chosen: inside the circle that is reconstructed


class Clip(NamedTuple):
    """An ellipse: middle and half axes in pixels, direction of the long axis in radians."""

    y: float
    x: float
    long: float
    short: float
    turn: float


def place_clip(artefact: Artefact, head: NDArray[np.bool_], spacing: float) -> Clip:
    """The place and shape of a drawn piece of metal in an image.

    Parameters
    ----------
    artefact : Artefact
        Of kind "metal_streak".
    head : ndarray of bool, shape (height, width)
        If it is empty, the metal lies as if the head filled the image.
    spacing : float
        mm per pixel.

    Returns
    -------
    Clip
    """
    values, shape = artefact.values, head.shape
    rows, columns = np.nonzero(head if head.any() else np.ones(shape, bool))
    ray = np.array([np.sin(values["direction"]), np.cos(values["direction"])])
    centre = np.array([rows.mean(), columns.mean()])
    along = (rows - centre[0]) * ray[0] + (columns - centre[1]) * ray[1]
    aside = (rows - centre[0]) * ray[1] - (columns - centre[1]) * ray[0]
    edge = along[np.abs(aside) <= 1.0].max(initial=0.0)
    middle = (np.array(shape) - 1) / 2
    off = centre + values["place"] * edge * ray - middle
    y, x = middle + off * min(1.0, _REACH * max(shape) / max(float(np.hypot(*off)), 1.0))
    radius, stretch = values["diameter_mm"] / 2 / spacing, np.sqrt(values["elongation"])
    return Clip(y, x, radius * stretch, radius / stretch, values["angle"])
