"""Reading pairs of image files into one array, in memory or on disk, with any number of jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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

Files = list[tuple[str, str]]
Shape = tuple[int, int]
Judged = tuple[str | None, str]
_BLOCK = 16  # pairs read at a time, by each job: what is in memory beside the result
_ASPECT = 0.01  # two grids of one field of view: their sides' ratio differs by less


class ReadPair(NamedTuple):
    """One pair as read; `planes` is None where it can't be used, and `skipped` says why."""

    planes: NDArray[np.float32] | None
    grid: Shape
    scales: tuple[str, str]
    units: Judged
    skipped: Skipped


class Collected(NamedTuple):
    """All pairs that could be read.

    Attributes
    ----------
    data : float32 array or memmap of shape (n, 2, height, width)
    rows : list of int
        Which of the files they are.
    grids : list of (int, int)
        Height and width of each CT in its file.
    scales : list of (str, str)
        The scales of CT and MRI, see `scale_of`.
    units : list of (str or None, str)
        What each CT alone looks like, see `ct_units_of`.
    skipped : list of (str, str)
    top : int or None
        White in CT that held a window in more than 8 bits; `data` has them on 0 to 255.
    """

    data: NDArray[np.float32]
    rows: list[int]
    grids: list[Shape]
    scales: list[tuple[str, str]]
    units: list[Judged]
    skipped: Skipped
    top: int | None = None


@with_default_floats
def collect(
    folder: Path, files: Files, shape: Shape | None, store: PairStore, n_jobs: int | None
) -> Collected | Skipped:
    """Read pairs in blocks into a store.

    Returns what was skipped alone where nothing is left.

    Raises
    ------
    ValueError
        Where the pairs differ in size and `shape` is None.
    """
    rows: list[int] = []
    grids: list[Shape] = []
    scales: list[tuple[str, str]] = []
    units: list[Judged] = []
    skipped: Skipped = []
    top = common_top(folder, [ct for ct, _ in files])
    with store:
        for start, block in _blocks(folder, files, shape, n_jobs, top):
            good = []
            for row, read in enumerate(block, start):
                skipped += read.skipped
                if read.planes is None:
                    continue
                if shape is None:
                    shape = (read.planes.shape[1], read.planes.shape[2])
                if read.planes.shape[1:] != shape:
                    raise ValueError(_sizes_message(folder, files))
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
    folder: Path, files: Files, shape: Shape | None, n_jobs: int | None, top: int | None
) -> Iterator[tuple[int, list[ReadPair]]]:
    """Blocks of read pairs, in order, with the row of the first."""
    size = _BLOCK * effective_n_jobs(n_jobs)
    with Parallel(n_jobs=n_jobs, prefer="threads") as parallel:
        for start in range(0, len(files), size):
            block = files[start : start + size]
            yield start, parallel(delayed(_read)(folder, pair, shape, top) for pair in block)


def _read(folder: Path, files: tuple[str, str], shape: Shape | None, top: int | None) -> ReadPair:
    images, skipped = [], []
    for file in files:
        try:
            images.append(read_grey(folder / file))
        except DataLoadingError as error:
            skipped.append((file, str(error)))
    if skipped:
        return _unread(skipped)
    ct, mri = images
    if not _same_field(ct.shape, mri.shape, shape):
        reason = f"CT is {_by(ct.shape)}, MRI is {_by(mri.shape)}"
        return _unread([(files[0], reason)])
    ct_scale, mri_scale = (scale_of(i.dtype, np.nanmin(i), np.nanmax(i)) for i in images)
    scaled = in_eight_bits(ct, top)
    if scaled is not None:
        images[0], ct, ct_scale = scaled, scaled, EIGHT_BIT
    planes = np.stack([resize_observed(image, shape or image.shape) for image in images])
    if np.isnan(planes).all():
        return _unread([(files[0], "nothing observed at this size")])
    units = ct_units_of(ct, eight_bit=ct_scale == EIGHT_BIT)
    return ReadPair(planes, (ct.shape[0], ct.shape[1]), (ct_scale, mri_scale), units, [])


def _unread(skipped: Skipped) -> ReadPair:
    return ReadPair(None, (0, 0), ("", ""), (None, ""), skipped)


def _same_field(ct: tuple[int, ...], mri: tuple[int, ...], shape: Shape | None) -> bool:
    """Whether the sizes fit: equal, or of one aspect ratio where both are resized."""
    if ct == mri or shape is None:
        return ct == mri
    return abs(ct[0] * mri[1] / (ct[1] * mri[0]) - 1) < _ASPECT


def _sizes_message(folder: Path, files: Files) -> str:
    """Which sizes there are, from the headers of all files."""
    sizes: Counter[tuple[int, ...]] = Counter()
    examples: dict[tuple[int, ...], str] = {}
    for ct, mri in files:
        try:
            size = read_size(folder / ct)
            if size != read_size(folder / mri):
                continue
        except DataLoadingError:
            continue
        sizes[size] += 1
        examples.setdefault(size, ct)
    listed = "; ".join(
        f"{_by(size)} ({count} pairs, such as {examples[size]})"
        for size, count in sizes.most_common(6)
    )
    return (
        f"The pairs differ in size: {listed}{'; ...' if len(sizes) > 6 else ''}. Expected one "
        f"size; pass size=, such as size={max(max(size) for size in sizes)}, to resize all."
    )


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)
