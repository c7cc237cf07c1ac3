"""Features of the cells of a grid, and maps of pixels from scores of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.features.planes import nearest_filled


@dataclass(frozen=True, eq=False)
class FeatureGrid:
    """Features of a block of samples: one vector for each cell of a coarse grid.

    Cell ``(i, j)`` covers the pixels from ``stride * i`` to ``stride * (i + 1)`` downwards and
    from ``stride * j`` to ``stride * (j + 1)`` to the right. The last cells may reach beyond the
    image.

    Parameters
    ----------
    values : float array (n_samples, n_groups, grid height, grid width, n_features)
        One group for each plane of the block, in the same order; or one group that describes
        all planes together. Values of unseen cells are ignored. Kept as float16 or float32.
    seen : bool array (n_samples, n_groups, grid height, grid width)
        Whether a cell was observed.
    stride : float
        Side of a cell in pixels of the block; need not be a whole number.

    Raises
    ------
    ValueError
        If the shapes don't fit, the stride is not above 0, or a seen cell holds NaN or
        infinity.

    Examples
    --------
    >>> grid = FeatureGrid(np.zeros((1, 2, 4, 4, 3)), np.ones((1, 2, 4, 4), bool), stride=8)
    >>> grid.centres()[0]
    array([ 3.5, 11.5, 19.5, 27.5])
    >>> grid.spread(np.ones((1, 2, 4, 4)), (32, 30)).shape
    (1, 2, 32, 30)
    """

    values: npt.NDArray[Any]
    seen: npt.NDArray[np.bool_]
    stride: float

    def __post_init__(self) -> None:
        values, seen = np.asarray(self.values), np.asarray(self.seen)
        if values.ndim != 5 or 0 in values.shape[2:] or values.dtype.kind != "f":
            raise ValueError(
                f"values has shape {values.shape} and dtype {values.dtype}; expected floats "
                "(n_samples, n_groups, grid height, grid width, n_features)."
            )
        if seen.shape != values.shape[:-1] or seen.dtype != bool:
            raise ValueError(
                f"seen has shape {seen.shape} and dtype {seen.dtype}; expected bool "
                f"{values.shape[:-1]}, one value for each cell."
            )
        if not 0 < self.stride < np.inf:
            raise ValueError(f"stride is {self.stride!r}; expected a number of pixels above 0.")
        wrong = seen & ~np.isfinite(values).all(axis=-1)
        if wrong.any():
            raise ValueError(
                f"{wrong.sum()} seen cells hold NaN or infinity; expected finite features. Set "
                "seen to False where a cell has no description."
            )
        if values.dtype != np.float16:
            values = values.astype(np.float32, copy=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "seen", seen)

    def centres(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Rows and columns of the cells' centres in pixels: float64 ``(gh,)`` and ``(gw,)``.

        The centre of the first pixel is 0.
        """
        places = (np.arange(max(self.seen.shape[2:]), dtype=np.float64) + 0.5) * self.stride - 0.5
        return places[: self.seen.shape[2]], places[: self.seen.shape[3]]

    def spread(
        self, scores: npt.NDArray[np.floating[Any]], image_shape: tuple[int, ...]
    ) -> npt.NDArray[np.float32]:
        """Scores of cells as maps of pixels, linear between the centres of the cells.

        Parameters
        ----------
        scores : float array (n_samples, n_groups, grid height, grid width)
            Unseen cells take the score of the nearest seen cell; 0 where no cell was seen.
        image_shape : (int, int)
            Height and width of the maps.

        Returns
        -------
        float32 array (n_samples, n_groups, height, width)

        Raises
        ------
        ValueError
            If there is not one score for each cell.
        """
        if scores.shape != self.seen.shape:
            raise ValueError(
                f"scores has shape {scores.shape}; expected {self.seen.shape}, one for each cell."
            )
        cells = np.where(self.seen, scores, np.nan).reshape(-1, *scores.shape[2:])
        rows, columns = (
            _linear(side, centres)
            for side, centres in zip(image_shape, self.centres(), strict=True)
        )
        maps = np.einsum("yi,nij,xj->nyx", rows, nearest_filled(cells), columns, optimize=True)
        return maps.reshape(*scores.shape[:2], *image_shape).astype(np.float32)


def pooled(grid: FeatureGrid) -> FeatureGrid:
    """One cell for the whole image: mean and standard deviation of each feature over seen cells.

    Examples
    --------
    >>> pooled(FeatureGrid(np.ones((1, 2, 4, 4, 3)), np.ones((1, 2, 4, 4), bool), 8)).values.shape
    (1, 2, 1, 1, 6)
    """
    height, width = grid.seen.shape[2:]
    seen = grid.seen[..., None]
    values = np.where(seen, grid.values, 0).astype(np.float64)
    count = np.maximum(seen.sum(axis=(2, 3)), 1)
    mean = values.sum(axis=(2, 3)) / count
    square = np.square(values).sum(axis=(2, 3)) / count
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    found = np.concatenate([mean, spread], axis=-1)[:, :, None, None]
    whole = np.asarray(grid.seen.any(axis=(2, 3)))[:, :, None, None]
    return FeatureGrid(found, whole, grid.stride * max(height, width))


def _linear(side: int, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights ``(side, cells)`` of linear interpolation; constant beyond the outer centres."""
    pixels = np.arange(side)
    return np.stack([np.interp(pixels, centres, cell) for cell in np.eye(len(centres))], axis=1)
