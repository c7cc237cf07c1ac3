"""Cut the volumes of one head into slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.ct_values import AIR, ct_units_of
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.volumes.grid import grid_of
from ctmri_detect.io.volumes.lesions import lesion_slices
from ctmri_detect.io.volumes.places import Overlap, doubts, place_of
from ctmri_detect.io.volumes.resample import Plane, axial_slices, plane_grid
from ctmri_detect.io.volumes.volume import Volume
from ctmri_detect.io.volumes.volume_set import Cut, VolumeSet

_MIN_AREA = 1000.0
"""In mm². A smaller area is the tip of the vertex, or the table."""
_NO_HEAD, _NOTHING = "no head in the ", "nothing observed"
_FOREGROUND = 0.1  # share of the range of values above which is head, where units are unknown
_BRIGHT = 99.9  # percentile of an MRI that is taken as the upper end of its range


def is_expected(reason: str) -> bool:
    """Whether every scan has slices that are left out for this reason, such as above the head."""
    return reason == _NOTHING or reason.startswith(_NO_HEAD)


@dataclass(frozen=True)
class CutSlice:
    """One slice, `z_mm` above the lowest slice of the first volume.

    `image` holds all planes, NaN where one is missing. `instance` is the number of the nearest
    slice in its DICOM series, or None. `lesion` is None where there is no segmentation. `empty`
    says why the slice should be left out; "" where it should not.
    """

    index: int
    z_mm: float
    instance: int | None
    image: NDArray[np.float32]
    lesion: NDArray[np.bool_] | None
    spacing: float
    empty: str


@dataclass(frozen=True)
class VolumeSlices:
    """The slices of one head, cut one by one on iteration, and what is known of its volumes.

    `names` are the planes that exist. `units` and `units_problem` are those of the CT, None and ""
    without a CT. `doubts` says why equal coordinates may be different places. `gaps` says where
    slices are missing. `unread` names planes that are missing because their file can't be read.
    `overlaps` are complete only after the last slice. `grid` is the text of the first volume's
    `Grid`.
    """

    names: list[str]
    units: str | None
    units_problem: str
    doubts: list[str]
    gaps: list[str]
    unread: Skipped
    overlaps: dict[str, Overlap]
    grid: str
    slices: Iterator[CutSlice]

    def __iter__(self) -> Iterator[CutSlice]:
        return self.slices


def cut_volumes(scans: VolumeSet, cut: Cut) -> VolumeSlices:
    """Read the volumes of one head; its slices are cut one at a time.

    Raises
    ------
    DataLoadingError
        If a volume can't be read, or slices are missing and `cut` does not keep gaps. The message
        is a short reason that names the volume.
    """
    volumes, unread = _read_all(scans)
    (name, first), *others = volumes.items()
    gaps = [gap for each, volume in volumes.items() for gap in _gaps(volume, each.upper(), cut)]
    mask = None if scans.read_mask is None else _read(scans.read_mask, "mask")
    units, problem, threshold = _judged(name, first)
    plane = plane_grid(first, cut.size)
    places = {scans.files[each]: place_of(volume) for each, volume in volumes.items()}
    values = [volume for _, volume in others]
    planes = axial_slices(first, values, mask, slice_spacing=cut.slice_spacing, plane=plane)
    lesions: Iterator[NDArray[np.bool_] | None] = repeat(None)
    if scans.read_lesion is not None:
        lesion = _read(scans.read_lesion, "lesion")
        places[f"the lesion of {scans.name}"] = place_of(lesion)
        try:
            lesions = lesion_slices(first, lesion, slice_spacing=cut.slice_spacing, plane=plane)
        except DataLoadingError as error:
            raise DataLoadingError(f"lesion: {error}".replace("volume", name.upper())) from None
    both = zip(_heights(first, cut.slice_spacing), planes, lesions, strict=False)
    overlaps = {each: Overlap() for each, _ in others}
    names = list(volumes)
    checked = _checked(both, plane, names, threshold, cut.skip_empty, overlaps)
    return VolumeSlices(
        names,
        units,
        problem,
        doubts(places),
        gaps,
        unread,
        overlaps,
        grid_of(first, cut.slice_spacing).text,
        _in_order(checked, names, scans.planes),
    )


def _read_all(scans: VolumeSet) -> tuple[dict[str, Volume], Skipped]:
    """The volumes that can be read, and the others; an error where all are needed."""
    volumes: dict[str, Volume] = {}
    unread: Skipped = []
    for name, reader in scans.readers.items():
        try:
            volumes[name] = _read(reader, name.upper())
        except DataLoadingError as error:
            if scans.whole or len(unread) + 1 == len(scans.readers):
                raise
            unread.append((scans.files[name], str(error)))
    return volumes, unread


def _judged(name: str, volume: Volume) -> tuple[str | None, str, float]:
    """Units of a CT, why they are unknown, and the value above which is head."""
    units, problem = None, ""
    if name == "ct":
        units, problem = ct_units_of(volume.values, eight_bit=volume.eight_bit)
        if units == "hu":
            return units, problem, AIR
    low, high = float(np.nanmin(volume.values)), float(np.nanmax(volume.values))
    if name != "ct":  # not the maximum: with one bright vessel, the head would be too dark
        high = float(np.nanpercentile(volume.values, _BRIGHT))
    return units, problem, low + _FOREGROUND * (high - low)


def _heights(ct: Volume, slice_spacing: float | None) -> Iterator[tuple[float, int | None]]:
    """Millimetres above the lowest slice, and the nearest slice's number in its series."""
    layers, native = ct.layers, ct.spacing[0]
    for slab in layers.slabs(native, slice_spacing):
        number = ct.instances[layers.nearest(slab.place)] if ct.instances else None
        yield float((slab.place - layers.places[0]) * native), number


def _gaps(volume: Volume, what: str, cut: Cut) -> list[str]:
    """A clause for each gap, where slices are missing; an error unless gaps are kept."""
    found = [f"{gap} of the {what}" for gap in volume.gaps]
    if found and not cut.keep_gaps:
        more = f", and {len(found) - 1} gaps more" if len(found) > 1 else ""
        raise DataLoadingError(
            f"{what}: slices are missing: they are {volume.spacing[0]:.2f} mm apart, but "
            f"{found[0]}{more}. Find the missing files, or pass gaps='keep', which leaves the gap "
            "empty"
        )
    return found


def _checked(
    slices: Iterator[
        tuple[tuple[float, int | None], NDArray[np.float32], NDArray[np.bool_] | None]
    ],
    plane: Plane,
    names: list[str],
    threshold: float,
    skip_empty: bool,
    overlaps: dict[str, Overlap],
) -> Iterator[CutSlice]:
    for index, ((z_mm, instance), images, lesion) in enumerate(slices):
        for overlap, image in zip(overlaps.values(), images[1:], strict=True):
            overlap.add(images[0], image, threshold)
        empty = _why_empty(images, names, plane.spacing, threshold) if skip_empty else ""
        if not np.isfinite(images).any():  # check_pairs refuses such a sample
            empty = _NOTHING
        yield CutSlice(index, z_mm, instance, images, lesion, plane.spacing, empty)


def _in_order(
    slices: Iterator[CutSlice], there: list[str], planes: tuple[str, ...]
) -> Iterator[CutSlice]:
    """The same slices with all planes in order; missing planes are NaN."""
    for one in slices:
        image = np.full((len(planes), *one.image.shape[1:]), np.nan, dtype=np.float32)
        image[[planes.index(name) for name in there]] = one.image
        yield replace(one, image=image)


def _why_empty(
    images: NDArray[np.float32], names: list[str], spacing: float, threshold: float
) -> str:
    first, *others = images
    if np.count_nonzero(first > threshold) * spacing**2 < _MIN_AREA:  # NaN compares as False
        return _NO_HEAD + names[0].upper()
    if others and not any(_shows_something(image, spacing) for image in others):
        return f"nothing in the {' and '.join(name.upper() for name in names[1:])}"
    return ""


def _shows_something(image: NDArray[np.float32], spacing: float) -> bool:
    seen = image[np.isfinite(image)]
    return bool(seen.size * spacing**2 >= _MIN_AREA and seen.min() < seen.max())


def _read(reader: Callable[[], Volume], what: str) -> Volume:
    try:
        return reader()
    except DataLoadingError as error:
        raise DataLoadingError(f"{what}: {error}") from None
