"""Features that were computed once, for several fits on the same samples."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.protocol import Grids, described

MOST_BYTES = 2**30

_Sample = tuple[npt.NDArray[Any], npt.NDArray[np.bool_], float]


class CachedFeatures:
    """Features of samples, computed when they are first asked for.

    Samples are known by their content, so blocks may come in any order. `BackboneFeatures` are
    kept as float16, .46 MB a pair of 128 x 128 with the default layers. Beyond `most_bytes`
    nothing more is kept, and features are computed again.

    Parameters
    ----------
    features : fitted feature extractor
    most_bytes : int, default=2**30
        Largest size of what is kept. More memory saves computing features again.

    Examples
    --------
    >>> from ctmri_detect.features import BackboneFeatures
    >>> X = np.random.default_rng(0).normal(size=(2, 2, 64, 64)).astype(np.float32)
    >>> cached = CachedFeatures(BackboneFeatures(device="cpu").fit(X))
    >>> bool(np.array_equal(cached.grids(X).values, cached.grids(X[::-1]).values[::-1]))
    True
    """

    def __init__(self, features: Grids, most_bytes: int = MOST_BYTES) -> None:
        self.features = features
        self.most_bytes = most_bytes
        self._known: dict[bytes, _Sample] = {}
        self._bytes = 0
        self._lock = Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> CachedFeatures:
        return self  # copies of a detector share it

    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """The features of a block ``(n_samples, n_planes, height, width)``."""
        keys = [hashlib.blake2b(np.ascontiguousarray(one).tobytes()).digest() for one in block]
        found = {key: self._known[key] for key in keys if key in self._known}
        first = {key: i for i, key in reversed(list(enumerate(keys))) if key not in found}
        rows = sorted(first.values())
        if rows:
            grid = described(self.features, block[rows])
            for i, row in enumerate(rows):
                sample = grid.values[i].copy(), grid.seen[i].copy(), grid.stride
                found[keys[row]] = sample
                self._keep(keys[row], sample)
        values, seen, strides = zip(*(found[key] for key in keys), strict=True)
        return FeatureGrid(np.stack(values), np.stack(seen), strides[0])

    def _keep(self, key: bytes, sample: _Sample) -> None:
        size = sample[0].nbytes + sample[1].nbytes
        with self._lock:
            if self._bytes + size <= self.most_bytes and key not in self._known:
                self._known[key] = sample
                self._bytes += size
