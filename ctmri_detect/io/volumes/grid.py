"""The grid of a CT volume; maps of its slices are written back onto it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.layers import Layers
from ctmri_detect.io.volumes.volume import CODES, Volume, check_grid, spacing_of


@dataclass(frozen=True)
class Grid:
    """The places of the voxels of a CT, how its file stores them, and how its slices were cut.

    Parameters
    ----------
    shape : (int, int, int)
        Slices, rows, columns of the `Volume`.
    affine : ndarray of float64, shape (4, 4)
        That of the `Volume`.
    codes : str
        The directions of the axes of the file, such as "RAS".
    step : float or None
        Distance and thickness of the slices that were cut, in mm; None where they are the CT's.
    places : ndarray of float64, shape (slices,), default=None
        Those of the `Volume`; None: one step apart.

    Examples
    --------
    >>> from ctmri_detect.io.volumes.volume import canonical
    >>> ct = canonical(np.zeros((20, 30, 10)), np.diag([2.0, 2.0, 5.0, 1.0]))
    >>> grid = read_grid(grid_of(ct, 10.0).text)
    >>> grid.shape, grid.codes, grid.step
    ((10, 30, 20), 'RAS', 10.0)
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    codes: str
    step: float | None
    places: NDArray[np.float64] | None = None

    @property
    def layers(self) -> Layers:
        """The places of the CT's slices."""
        return Layers.even(self.shape[0]) if self.places is None else Layers.at(self.places)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between slices (along their normal), rows and columns."""
        return spacing_of(self.affine)

    @property
    def text(self) -> str:
        """The grid as one line of text, for a column of a table; `read_grid` reads it."""
        rows = self.affine[:3].tolist()
        places = None if self.places is None else self.places.tolist()
        return json.dumps([list(self.shape), rows, self.codes, self.step, places])

    def reach(self, z_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Begin and end of slices at these heights ``(n, 2)``, in steps of the affine."""
        layers, native = self.layers, self.spacing[0]
        places = layers.places[0] + z_mm / native
        if self.step is None:
            return layers.ends[[layers.nearest(place) for place in places.tolist()]]
        half = self.step / native / 2
        return np.stack([places - half, places + half], axis=1)

    def as_stored(
        self, values: NDArray[Any], affine: NDArray[np.float64]
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """A volume and its affine, with the axes in the order and direction of the file."""
        orientations = require("nibabel.orientations", extra="volumes")
        now, then = (orientations.axcodes2ornt(tuple(codes)) for codes in (CODES, self.codes))
        turn = orientations.ornt_transform(now, then)
        affine = affine @ orientations.inv_ornt_aff(turn, values.shape)
        return orientations.apply_orientation(values, turn), affine


def grid_of(ct: Volume, slice_spacing: float | None) -> Grid:
    """The grid of a CT whose slices are cut at this distance (mm; None: the CT's own)."""
    layers = ct.layers
    cut = [(slab.low, slab.high) for slab in layers.slabs(ct.spacing[0], slice_spacing)]
    n, rows, columns = ct.values.shape
    step = None if np.array_equal(cut, layers.ends) else slice_spacing
    return Grid((n, rows, columns), ct.affine, ct.codes, step, ct.places)


def read_grid(text: str) -> Grid:
    """The grid that `Grid.text` wrote.

    Raises
    ------
    DataLoadingError
        If the text is no grid.
    """
    try:
        (n, rows, columns), affine, codes, step, places = json.loads(text)
        grid = Grid(
            (int(n), int(rows), int(columns)),
            np.array([*affine, [0, 0, 0, 1]], dtype=np.float64).reshape(4, 4),
            str(codes),
            None if step is None else float(step),
            None if places is None else np.array(places, dtype=np.float64).reshape(int(n)),
        )
        check_grid(grid.shape, grid.affine)
        return grid
    except (TypeError, ValueError) as error:
        raise DataLoadingError(
            f"The column grid of the frame holds {text!r}; expected the text that "
            "load_volume_pairs writes there. Load the pairs again."
        ) from error
