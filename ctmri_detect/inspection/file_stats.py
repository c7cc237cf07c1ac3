"""Read one image or volume file, and describe what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ctmri_detect._floats import with_default_floats
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.appearance import is_inverted, window_top
from ctmri_detect.imageops.ct_values import ct_units_of
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.io.formats import with_colour
from ctmri_detect.io.images import read_grey
from ctmri_detect.io.quiet import quiet
from ctmri_detect.io.volumes.places import Place, place_of
from ctmri_detect.io.volumes.volume import Volume
from ctmri_detect.io.volumes.volume_files import is_volume, read_volume

THUMB = 64
"""Side of the thumbnails by which near-duplicates are found; twice that for volumes."""

_SAMPLES = 512  # values kept of each slice for histograms: 10 MiB for 5,000 files
_VOXELS = 16384  # values kept of each volume: 16 MiB for 256 volumes
_GOLDEN = (5**0.5 - 1) / 2
_AIR = -500.0  # HU: all head tissue is above, all air except in the mastoid cells is below
_DARK = 0.05  # share of the range below which a pixel is background, where units are unknown
_SOFT = (-50.0, 150.0)  # HU: fluid, brain, blood
_TINT = 12  # largest difference of channels in grey: JPEG makes up to 8


@dataclass(frozen=True)
class FileStats:
    """One file: its row of the table, and what is compared or collected over all files."""

    row: dict[str, Any]
    digest: str = ""
    thumb: NDArray[np.uint8] | None = None
    sample: NDArray[np.float32] | None = None
    place: Place | None = None
    gaps: tuple[str, ...] = ()


class _Read(NamedTuple):
    image: NDArray[Any]
    eight_bit: bool
    facts: dict[str, Any]
    place: Place | None
    gaps: tuple[str, ...] = ()


@with_default_floats
def read_file_stats(folder: Path, name: str, modality: str | None) -> FileStats:
    """Read one file; `reason` in its row says why it could not be used.

    Parameters
    ----------
    folder : Path
    name : str
        Relative to `folder`.
    modality : str or None
        Units are judged only for "CT".

    Returns
    -------
    FileStats
        The row has format, dtype, channels, colour, height, width, depth, spacing (mm), units and
        units_why (CT: `ct_units_of`), min, max, mean, std, median, blank (share of background),
        inverted (air bright, head dark), sha256 (of the file) and reason.

    Examples
    --------
    >>> read_file_stats(Path("a folder that was removed"), "a.png", "CT").row["reason"]
    'unreadable: No such file or directory'
    """
    row: dict[str, Any] = {"format": file_format(name), "reason": ""}
    try:
        with (folder / name).open("rb") as file:
            row["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        path = folder / name
        read = _of_volume(read_volume(path)) if is_volume(name) else _read_slice(path)
    except DataLoadingError as error:
        return FileStats(row | {"reason": str(error)})
    except OSError as error:
        return FileStats(row | {"reason": f"unreadable: {error.strerror or 'no access'}"})
    return _stats(read, row, modality)


@with_default_floats
def read_series_stats(reader: Callable[[], Volume], modality: str | None) -> FileStats:
    """`read_file_stats` for a DICOM series; without sha256, because it is not one file."""
    row: dict[str, Any] = {"format": "dcm", "reason": ""}
    try:
        read = _of_volume(reader())
    except DataLoadingError as error:
        return FileStats(row | {"reason": str(error)})
    return _stats(read, row, modality)


def _stats(read: _Read, row: dict[str, Any], modality: str | None) -> FileStats:
    image, eight_bit, facts, place, gaps = read
    row |= facts | _statistics(image)
    row["inverted"] = is_inverted(image if image.ndim == 2 else image[len(image) // 2])
    if modality == "CT":
        row["units"], row["units_why"] = ct_units_of(image, eight_bit=eight_bit)
    shape = f"{image.shape}{image.dtype.kind}".encode()
    digest = hashlib.blake2b(shape + np.ascontiguousarray(image).tobytes(), digest_size=16)
    sample = _spread(image.reshape(-1), _SAMPLES if image.ndim == 2 else _VOXELS)
    thumb = _thumbnail(image, row.get("units"))
    return FileStats(row, digest.hexdigest(), thumb, sample.astype(np.float32), place, gaps)


def file_format(name: str) -> str:
    """``"png"`` of ``a/b.PNG``, ``"nii.gz"`` of ``ct.nii.gz``."""
    lower = name.lower()
    if lower.endswith(".nii.gz"):
        return "nii.gz"
    suffix = Path(lower).suffix.lstrip(".")
    return {"jpeg": "jpg", "tiff": "tif"}.get(suffix, suffix)


def background(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that show nothing: air in HU, the darkest 5 % of the range in other units, NaN.

    The image is taken as HU if it has a value below -900, which only air has.
    """
    seen = image[np.isfinite(image)]
    if not seen.size:
        return np.ones(image.shape, dtype=bool)
    if float(seen.min()) < -900:
        limit = _AIR
    else:
        # not minimum and maximum: with one very low pixel, all air would count as head
        low, high = np.percentile(_spread(seen, 65536), [0.5, 99.5])
        limit = float(low + _DARK * (high - low))
    return ~(np.nan_to_num(image, nan=-np.inf) > limit)


def _read_slice(path: Path) -> _Read:
    image = read_grey(path)
    facts = {"dtype": str(image.dtype), "height": image.shape[0], "width": image.shape[1]}
    window = image.dtype == np.uint8 or window_top(image) is not None
    return _Read(image, window, facts | _colour(path), None)


def _of_volume(volume: Volume) -> _Read:
    depth, height, width = volume.values.shape
    spacing = " x ".join(f"{s:.3g}" for s in volume.spacing[::-1])
    facts = {"dtype": volume.dtype or None, "height": height, "width": width, "depth": depth}
    facts |= {"channels": 1, "colour": False, "spacing": spacing}
    return _Read(volume.values, volume.eight_bit, facts, place_of(volume), tuple(volume.gaps))


def _thumbnail(image: NDArray[Any], units: Any) -> NDArray[np.uint8]:
    """Grey levels of a small copy; four axial levels side by side stand for a volume."""
    if image.ndim == 3:
        levels = [image[int(len(image) * share)] for share in (0.3, 0.45, 0.6, 0.75)]
        tiles = [_thumbnail(level, units) for level in levels]
        return np.block([tiles[:2], tiles[2:]])
    image = np.asarray(image, dtype=np.float32)
    seen = image[np.isfinite(image)]
    if not seen.size:
        return np.zeros((THUMB, THUMB), dtype=np.uint8)
    if units == "hu":
        # with air and bone in the range, the brain would hardly differ, and skulls are alike
        image = np.clip(image, *_SOFT)
    thumb = resize_observed(np.where(np.isfinite(image), image, seen.min()), (THUMB, THUMB))
    low, high = float(thumb.min()), float(thumb.max())
    return (255 * (thumb - low) / (high - low or 1.0)).round().astype(np.uint8)


def _statistics(image: NDArray[Any]) -> dict[str, float]:
    seen = image[np.isfinite(image)]
    return {
        "min": float(seen.min()),
        "max": float(seen.max()),
        "mean": float(seen.mean(dtype=np.float64)),
        "std": float(seen.std(dtype=np.float64)),
        "median": float(np.median(seen)),
        "blank": float(background(image).mean()),
    }


def _colour(path: Path) -> dict[str, Any]:
    """The number of channels, and whether they differ: most files with colour are grey."""
    if path.suffix.lower() == ".npy":
        return {"channels": 1, "colour": False}
    try:
        with quiet():
            opened = Image.open(path)
        with opened as image:
            channels = len(image.getbands())
            if image.mode not in ("RGB", "RGBA", "P", "CMYK", "YCbCr"):
                return {"channels": channels, "colour": False}
            red, green, blue = (np.asarray(band) for band in with_colour(image).split())
    except (OSError, ValueError, Image.DecompressionBombError):
        return {"channels": None, "colour": None}  # a type that Pillow doesn't know
    tinted = (cv2.absdiff(red, green) > _TINT) | (cv2.absdiff(green, blue) > _TINT)
    return {"channels": channels, "colour": bool(tinted.mean() > 0.001)}


def _spread(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most `most` entries, spread by the golden ratio, so that they don't follow the columns."""
    if values.size <= most:
        return values
    return values[((np.arange(1, most + 1) * _GOLDEN % 1) * values.size).astype(np.int64)]
