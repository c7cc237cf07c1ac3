"""Base of the steps that move pixels: it takes maps back to the grid of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import check_parameters
from ctmri_detect._types import PairsLike
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import Roles
from ctmri_detect.validation import check_pairs


class GridStep(BasePairedTransformer):
    """Base of the steps whose output lies on another grid.

    A step writes ``_grid()``, the height and width of its output, and
    ``_back(image, pair, roles)``, which takes maps of one sample ``(height, width)`` or
    ``(channels, height, width)`` back to the grid of that sample's input.
    """

    traits = Traits(threadsafe=True, missing_modality=True)

    def _grid(self) -> tuple[int, int]:
        raise NotImplementedError(f"{type(self).__name__} has to write _grid().")

    def _back(
        self, image: NDArray[np.floating], pair: NDArray[np.float32], roles: Roles
    ) -> NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _back(image, pair, roles).")

    def _scale(self, pair: NDArray[np.float32]) -> tuple[float, float]:
        """Pixels of the output for each pixel of the input, along rows and columns."""
        return (1.0, 1.0)

    def _spacing_after(
        self, spacing: NDArray[np.float64], X: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        return spacing / np.array([self._scale(pair) for pair in X])

    @final
    @with_default_floats
    def inverse_transform_map(self, maps: ArrayLike, X: PairsLike) -> NDArray[np.float32]:
        """Take maps from the grid of this step's output back to that of its input.

        Parameters
        ----------
        maps : array of shape (n_samples, height', width') or (n_samples, channels, ...)
            On the grid of this step's output, NaN where there is none.
        X : array-like of shape (n_samples, n_planes, height, width)
            This step's input, from which each sample's transform follows again.

        Returns
        -------
        ndarray of float32, shape (n_samples, height, width) or with channels
            NaN where the map does not reach.

        Raises
        ------
        ValueError
            Where a parameter of the step is bad.
        InvalidPairsError
            Where maps and X don't belong together.
        """
        check_parameters(self)
        return each_back(maps, X, self._grid(), self._back)


def each_back(
    maps: ArrayLike,
    X: PairsLike,
    grid: tuple[int, int] | None,
    back: Callable[[NDArray[np.floating], NDArray[np.float32], Roles], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """``back(map, pair, roles)`` of each sample; maps not of `grid` (None: of X) are refused."""
    maps = np.asarray(plain_array(maps))
    reader = check_pairs(X)
    height, width = reader.shape[2:] if grid is None else grid
    if maps.ndim not in (3, 4) or len(maps) != len(reader) or maps.shape[-2:] != (height, width):
        raise InvalidPairsError(
            f"maps has shape {maps.shape}; expected ({len(reader)}, {height}, {width}), "
            "with or without channels on axis 1: one map for each sample of X, on the grid "
            "that transform gives. Pass the input of this step as X."
        )
    out = np.empty(maps.shape[:-2] + reader.shape[2:], dtype=np.float32)
    start = 0
    for block in reader.blocks():
        for i, pair in enumerate(block, start):
            out[i] = back(maps[i], pair, reader.roles)
        start += len(block)
    return out
