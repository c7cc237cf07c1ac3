"""Mean features of the known slices that are most like a slice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.neighbours import Neighbours

Components = npt.NDArray[np.float32]


class SimilarSlices(Neighbours):
    """Known slices, and at each cell the mean over those that are most like a slice.

    Slices of the sample's own patient are left out, see `scoring.neighbours`.

    Parameters
    ----------
    n_neighbors : int
    """

    def __init__(self, n_neighbors: int) -> None:
        self.n_neighbors = n_neighbors

    @property
    def n_nearest(self) -> int:
        """`n_neighbors`."""
        return self.n_neighbors

    def fit(
        self,
        values: npt.NDArray[np.float16],
        seen: npt.NDArray[np.bool_],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64],
    ) -> SimilarSlices:
        """Keep components ``(m, n_groups, gh, gw, k)`` and where they were seen."""
        self.know(descriptors, groups)
        self.values_, self.seen_ = values, seen
        return self

    def means(
        self, descriptors: npt.NDArray[np.float64], groups: npt.NDArray[np.int64] | None = None
    ) -> Components:
        """Mean components ``(n, n_groups, gh, gw, k)``; 0, the mean of all, where none was seen."""
        weights = self.weights(descriptors, groups) > 0
        return np.stack([self._mean(chosen) for chosen in weights])

    def _mean(self, chosen: npt.NDArray[np.bool_]) -> Components:
        rows = np.flatnonzero(chosen)
        count = np.maximum(self.seen_[rows].sum(axis=0, dtype=np.float32), 1)[..., None]
        # unseen cells hold 0
        return np.asarray(self.values_[rows].sum(axis=0, dtype=np.float32) / count)
