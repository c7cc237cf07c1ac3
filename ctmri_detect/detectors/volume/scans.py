"""Which samples are slices of one scan, and where they lie in it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import listed

Rows = npt.NDArray[np.int64]


class Scans:
    """Slices by scan and height.

    Parameters
    ----------
    scan : int array (n,)
        The scan of each sample, as a number from 0.
    z_mm : float array (n,)
        Height of each slice in its scan.

    Examples
    --------
    >>> scans = Scans(np.array([0, 1, 0, 0]), np.array([5.0, 0.0, 0.0, 30.0]))
    >>> scans.near(0, 10.0).tolist(), scans.near(1, 10.0).tolist()
    ([2, 0], [1])
    """

    def __init__(self, scan: npt.NDArray[np.int64], z_mm: npt.NDArray[np.float64]) -> None:
        self.scan, self.z_mm = scan, z_mm
        self._order = np.lexsort((np.arange(len(scan)), z_mm, scan))
        self._sorted = scan[self._order], z_mm[self._order]

    @classmethod
    def of(cls, X: Any, asker: str) -> Self:
        """Those of `Pairs` whose frame says `volume` and `z_mm`.

        Raises
        ------
        InvalidPairsError
            If it doesn't, for all samples or some.
        """
        frame = getattr(X, "frame", None)
        frame = pd.DataFrame() if frame is None else frame
        lacking = [name for name in ("volume", "z_mm") if name not in frame]
        if lacking:
            raise _unknown(f"The frame of X has no column {' and no column '.join(lacking)}", asker)
        z_mm = pd.to_numeric(frame["z_mm"], errors="coerce").to_numpy(dtype=np.float64)
        bad = np.flatnonzero(frame["volume"].isna().to_numpy() | ~np.isfinite(z_mm))
        if len(bad):
            raise _unknown(f"volume or z_mm is not known for samples {listed(bad)}", asker)
        names = frame["volume"].astype(str).to_numpy()
        keys = [names] if X.groups is None else [names, np.asarray(X.groups).astype(str)]
        scan = pd.MultiIndex.from_arrays(keys).factorize()[0]
        return cls(scan.astype(np.int64), z_mm)

    def near(self, row: int, reach: float) -> Rows:
        """Slices of the scan of `row` at most `reach` mm away, itself among them, by height."""
        scan, z_mm = self._sorted
        low, high = np.searchsorted(scan, [self.scan[row], self.scan[row] + 1])
        inside = z_mm[low:high]
        first = np.searchsorted(inside, self.z_mm[row] - reach, side="left")
        last = np.searchsorted(inside, self.z_mm[row] + reach, side="right")
        return self._order[low + first : low + last]

    def only(self, rows: Rows) -> Scans:
        """The same, as if there were no other rows than these; rows keep their numbers."""
        scan = np.full(len(self.scan), -1)
        scan[rows] = self.scan[rows]
        return Scans(scan, self.z_mm)


def _unknown(what: str, asker: str) -> InvalidPairsError:
    return InvalidPairsError(
        f"{what}; {asker} looks at the neighbours of a slice in its scan, and needs the scan "
        "(volume) and the height in mm (z_mm) of each slice. load_volume_pairs gives both. Or give "
        "them: Pairs(X, groups=patients, frame=DataFrame({'volume': ..., 'z_mm': ...})). For "
        "single slices, use the detector without it."
    )
