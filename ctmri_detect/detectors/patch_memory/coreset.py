"""Few patches that stand for many: a sample of a stream, and a greedy coreset."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.random_projection import GaussianRandomProjection
from tqdm import tqdm

_PROJECTED = 16  # dimensions in which the coreset is chosen

Patches = npt.NDArray[np.floating[Any]]


class Reservoir:
    """A random sample of fixed size of a stream of patches.

    Each patch of the stream is kept with the same probability, and memory does not grow with the
    length of the stream.

    Parameters
    ----------
    size : int
        How many are kept.
    random_state : RandomState
        Source of the random draws.

    References
    ----------
    J. S. Vitter (1985), Random sampling with a reservoir, ACM Trans. Math. Softw. 11:37,
    algorithm R.

    Examples
    --------
    >>> reservoir = Reservoir(3, np.random.RandomState(0))
    >>> for start in range(0, 100, 10):
    ...     reservoir.add(np.arange(start, start + 10.0)[:, None])
    >>> reservoir.patches().shape, reservoir.n_seen
    ((3, 1), 100)
    """

    def __init__(self, size: int, random_state: np.random.RandomState) -> None:
        self.size = size
        self.random_state = random_state
        self.n_seen = 0
        self._kept: npt.NDArray[Any] | None = None

    def add(self, patches: Patches) -> None:
        """Take in patches ``(n, n_features)``."""
        if self._kept is None:
            self._kept = np.empty((self.size, patches.shape[1]), patches.dtype)
        numbers = self.n_seen + np.arange(len(patches))
        places = np.where(
            numbers < self.size,
            numbers,
            (self.random_state.random_sample(len(patches)) * (numbers + 1)).astype(np.int64),
        )
        for place, patch in zip(places, patches, strict=True):  # a later one replaces an earlier
            if place < self.size:
                self._kept[place] = patch
        self.n_seen += len(patches)

    def patches(self) -> npt.NDArray[Any]:
        """The sample: at most `size` patches."""
        if self._kept is None:
            return np.empty((0, 0), np.float32)
        return self._kept[: self.n_seen]


def greedy_coreset(
    patches: Patches,
    size: int,
    random_state: np.random.RandomState,
    *,
    progress: bool | None = False,
) -> npt.NDArray[np.int64]:
    """Rows of a subset that comes near to all patches.

    Begins with a random patch and adds, one after the other, the patch that is farthest from
    those chosen so far; distances are those of a random projection to 16 dimensions. The largest
    distance of a patch to the subset is then at most twice the smallest possible one (up to the
    projection). Time is proportional to ``len(patches) * size``; besides the projection, it keeps
    two numbers for each patch.

    Parameters
    ----------
    patches : float array (n, n_features)
        One patch a row.
    size : int
        How many are kept.
    random_state : RandomState
        Source of the random draws.
    progress : bool or None, default=False
        Show a progress bar on standard error. None: on a terminal, after three seconds.

    Returns
    -------
    int64 array (min(n, size),)
        In the order in which they were chosen.

    References
    ----------
    Gonzalez (1985), Clustering to minimize the maximum intercluster distance, Theor. Comput. Sci.
    38:293. Used for patches by Roth et al. (2022), Towards total recall in industrial anomaly
    detection, CVPR.

    Examples
    --------
    >>> points = np.r_[np.zeros((50, 2)), np.full((2, 2), 9.0)]
    >>> rows = greedy_coreset(points, 2, np.random.RandomState(0))
    >>> sorted(points[rows, 0].tolist())
    [0.0, 9.0]
    """
    points = np.asarray(patches, dtype=np.float32)
    if points.shape[1] > _PROJECTED:
        projection = GaussianRandomProjection(_PROJECTED, random_state=random_state)
        points = projection.fit_transform(points).astype(np.float32)
    n, size = len(points), min(size, len(points))
    half_power = 0.5 * np.einsum("nd,nd->n", points, points)
    chosen = np.empty(size, np.int64)
    chosen[0] = random_state.randint(n)
    nearest = np.full(n, np.inf, np.float32)  # half the squared distance to the subset
    shown = {"disable": None, "delay": 3} if progress is None else {"disable": not progress}
    for k in tqdm(range(size), desc="coreset", unit="patch", **shown):
        last = chosen[k]
        distance = points @ points[last]
        np.subtract(half_power, distance, out=distance)
        distance += half_power[last]
        np.minimum(nearest, distance, out=nearest)
        nearest[last] = -np.inf  # never again, also where all are equal
        if k + 1 < size:
            chosen[k + 1] = nearest.argmax()
    return chosen
