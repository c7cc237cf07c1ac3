"""One pair of volumes as pairs of slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.ct_values import AIR, ct_units_of
from ctmri_detect.io.volumes.grid import grid_of
from ctmri_detect.io.volumes.lesions import lesion_slices
from ctmri_detect.io.volumes.places import Overlap, doubts, place_of
from ctmri_detect.io.volumes.resample import Plane, axial_slices, plane_grid
from ctmri_detect.io.volumes.volume import Volume

_MIN_AREA = 1000.0
"""mm²: less head than this is the tip of the vertex, or the table."""
_NO_HEAD, _NOTHING = "no head in the CT", "nothing observed"
EXPECTED = {_NO_HEAD, _NOTHING}
"""Why slices are left out above and below the head, or outside of a mask: every scan has some."""
_FOREGROUND = 0.1  # of the range of values: what counts as head where the units are unknown


@dataclass(frozen=True)
class VolumePair:
    """A CT and an MRI volume of one patient, still on the disk."""

    patient: str | None
    ct: str
    mri: str
    sequence: str | None
    read_ct: Callable[[], Volume]
    read_mri: Callable[[], Volume]
    read_mask: Callable[[], Volume] | None = None
    read_lesion: Callable[[], Volume] | None = None
    same_space: bool = True
    burned_in: bool = False
    two_people: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """How volumes are cut."""

    slice_spacing: float | None
    size: tuple[int, int] | None
    skip_empty: bool
    keep_gaps: bool = False


@dataclass(frozen=True)
class CutSlice:
    """One pair, `z_mm` above the CT's lowest slice.

    `instance` is the number of the CT's nearest slice in its DICOM series, None where there is
    none; `lesion` is None where nobody segmented it, `empty` why it should be left out.
    """

    index: int
    z_mm: float
    instance: int | None
    pair: NDArray[np.float32]
    lesion: NDArray[np.bool_] | None
    spacing: float
    empty: str


@dataclass(frozen=True)
class VolumeSlices:
    """The slices of a pair of volumes, cut when they are asked for, and what is known of the two.

    `doubts` says why equal coordinates may be different places, `gaps` where slices are missing;
    `overlap` is complete when all slices are cut; `grid` is the text of the CT's `Grid`.
    """

    units: str | None
    units_problem: str
    doubts: list[str]
    gaps: list[str]
    overlap: Overlap
    grid: str
    slices: Iterator[CutSlice]

    def __iter__(self) -> Iterator[CutSlice]:
        return self.slices


def cut_volumes(volumes: VolumePair, cut: Cut) -> VolumeSlices:
    """Read both volumes; the slices follow one at a time.

    Raises
    ------
    DataLoadingError
        With a short reason that says which of the two it is about; also where slices are missing
        and `cut` does not keep gaps.
    """
    ct = _read(volumes.read_ct, "CT")
    mri = _read(volumes.read_mri, "MRI")
    gaps = _gaps(ct, "CT", cut) + _gaps(mri, "MRI", cut)
    mask = None if volumes.read_mask is None else _read(volumes.read_mask, "mask")
    units, problem = ct_units_of(ct.values, eight_bit=ct.eight_bit)
    low, high = float(np.nanmin(ct.values)), float(np.nanmax(ct.values))
    threshold = AIR if units == "hu" else low + _FOREGROUND * (high - low)
    plane = plane_grid(ct, cut.size)
    places = {volumes.ct: place_of(ct), volumes.mri: place_of(mri)}
    planes = axial_slices(ct, mri, mask, slice_spacing=cut.slice_spacing, plane=plane)
    lesions: Iterator[NDArray[np.bool_] | None] = repeat(None)
    if volumes.read_lesion is not None:
        lesion = _read(volumes.read_lesion, "lesion")
        places[f"the lesion of {volumes.ct}"] = place_of(lesion)
        try:
            lesions = lesion_slices(ct, lesion, slice_spacing=cut.slice_spacing, plane=plane)
        except DataLoadingError as error:
            raise DataLoadingError(f"lesion: {error}") from None
    both = zip(_heights(ct, cut.slice_spacing), planes, lesions, strict=False)
    overlap = Overlap()
    slices = _checked(both, plane, threshold, cut.skip_empty, overlap)
    grid = grid_of(ct, cut.slice_spacing).text
    return VolumeSlices(units, problem, doubts(places), gaps, overlap, grid, slices)


def _heights(ct: Volume, slice_spacing: float | None) -> Iterator[tuple[float, int | None]]:
    """Millimetres above the lowest slice, and the nearest slice's number in its series."""
    layers, native = ct.layers, ct.spacing[0]
    for slab in layers.slabs(native, slice_spacing):
        number = ct.instances[layers.nearest(slab.place)] if ct.instances else None
        yield float((slab.place - layers.places[0]) * native), number


def _gaps(volume: Volume, what: str, cut: Cut) -> list[str]:
    """Where slices are missing, one clause a gap; refused where gaps are not to be kept."""
    layers, native = volume.layers, volume.spacing[0]
    found = []
    for k in layers.gaps:
        wide = (layers.places[k + 1] - layers.places[k]) * native
        numbers = volume.instances and (volume.instances[k], volume.instances[k + 1])
        known = numbers is not None and None not in numbers
        images = f" (images {numbers[0]} and {numbers[1]})" if numbers and known else ""
        found.append(f"{wide:.2f} mm between slices {k} and {k + 1}{images} of the {what}")
    if found and not cut.keep_gaps:
        more = f", and {len(found) - 1} gaps more" if len(found) > 1 else ""
        raise DataLoadingError(
            f"{what}: slices are missing: {native:.2f} mm apart, but {found[0]}{more}. Find the "
            "missing files, or pass gaps='keep', which leaves the gap empty"
        )
    return found


def _checked(
    slices: Iterator[
        tuple[tuple[float, int | None], NDArray[np.float32], NDArray[np.bool_] | None]
    ],
    plane: Plane,
    threshold: float,
    skip_empty: bool,
    overlap: Overlap,
) -> Iterator[CutSlice]:
    for index, ((z_mm, instance), pair, lesion) in enumerate(slices):
        overlap.add(pair, threshold)
        empty = _why_empty(pair, plane.spacing, threshold) if skip_empty else ""
        if not np.isfinite(pair).any():  # the contract allows no such sample
            empty = _NOTHING
        yield CutSlice(index, z_mm, instance, pair, lesion, plane.spacing, empty)


def _why_empty(pair: NDArray[np.float32], spacing: float, threshold: float) -> str:
    ct, mri = pair
    if np.count_nonzero(ct > threshold) * spacing**2 < _MIN_AREA:  # NaN compares as False
        return _NO_HEAD
    seen = mri[np.isfinite(mri)]
    if seen.size * spacing**2 < _MIN_AREA or seen.min() == seen.max():
        return "nothing in the MRI"
    return ""


def _read(reader: Callable[[], Volume], what: str) -> Volume:
    try:
        return reader()
    except DataLoadingError as error:
        raise DataLoadingError(f"{what}: {error}") from None
