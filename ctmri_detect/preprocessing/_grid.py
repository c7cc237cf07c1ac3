"""Base class of the steps that move pixels, which takes maps back to the grid of the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, cast, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import check_parameters
from ctmri_detect._threads import map_threads
from ctmri_detect._types import PairsLike, StoredArray
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.base.learnt import recall
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import Roles
from ctmri_detect.validation import PairReader, check_pairs


class GridStep(BasePairedTransformer):
    """Base class of the steps whose output lies on another grid.

    A subclass writes three methods. ``_grid()`` gives the height and width of its output.
    ``_learn(pair, roles)`` gives what the way back needs to know of a sample, such as a matrix.
    ``_back(image, grid, learnt)`` takes maps of one sample ``(height, width)`` or ``(channels,
    height, width)`` back to the grid of its input. Where `transform` keeps `learnt` in its `Block`,
    the way back does not call ``_learn`` again.
    """

    traits = Traits(threadsafe=True, missing_modality=True)

    def _grid(self) -> tuple[int, int]:
        raise NotImplementedError(f"{type(self).__name__} has to write _grid().")

    def _learn(self, pair: NDArray[np.float32], roles: Roles) -> Any:
        return None

    def _back(
        self, image: NDArray[np.floating], grid: tuple[int, int], learnt: Any
    ) -> NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _back(image, grid, learnt).")

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
            On the grid of this step's output, NaN where there is no value.
        X : array-like of shape (n_samples, n_planes, height, width)
            This step's input; it determines how each sample was moved.

        Returns
        -------
        ndarray of float32, shape (n_samples, height, width) or with channels
            NaN where the map does not reach.

        Raises
        ------
        ValueError
            If a parameter of the step is bad.
        InvalidPairsError
            If the shapes of maps and X don't fit together.
        """
        check_parameters(self)
        return each_back(maps, X, self._grid(), recall(self), self._learn, self._back)


def each_back(
    maps: ArrayLike,
    X: PairsLike,
    grid: tuple[int, int] | None,
    known: Sequence[Any] | None,
    learn: Callable[[NDArray[np.float32], Roles], Any],
    back: Callable[[NDArray[np.floating], tuple[int, int], Any], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """``back(map, grid of X, what is known)`` for each sample, in several threads.

    Maps of another height and width than `grid` are refused (None: than X). `known` holds what
    `learn` gave for each pair of X; where it is None, X is read and `learn` is called.
    """
    maps = np.asarray(plain_array(maps))
    reader = check_pairs(X) if known is None else PairReader(cast(StoredArray, X))
    height, width = reader.shape[2:]
    _refuse_maps(maps, len(reader), grid or (height, width))
    out = np.empty((*maps.shape[:-2], height, width), dtype=np.float32)
    reading = Lock()  # the source of X may not be thread-safe

    def one(i: int) -> None:
        if known is None:
            with reading:
                pair = reader[i : i + 1][0]
            told = learn(pair, reader.roles)
        else:
            told = known[i]
        out[i] = back(maps[i], (height, width), told)

    map_threads(one, range(len(reader)))
    return out


def _refuse_maps(maps: NDArray[Any], n: int, grid: tuple[int, int]) -> None:
    if maps.ndim not in (3, 4) or len(maps) != n or maps.shape[-2:] != grid:
        raise InvalidPairsError(
            f"maps has shape {maps.shape}; expected ({n}, {grid[0]}, {grid[1]}), "
            "with or without channels on axis 1: one map for each sample of X, on the grid "
            "that transform gives. Pass the input of this step as X."
        )
