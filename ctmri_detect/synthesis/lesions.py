"""Synthetic lesions: changes of tissue in a drawn shape, made before the scanner is simulated.

A lesion is a soft field of 0..1 and a tissue that replaces what was there. What it looks like in
CT and MRI follows from HU, T1, T2 and proton density; no contrast is chosen by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import InjectionError
from ctmri_detect.synthesis.drawn_lesion import Lesion
from ctmri_detect.synthesis.kinds import LESION_KINDS, SEVERITIES, LesionKind
from ctmri_detect.synthesis.outlines import outline
from ctmri_detect.synthesis.scene import Scene, grid
from ctmri_detect.synthesis.tissues import Tissue

__all__ = ["Layer", "Lesion", "draw_lesion", "lesion_layers"]

_OEDEMA = Tissue(-8.0, 1100.0, 140.0, 0.88)  # around a tumour; its CT number is a change
_LAYER_AXES = {"crescent": (4.0, 0.8), "lens": (2.2, 1.1)}  # half length, thickness; of the radius


@dataclass(frozen=True)
class Layer:
    """One change of tissue: where (0..1), to which tissue, and whether its HU are a change."""

    field: NDArray[np.float32]
    tissue: Tissue
    hu_relative: bool


def _site(kind: LesionKind, scene: Scene) -> NDArray:
    """Where a lesion of this kind may be, 0..1."""
    if kind.site == "wm":
        return scene.fractions["wm"] + 0.3 * scene.fractions["gm"]
    if kind.site == "brain":
        return scene.brain()
    if kind.site == "sulci":
        return scene.fluid(deep=False) * (scene.depth < 0.6)
    if kind.site == "rim":
        return scene.intracranial()
    return np.clip(scene.intracranial() - scene.fluid(deep=True), 0, 1)


def draw_lesion(kind: str, severity: str, scene: Scene, rng: np.random.Generator) -> Lesion:
    """Draw a lesion that fits into a slice.

    Parameters
    ----------
    kind : str
        Key of `LESION_KINDS`.
    severity : {"mild", "moderate", "severe"}
        Sets diameter and strength.
    scene : Scene
        The healthy slice.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Lesion

    Raises
    ------
    InjectionError
        Where the slice has none of the tissue that this kind needs.
    """
    spec, level = LESION_KINDS[kind], SEVERITIES[severity]
    radius = 0.5 * spec.scale * rng.uniform(*level.diameter)
    stretch = float(np.exp(rng.uniform(-0.3, 0.3)))
    place, angle, strength = rng.random(), rng.uniform(0, np.pi), rng.uniform(*level.strength)
    waves = rng.standard_normal((5, 2)) * (0.16 / np.arange(2, 7)[:, None] ** 0.7)
    tissue = Tissue(*(rng.uniform(*limits) for limits in (spec.hu, spec.t1, spec.t2, spec.pd)))
    if spec.shape in _LAYER_AXES:
        axes = tuple(radius * share for share in _LAYER_AXES[spec.shape])
    else:
        axes = (radius * stretch, radius / stretch)
    wanted = _wanted(spec, scene, radius)
    top = float(wanted.max())
    if top < 0.05:
        raise InjectionError(f"the slice holds no tissue for {kind} (site: {spec.site})")
    # any place that holds most of the lesion; if there is none, the best place
    places = np.flatnonzero(wanted >= min(0.75, 0.95 * top))
    row, column = np.unravel_index(places[int(place * len(places))], scene.depth.shape)
    x, y = grid(scene.depth.shape, scene.spacing)
    centre = (float(x[row, column]), float(y[row, column]))
    return Lesion(kind, tissue, centre, (axes[0], axes[1]), float(angle), waves, float(strength))


def _wanted(spec: LesionKind, scene: Scene, radius: float) -> NDArray:
    """How suitable each pixel is as the lesion's centre, 0..1."""
    site = _site(spec, scene)
    if spec.site == "rim":
        site = np.exp(-0.5 * ((scene.depth + 1.0) / 1.0) ** 2) * site
        return site * _away_from_midline(scene)
    return cv2.GaussianBlur(site.astype(np.float32), (0, 0), 0.6 * radius / scene.spacing)


def _away_from_midline(scene: Scene) -> NDArray:
    """0 within 25 mm of the midline, else 1: blood outside the brain lies over the convexity."""
    x, _ = grid(scene.depth.shape, scene.spacing)
    inside = scene.depth < 0
    middle = x[inside].mean() if inside.any() else 0.0
    return (np.abs(x - middle) > 25.0).astype(np.float32)


def lesion_layers(lesion: Lesion, scene: Scene, scale: float = 1.0) -> list[Layer]:
    """Apply a drawn lesion to a slice's geometry.

    Parameters
    ----------
    lesion : Lesion
        What `draw_lesion` returned.
    scene : Scene
        The slice, after the lesion has pushed tissue aside.
    scale : float, default=1.0
        Size of the lesion in this slice relative to its middle, for lesions of several slices.

    Returns
    -------
    list of Layer
        From the outermost to the innermost; the last one is the lesion itself. Its field reaches
        1 if the lesion fits its site.
    """
    spec = LESION_KINDS[lesion.kind]
    layers = []
    if spec.halo:
        around = outline(lesion, scene, spec.halo * scale)
        layers.append(Layer(_soft(around, 4.0, 0.8 * scene.fractions["wm"]), _OEDEMA, True))
    field = _soft(outline(lesion, scene, scale), spec.edge, _site(spec, scene))
    top = float(field.max())
    if top < 0.95:  # a small lesion on coarse pixels still has a middle
        field = field / np.float32(max(top, 0.05))
    layers.append(Layer(field, lesion.tissue, spec.hu_relative))
    return layers


def _soft(around: NDArray, edge: float, site: NDArray) -> NDArray[np.float32]:
    """1 inside the outline, a smooth step `edge` mm wide at it, 0 outside; times `site`."""
    t = np.clip(0.5 - around / (2.0 * edge), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t) * site).astype(np.float32)
