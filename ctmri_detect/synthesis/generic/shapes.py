"""The outlines of generic anomalies as soft fields, 1 inside and 0 outside."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.synthesis.generic.record import GenericAnomaly

_WAVES = 0.25  # of the radius: standard deviation of the outline
_FARTHEST = 0.6  # of the radius: the outline moves no further out or in
_SPREAD = 1.4  # a "noise" shape is scattered over an ellipse this many times as large


def soft_shape(anomaly: GenericAnomaly, brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share of each pixel that is changed.

    Parameters
    ----------
    anomaly : GenericAnomaly
    brain : bool ndarray of shape (height, width)
        Where any plane was observed.

    Returns
    -------
    float32 ndarray of shape (height, width)
        From 0 to 1; exactly 0 outside the shape and outside the brain.
    """
    radius = float(np.sqrt(np.prod(anomaly.radii)))
    away, rng = _ellipse(anomaly, brain.shape), np.random.default_rng([anomaly.seed, 0])
    if anomaly.shape == "noise":
        grains = smooth_noise(brain.shape, max(radius / 3, 1.0), rng)
        inside = np.minimum(1 - away / _SPREAD, 0.5 * grains)
    else:
        waves = _WAVES * smooth_noise(brain.shape, max(radius / 2, 1.0), rng)
        inside = 1 - away + np.clip(waves, -_FARTHEST, _FARTHEST)
    if anomaly.shape == "rim":
        inside = np.minimum(inside, (anomaly.depth - edge_distance(brain)) / radius)
    t = np.clip(0.5 + inside * (radius / anomaly.edge), 0, 1)
    return (t * t * (3 - 2 * t) * brain).astype(np.float32)


def edge_distance(brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each pixel of the brain from the outside, in pixels."""
    padded = np.pad(brain.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1])


def smooth_noise(
    shape: tuple[int, ...], sigma: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Gaussian noise with grains of `sigma` pixels; standard deviation 1."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma)
    return np.asarray(noise / max(float(noise.std()), 1e-6), dtype=np.float32)


def _ellipse(anomaly: GenericAnomaly, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Distance from the centre; 1 on the ellipse."""
    y, x = (np.arange(side, dtype=np.float32) for side in shape)
    y, x = y[:, None] - anomaly.centre[0], x - anomaly.centre[1]
    cos, sin = np.cos(anomaly.angle), np.sin(anomaly.angle)
    along = (cos * x + sin * y) / anomaly.radii[0]
    return np.asarray(np.hypot(along, (cos * y - sin * x) / anomaly.radii[1]))
