"""Brain and head masks from one slice, by morphology and lines of sight."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from ctmri_detect.ct_units import UINT8_TO_HU, CTUnits, check_ct_units
from ctmri_detect.imageops.bone import skull_parts
from ctmri_detect.imageops.brainparts import (
    complete,
    grown_to_inner_table,
    large_parts,
    within_bone,
)
from ctmri_detect.imageops.morphology import (
    coarse_enclosure,
    components,
    fill_holes,
    morph,
    px,
    restore,
    shrink,
)

BONE_HU = {"hu": 100.0, "uint8": 250 * UINT8_TO_HU}
"""Least value of bone; in the 8-bit window bone saturates (JPEG blurs 255 a little)."""

SOFT_HU = {"hu": -15.0, "uint8": 1.5 * UINT8_TO_HU}
"""Least value of brain and fluid; air and CSF both lie near 0 in the 8-bit window."""

AIR_HU = {"hu": -250.0, "uint8": 10 * UINT8_TO_HU}
"""Least value of the head. In the 8-bit window fat is black: the head is bone and brain."""


def brain_mask(
    ct: NDArray[np.floating], units: CTUnits = "hu", *, to_inner_table: bool = False
) -> NDArray[np.bool_]:
    """Find the brain in a CT slice as the soft tissue that bone surrounds.

    A pixel lies inside the skull if there is bone in most directions from it. Unlike filling
    holes, this tolerates foramina, burr holes and a missing bone flap. Of the soft tissue inside
    (after [1]_: 0 to 100 HU), narrow bridges are cut, the large parts are kept, and their holes
    are filled. Small calcifications and blood belong to the mask; bone of the skull base (petrous
    ridge, clinoid processes) does not. A headrest lies outside the head and has no effect.

    When it fails: an 8-bit window hides what is inside a saturated area. So a haematoma over
    80 HU that covers more than 3 % of the brain is taken for bone, and near the skull base a
    calcification beside the skull, or a long bleed over 80 HU. Other failures: a skull that
    lacks more than about a quarter of its circumference; a slice whose skull was removed before
    (use `head_mask` there). Most slices below the skull base give an empty mask; muscle between
    jaw and skull base is sometimes taken for brain.

    Parameters
    ----------
    ct : array of shape (height, width)
        NaN counts as air.
    units : {"hu", "uint8"}, default="hu"
        See `ctmri_detect.ct_units`.
    to_inner_table : bool, default=False
        Grow the mask by one pixel, to the inner table of the skull. Pixels there are partly bone,
        so their values mean little, but thin blood along the skull reaches into them. In HU a pixel
        that is more than half bone, or above 300 HU, stays outside.

    Returns
    -------
    ndarray of bool, shape (height, width)
        True inside the brain; all False if no plausible brain was found.

    References
    ----------
    .. [1] J. Muschelli et al., "Validated automatic brain extraction of head CT images",
       NeuroImage 114 (2015): tissue between 0 and 100 HU.

    Examples
    --------
    >>> from ctmri_detect.imageops.brainmask import brain_mask
    >>> y, x = np.mgrid[-1:1:128j, -1:1:128j]
    >>> r = np.hypot(y, x * 1.2)
    >>> ct = np.select([r < 0.7, r < 0.8], [30.0, 1000.0], default=-1000.0)
    >>> mask = brain_mask(ct)
    >>> bool(mask[64, 64]), bool(mask[2, 2]), round(float(mask.sum() / (r < 0.7).sum()), 1)
    (True, False, 1.0)
    """
    return _masks(ct, units, [to_inner_table])[0]


def both_brain_masks(
    ct: NDArray[np.floating], units: CTUnits = "hu"
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`brain_mask`, and the same grown to the inner table, in little more time than one of them.

    Examples
    --------
    >>> from ctmri_detect.imageops.brainmask import both_brain_masks
    >>> y, x = np.mgrid[-1:1:128j, -1:1:128j]
    >>> r = np.hypot(y, x * 1.2)
    >>> mask, grown = both_brain_masks(np.select([r < 0.7, r < 0.8], [30.0, 1000.0], -1000.0))
    >>> bool((grown | ~mask).all()), bool(grown.any())
    (True, True)
    """
    mask, grown = _masks(ct, units, [False, True])
    return mask, grown


def head_mask(ct: NDArray[np.floating], units: CTUnits = "hu") -> NDArray[np.bool_]:
    """Find the head in a CT slice: the largest object above air, holes filled.

    Thin parts (headrest, tubes) are removed by an opening. In the 8-bit window fat is as
    black as air, so the scalp is left out.

    Parameters
    ----------
    ct : array of shape (height, width)
        Hounsfield units or an 8-bit brain window. NaN counts as air.
    units : {"hu", "uint8"}, default="hu"

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False if nothing is brighter than air.

    Examples
    --------
    >>> from ctmri_detect.imageops.brainmask import head_mask
    >>> ct = np.full((64, 64), -1000.0)
    >>> ct[16:48, 16:48] = 30.0
    >>> int(head_mask(ct).sum()) > 1000
    True
    """
    hu, shape = _prepare(ct, units)
    return restore(_head(hu, AIR_HU[units]), shape)


def mri_head_mask(mri: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Find the head in an MRI slice: Otsu's threshold [1]_, largest part, holes filled.

    The threshold is halved. Otherwise bright fluid or fat could raise it above brain.

    Parameters
    ----------
    mri : array of shape (height, width)
        Any unit. NaN counts as background.

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False if the slice is constant or all NaN.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", 1979.

    Examples
    --------
    >>> from ctmri_detect.imageops.brainmask import mri_head_mask
    >>> mri = np.zeros((64, 64))
    >>> mri[16:48, 16:48] = 100.0
    >>> int(mri_head_mask(mri).sum()) > 1000
    True
    """
    image = np.asarray(mri, dtype=np.float32)
    observed = np.isfinite(image)
    values = image[observed]
    if values.size == 0 or values.min() == values.max():
        return np.zeros(image.shape, dtype=bool)
    floor = float(np.percentile(values, 1))
    level = floor + 0.5 * (float(threshold_otsu(values)) - floor)
    small, shape = shrink(np.where(observed, image, floor - 1).astype(np.float32))
    return restore(_head(small, level), shape)


def _prepare(
    ct: NDArray[np.floating], units: CTUnits
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The slice in HU with NaN as air, at most `WORKING_SIZE` large; and its own shape."""
    check_ct_units(units, "units")
    image = np.asarray(ct, dtype=np.float32)
    if units == "uint8":
        image = image * np.float32(UINT8_TO_HU)
    air = -1000.0 if units == "hu" else 0.0
    return shrink(np.nan_to_num(image, nan=air))


def _head(image: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    size = max(image.shape)
    closed = morph(image > level, cv2.MORPH_CLOSE, px(size, 0.012))  # thin bone, air cells
    opened = morph(fill_holes(closed), cv2.MORPH_OPEN, px(size, 0.012))
    labels, areas = components(opened)
    if areas.max() == 0:
        return np.zeros(image.shape, dtype=bool)
    return fill_holes(labels == areas.argmax())


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that the mask reaches."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _masks(
    ct: NDArray[np.floating], units: CTUnits, to_inner_table: Sequence[bool]
) -> list[NDArray[np.bool_]]:
    """The brain, as it is or grown to the inner table, on the grid of `ct`."""
    hu, shape = _prepare(ct, units)
    head = _head(hu, AIR_HU[units])
    if not head.any():
        return [np.zeros(shape, dtype=bool) for _ in to_inner_table]
    box, masks = _box(head), []
    within = np.ascontiguousarray(hu[box]), np.ascontiguousarray(head[box])
    for mask in _brains(*within, units, to_inner_table):
        whole = np.zeros(head.shape, dtype=bool)
        whole[box] = mask
        masks.append(restore(whole, shape))
    return masks


def _brains(
    hu: NDArray[np.float32],
    head: NDArray[np.bool_],
    units: CTUnits,
    to_inner_table: Sequence[bool],
) -> list[NDArray[np.bool_]]:
    """The brain in the head's own box, as it is or grown."""
    radius = float(np.sqrt(head.sum() / np.pi))
    bone = head & (hu >= BONE_HU[units])
    enclosed = coarse_enclosure(bone, max(1, round(radius / 40)))
    inside = head & ~bone & (enclosed >= 0.75)
    soft = inside & (cv2.GaussianBlur(hu, (0, 0), 1.0) >= SOFT_HU[units])
    brain = large_parts(soft, hu, px(radius, 0.04))
    if not brain.any():
        return [brain for _ in to_inner_table]
    air = head & ~brain & (hu < AIR_HU[units])
    skull, base = skull_parts(bone, hu, air, int(head.sum()), int(brain.sum()), units)
    brain = complete(brain, skull | base, inside | bone, px(radius, 0.05))
    brain = within_bone(brain, bone, enclosed, int(head.sum()))
    grown = [grown_to_inner_table(brain, hu, radius, units) if g else brain for g in to_inner_table]
    return [mask & ~base for mask in grown]
