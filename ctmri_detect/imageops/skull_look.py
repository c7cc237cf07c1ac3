"""How the skull looks in one image: bright as in a CT, or dark as in an MRI."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.brainmask import mri_head_mask
from ctmri_detect.imageops.percentiles import percentiles_of

_SIDE = 96  # pixels of the larger side that is looked at
_RAYS, _STEPS = 72, 64  # from the middle of the head to its edge
_INNER = (0.2, 0.6)  # of a ray: brain
_OUTER = 0.55  # of a ray: from here on skull is looked for
_BONE = 0.9  # of the range of values: as bright as bone in any window of a CT
_ABOVE = 1.3  # bone against the brain's median; in 8-bit brain windows it is more than 2
_GAP = 0.75  # of the brain's median: no darker value lies between brain and bone
_DARK = 0.6  # of the brain's median: compact bone in an MRI is darker
_RISE = 0.15  # of the range of values by which the scalp outside of it is brighter
_LEAST_HEAD = 0.05  # of the image
_MOST_UNSEEN = 0.3  # of the image; a round field of view leaves out .21, a brain mask more
_AIR = (-1100.0, -900.0)  # HU
_LEAST_AIR = 0.05  # of the image


class SkullLook(NamedTuple):
    """Shares of the directions from the middle of the head, 0 to 1.

    Attributes
    ----------
    bright : float
        Where the brightest values lie on the brain, without a dark gap: the skull of a CT.
    dark : float
        Where a dark band lies inside something brighter: the skull and the scalp of an MRI.
    """

    bright: float
    dark: float


def skull_look(image: NDArray[np.floating]) -> SkullLook | None:
    """Look for the skull along 72 directions from the middle of the head.

    Bone is the brightest tissue of a CT, in any window, and lies on the brain or on a thin layer
    of fluid. In an MRI compact bone gives no signal: from the brain outwards comes a dark band,
    and then the scalp. An image with air at -1000 is a CT.

    When it fails: where there is no skull (a brain alone) both shares mean nothing. Face and
    neck have no closed skull. In T2 images the fluid between brain and skull can be as
    bright as bone; then both shares are high.

    Parameters
    ----------
    image : array of shape (height, width)
        Raw, in any unit; NaN where nothing was observed.

    Returns
    -------
    SkullLook or None
        None if there is no head, or more than 30 % of the image was not observed.

    Examples
    --------
    >>> y, x = np.mgrid[-1:1:96j, -1:1:96j]
    >>> r = np.hypot(y, x)
    >>> ct = np.select([r < 0.65, r < 0.75, r < 0.85], [110.0, 255.0, 5.0], 0.0)
    >>> mri = np.select([r < 0.65, r < 0.75, r < 0.85], [110.0, 5.0, 200.0], 0.0)
    >>> [round(share) for share in skull_look(ct)], [round(share) for share in skull_look(mri)]
    ([1, 0], [0, 1])
    """
    seen = np.isfinite(image)
    if not seen.any() or (~seen).mean() > _MOST_UNSEEN:
        return None
    air = (image > _AIR[0]) & (image < _AIR[1])
    if air.mean() >= _LEAST_AIR:
        return SkullLook(1.0, 0.0)
    small = _scaled(np.where(seen, image, image[seen].min()).astype(np.float32))
    head = mri_head_mask(small)
    if head.mean() < _LEAST_HEAD:
        return None
    rays = _rays(small, head)
    start = round(_INNER[0] * _STEPS)
    brain = np.median(rays[:, start : round(_INNER[1] * _STEPS)], axis=1)
    outer = rays[:, round(_OUTER * _STEPS) :]
    peak = outer.argmax(axis=1)
    height = outer.max(axis=1)
    gap = np.minimum.accumulate(outer, axis=1)[np.arange(_RAYS), peak]
    bright = (height >= _BONE) & (height > _ABOVE * brain) & (gap > _GAP * brain)
    beyond = np.maximum.accumulate(outer[:, ::-1], axis=1)[:, ::-1]
    dark = ((outer < _DARK * brain[:, None]) & (beyond - outer > _RISE)).any(axis=1)
    return SkullLook(float(bright.mean()), float(dark.mean()))


def _scaled(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most 96 pixels large, from 0 to 1 over the robust range."""
    factor = min(1.0, _SIDE / max(image.shape))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    low, high = percentiles_of(small.ravel(), [0.5, 99.5])
    return np.clip((small - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def _rays(image: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values from the middle of the head (first column) to its edge: ``(72, 64)``."""
    rows, columns = np.nonzero(head)
    y, x = rows.mean(), columns.mean()
    angle = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)[:, None]
    reach = np.arange(0, np.hypot(rows - y, columns - x).max() + 2, 0.5)
    inside = _at(head.astype(np.float32), y, x, angle, reach) > 0.5
    edge = reach[inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)]
    edge = np.where(inside.any(axis=1), edge, 1.0)
    return _at(image, y, x, angle, edge[:, None] * np.linspace(0, 1, _STEPS))


def _at(
    image: NDArray[np.float32],
    y: float,
    x: float,
    angle: NDArray[np.floating],
    r: NDArray[np.floating],
) -> NDArray[np.float32]:
    columns, rows = x + np.cos(angle) * r, y + np.sin(angle) * r
    grid = columns.astype(np.float32), rows.astype(np.float32)
    return np.asarray(cv2.remap(image, *grid, cv2.INTER_LINEAR, borderValue=0), np.float32)
