"""Volumes whose place in the patient is known: stored in any order of axes, on any grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .case import Case

Array = NDArray[Any]


class Grid(NamedTuple):
    """Voxels along R, A and S, their distances in mm, and where the first lies."""

    shape: tuple[int, int, int]
    steps: tuple[float, float, float]
    origin: tuple[float, float, float]

    @property
    def affine(self) -> Array:
        """From an index to mm: right, front, up."""
        affine = np.diag([*self.steps, 1.0])
        affine[:3, 3] = self.origin
        return affine


def grid(case: Case, plane: float | None = None) -> Grid:
    """A small grid with square pixels, large enough to be a head."""
    step = plane or float(case.choice(6.0, 7.5, 10.0))
    shape = (case.whole(9, 14), case.whole(9, 14), case.whole(3, 6))
    between = float(case.choice(2.0, 3.0, 4.5, 5.0))
    origin = tuple(float(v) for v in case.rng.integers(-100, 100, 3))
    return Grid(shape, (step, step, between), origin)


def values(case: Case, shape: tuple[int, ...], dtype: Any = np.int16) -> Array:
    """Whole numbers that any type here holds exactly."""
    kind = np.dtype(dtype)
    low, high = (0, 250) if kind.kind == "u" else (-120, 120)
    if kind.itemsize > 1:
        low, high = low * 8, high * 8
    image = case.rng.integers(low, high, shape)
    image.flat[:2] = (low, high)
    return image.astype(kind)


def shown(ras: Array) -> Array:
    """As a radiologist sees it: from below, slices upwards, rows from front to back, columns from
    the patient's right to left."""
    return ras.transpose(2, 1, 0)[:, ::-1, ::-1]


def stored(case: Case, ras: Array, affine: Array) -> tuple[Array, Array]:
    """The same volume with its axes in another order and turned round, and its affine."""
    order = case.rng.permutation(3)
    back = case.rng.random(3) < 0.5
    image = ras.transpose(order)
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for axis, of in enumerate(order):
        turn[of, axis] = -1 if back[axis] else 1
        turn[of, 3] = ras.shape[of] - 1 if back[axis] else 0
        if back[axis]:
            image = np.flip(image, axis)
    return np.ascontiguousarray(image), affine @ turn


def rotation(case: Case, degrees: float) -> Array:
    """A rotation by at most so many degrees about each axis."""
    turned = np.eye(3)
    for axis, angle in enumerate(np.radians(case.rng.uniform(-degrees, degrees, 3))):
        a, b = (i for i in range(3) if i != axis)
        one = np.eye(3)
        one[[a, a, b, b], [a, b, a, b]] = [
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
            np.cos(angle),
        ]
        turned = turned @ one
    return turned


def places(shape: tuple[int, ...], affine: Array) -> Array:
    """Where each voxel lies, mm: an array of the shape and 3."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def both(ct: Array, mri: Array) -> NDArray[np.float32]:
    """Two volumes as pairs of slices ``(n, 2, h, w)``."""
    return np.stack([shown(ct), shown(mri)], axis=1).astype(np.float32)
