"""The outlines of lesions as signed distances (about mm, negative inside).

References
----------
.. [1] Tatu, Moulin, Bogousslavsky, Duvernoy (1998), "Arterial territories of the human brain:
   cerebral hemispheres", Neurology 50(6):1699-1708. Simplified here to three sectors of each
   hemisphere on an axial slice, without separate arteries of the deep nuclei.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.synthesis.drawn_lesion import Lesion
from ctmri_detect.synthesis.kinds import LESION_KINDS
from ctmri_detect.synthesis.scene import Scene, grid

_MEDIAL = 0.28  # of the half width: the strip beside the midline that the anterior artery supplies
_BACK = -0.3  # of the half length: behind it is the territory of the posterior artery


def outline(lesion: Lesion, scene: Scene, grow: float = 1.0) -> NDArray:
    """Signed distance to the border of the lesion, enlarged `grow` times."""
    shape = LESION_KINDS[lesion.kind].shape
    if shape in ("crescent", "lens"):
        return _layer(lesion, scene, grow)
    around = _wavy_ellipse(lesion, scene, grow)
    if shape == "territory":
        return np.maximum(around, _outside_territory(lesion, scene))
    return around


def _wavy_ellipse(lesion: Lesion, scene: Scene, grow: float) -> NDArray:
    x, y = grid(scene.depth.shape, scene.spacing)
    dx, dy = x - lesion.centre[0], y - lesion.centre[1]
    along = np.cos(lesion.angle) * dx + np.sin(lesion.angle) * dy
    across = np.cos(lesion.angle) * dy - np.sin(lesion.angle) * dx
    a, b = grow * lesion.radius[0], grow * lesion.radius[1]
    turn = np.arctan2(across / b, along / a)
    wave = np.ones_like(turn)
    for order, (cosine, sine) in enumerate(lesion.waves, start=2):
        wave += cosine * np.cos(order * turn) + sine * np.sin(order * turn)
    return (np.hypot(along / a, across / b) - np.clip(wave, 0.5, 1.5)) * np.sqrt(a * b)


def layer_thickness(lesion: Lesion, scene: Scene, grow: float = 1.0) -> NDArray:
    """Thickness in mm of a layer under the skull, at each pixel; below 0 beyond its ends.

    A crescent keeps its thickness over most of its length, a lens is thick in the middle.
    """
    spec = LESION_KINDS[lesion.kind]
    away = _away(lesion, scene) / (grow * lesion.radius[0])
    profile = np.clip(1.0 - away**2, 0, 1) ** (0.5 if spec.shape == "crescent" else 1.0)
    below = spec.edge  # low enough that nothing of the layer is left beyond its ends
    return (grow * lesion.radius[1] + below) * profile - below


def _layer(lesion: Lesion, scene: Scene, grow: float) -> NDArray:
    beyond = _away(lesion, scene) >= grow * lesion.radius[0]
    inner = -scene.depth - layer_thickness(lesion, scene, grow)
    return np.maximum(inner, scene.depth - 0.3 + 10.0 * beyond)


def _away(lesion: Lesion, scene: Scene) -> NDArray:
    """Distance of each pixel from the lesion's centre, mm."""
    x, y = grid(scene.depth.shape, scene.spacing)
    return np.hypot(x - lesion.centre[0], y - lesion.centre[1])


def head_coordinates(depth: NDArray) -> tuple[NDArray, NDArray]:
    """Position in the skull: -1..1 from left to right of the image, -1..1 from back to front."""
    rows, columns = np.nonzero(depth < 0)
    half_width = max((np.ptp(columns) + 1) / 2, 1.0)
    half_length = max((np.ptp(rows) + 1) / 2, 1.0)
    middle = (rows.min() + rows.max()) / 2
    u = (np.arange(depth.shape[1]) - columns.mean()) / half_width
    v = (middle - np.arange(depth.shape[0])) / half_length
    return np.broadcast_to(u, depth.shape), np.broadcast_to(v[:, None], depth.shape)


def territories(depth: NDArray) -> NDArray[np.int8]:
    """Vascular territory of each pixel [1]_: 1, 2, 3 anterior, middle, posterior; sign = side."""
    u, v = head_coordinates(depth)
    lateral = np.abs(u)
    behind = v < _BACK - 0.5 * np.clip(lateral - _MEDIAL, 0, 1)  # further back towards the sides
    artery = np.where(behind, 3, np.where(lateral < _MEDIAL, 1, 2))
    return (artery * np.where(u < 0, -1, 1)).astype(np.int8)


def _outside_territory(lesion: Lesion, scene: Scene) -> NDArray:
    """-inf in the territory of the lesion's centre, +inf outside it."""
    labels = territories(scene.depth)
    own = labels.flat[_away(lesion, scene).argmin()]
    return np.where(labels == own, -np.inf, np.inf)
