"""A volume in one orientation, with its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.layers import Layers

MAX_VOXELS = 2**30
"""Largest volume that is read: 4 GiB as float32. A header that claims more is damaged."""

CODES = "SPL"
"""The directions of the axes of a `Volume`: top, back and left, in nibabel's letters."""

_HUGE = 2**27  # voxels: 512 x 512 x 512, 0.5 GiB as float32
_DENSE = 100  # voxels per byte of the file; scans have 1 or 2, masked ones up to 20

_FAR = 1e7  # mm
_STEPS = (0.01, 100.0)
"""Smallest and largest side of a voxel, mm: a micro-CT, and a localizer of three slices."""


@dataclass(frozen=True)
class Volume:
    """A scalar volume whose slices are seen as radiologists view them.

    Axis 0 runs from inferior to superior, axis 1 (rows) from anterior to posterior, axis 2
    (columns) from the patient's right to left. They are the *stored* axes nearest to these
    directions: an oblique volume stays oblique, which the affine describes.

    Parameters
    ----------
    values : ndarray of float32, shape (slices, rows, columns)
        NaN where nothing was observed.
    affine : ndarray of float64, shape (4, 4)
        Maps (slice, row, column, 1) to millimetres towards the patient's right, front and top
        (RAS+, as in NIfTI). With `places`, it takes the place of a slice in place of its number.
    eight_bit : bool, default=False
        Whether the file stored 8-bit integers without a scale.
    dtype : str, default=""
        The type of numbers that the file stored.
    placeholder : bool, default=False
        Whether the affine gives only the size of a voxel and no position.
    disagreement : float, default=0.0
        Largest distance in mm between the places of a corner by sform and qform of a NIfTI file.
    codes : str, default="SPL"
        The directions of the axes of the file, such as "RAS": right, front, top.
    places : ndarray of shape (slices,), default=None
        The places of the slices, in steps of the affine, rising; None: one step apart.
    instances : tuple of int or None, default=None
        The numbers of the slices in their DICOM series.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.io.volumes.volume import canonical
    >>> stored = np.zeros((20, 30, 10), dtype=np.float32)  # right, front, top
    >>> volume = canonical(stored, np.diag([2.0, 2.0, 5.0, 1.0]))
    >>> volume.values.shape, volume.spacing
    ((10, 30, 20), (5.0, 2.0, 2.0))
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]
    eight_bit: bool = False
    dtype: str = ""
    placeholder: bool = False
    disagreement: float = 0.0
    codes: str = CODES
    places: NDArray[np.float64] | None = None
    instances: tuple[int | None, ...] | None = None

    @property
    def layers(self) -> Layers:
        """The places of the slices, and the gaps between them."""
        return Layers.even(len(self.values)) if self.places is None else Layers.at(self.places)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between slices (along their normal; usual step), rows and columns."""
        return spacing_of(self.affine)

    @property
    def gaps(self) -> list[str]:
        """A clause for each gap, with the numbers of the images beside it, if known."""
        layers, native = self.layers, self.spacing[0]
        found = []
        for k in layers.gaps:
            wide = (layers.places[k + 1] - layers.places[k]) * native
            numbers = self.instances and (self.instances[k], self.instances[k + 1])
            known = numbers is not None and None not in numbers
            images = f" (images {numbers[0]} and {numbers[1]})" if numbers and known else ""
            found.append(f"{wide:.2f} mm between slices {k} and {k + 1}{images}")
        return found


def spacing_of(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    """Millimetres between slices (along their normal), rows and columns of a `Volume`."""
    slices, rows, columns = affine[:3, :3].T
    normal = np.cross(rows, columns)
    between = abs(slices @ normal) / np.linalg.norm(normal)
    return tuple(  # type: ignore[return-value]
        float(np.round(s, 6)) for s in (between, np.linalg.norm(rows), np.linalg.norm(columns))
    )


def canonical(values: NDArray[Any], affine: NDArray[np.float64], **particulars: Any) -> Volume:
    """Bring stored axes to the order of `Volume` by swaps and flips, without interpolation.

    `particulars` are the other fields of the `Volume`; `places` and `instances` belong to the
    first of the stored axes.

    Raises
    ------
    DataLoadingError
        If it is no volume, if its position is not known, or if its slices are unevenly spaced and
        not axial. The message is a short reason.
    """
    check_grid(values.shape, affine)
    orientations = require("nibabel.orientations", extra="volumes")
    stored = orientations.io_orientation(affine)
    turn = orientations.ornt_transform(stored, orientations.axcodes2ornt(tuple(CODES)))
    codes = "".join(orientations.ornt2axcodes(stored))
    affine = affine @ orientations.inv_ornt_aff(turn, values.shape)
    turned = orientations.apply_orientation(values, turn)
    particulars = _turned_slices(particulars, turn[0], len(values))
    return Volume(
        np.ascontiguousarray(turned, dtype=np.float32), affine, codes=codes, **particulars
    )


def _turned_slices(
    particulars: dict[str, Any], turn: NDArray[np.float64], n: int
) -> dict[str, Any]:
    """Places and instances in the new order; `turn`: the new axis of the slices, and its sign."""
    places, instances = particulars.get("places"), particulars.get("instances")
    if turn[0] != 0:
        if places is not None:
            raise DataLoadingError(
                "its slices are unevenly spaced, and not axial; expected even steps. Resample it, "
                "for example with dcm2niix"
            )
        return particulars | {"instances": None}
    if turn[1] < 0:
        places = None if places is None else (n - 1) - places[::-1]
        instances = None if instances is None else instances[::-1]
    return particulars | {"places": places, "instances": instances}


def check_grid(shape: tuple[int, ...], affine: NDArray[np.float64]) -> None:
    """Refuse a volume without three axes, without extent, or without a place in the patient.

    Raises
    ------
    DataLoadingError
        If it is refused. The message is a short reason.
    """
    if len(shape) != 3:
        raise DataLoadingError(f"has shape {shape}; expected a volume of three axes")
    if min(shape) < 2:
        raise DataLoadingError(f"has shape {shape}; expected at least 2 slices, rows and columns")
    if np.prod([float(side) for side in shape]) > MAX_VOXELS:
        raise DataLoadingError(
            f"claims shape {shape}; expected at most {MAX_VOXELS} voxels: is its header damaged?"
        )
    if not (np.abs(affine) < _FAR).all():  # NaN compares as False
        raise DataLoadingError(
            "its affine holds NaN or infinity, or numbers too large for any scan: its position is "
            "unknown"
        )
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    # relative to the lengths of the steps, so that thin slices are accepted
    if steps.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3:
        raise DataLoadingError("its affine is singular: its position is unknown")
    if steps.min() < _STEPS[0] or steps.max() > _STEPS[1]:
        size = " x ".join(f"{step:.3g}" for step in steps)
        raise DataLoadingError(
            f"its voxels measure {size} mm, which no scan of a head has; correct the unit of "
            "length in its header (NIfTI: xyzt_units)"
        )


def check_packing(shape: tuple[int, ...], stored: int) -> None:
    """Refuse a small file that says that it unpacks to a huge volume, before it is unpacked.

    Parameters
    ----------
    shape : tuple of int
    stored : int
        Size of the file, in bytes.

    Raises
    ------
    DataLoadingError
        If it has more than 2**27 voxels, and more than 100 for each byte of the file.
    """
    voxels = float(np.prod([float(side) for side in shape]))
    if voxels > _HUGE and voxels > _DENSE * stored:
        raise DataLoadingError(
            f"claims shape {shape} in a file of {stored} bytes, which no scan compresses to: it is "
            "probably damaged; if not, crop it"
        )


def check_values(values: NDArray[np.float32]) -> None:
    """Refuse a volume with infinite values, without any value, or with only one value.

    Raises
    ------
    DataLoadingError
        If it is refused. The message is a short reason.
    """
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for image in values:  # slice by slice: no copy of the volume
        low = np.fmin(low, np.fmin.reduce(image, axis=None))
        high = np.fmax(high, np.fmax.reduce(image, axis=None))
    if low > high:
        raise DataLoadingError("nothing observed: every value is NaN")
    if np.isinf(low) or np.isinf(high):
        raise DataLoadingError("holds infinite values")
    if low == high:
        raise DataLoadingError(f"constant: every value is {low}")
