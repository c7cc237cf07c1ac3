"""Lesions as changes of tissue: drawn as a shape, put in before the scanner sees them.

A lesion is a soft field of 0..1 and a tissue that takes the place of what was there. What it
looks like in CT and MRI follows from HU, T1, T2 and proton density, not from painted contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.synthesis.kinds import LESION_KINDS, SEVERITIES, LesionKind
from ctmri_detect.synthesis.tissues import Tissue

__all__ = ["Lesion", "draw_lesion", "lesion_layers"]


@dataclass(frozen=True)
class Lesion:
    """A drawn lesion; all it takes to put it into a slice.

    Parameters
    ----------
    kind : str
        Key of `LESION_KINDS`.
    tissue : Tissue
        What it is made of; its ``hu`` is a change where the kind is relative.
    centre : (x, y)
        mm from the middle of the image, x to the right, y downwards.
    radius : (float, float)
        Half axes in mm; for the subdural crescent half its length and its thickness.
    angle : float
        Direction of the first half axis, radians.
    waves : ndarray of shape (5, 2)
        Cosine and sine amplitudes of the outline's 2nd to 6th harmonic.
    strength : float
        Share of the tissue that is replaced in the middle, 0..1.
    """

    kind: str
    tissue: Tissue
    centre: tuple[float, float]
    radius: tuple[float, float]
    angle: float
    waves: NDArray
    strength: float


def _site(kind: LesionKind, fractions: dict[str, NDArray], depth: NDArray) -> NDArray:
    """Where a lesion of this kind may be, 0..1."""
    brain = fractions["gm"] + fractions["wm"]
    if kind.site == "wm":
        return fractions["wm"] + 0.3 * fractions["gm"]
    if kind.site == "brain":
        return brain
    inside = brain + fractions["csf"] + fractions["dura"] + fractions["vein"]
    inside = inside * (depth < 0.6)
    if kind.site == "rim":
        return inside
    deep_fluid = fractions["csf"] * (depth < -20.0)
    return np.clip(inside - deep_fluid, 0, 1)


def _grid(shape: tuple[int, int], spacing: float) -> tuple[NDArray, NDArray]:
    height, width = shape
    x = (np.arange(width) - (width - 1) / 2) * spacing
    y = (np.arange(height) - (height - 1) / 2) * spacing
    grid = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return grid[0], grid[1]


def draw_lesion(
    kind: str,
    severity: str,
    fractions: dict[str, NDArray],
    depth: NDArray,
    spacing: float,
    rng: np.random.Generator,
) -> Lesion:
    """Draw a lesion that fits into a slice.

    Parameters
    ----------
    kind : str
        Key of `LESION_KINDS`.
    severity : {"mild", "moderate", "severe"}
        Sets diameter and strength.
    fractions : dict of ndarray (height, width)
        Healthy tissue fractions by name.
    depth : ndarray (height, width)
        Signed distance to the inner skull in mm, negative inside.
    spacing : float
        mm per pixel.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Lesion
    """
    spec, level = LESION_KINDS[kind], SEVERITIES[severity]
    radius = 0.5 * spec.scale * rng.uniform(*level.diameter)
    stretch = float(np.exp(rng.uniform(-0.3, 0.3)))
    place, angle, strength = rng.random(), rng.uniform(0, np.pi), rng.uniform(*level.strength)
    waves = rng.standard_normal((5, 2)) * (0.16 / np.arange(2, 7)[:, None] ** 0.7)
    tissue = Tissue(*(rng.uniform(*limits) for limits in (spec.hu, spec.t1, spec.t2, spec.pd)))
    if spec.site == "rim":
        wanted = np.exp(-0.5 * ((depth + 1.0) / 1.0) ** 2) * _site(spec, fractions, depth)
        wanted *= _away_from_midline(depth, spacing)
        axes = (4.0 * radius, 0.8 * radius)
    else:
        wanted = cv2.GaussianBlur(_site(spec, fractions, depth), (0, 0), 0.6 * radius / spacing)
        axes = (radius * stretch, radius / stretch)
    # any place that holds most of the lesion; the best there is where none does
    places = np.flatnonzero(wanted >= min(0.75, 0.95 * float(wanted.max())))
    row, column = np.unravel_index(places[int(place * len(places))], depth.shape)
    x, y = _grid(depth.shape, spacing)
    centre = (float(x[row, column]), float(y[row, column]))
    return Lesion(kind, tissue, centre, axes, float(angle), waves, float(strength))


def _away_from_midline(depth: NDArray, spacing: float) -> NDArray:
    """Subdural blood lies over the convexity: 0 within 25 mm of the head's centre column."""
    x, _ = _grid(depth.shape, spacing)
    middle = x[depth < 0].mean()
    return (np.abs(x - middle) > 25.0).astype(np.float32)


def _outline(lesion: Lesion, shape: tuple[int, int], spacing: float, grow: float) -> NDArray:
    """Signed distance (about mm, negative inside) to the wavy ellipse, `grow` times its size."""
    x, y = _grid(shape, spacing)
    dx, dy = x - lesion.centre[0], y - lesion.centre[1]
    along = np.cos(lesion.angle) * dx + np.sin(lesion.angle) * dy
    across = np.cos(lesion.angle) * dy - np.sin(lesion.angle) * dx
    a, b = grow * lesion.radius[0], grow * lesion.radius[1]
    turn = np.arctan2(across / b, along / a)
    wave = np.ones_like(turn)
    for order, (cosine, sine) in enumerate(lesion.waves, start=2):
        wave += cosine * np.cos(order * turn) + sine * np.sin(order * turn)
    return (np.hypot(along / a, across / b) - np.clip(wave, 0.5, 1.5)) * np.sqrt(a * b)


def _crescent(lesion: Lesion, depth: NDArray, spacing: float) -> NDArray:
    """Signed distance (about mm) to a layer under the skull that thins towards its ends."""
    x, y = _grid(depth.shape, spacing)
    length, thickness = lesion.radius
    away = np.hypot(x - lesion.centre[0], y - lesion.centre[1]) / length
    below = LESION_KINDS[lesion.kind].edge  # deep enough that nothing is left beyond the ends
    profile = (thickness + below) * np.sqrt(np.clip(1.0 - away**2, 0, 1)) - below
    return np.maximum(-depth - profile, depth - 0.3 + 10.0 * (away >= 1.0))


def lesion_layers(
    lesion: Lesion, fractions: dict[str, NDArray], depth: NDArray, spacing: float
) -> list[tuple[NDArray[np.float32], Tissue, bool]]:
    """Apply a drawn lesion to a slice's geometry.

    Parameters
    ----------
    lesion : Lesion
        What `draw_lesion` returned.
    fractions, depth, spacing
        As in `draw_lesion`.

    Returns
    -------
    list of (field, tissue, hu_relative)
        Soft fields of 0..1 from the outermost to the innermost (the last one is the lesion
        proper), each with the tissue that takes its place at full strength.
    """
    spec = LESION_KINDS[lesion.kind]
    site = _site(spec, fractions, depth)
    layers = []
    if spec.halo:
        oedema = Tissue(-8.0, 1100.0, 140.0, 0.88)
        outline = _outline(lesion, depth.shape, spacing, spec.halo)
        layers.append((_soft(outline, 4.0, 0.8 * fractions["wm"]), oedema, True))
    if spec.site == "rim":
        outline = _crescent(lesion, depth, spacing)
    else:
        outline = _outline(lesion, depth.shape, spacing, 1.0)
    field = _soft(outline, spec.edge, site)
    top = float(field.max())
    if top < 0.95:  # a small lesion on coarse pixels still has a middle
        field = field / np.float32(max(top, 0.05))
    layers.append((field, lesion.tissue, spec.hu_relative))
    return layers


def _soft(outline: NDArray, edge: float, site: NDArray) -> NDArray[np.float32]:
    """1 inside the outline, a smooth step `edge` mm wide at it, 0 outside; times `site`."""
    t = np.clip(0.5 - outline / (2.0 * edge), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t) * site).astype(np.float32)
