"""Grids with right angles and even slices, which other programs need."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.io.volumes.grid import Grid

_CLOSE = 0.1  # share of a pixel that is rounding: positions in DICOM have few digits
_MOST = 1024  # slices
_FINE = 1e-6
TILTED = "its axes are not perpendicular (a tilted gantry)"
UNEVEN = "its slices are unevenly spaced"
Real = NDArray[np.float64]


class Straight(NamedTuple):
    """A grid that other programs read, in place of a CT's own.

    `shape` and `affine` are as in a `Volume`. `ends` are begin and end of its slices, in steps of
    the CT's affine. `why` says why it is not the CT's own grid; `moves` takes an index of the CT to
    rows and columns of this grid. They are "" and None where it is the CT's own.
    """

    shape: tuple[int, int, int]
    affine: Real
    ends: Real
    why: str
    moves: Real | None


def straight(grid: Grid) -> Straight:
    """The CT's grid if other programs can read it, or else an even box around its slices.

    In a tilted gantry each slice is shifted against the one below. NIfTI can describe such a grid,
    but ITK (ITK-SNAP, 3D Slicer, SimpleITK) reads it wrongly. The box has slices in the same
    planes, with pixels of the same size, so that values are interpolated only in the plane.
    Uneven slices become even ones, as thin as the thinnest.

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
    layers, (_, rows, columns) = grid.layers, grid.shape
    upright = np.eye(4)
    upright[:3, :3] = _right_angles(grid.affine)
    places = layers.places[[0, -1]]
    corners = np.array([[*c, 1] for c in product(places, (0, rows - 1), (0, columns - 1))]).T
    true = grid.affine @ corners
    upright[:3, 3] = (true - upright @ corners)[:3].mean(axis=1)  # about the same middle
    off = np.linalg.norm(true - upright @ corners, axis=0).max()
    tilted = off > _CLOSE * min(grid.spacing[1:])
    if layers.is_even and not tilted:
        return Straight(grid.shape, upright, layers.ends, "", None)
    ends = layers.ends if layers.is_even else _even(layers.ends)
    index = (np.linalg.inv(upright) @ true)[1:3]
    sides = np.ceil(np.ptp(index, axis=1) - _FINE).astype(int) + 1
    first = np.array([ends[0].mean(), *index.min(axis=1)])
    upright[:3, 3] += upright[:3, :3] @ first
    upright[:3, 0] *= ends[0, 1] - ends[0, 0]
    shape = (len(ends), int(sides[0]), int(sides[1]))
    moves = (np.linalg.inv(upright) @ grid.affine)[1:3]
    return Straight(shape, upright, ends, TILTED if tilted else UNEVEN, moves)


def moved(volume: NDArray[np.floating], to: Straight) -> NDArray[np.float32]:
    """A volume with the slices of the grid `to`, moved to its pixels; NaN outside the CT."""
    if to.moves is None:
        return np.asarray(volume, dtype=np.float32)
    out = np.empty(to.shape, dtype=np.float32)
    (yk, yy, yx, y0), (xk, xy, xx, x0) = to.moves
    for image, place, there in zip(volume, to.ends.mean(axis=1), out, strict=True):
        matrix = np.array([[xx, xy, x0 + xk * place], [yx, yy, y0 + yk * place]])
        there[:] = warp_observed(image, matrix, to.shape[1:])
    return out


def _right_angles(affine: Real) -> Real:
    """Three perpendicular steps, two of them in the planes of the slices, as long as the CT's."""
    up, down, left = affine[:3, :3].T
    column = left / np.linalg.norm(left)
    row = down - (down @ column) * column
    row /= np.linalg.norm(row)
    normal = np.cross(row, column)
    # the distance of slices along the normal, with the sign of their order
    lengths = [normal @ up, np.linalg.norm(down), np.linalg.norm(left)]
    return np.stack([normal, row, column], axis=1) * lengths


def _even(ends: Real) -> Real:
    """Slices as thin as the thinnest, from the lowest end to the highest."""
    low, high = float(ends[0, 0]), float(ends[-1, 1])
    step = max(float(np.diff(ends, axis=1).min()), (high - low) / _MOST)
    first = low + step * np.arange(int(np.ceil((high - low) / step - _FINE)))
    return np.stack([first, first + step], axis=1)
