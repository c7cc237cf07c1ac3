"""Read the image files of samples into one array, in memory or on disk, with several threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

from ctmri_detect._floats import with_default_floats
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.ct_values import ct_units_of
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.io.images import read_grey, read_size
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.scales import EIGHT_BIT, scale_of
from ctmri_detect.io.windows import common_top, in_eight_bits
from ctmri_detect.storage.pair_store import PairStore

Files = list[tuple[str | None, ...]]
"""For each sample, a path for each plane; None where the plane is missing."""
Shape = tuple[int, int]
Judged = tuple[str | None, str]
_BLOCK = 16  # samples that each job reads at a time, and holds in memory beside the result
_ASPECT = 0.01  # two grids show the same field of view if their aspect ratios differ by less


class Wanted(NamedTuple):
    """How samples are read.

    Attributes
    ----------
    planes : tuple of str
        Names of the planes, such as "ct" and "mri".
    shape : (int, int) or None
        Height and width to which all are resized; None keeps the files' own.
    whole : bool
        Whether a sample needs all of its planes. If not, a file that can't be read is a missing
        plane.
    """

    planes: tuple[str, ...]
    shape: Shape | None = None
    whole: bool = True


class ReadSample(NamedTuple):
    """One sample as read; `planes` is None where it can't be used, and `skipped` says why."""

    planes: NDArray[np.float32] | None
    grid: Shape
    scales: tuple[str, ...]
    units: Judged
    skipped: Skipped


class Collected(NamedTuple):
    """All samples that could be read.

    Attributes
    ----------
    data : float32 array or memmap of shape (n, n_planes, height, width)
    rows : list of int
        The rows of `files` that the samples are.
    grids : list of (int, int)
        Height and width of the first image of each sample in its file: the CT's, if there is one.
    scales : list of tuple of str
        The scale of each plane, see `scale_of`; "" where it is missing.
    units : list of (str or None, str)
        The units of each CT, judged alone, and why; see `ct_units_of`; (None, "") without a CT.
    skipped : list of (str, str)
        Files that were not used, each with the reason.
    top : int or None
        White in CT that hold a window in more than 8 bits; `data` has it scaled to 0 to 255.
    """

    data: NDArray[np.float32]
    rows: list[int]
    grids: list[Shape]
    scales: list[tuple[str, ...]]
    units: list[Judged]
    skipped: Skipped
    top: int | None = None


@with_default_floats
def collect(
    folder: Path, files: Files, wanted: Wanted, store: PairStore, n_jobs: int | None
) -> Collected | Skipped:
    """Read samples in blocks into a store; if no sample is left, return only what was skipped.

    Raises
    ------
    ValueError
        If the samples differ in size and `wanted` has no shape.
    """
    rows: list[int] = []
    grids: list[Shape] = []
    scales: list[tuple[str, ...]] = []
    units: list[Judged] = []
    skipped: Skipped = []
    cts = [each[wanted.planes.index("ct")] for each in files] if "ct" in wanted.planes else []
    top = common_top(folder, [ct for ct in cts if ct is not None])
    with store:
        for start, block in _blocks(folder, files, wanted, n_jobs, top):
            good = []
            for row, read in enumerate(block, start):
                skipped += read.skipped
                if read.planes is None:
                    continue
                if read.planes.shape[1:] != (wanted.shape or read.planes.shape[1:]):
                    raise ValueError(_sizes_message(folder, files))
                if wanted.shape is None:
                    wanted = wanted._replace(shape=read.planes.shape[1:])
                good.append(read.planes)
                rows.append(row)
                grids.append(read.grid)
                scales.append(read.scales)
                units.append(read.units)
            if good:
                store.append(np.stack(good))
    if not rows:
        return skipped
    return Collected(store.data(), rows, grids, scales, units, skipped, top)


def _blocks(
    folder: Path, files: Files, wanted: Wanted, n_jobs: int | None, top: int | None
) -> Iterator[tuple[int, list[ReadSample]]]:
    """Blocks of samples, in order, each with the row of its first sample."""
    size = _BLOCK * effective_n_jobs(n_jobs)
    with Parallel(n_jobs=n_jobs, prefer="threads") as parallel:
        for start in range(0, len(files), size):
            block = files[start : start + size]
            yield start, parallel(delayed(_read)(folder, each, wanted, top) for each in block)


def _read(
    folder: Path, files: tuple[str | None, ...], wanted: Wanted, top: int | None
) -> ReadSample:
    images: dict[str, NDArray[Any]] = {}
    skipped = []
    for name, file in zip(wanted.planes, files, strict=True):
        if file is None:
            continue
        try:
            images[name] = read_grey(folder / file)
        except DataLoadingError as error:
            skipped.append((file, str(error)))
    if not images or (skipped and wanted.whole):
        return _unread(skipped)
    read, why = _judged(images, wanted, top)
    if why:
        return _unread([*skipped, (next(filter(None, files)), why)])
    return read._replace(skipped=skipped)


def _judged(
    images: dict[str, NDArray[Any]], wanted: Wanted, top: int | None
) -> tuple[ReadSample, str]:
    """Images as one sample, and "" or the reason why they can't be one."""
    (first, grid), *others = ((name, image.shape) for name, image in images.items())
    for name, shape in others:
        if not _same_field(grid, shape, wanted.shape):
            why = f"{first.upper()} is {_by(grid)}, {name.upper()} is {_by(shape)}"
            return _unread([]), why
    scales = {
        name: scale_of(image.dtype, np.nanmin(image), np.nanmax(image))
        for name, image in images.items()
    }
    units: Judged = (None, "")
    if "ct" in images:
        scaled = in_eight_bits(images["ct"], top)
        if scaled is not None:
            images["ct"], scales["ct"] = scaled, EIGHT_BIT
        units = ct_units_of(images["ct"], eight_bit=scales["ct"] == EIGHT_BIT)
    planes = np.full((len(wanted.planes), *(wanted.shape or grid)), np.nan, dtype=np.float32)
    for plane, name in zip(planes, wanted.planes, strict=True):
        if name in images:
            plane[:] = resize_observed(images[name], wanted.shape or images[name].shape)
    if np.isnan(planes).all():
        return _unread([]), "nothing observed at this size"
    of_each = tuple(scales.get(name, "") for name in wanted.planes)
    return ReadSample(planes, (grid[0], grid[1]), of_each, units, []), ""


def _unread(skipped: Skipped) -> ReadSample:
    return ReadSample(None, (0, 0), (), (None, ""), skipped)


def _same_field(first: tuple[int, ...], other: tuple[int, ...], shape: Shape | None) -> bool:
    """Whether the sizes fit: equal, or with the same aspect ratio if both are resized."""
    if first == other or shape is None:
        return first == other
    return abs(first[0] * other[1] / (first[1] * other[0]) - 1) < _ASPECT


def _sizes_message(folder: Path, files: Files) -> str:
    """The error for several sizes; it lists them by the headers of all files."""
    sizes: Counter[tuple[int, ...]] = Counter()
    examples: dict[tuple[int, ...], str] = {}
    for each in files:
        there = [file for file in each if file is not None]
        try:
            size, *others = (read_size(folder / file) for file in there)
        except DataLoadingError:
            continue
        if any(other != size for other in others):
            continue
        sizes[size] += 1
        examples.setdefault(size, there[0])
    thing = "pairs" if len(files[0]) == 2 else "samples"
    listed = "; ".join(
        f"{_by(size)} ({count} {thing}, such as {examples[size]})"
        for size, count in sizes.most_common(6)
    )
    return (
        f"The {thing} differ in size: {listed}{'; ...' if len(sizes) > 6 else ''}. Expected one "
        "size. To resize all, pass size=256 or another side (in the command: --image-size 256)."
    )


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)
