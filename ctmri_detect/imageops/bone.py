"""Which bone near the brain belongs to the skull and its base, and which is a calcification."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.ct_units import CTUnits
from ctmri_detect.imageops.morphology import chosen, components, morph, px

SKULL_SHARE = 0.03
"""A bony part larger than this share of the brain belongs to the skull."""

ISLAND_SHARE = 0.001
"""A smaller bony part is left in the brain, wherever it lies: a small calcification."""

SOLID_HU = {"hu": 500.0, "uint8": 0.0}
"""Least peak of bone of the skull base; an 8-bit window does not show it."""

BESIDE = 0.1
"""Gap to the skull, in radii of the head, within which a small bony part belongs to it."""

SMALL_SHARE = 0.006
"""Largest share of the brain of such a small part; a bleed above 80 HU is often larger."""

LONG = 1.75
"""Least ratio of the half axes of a ridge; calcifications and most bleeds are rounder."""

RIDGE_GAP = 0.25
"""Gap to the skull, in radii of the head, within which a long bony part is a ridge of the base."""

AIR_PIXELS = 4
"""A bony part with at least so many pixels beside air holds the air cells of the petrous bone."""

BASE_AIR = 0.02
"""Least air in the head, as a share of its area: sinuses and air cells show the skull base."""


def skull_parts(
    bone: NDArray[np.bool_],
    hu: NDArray[np.float32],
    air: NDArray[np.bool_],
    head_area: int,
    brain_area: int,
    units: CTUnits = "hu",
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Bone of the skull and of its base, without calcifications.

    Large bony parts are skull. If there is air in the head (sinuses, air cells), the slice
    passes near the skull base. Then these smaller parts belong to it (petrous ridge, clinoid
    processes): those beside the skull, long ones near it, and those with air cells. All others
    stay in the brain: calcifications, and blood that saturates an 8-bit window.

    Parameters
    ----------
    bone : bool array of shape (height, width)
    hu : float32 array of shape (height, width)
    air : bool array of shape (height, width)
        True in the head where there is air; in the 8-bit window fat looks like it.
    head_area, brain_area : int
        Pixels.
    units : {"hu", "uint8"}, default="hu"
        What the slice was in.

    Returns
    -------
    skull : ndarray of bool, shape (height, width)
        The large parts.
    base : ndarray of bool, shape (height, width)
        Smaller parts of the skull base and one pixel around them.
    """
    labels, areas = components(bone)
    large = np.flatnonzero(areas > SKULL_SHARE * brain_area)
    islands = np.setdiff1d(np.flatnonzero(areas >= max(1, ISLAND_SHARE * brain_area)), large)
    skull = chosen(labels, large, len(areas))
    if not (len(large) and len(islands)) or air.sum() < BASE_AIR * head_area:
        return skull, np.zeros_like(skull)
    radius = float(np.sqrt(head_area / np.pi))
    outside = (~skull).view(np.uint8)
    gaps = cv2.distanceTransform(outside, cv2.DIST_L2, 3) / np.float32(radius)
    beside_air = morph(air, cv2.MORPH_DILATE, px(radius, 0.035))
    keep = []
    for k in islands:
        part = labels == k
        near = _near(part, float(gaps[part].min()), areas[k] / brain_area)
        if hu[part].max() >= SOLID_HU[units] and (near or beside_air[part].sum() >= AIR_PIXELS):
            keep.append(int(k))
    return skull, morph(chosen(labels, keep, len(areas)), cv2.MORPH_DILATE, 1)


def _near(part: NDArray[np.bool_], gap: float, share: float) -> bool:
    """Whether a bony part lies as near to the skull as parts of its size and shape may."""
    if gap < BESIDE and share < SMALL_SHARE:
        return True
    spread = np.linalg.eigvalsh(np.cov(np.nonzero(part), bias=True) + np.eye(2) / 12)
    return gap < RIDGE_GAP and bool(spread[1] >= LONG**2 * spread[0])
