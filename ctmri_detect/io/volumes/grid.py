"""The grid of a CT volume, so that maps of its slices can be written back onto it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.resample import slice_ranges
from ctmri_detect.io.volumes.volume import CODES, Volume, check_grid, spacing_of


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a CT lie, how its file stores them, and how its slices were cut.

    Parameters
    ----------
    shape : (int, int, int)
        Slices, rows, columns of the `Volume`.
    affine : ndarray of float64, shape (4, 4)
        That of the `Volume`.
    codes : str
        Where the axes of the file point to, such as "RAS".
    step : float
        Millimetres between the slices that were cut, each as thick.

    Examples
    --------
    >>> from ctmri_detect.io.volumes.volume import canonical
    >>> ct = canonical(np.zeros((20, 30, 10)), np.diag([2.0, 2.0, 5.0, 1.0]))
    >>> grid = read_grid(grid_of(ct, None).text)
    >>> grid.shape, grid.codes, grid.step
    ((10, 30, 20), 'RAS', 5.0)
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    codes: str
    step: float

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between slices (along their normal), rows and columns."""
        return spacing_of(self.affine)

    @property
    def text(self) -> str:
        """All of it as one line, for a column of a table; `read_grid` reads it."""
        rows = self.affine[:3].tolist()
        return json.dumps([list(self.shape), rows, self.codes, self.step])

    def as_stored(
        self, values: NDArray[Any], affine: NDArray[np.float64]
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """A volume and its affine, turned as the file's axes are."""
        orientations = require("nibabel.orientations", extra="volumes")
        now, then = (orientations.axcodes2ornt(tuple(codes)) for codes in (CODES, self.codes))
        turn = orientations.ornt_transform(now, then)
        affine = affine @ orientations.inv_ornt_aff(turn, values.shape)
        return orientations.apply_orientation(values, turn), affine


def grid_of(ct: Volume, slice_spacing: float | None) -> Grid:
    """The grid of a CT, of which slices are cut at this distance (mm; None: its own)."""
    (low, high), *_ = slice_ranges(len(ct.values), ct.spacing[0], slice_spacing)
    n, rows, columns = ct.values.shape
    return Grid((n, rows, columns), ct.affine, ct.codes, (high - low) * ct.spacing[0])


def read_grid(text: str) -> Grid:
    """The grid that `Grid.text` wrote.

    Raises
    ------
    DataLoadingError
        Where the text is none.
    """
    try:
        (n, rows, columns), affine, codes, step = json.loads(text)
        grid = Grid(
            (int(n), int(rows), int(columns)),
            np.array([*affine, [0, 0, 0, 1]], dtype=np.float64).reshape(4, 4),
            str(codes),
            float(step),
        )
        check_grid(grid.shape, grid.affine)
        return grid
    except (TypeError, ValueError) as error:  # what is checked raises DataLoadingError
        raise DataLoadingError(
            f"The frame says {text!r} of a volume's grid; expected what load_volume_pairs writes "
            "there. Load the pairs again."
        ) from error
