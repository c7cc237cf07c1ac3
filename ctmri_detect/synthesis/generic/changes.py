"""How a generic anomaly changes the planes inside its shape."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.synthesis.generic.record import GenericAnomaly
from ctmri_detect.synthesis.generic.shapes import smooth_noise

Plane = NDArray[np.float32]

_CALM = 2.0  # pixels, Gaussian sigma: finer structure counts as noise
_SEEN = 1.0  # pixels, Gaussian sigma of the change that is compared with the threshold
_MOST_BENT = 0.6  # of the distance to the centre


def spread(plane: Plane) -> np.float32:
    """Standard deviation of the observed pixels; 1 where they are all equal."""
    values = plane[np.isfinite(plane)]
    found = float(values.std(dtype=np.float64)) if values.size else 0.0
    return np.float32(found if found > 1e-6 else 1.0)


def put(sample: Plane, anomaly: GenericAnomaly, share: Plane, donor: Plane | None) -> Plane:
    """The sample with the anomaly; the same bits where `share` is 0.

    Parameters
    ----------
    sample : float32 ndarray of shape (n_planes, height, width)
    anomaly : GenericAnomaly
    share : float32 ndarray of shape (height, width)
        From `shapes.soft_shape`.
    donor : float32 ndarray of shape (n_planes, height, width) or None
        A sample of another patient.
    """
    out = sample.copy()
    for plane, amplitude in zip(anomaly.planes, anomaly.amplitudes, strict=True):
        there = None if donor is None else donor[plane]
        new = _new_values(sample[plane], anomaly, amplitude, share, there)
        new = sample[plane] + share * (new - sample[plane])
        changed = (share > 0) & np.isfinite(new)
        out[plane][changed] = new[changed]
    return out


def visible_change(before: Plane, after: Plane) -> Plane:
    """Largest smoothed change over the planes, in the planes' standard deviations.

    Returns
    -------
    float32 ndarray of shape (height, width)
    """
    each = []
    for old, new in zip(before, after, strict=True):
        change = np.where(np.isfinite(old), new - old, np.float32(0))
        smooth = cv2.GaussianBlur(change, (0, 0), _SEEN)
        each.append(np.where(np.isfinite(old), np.abs(smooth), 0) / spread(old))
    return np.max(each, axis=0).astype(np.float32)


def _new_values(
    plane: Plane, anomaly: GenericAnomaly, amplitude: float, share: Plane, donor: Plane | None
) -> Plane:
    """The values that replace the plane where the share is 1."""
    step = np.float32(amplitude) * spread(plane)
    if anomaly.mode == "add":
        return plane + step
    if anomaly.mode == "replace":
        calm = masked_gaussian(plane, _CALM)
        inside = np.isfinite(plane) & (share > 0)
        level = np.average(calm[inside], weights=share[inside]) if inside.any() else 0.0
        return np.asarray(np.float32(level) + step + (plane - calm))
    if anomaly.mode == "texture":
        rng = np.random.default_rng([anomaly.seed, 1])
        return plane + step * smooth_noise(plane.shape, anomaly.grain, rng)
    if anomaly.mode == "warp":
        return _bent(plane, anomaly, amplitude)
    source = plane if anomaly.mode == "elsewhere" else donor
    if source is None:
        raise ValueError(
            "The anomaly takes a patch of another patient, but donor is None; expected the one "
            "that it was drawn with: apply(sample, anomaly, donor=donor)."
        )
    return _shifted(source, anomaly.offset)


def _shifted(plane: Plane, offset: tuple[int, int]) -> Plane:
    """The values that lie `offset` away from each pixel; NaN beyond the image."""
    out = np.full_like(plane, np.nan)
    (to_y, from_y), (to_x, from_x) = map(_overlap, plane.shape, offset)
    out[to_y, to_x] = plane[from_y, from_x]
    return out


def _overlap(side: int, step: int) -> tuple[slice, slice]:
    step = int(np.clip(step, -side, side))
    low, high = max(-step, 0), side - max(step, 0)
    return slice(low, high), slice(low + step, high + step)


def _bent(plane: Plane, anomaly: GenericAnomaly, amplitude: float) -> Plane:
    """The tissue pulled together around the centre, or pushed apart."""
    y, x = (np.arange(side, dtype=np.float32) for side in plane.shape)
    y, x = np.broadcast_arrays(y[:, None] - anomaly.centre[0], x - anomaly.centre[1])
    reach = 1.5 * max(anomaly.radii)
    fading = np.clip(1 - np.hypot(y, x) / reach, 0, 1)
    factor = 1 + _MOST_BENT * np.tanh(amplitude) * fading
    grid = (factor * x + anomaly.centre[1], factor * y + anomaly.centre[0])
    from_x, from_y = (axis.astype(np.float32) for axis in grid)
    seen = np.isfinite(plane)
    value, weight = (
        cv2.remap(part, from_x, from_y, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)
        for part in (np.where(seen, plane, np.float32(0)), seen.astype(np.float32))
    )
    return np.where(weight > 0.999, value, np.float32(np.nan))
