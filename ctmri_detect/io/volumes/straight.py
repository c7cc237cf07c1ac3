"""Grids with right angles and even slices: other programs read no others."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.io.volumes.grid import Grid

_CLOSE = 0.1  # of a pixel: positions in DICOM are written with few digits
_MOST = 1024  # slices
_FINE = 1e-6
TILTED = "its axes are not perpendicular (a tilted gantry)"
UNEVEN = "its slices are unevenly spaced"
Real = NDArray[np.float64]


class Straight(NamedTuple):
    """A grid that other programs read, in the place of a CT's own.

    `affine` and `shape` are those of a volume as `Volume` has them, `ends` where its slices begin
    and end in steps of the CT's affine. `why` says why it is not the CT's own grid, and `moves`
    takes an index of the CT to rows and columns of this one; "" and None where it is.
    """

    shape: tuple[int, int, int]
    affine: Real
    ends: Real
    why: str
    moves: Real | None


def straight(grid: Grid) -> Straight:
    """The CT's grid where other programs can read it, or else an even box around its slices.

    A tilted gantry moves each slice against the one below. The box has slices in the same planes,
    with the same pixels; only in the plane something is interpolated. NIfTI can describe a tilted
    grid, and ITK (ITK-SNAP, 3D Slicer, SimpleITK) reads it wrongly. Uneven slices become even
    ones, as thin as the thinnest.

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
    """A volume whose slices have the ends of that grid, in its pixels; NaN outside of the CT."""
    if to.moves is None:
        return np.asarray(volume, dtype=np.float32)
    out = np.empty(to.shape, dtype=np.float32)
    (yk, yy, yx, y0), (xk, xy, xx, x0) = to.moves
    for image, place, there in zip(volume, to.ends.mean(axis=1), out, strict=True):
        matrix = np.array([[xx, xy, x0 + xk * place], [yx, yy, y0 + yk * place]])
        there[:] = warp_observed(image, matrix, to.shape[1:])
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


def _even(ends: Real) -> Real:
    """Slices of one thickness, that of the thinnest, from the lowest end to the highest."""
    low, high = float(ends[0, 0]), float(ends[-1, 1])
    step = max(float(np.diff(ends, axis=1).min()), (high - low) / _MOST)
    first = low + step * np.arange(int(np.ceil((high - low) / step - _FINE)))
    return np.stack([first, first + step], axis=1)
