"""Read one DICOM series as a volume; refuse series that are none."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.dicom_headers import Series
from ctmri_detect.io.volumes.dicom_slices import Slice
from ctmri_detect.io.volumes.volume import Volume, canonical, check_grid, check_values

_TO_RAS = np.diag([-1.0, -1.0, 1.0])  # DICOM's axes run to the patient's left, back and top
_ROUNDING = 0.1  # mm: positions are written with few digits
_DECODERS = (
    'run: pip install "ctmri_detect[dicom]", or decompress the files, for example with gdcmconv'
)
_PIXEL_TAGS = [
    "PixelData",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
]


def read_series(series: Series) -> Volume:
    """Stack the images of a series along their normal.

    CT values become Hounsfield units by each image's own slope and intercept; padding becomes
    NaN. A MONOCHROME1 MRI is inverted. A MONOCHROME1 CT is not, because its rescaling already
    says what the numbers mean. The affine describes the sheared grid of a tilted gantry.
    Unevenly spaced slices keep their own places, and gaps stay gaps.

    Parameters
    ----------
    series : Series

    Returns
    -------
    Volume

    Raises
    ------
    DataLoadingError
        For one slice only, several orientations or shapes, two slices at one place, a compression
        without a decoder, and damaged pixels. The message is a short reason.
    """
    slices, affine, places = stack(series.slices)
    _check_decoder(slices)
    values = np.empty((len(slices), *slices[0].shape), dtype=np.float32)
    opened: tuple[Path, Any] | None = None
    for i, one in enumerate(slices):
        if opened is None or opened[0] != one.path:  # a file of several frames is opened once
            opened = one.path, _open(one)
        values[i] = _pixels(opened[1], one, series.modality)
    check_values(values)
    numbers = tuple(one.number for one in slices)
    volume = canonical(values, affine, places=places, instances=numbers)
    return replace(volume, codes=volume.codes[::-1])  # column, row, slice, as other programs do


def stack(
    slices: list[Slice],
) -> tuple[list[Slice], NDArray[np.float64], NDArray[np.float64] | None]:
    """The slices in order, the affine from (slice, row, column) to RAS+ mm, and their places.

    Places are in steps of the affine, the first at 0; None if all slices are one step apart.

    Raises
    ------
    DataLoadingError
        If they don't lie behind one another.
    """
    if len(slices) < 2:
        raise DataLoadingError("one slice only; expected a volume")
    first = slices[0]
    for what, values in (
        ("shapes", np.array([s.shape for s in slices])),
        ("orientations", np.array([s.orientation for s in slices])),
        ("pixel spacings", np.array([s.spacing for s in slices])),
    ):
        if np.abs(values - values[0]).max() > 1e-3:
            raise DataLoadingError(f"its slices have several {what}")
    along_row, along_column = np.array(first.orientation).reshape(2, 3)
    frame = np.array([along_row, along_column])
    if not np.allclose(frame @ frame.T, np.eye(2), atol=1e-2):
        raise DataLoadingError("its orientation is damaged: the axes are not perpendicular")
    places = np.array([s.position for s in slices])
    depth = places @ np.cross(along_row, along_column)
    order = np.argsort(depth, kind="stable")
    places, depth = places[order], depth[order]
    steps = np.diff(depth)
    if steps.min() < 0.01:
        raise DataLoadingError("several images at one place (echoes, time points or copies)")
    even = np.linspace(depth[0], depth[-1], len(slices))
    uneven = np.abs(depth - even).max() > _ROUNDING
    step = float(np.median(steps)) if uneven else float(even[1] - even[0])
    line = (places[-1] - places[0]) / (depth[-1] - depth[0])  # not the normal of a tilted gantry
    off = np.abs(places - (places[0] + np.outer(depth - depth[0], line))).max()
    if off > max(1.0, 0.5 * step):
        raise DataLoadingError("its slices do not lie on one line")
    affine = np.eye(4)
    affine[:3, 0] = line * step
    affine[:3, 1] = along_column * first.spacing[0]  # down the rows
    affine[:3, 2] = along_row * first.spacing[1]
    affine[:3, 3] = places[0]
    affine[:3] = _TO_RAS @ affine[:3]
    check_grid((len(slices), *first.shape), affine)
    return [slices[i] for i in order], affine, (depth - depth[0]) / step if uneven else None


def _check_decoder(slices: list[Slice]) -> None:
    uid = require("pydicom.uid", extra="volumes")
    pixels = require("pydicom.pixels", extra="volumes")
    config = require("pydicom.config", extra="volumes")
    for syntax in sorted({one.syntax for one in slices}):
        known = uid.UID(syntax, validation_mode=config.IGNORE)  # a warning would quote the value
        try:
            ready = not known.is_compressed or pixels.get_decoder(known).is_available
        except (ValueError, NotImplementedError):  # unknown to pydicom
            ready = False
        if not ready and known not in uid.UID_dictionary:
            raise DataLoadingError("its TransferSyntaxUID is damaged, or of a maker's own")
        if not ready:
            raise DataLoadingError(
                f"compressed as {known.name}, for which no decoder is installed; {_DECODERS}"
            )


def _open(one: Slice) -> Any:
    """The file of an image, with nothing but the tags of its pixels."""
    pydicom = require("pydicom", extra="volumes")
    with _guarded():
        image = pydicom.dcmread(one.path, force=True, specific_tags=list(_PIXEL_TAGS))
        if not image.file_meta.get("TransferSyntaxUID"):
            if image["PixelData"].is_undefined_length:
                raise DataLoadingError(
                    "its TransferSyntaxUID is missing, which says how its pixels are compressed"
                )
            image.file_meta.TransferSyntaxUID = one.syntax
        return image


def _pixels(image: Any, one: Slice, modality: str) -> NDArray[np.float32]:
    pixels = require("pydicom.pixels", extra="volumes")
    with _guarded(_compression(image.file_meta.TransferSyntaxUID)):
        raw = np.asarray(pixels.pixel_array(image, index=one.frame))
        if raw.shape != one.shape:
            raise ValueError("another shape than its header says")
        return _meaning(raw, image, modality, one.rescale)


def _compression(syntax: Any) -> str:
    """The name of a compression that needs a decoder; empty for none."""
    known = bool(syntax.is_compressed and not syntax.is_deflated)
    return str(syntax.name) if known else ""


@contextmanager
def _guarded(syntax: str = "") -> Iterator[None]:
    """Turn any error of pydicom and its decoders into a short reason that quotes no value.

    `syntax` names the compression, if there is one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            yield
        except DataLoadingError:
            raise
        except Exception as error:  # damaged files make decoders raise all kinds of errors
            why = type(error).__name__
            if syntax:
                why += f", compressed as {syntax}: damaged, or of a form that no decoder here reads"
                why += f"; {_DECODERS}"
            raise DataLoadingError(f"the pixels of an image can't be read ({why})") from None


def _meaning(
    raw: NDArray[Any], image: Any, modality: str, rescale: tuple[float, float] | None
) -> NDArray[np.float32]:
    """The values of stored numbers: HU for CT; for MRI, higher = brighter."""
    padding = _padding(raw, image)
    values = raw.astype(np.float32)
    if modality == "mri" and image.get("PhotometricInterpretation") == "MONOCHROME1":
        signed = int(image.get("PixelRepresentation", 0)) == 1
        values = (-1 if signed else 2 ** int(image.BitsStored) - 1) - values
    slope, intercept = rescale or (image.get(f"Rescale{what}") for what in ("Slope", "Intercept"))
    values *= np.float32(1 if slope is None else slope)
    values += np.float32(0 if intercept is None else intercept)
    values[padding] = np.nan
    return values


def _padding(raw: NDArray[Any], image: Any) -> NDArray[np.bool_]:
    low = image.get("PixelPaddingValue")
    if low is None:
        return np.zeros(raw.shape, dtype=bool)
    high = image.get("PixelPaddingRangeLimit")
    ends = [int(low), int(low if high is None else high)]
    if raw.dtype.kind == "i":  # some writers store the unsigned form of a negative number
        ends = [end - 2**16 if end >= 2**15 and raw.itemsize == 2 else end for end in ends]
    return (raw >= min(ends)) & (raw <= max(ends))
