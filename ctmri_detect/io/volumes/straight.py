"""Grids with right angles: other programs read no others."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.io.volumes.grid import Grid

_CLOSE = 0.1  # of a pixel: positions in DICOM are written with few digits
_FINE = 1e-6
Real = NDArray[np.float64]


class Straight(NamedTuple):
    """A grid with right angles in the place of a CT's own.

    `affine` and `shape` are those of a volume as `Volume` has them; `moves` takes an index of the
    CT to one of this grid, and is None where they are the same voxels.
    """

    shape: tuple[int, int, int]
    affine: Real
    moves: Real | None


def straight(grid: Grid) -> Straight:
    """The CT's grid where its axes are perpendicular, or else the box around its slices.

    A tilted gantry moves each slice against the one below. The box has the same slices, in the
    same planes, with the same pixels; only in the plane something is interpolated. NIfTI can
    describe a tilted grid, and ITK (ITK-SNAP, 3D Slicer, SimpleITK) reads it wrongly.

    Examples
    --------
    >>> from ctmri_detect.io.volumes.grid import grid_of
    >>> from ctmri_detect.io.volumes.volume import canonical
    >>> affine = np.diag([1.0, 1.0, 5.0, 1.0])
    >>> straight(grid_of(canonical(np.zeros((20, 20, 9)), affine), None)).shape
    (9, 20, 20)
    >>> affine[1, 2] = 2.0  # each slice 2 mm in front of the one below
    >>> straight(grid_of(canonical(np.zeros((20, 20, 9)), affine), None)).shape
    (9, 36, 20)
    """
    upright = np.eye(4)
    upright[:3, :3] = _right_angles(grid.affine)
    last = np.array(grid.shape) - 1
    corners = np.array([[*corner, 1] for corner in product(*((0, n) for n in last))]).T
    true = grid.affine @ corners
    upright[:3, 3] = (true - upright @ corners)[:3].mean(axis=1)  # about the same middle
    off = np.linalg.norm(true - upright @ corners, axis=0).max()
    if off <= _CLOSE * min(grid.spacing[1:]):
        return Straight(grid.shape, upright, None)
    places = (np.linalg.inv(upright) @ true)[:3]
    low = places.min(axis=1)
    sides = np.ceil(np.ptp(places, axis=1) - _FINE).astype(int) + 1
    upright[:3, 3] += upright[:3, :3] @ low
    shape = (grid.shape[0], int(sides[1]), int(sides[2]))
    return Straight(shape, upright, np.linalg.inv(upright) @ grid.affine)


def moved(volume: NDArray[np.floating], to: Straight) -> NDArray[np.float32]:
    """A volume on the CT's grid, on that grid; NaN outside of the CT."""
    if to.moves is None:
        return np.asarray(volume, dtype=np.float32)
    out = np.empty(to.shape, dtype=np.float32)
    for k, image in enumerate(volume):
        (yk, yy, yx, y0), (xk, xy, xx, x0) = to.moves[1:3]
        matrix = np.array([[xx, xy, x0 + xk * k], [yx, yy, y0 + yk * k]])
        out[k] = warp_observed(image, matrix, to.shape[1:])
    return out


def _right_angles(affine: Real) -> Real:
    """Three perpendicular steps in the planes of the slices, each as long as the CT's own."""
    up, down, left = affine[:3, :3].T
    column = left / np.linalg.norm(left)
    row = down - (down @ column) * column
    row /= np.linalg.norm(row)
    normal = np.cross(row, column)
    # the distance along the normal, up as the slices go
    lengths = [normal @ up, np.linalg.norm(down), np.linalg.norm(left)]
    return np.stack([normal, row, column], axis=1) * lengths
