"""From the soft tissue inside the skull to the brain: parts, holes, edge."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.ct_units import CTUnits
from ctmri_detect.imageops.morphology import chosen, components, disc, fill_holes, morph, px

BRAIN_HU = 30.0
"""Typical value of brain and of what lies under the skull."""

RIM_HU = 300.0
"""Greatest value of a pixel of the mask's rim, which is partly bone."""

FINE = 60
"""Least radius of the head, in pixels, at which a saturated pixel belongs to the rim."""

MIN_BONY = {"part": 1.87, "huge": 1.4}
"""Least sum of two shares of a part: directions in which it is enclosed by bone, and border that
touches bone. Throat, tongue and muscle below the skull base reach 1.2 to 1.87, brain 1.88 to 2; a
part that fills most of the head may reach less, since a bone flap may be missing."""

MAX_SPREAD = 1.8
"""Greatest standard deviation of a part, in those of the largest part: muscle with fat between it
has 2 and more, temporal lobes 0.5 to 1.1."""

MIN_BRAIN_SHARE = 0.065
"""Less brain than this share of the head is a spinal canal or a mistake."""


def large_parts(soft: NDArray[np.bool_], hu: NDArray[np.float32], radius: int) -> NDArray[np.bool_]:
    """Cut narrow bridges; keep the largest part and large ones like it; grow them back."""
    cores = morph(soft, cv2.MORPH_ERODE, radius)
    labels, areas = components(cores)
    if areas.max() == 0:
        return np.zeros_like(soft)
    main = hu[labels == areas.argmax()]
    keep = []
    for k in np.flatnonzero(areas >= 0.05 * areas.max()):
        part = hu[labels == k]
        alike = abs(float(np.median(part)) - float(np.median(main))) < 12.0
        if alike and part.std() <= MAX_SPREAD * main.std():
            keep.append(int(k))
    grown = morph(chosen(labels, keep, len(areas)), cv2.MORPH_DILATE, radius + 1)
    return grown & soft


def complete(
    brain: NDArray[np.bool_], skull: NDArray[np.bool_], allowed: NDArray[np.bool_], radius: int
) -> NDArray[np.bool_]:
    """Close small gaps, fill holes, remove bone of the skull, smooth the edge."""
    closed = morph(brain, cv2.MORPH_CLOSE, radius) & allowed
    filled = fill_holes(closed | brain) & ~skull
    smooth = morph(filled, cv2.MORPH_OPEN, max(1, radius // 2))
    labels, areas = components(smooth)
    return chosen(labels, np.flatnonzero((areas >= 0.05 * areas.max()) & (areas > 0)), len(areas))


def within_bone(
    brain: NDArray[np.bool_],
    bone: NDArray[np.bool_],
    enclosed: NDArray[np.float32],
    head_area: int,
) -> NDArray[np.bool_]:
    """Keep the parts that bone encloses and that touch bone; nothing if they are tiny."""
    near_bone = morph(bone, cv2.MORPH_DILATE, px(np.sqrt(head_area / np.pi), 0.04))
    labels, areas = components(brain)
    keep = []
    for k in np.flatnonzero(areas):
        part = labels == k
        rim = morph(part, cv2.MORPH_DILATE, 1) & ~part
        touching = (rim & near_bone).sum() / max(1, rim.sum())
        kind = "huge" if areas[k] >= 0.4 * head_area else "part"
        if enclosed[part].mean() + touching >= MIN_BONY[kind]:
            keep.append(int(k))
    kept = chosen(labels, keep, len(areas))
    return kept & (kept.sum() >= MIN_BRAIN_SHARE * head_area)


def grown_to_inner_table(
    brain: NDArray[np.bool_], hu: NDArray[np.float32], head_radius: float, units: CTUnits
) -> NDArray[np.bool_]:
    """Grow the brain by one pixel, in HU up to half the height of the bone beside it.

    Fluid and blood along the skull share their pixels with bone, which lifts them above
    `BONE_HU`. At half the height a pixel is half bone; `RIM_HU` bounds it.
    """
    rim = morph(brain, cv2.MORPH_DILATE, 1)
    if units == "uint8":
        return rim | brain if head_radius >= FINE else brain
    half = 0.5 * (cv2.dilate(hu, disc(2)) + BRAIN_HU)
    return brain | (rim & (hu < np.minimum(half, RIM_HU)))
