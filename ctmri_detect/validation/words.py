"""How messages name samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def listed(indices: Sequence[int] | npt.NDArray[np.integer], most: int = 10) -> str:
    """Sample numbers as text; of many, the first ones and how many more.

    Examples
    --------
    >>> listed(range(3)), listed(range(9), most=2)
    ('0, 1, 2', '0, 1 and 7 more')
    """
    names = [str(int(i)) for i in indices[:most]]
    more = len(indices) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
