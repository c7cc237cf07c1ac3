"""Where the images of an inspection come from: files of a folder, or DICOM series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.io.images import read_grey
from ctmri_detect.io.volumes.volume import Volume
from ctmri_detect.io.volumes.volume_files import is_volume, read_volume

Image = NDArray[Any]


@dataclass(frozen=True)
class Source:
    """Reads images by their names in the tables of `describe_pairs`.

    Parameters
    ----------
    folder : Path
    series : dict of str to callable
        Functions that read DICOM series, by the name of the series in the tables.
    """

    folder: Path
    series: dict[str, Callable[[], Volume]] = field(default_factory=dict)

    def holds_volume(self, name: str) -> bool:
        """Whether this name is a volume's."""
        return name in self.series or is_volume(name)

    def volume(self, name: str) -> Volume:
        """The volume of this name.

        Raises
        ------
        DataLoadingError
            If it can't be read. The message is a short reason.
        """
        if name in self.series:
            return self.series[name]()
        return read_volume(self.folder / name)

    def grey(self, name: str) -> Image:
        """The slice of this name.

        Raises
        ------
        DataLoadingError
            If it can't be read. The message is a short reason.
        """
        return read_grey(self.folder / name)

    def slices(self, ct: str, mri: str) -> tuple[Image, Image]:
        """Two slices; the MRI is resized if its size differs.

        Raises
        ------
        DataLoadingError
            If one can't be read. The message is a short reason.
        """
        first, second = self.grey(ct), self.grey(mri)
        if first.shape != second.shape:
            second = resize_observed(second, (first.shape[0], first.shape[1]))
        return first, second


class SlicePairs:
    """Pairs of slice files as an array; each is read and resized on access.

    A pair that can't be read is NaN.

    Parameters
    ----------
    source : Source
    names : list of (str, str)
        CT and MRI of each pair.
    side : int
        Height and width.
    """

    def __init__(self, source: Source, names: list[tuple[str, str]], side: int) -> None:
        self.source, self.names = source, names
        self.shape = (len(names), 2, side, side)
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        out = np.full((len(rows), *self.shape[1:]), np.nan, np.float32)
        for pair, row in zip(out, rows, strict=True):
            try:
                planes = self.source.slices(*self.names[row])
            except DataLoadingError:
                continue  # the table of files gives the reason
            for plane, image in zip(pair, planes, strict=True):
                plane[:] = resize_observed(image, self.shape[2:])
        return out
