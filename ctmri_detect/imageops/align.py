"""Register an image to its prediction: small rigid motions, by least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ctmri_detect.imageops.comparison import LEAST, Array, Comparison, Mask, Real, compared
from ctmri_detect.imageops.recalibrate import HUBER

_ROUNDS, _STILL = 8, 0.02  # most Gauss-Newton steps; smaller steps (px, degrees) end them

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Motion:
    """A rigid motion about the centre of the image.

    `dy`, `dx`: how far the centre moves, pixels. `angle`: degrees, positive = counter-clockwise as
    one sees it. `gain`: relative drop of the cost; 0 if the image was left alone. `matrix`: maps
    (x, y, 1) of the image to (x, y) of the prediction, float64 (2, 3), as `warp_observed` takes it.
    """

    dy: float
    dx: float
    angle: float
    gain: float
    matrix: Vector


def align_to_prediction(
    image: Real, mean: Real, variance: Real, seen: Mask, *, tolerance: float, min_gain: float = 0.03
) -> Motion:
    """The small motion that registers an image to its prediction; the identity for a small gain.

    Whole shifts come first, by weighted correlation in the Fourier domain [1]_; then
    Gauss-Newton steps for shift and angle [2]_ with Huber's weights [3]_. All of it uses block
    means (a shorter side of about 64); the accuracy is .1 pixel at 128 x 128.

    It fails where the prediction varies along one direction only or repeats itself, and where
    the motion exceeds `tolerance` or 5 degrees. A shift that all training pairs have is not seen.

    Parameters
    ----------
    image : array of shape (height, width)
        NaN where not observed. Any unit: a positive gain and an offset are fitted.
    mean, variance, seen : arrays of shape (height, width)
        Its prediction, and where it is valid (bool). Pixels without a finite mean and a finite
        positive variance are left out. Block means are allowed, too: each of shape
        ``(height // side, width // side)`` with `comparison.block_side`.
    tolerance : float
        Largest shift along each axis, pixels (the result may be half a pixel larger); 0 searches
        nothing. A larger value finds larger shifts, and more false ones.
    min_gain : float, default=0.03
        Relative drop of the cost below which the image is not moved. Chosen on phantoms of
        development seeds (131, 132): well registered pairs gain less by chance, and a motion of
        one pixel or one degree at 128 pixels gains more.

    Returns
    -------
    Motion

    Notes
    -----
    T minimises ``C(T) = mean over x of min(|I(T^-1 x) - alpha - beta m(x)| / (s sqrt(v(x))), 3)^2``
    with a robust scale s. A step regresses ``I(T^-1 x)`` on ``alpha + beta (m(x) + grad m(x) .
    d(x))`` and adds the small rigid displacement d. The gradient is that of the prediction, so
    that noise of the image neither biases it nor favours warps that smooth. For the same reason,
    image and prediction are each warped by half of T for the gain ``1 - C(T) / C(identity)``.

    References
    ----------
    .. [1] Padfield (2012), "Masked object registration in the Fourier domain", IEEE TIP 21(5):2706.
    .. [2] Lucas and Kanade (1981), "An iterative image registration technique ...", IJCAI, 674.
    .. [3] Huber (1964), "Robust estimation of a location parameter", Ann. Math. Stat. 35:73.

    Examples
    --------
    >>> y, x = np.mgrid[:64, :64] / 9
    >>> mean = np.sin(x + 0.3 * y) + np.cos(1.4 * y)
    >>> image = 3 + 2 * np.roll(mean, (1, -2), (0, 1))  # 1 px too low, 2 px too far left
    >>> motion = align_to_prediction(image, mean, np.ones((64, 64)), mean < 9, tolerance=4)
    >>> round(motion.dy), round(motion.dx), round(motion.angle)
    (-1, 2, 0)
    """
    pose, gain = np.zeros(3), 0.0
    both = compared(image, mean, variance, seen) if tolerance > 0 else None
    if both is not None:
        pose = _refine(both, _best_shift(both, tolerance), tolerance + 0.5)
        gain = _gain(both, pose)
    if gain < min_gain:
        pose, gain = np.zeros(3), 0.0
    dy, dx, angle = pose.tolist()
    return Motion(dy, dx, angle, gain, _matrix(pose, image.shape, 1))


def _best_shift(both: Comparison, tolerance: float) -> Vector:
    """Shift by whole blocks of the highest weighted correlation; 0 if none is positive."""
    reach = math.ceil(tolerance / both.step)
    mean, weight, _ = np.moveaxis(both.prediction, 2, 0)
    value, mask = np.moveaxis(both.image, 2, 0)
    size = [fft.next_fast_len(n + reach, real=True) for n in mean.shape]
    fixed = fft.rfft2(np.stack([weight, weight * mean, weight * mean**2]), size)
    moving = fft.rfft2(np.stack([mask, value * mask, value**2 * mask]), size).conj()
    first, second = [0, 0, 0, 1, 2, 1], [0, 1, 2, 0, 0, 1]
    shifts = np.arange(-reach, reach + 1)
    total, *sums = fft.irfft2(fixed[first] * moving[second], size)[:, shifts[:, None], shifts]
    enough = total >= 0.6 * total.max()  # else a few pixels at the border decide
    v, vv, m, mm, mv = (part / np.where(enough, total, 1) for part in sums)
    power = np.where(enough, (vv - v * v) * (mm - m * m), 0)
    score = np.where(power > 1e-6, (mv - m * v) / np.sqrt(np.maximum(power, 1e-6)), 0)
    row, column = np.unravel_index(score.argmax(), score.shape)
    return np.array([shifts[row], shifts[column], 0.0]) * (both.step * (score.max() > 0))


def _refine(both: Comparison, pose: Vector, reach: float) -> Vector:
    """Gauss-Newton steps; the identity if image and prediction disagree."""
    limit = np.array([reach, reach, 5.0])  # degrees
    base, fit = both.prediction[..., 1].ravel()[both.index], None
    for _ in range(_ROUNDS):
        planes, whole = _warped(both, both.image, _matrix(pose, both.shape, both.step))
        if np.count_nonzero(whole) < LEAST:
            return np.zeros(3)
        value, weight = planes[:, 0], base * whole
        fit = _solve(both.design[:2], weight, value) if fit is None else fit
        fit = _huber(both.design, weight, value, fit)
        if not fit[1] > 0.05:  # in robust units: about as low a correlation
            return np.zeros(3)
        step = fit[2:] / fit[1] * (both.step, both.step, 1)
        pose = np.clip(pose + step, -limit, limit)
        if np.abs(step).max() < _STILL:
            break
    return pose


def _solve(design: Array, weight: Array, value: Array) -> Array:
    """Weighted least squares with a small ridge, in case the motion is not determined."""
    scaled = design * weight
    normal = (scaled @ design.T).astype(np.float64)
    normal.flat[:: len(normal) + 1] += 1e-4 * normal.diagonal() + 1e-6
    return np.linalg.solve(normal, (scaled @ value).astype(np.float64)).astype(np.float32)


def _huber(design: Array, weight: Array, value: Array, fit: Array) -> Array:
    """Least squares again, with Huber's weights for the residuals of offset and slope so far."""
    size = np.abs(value - fit[0] - fit[1] * design[1]) * np.sqrt(weight)
    limit = HUBER * _scale(size[weight > 0])
    return _solve(design, weight * np.minimum(1, limit / np.maximum(size, 1e-9)), value)


def _scale(size: Array) -> np.float32:
    """Standard deviation from the median size; `np.median` would take three times as long."""
    return np.float32(1.4826) * np.partition(size, size.size // 2)[size.size // 2] + np.float32(
        1e-6
    )


def _gain(both: Comparison, pose: Vector) -> float:
    """Relative drop of the cost, image and prediction each warped by half of the motion."""
    half, full = (_matrix(part, both.shape, both.step) for part in (pose / 2, pose))
    back = half @ np.vstack([cv2.invertAffineTransform(full), (0, 0, 1)])
    warps = ((both.image, half), (both.prediction, back), (both.prediction, half))
    planes, masks = zip(*(_warped(both, *warp) for warp in warps), strict=True)
    whole = np.logical_and.reduce(masks)
    if np.count_nonzero(whole) < LEAST:
        return 0.0
    (value, _), moved, still = (part[whole].T for part in planes)
    weight, sizes = np.minimum(moved[1], still[1]), []
    for mean in (moved[0], still[0]):
        design = np.stack([np.ones_like(mean), mean])
        fit = _solve(design, weight, value)
        for _ in range(2):
            fit = _huber(design, weight, value, fit)
        sizes.append(np.abs(value - fit @ design) * np.sqrt(weight))
    limit = 3 * _scale(sizes[0])
    cost, before = (float(np.square(np.minimum(size, limit)).sum()) for size in sizes)
    return 1 - cost / before if before > 0 else 0.0


def _warped(both: Comparison, planes: Array, matrix: Vector) -> tuple[Array, Mask]:
    """Planes, the last one their mask, moved, at the pixels compared; and where whole."""
    moved = cv2.warpAffine(planes, matrix, planes.shape[1::-1], flags=cv2.INTER_LINEAR)
    read = np.asarray(moved).reshape(-1, planes.shape[2])[both.index]
    return np.asarray(read, np.float32), read[:, -1] > 0.999


def _matrix(pose: Vector, shape: tuple[int, ...], step: int) -> Vector:
    """Rotation about the centre, then shift, on the grid of the blocks."""
    cos, sin = math.cos(math.radians(pose[2])), math.sin(math.radians(pose[2]))
    linear, centre = np.array([[cos, sin], [-sin, cos]]), (np.array(shape[::-1]) / step - 1) / 2
    return np.column_stack([linear, centre - linear @ centre + pose[1::-1] / step])
