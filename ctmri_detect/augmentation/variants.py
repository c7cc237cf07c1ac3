"""The draws for a training sample, and how they are applied; nothing here is random."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.warp import MIN_WEIGHT

CELLS = 4  # of a spline's grid along each axis
KNOTS = CELLS + 3  # coefficients along each axis

Floats = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """All random numbers of one batch; row i belongs to sample i.

    ``draws[rows]`` are the draws of these samples. The geometry says where an output pixel comes
    from in the (mirrored) image: bent by the spline, then rotated and zoomed about the centre,
    then shifted. A plane is rotated and shifted once more by its jitter, 0 for the first CT.
    """

    flip: npt.NDArray[np.bool_]  # (n,)
    angle: Exact  # (n,), radians
    zoom: Exact  # (n,), factor
    shift: Exact  # (n, 2), pixels in x and y
    elastic: Exact  # (n, 2, 7, 7), spline coefficients of the displacement in x and y, pixels
    jitter: Exact  # (n, n_planes, 3), pixels in x and y, radians
    gamma: Exact  # (n, n_planes), exponent for each plane
    bias_field: Exact  # (n, n_planes, 7, 7), spline coefficients of the logarithmic gain; 0: none
    dropped: npt.NDArray[np.int64]  # (n,), the plane that is removed, -1 for none
    noise: Floats  # (n, n_planes, height, width), in standard deviations of the plane

    def __len__(self) -> int:
        return len(self.flip)

    def __getitem__(self, rows: Any) -> Draws:
        return Draws(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def geometry(self) -> Draws:
        """The same geometry without changes of intensity and without dropout.

        For a target that differs from the input and has to stay aligned with it.
        """
        return replace(
            self,
            gamma=np.ones_like(self.gamma),
            bias_field=np.zeros_like(self.bias_field),
            dropped=np.full_like(self.dropped, -1),
            noise=np.broadcast_to(np.float32(0), self.noise.shape),
        )


def vary(pair: Floats, one: Draws) -> None:
    """Apply the draws of one sample (``draws[i]``) to it, in place: (n_planes, height, width)."""
    if one.flip:
        pair[...] = pair[..., ::-1].copy()
    _move(pair, one)
    for plane, gamma, noise, bias in zip(pair, one.gamma, one.noise, one.bias_field, strict=True):
        _recolour(plane, float(gamma), noise, bias)
    if one.dropped >= 0 and _has_planes(pair).sum() > 1:
        pair[one.dropped] = np.nan


def source(one: Draws, shape: tuple[int, int], plane: int) -> Floats:
    """Where each output pixel of a plane comes from: x and y, ``(2, height, width)``."""
    centre = np.array([shape[1] - 1, shape[0] - 1]) / 2
    matrix, offset = _rotation(-float(one.angle)) / float(one.zoom), -one.shift
    if one.jitter[plane].any():  # it comes on top
        turn = _rotation(float(one.jitter[plane, 2]))
        matrix, offset = turn @ matrix, turn @ offset + one.jitter[plane, :2]
    x, y = (np.arange(side, dtype=np.float32) for side in shape[::-1])
    grid = np.empty((2, *shape), np.float32)
    grid[0], grid[1] = x, y[:, None]
    if one.elastic.any():
        grid += [surface(coefficients, shape) for coefficients in one.elastic]
    (a, b), (c, d) = matrix.astype(np.float32)
    dx, dy = (centre + offset - matrix @ centre).astype(np.float32)
    return np.stack([a * grid[0] + b * grid[1] + dx, c * grid[0] + d * grid[1] + dy])


def _rotation(angle: float) -> Exact:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def surface(coefficients: Exact, shape: tuple[int, int]) -> Floats:
    """A cubic B-spline on a grid over the image; its values lie in the coefficients' range."""
    return np.asarray(_basis(shape[0]) @ coefficients.astype(np.float32) @ _basis(shape[1]).T)


@lru_cache(maxsize=16)
def _basis(length: int) -> Floats:
    """Weight of each of the 7 coefficients at each pixel: ``(length, 7)``."""
    place = np.arange(length) / max(length - 1, 1) * CELLS
    cell = np.minimum(place.astype(int), CELLS - 1)
    t = place - cell
    parts = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    basis = np.zeros((length, KNOTS), np.float32)
    for k, part in enumerate(parts):
        basis[np.arange(length), cell + k] = part / 6
    basis.flags.writeable = False  # it is shared
    return basis


def _move(pair: Floats, one: Draws) -> None:
    shared = one.angle != 0 or one.zoom != 1 or one.shift.any() or one.elastic.any()
    if not (shared or one.jitter.any()):
        return
    moved = pair.copy()
    for plane in range(len(pair)) if shared else np.flatnonzero(one.jitter.any(axis=1)).tolist():
        moved[plane] = _resampled(pair[plane], source(one, pair.shape[1:], plane))
    if (_has_planes(moved) == _has_planes(pair)).all():  # otherwise a plane has left the image
        pair[...] = moved


def _has_planes(pair: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(~np.isnan(pair).all(axis=(1, 2)))


def _resampled(plane: Floats, grid: Floats) -> Floats:
    """A plane interpolated at other places, values and mask apart as in `warp_observed`."""
    seen = ~np.isnan(plane)
    x, y = grid
    if seen.all():  # no NaN is added, since some networks can't handle it
        return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE))
    parts = (np.where(seen, plane, np.float32(0)), seen.astype(np.float32))
    value, weight = (cv2.remap(part, x, y, cv2.INTER_LINEAR, None) for part in parts)
    out = np.full_like(plane, np.nan)
    return np.divide(value, weight, out=out, where=weight >= MIN_WEIGHT)


def _recolour(plane: Floats, gamma: float, noise: Floats, bias_field: Exact) -> None:
    """Gamma, bias field and noise on the observed pixels of one plane, in place."""
    biased = bias_field.any()
    seen = ~np.isnan(plane)
    if not seen.any() or (gamma == 1 and not biased and not noise.any()):
        return
    values = plane[seen]
    low, high = values.min(), values.max()
    spread = values.std(dtype=np.float64)
    if gamma != 1 and high > low:
        values = low + (high - low) * ((values - low) / (high - low)) ** gamma
    if biased:
        gain = np.exp(surface(bias_field, plane.shape))
        values = low + (values - low) * gain[seen]
    plane[seen] = values + spread * noise[seen]
