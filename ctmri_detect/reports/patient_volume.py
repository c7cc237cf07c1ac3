"""Whether the slices of a patient form a volume that the page can show in other directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.pairs import Pairs

FEWEST_SLICES = 8


def volume_of(
    X: Pairs, rows: npt.NDArray[np.int64], shape: tuple[int, ...]
) -> dict[str, Any] | None:
    """Heights of the slices and the size of their images ``(height, width)``, all in mm.

    None with fewer than 8 slices, where heights or pixel sizes are not known, where heights don't
    increase or pixel sizes differ, and where the slices are of more than one scan.

    Examples
    --------
    >>> import pandas as pd
    >>> X = Pairs(np.zeros((9, 2, 4, 4)), spacing=2.0, frame=pd.DataFrame({"z_mm": np.arange(9.0)}))
    >>> volume_of(X, np.arange(9), (4, 4))["mm"], volume_of(X, np.arange(7), (4, 4))
    ([8.0, 8.0], None)
    """
    frame, spacing = X.frame, X.spacing
    if len(rows) < FEWEST_SLICES or frame is None or spacing is None or "z_mm" not in frame:
        return None
    own, sizes = frame.iloc[rows], spacing[rows]
    z = own["z_mm"].to_numpy(dtype=np.float64)
    rising = bool(np.isfinite(z).all() and (np.diff(z) > 0).all())
    scans = own["volume"].nunique() if "volume" in own else 1
    if not rising or scans > 1 or not np.allclose(sizes, sizes[0]):
        return None
    return {"z": z.round(3).tolist(), "mm": (sizes[0] * shape).round(3).tolist()}
