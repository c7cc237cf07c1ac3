"""Axial slices of the volumes of one head, on the same grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.warp import MIN_WEIGHT, resize_observed
from ctmri_detect.io.volumes.layers import Weighted
from ctmri_detect.io.volumes.volume import Volume

_MOST_PIXELS = 4096**2
_NAN = np.float32(np.nan)


@dataclass(frozen=True)
class Plane:
    """The in-plane grid of the slices: square pixels, padded to a shape.

    Parameters
    ----------
    inner : (int, int)
        Rows and columns to which a slice of the CT is resized.
    shape : (int, int)
        Rows and columns after padding with NaN on all sides.
    spacing : float
        Millimetres per pixel.
    """

    inner: tuple[int, int]
    shape: tuple[int, int]
    spacing: float

    def fit(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """One slice, resized and padded to this grid."""
        out = np.full(self.shape, _NAN, dtype=np.float32)
        top, left = ((self.shape[i] - self.inner[i]) // 2 for i in (0, 1))
        inside = resize_observed(image, self.inner)
        out[top : top + self.inner[0], left : left + self.inner[1]] = inside
        return out


def plane_grid(ct: Volume, size: tuple[int, int] | None) -> Plane:
    """The grid of the slices: the CT's own, or the largest that fits into `size`."""
    extent = [n * s for n, s in zip(ct.values.shape[1:], ct.spacing[1:], strict=True)]
    pixel = max(e / s for e, s in zip(extent, size, strict=True)) if size else min(ct.spacing[1:])
    if size is None and extent[0] * extent[1] > _MOST_PIXELS * pixel**2:
        sides = " x ".join(f"{side:.3g}" for side in ct.spacing[1:])
        raise DataLoadingError(
            f"its pixels measure {sides} mm; there are too many to make them square: pass size="
        )
    inner = fitted(extent, (pixel, pixel), size)
    return Plane(inner, size or inner, float(pixel))


def fitted(
    extent: Sequence[float], pixel: tuple[float, float], size: tuple[int, int] | None
) -> tuple[int, int]:
    """How many such pixels an extent (mm) holds, in rows and columns; at most `size`."""
    inner = [max(1, round(mm / side)) for mm, side in zip(extent, pixel, strict=True)]
    if size is not None:  # rounding could give one more than fits
        inner = [min(n, side) for n, side in zip(inner, size, strict=True)]
    return inner[0], inner[1]


def axial_slices(
    first: Volume,
    others: Sequence[Volume],
    mask: Volume | None,
    *,
    slice_spacing: float | None,
    plane: Plane,
) -> Iterator[NDArray[np.float32]]:
    """Images ``(1 + n_others, height, width)`` from inferior to superior, one slice at a time.

    By their affines, the others are interpolated linearly at the voxels of the first (the CT, if
    there is one). Where the grid of the first is coarser, they are smoothed by a Gaussian before.
    They are NaN outside their field of view, and every volume is NaN where its slices are missing.
    A `slice_spacing` wider than the first volume's averages all slices within it; a narrower one
    interpolates.

    Raises
    ------
    DataLoadingError
        If the grid of the mask is not that of the first volume.
    """
    if mask is not None:
        same = mask.values.shape == first.values.shape and np.allclose(
            mask.affine, first.affine, atol=0.1
        )
        if not same:
            raise DataLoadingError("the mask lies on another grid than the volume beside it")
    samplers = [Sampler(other, first) for other in others]
    layers = first.layers
    for slab in layers.slabs(first.spacing[0], slice_spacing):
        own, elsewhere, whole = layers.parts(slab)
        if not own:
            yield np.full((1 + len(samplers), *plane.shape), _NAN, dtype=np.float32)
            continue
        means = [_mean([_inside(first.values[int(k)], mask, int(k)) for k, _ in own], own, whole)]
        for sampler in samplers:
            cut = [_inside(sampler.at(z), mask, layers.nearest(z)) for z, _ in elsewhere]
            means.append(_mean(cut, elsewhere, whole))
        yield np.stack([plane.fit(mean) for mean in means])


def _mean(slices: list[NDArray[np.float32]], parts: Weighted, whole: float) -> NDArray[np.float32]:
    """Weighted mean of the observed pixels; NaN where less than half of the weight was observed."""
    if len(slices) == 1 and parts[0][1] >= MIN_WEIGHT * whole:
        return slices[0]
    total = np.zeros(slices[0].shape, dtype=np.float32)
    observed = np.zeros(slices[0].shape, dtype=np.float32)
    for image, (_, weight) in zip(slices, parts, strict=True):
        there = ~np.isnan(image)
        total[there] += np.float32(weight) * image[there]
        observed += np.float32(weight) * there
    enough = observed >= MIN_WEIGHT * whole
    return np.where(enough, total / np.where(enough, observed, 1), _NAN)


def _inside(image: NDArray[np.float32], mask: Volume | None, k: int) -> NDArray[np.float32]:
    if mask is None:
        return image
    return np.where(mask.values[k] > 0, image, _NAN)


class Sampler:
    """Interpolates an MRI at the voxels of a CT, one CT slice at a time."""

    def __init__(self, mri: Volume, ct: Volume) -> None:
        self.shape = ct.values.shape[1:]
        self.extent = mri.values.shape
        self.matrix = np.linalg.inv(mri.affine) @ ct.affine  # CT index to MRI index
        self.layers = mri.layers
        self.values = mri.values
        self.weight: NDArray[np.float32] | None = None
        observed = ~np.isnan(mri.values)
        if not observed.all():
            self.values = np.where(observed, mri.values, np.float32(0))
            self.weight = observed.astype(np.float32)
        # the size of a CT voxel in MRI voxels, along each axis of the MRI
        scale = np.linalg.norm(self.matrix[:3, :3], axis=1)
        sigma = np.maximum(0, (scale - 1) / 2)  # as skimage.transform.resize
        if (sigma > 0.05).any():
            self.values = _smoothed(self.values, sigma, mri)
            if self.weight is not None:
                self.weight = _smoothed(self.weight, sigma, mri)

    def at(self, place: float) -> NDArray[np.float32]:
        """The MRI in the plane of this (fractional) CT slice; NaN where it does not reach."""
        offset = self.matrix[:3, 0] * place + self.matrix[:3, 3]
        rows, columns = (np.arange(n) for n in self.shape)
        index = [
            offset[axis]
            + self.matrix[axis, 1] * rows[:, None]
            + self.matrix[axis, 2] * columns[None, :]
            for axis in range(3)
        ]
        outside = ~self.layers.hold(index[0])
        for axis in (1, 2):  # a voxel reaches half its width beyond its centre
            last = self.extent[axis] - 0.5
            outside |= (index[axis] < -0.5 - 1e-6) | (index[axis] > last + 1e-6)
        values = self._interpolate(self.values, offset, index)
        if self.weight is not None:
            weight = self._interpolate(self.weight, offset, index)
            outside |= weight < MIN_WEIGHT
            values = values / np.where(weight < MIN_WEIGHT, 1, weight)
        values[outside] = _NAN
        return values

    def _interpolate(
        self, volume: NDArray[np.float32], offset: NDArray[Any], index: list[NDArray[Any]]
    ) -> NDArray[Any]:
        if not self.layers.is_even:
            index = [self.layers.stored(index[0]), *index[1:]]
            return ndimage.map_coordinates(volume, index, order=1, mode="nearest")
        return ndimage.affine_transform(
            volume,
            self.matrix[:3, :3],
            offset,
            output_shape=(1, *self.shape),
            order=1,
            mode="nearest",
            prefilter=False,
        )[0]


def _smoothed(values: NDArray[np.float32], sigma: NDArray[Any], mri: Volume) -> NDArray[np.float32]:
    """The values, smoothed by a Gaussian, but never across a gap."""
    parts = [
        ndimage.gaussian_filter(values[block], sigma, mode="nearest") for block in mri.layers.blocks
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
