"""A lesion on the grid of the slices, without losing any of its voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.coverage import mask_of_shares
from ctmri_detect.io.volumes.resample import Plane
from ctmri_detect.io.volumes.volume import Volume

_TOUCH = 0.05  # share of the height of a voxel or slice: a smaller overlap is rounding
Real = NDArray[np.float64]


def lesion_slices(
    ct: Volume, lesion: Volume, *, slice_spacing: float | None, plane: Plane
) -> Iterator[NDArray[np.bool_]]:
    """The masks of the slices that `axial_slices` cuts, one at a time.

    Each voxel of the lesion is a box, which covers a share of each slice and pixel that it reaches.
    So no voxel falls between two slices, and no mask is empty if a voxel reaches into its slice;
    see `mask_of_shares`. The boxes lie along the CT's axes: if the segmentation was drawn on a
    tilted grid, its outline is wrong by a part of a voxel.

    Raises
    ------
    DataLoadingError
        If a lesion is segmented, and all of it lies outside the CT.
    """
    matrix = np.linalg.inv(ct.affine) @ lesion.affine  # index in the lesion to index in the CT
    half = np.abs(matrix[:3, :3]).max(axis=1) / 2
    centres = np.argwhere(lesion.values > 0) @ matrix[:3, :3].T + matrix[:3, 3]
    centres = centres[np.argsort(centres[:, 0], kind="stable")]
    inside = ct.layers.hold(centres[:, 0])
    inside &= ((centres > -0.5) & (centres < np.array(ct.values.shape) - 0.5))[:, 1:].all(axis=1)
    if len(centres) and not inside.any():
        raise DataLoadingError("lies outside of the volume; do the two share coordinates?")
    volume = abs(float(np.linalg.det(matrix[:3, :3]))) / float(np.prod(2 * half))
    slabs = ct.layers.slabs(ct.spacing[0], slice_spacing)
    bounds = [(slab.low, slab.high) for slab in slabs]
    shape = (ct.values.shape[1], ct.values.shape[2])
    return _masks(centres, half, volume, bounds, plane, shape)


def _masks(
    centres: Real,
    half: Real,
    volume: float,
    bounds: list[tuple[float, float]],
    plane: Plane,
    shape: tuple[int, int],
) -> Iterator[NDArray[np.bool_]]:
    for low, high in bounds:
        least = _TOUCH * min(2 * half[0], high - low)
        first, last = np.searchsorted(
            centres[:, 0], [low - half[0] + least, high + half[0] - least]
        )
        near = centres[first:last]
        height = np.minimum(high, near[:, 0] + half[0]) - np.maximum(low, near[:, 0] - half[0])
        shares = volume * height / (high - low)
        yield mask_of_shares(_in_plane(near[:, 1:], half[1:], shares, plane, shape))


def _in_plane(
    centres: Real, half: Real, shares: Real, plane: Plane, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """The share of each pixel that boxes cover, added up."""
    scale = np.array(plane.inner) / shape
    margin = (np.array(plane.shape) - plane.inner) // 2
    low = (centres - half + 0.5) * scale + margin  # edges of pixels are whole numbers
    high = (centres + half + 0.5) * scale + margin
    first = np.floor(low).astype(np.int64)
    reach = np.ceil(2 * half * scale).astype(int) + 1
    covered = np.zeros(plane.shape[0] * plane.shape[1])
    for row in range(reach[0]):
        for column in range(reach[1]):
            pixel = first + np.array([row, column])
            sides = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
            part = shares * np.maximum(sides, 0).prod(axis=1)
            seen = (part > 0) & (pixel >= 0).all(axis=1) & (pixel < plane.shape).all(axis=1)
            place = pixel[seen] @ [plane.shape[1], 1]
            covered += np.bincount(place, part[seen], minlength=covered.size)
    return covered.reshape(plane.shape)
