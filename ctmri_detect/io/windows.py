"""CT files that hold an exported brain window in more than 8 bits, such as 0 to 4095."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.appearance import window_top
from ctmri_detect.io.images import read_grey

_SAMPLE = 9  # files that are looked at; a single one near the vertex may mislead


def common_top(folder: Path, files: list[str]) -> int | None:
    """The value of white in most of these CT; None where they hold no window in more than 8 bits.

    A few files decide for all, so that slices without bone are scaled like the others. Files that
    can't be read are passed over; the caller reports them.
    """
    rows = np.unique(np.linspace(0, len(files) - 1, min(len(files), _SAMPLE)).astype(int))
    tops: Counter[int | None] = Counter()
    for i in rows if files else []:
        try:
            tops[window_top(read_grey(folder / files[i]))] += 1
        except DataLoadingError:
            continue
    if not tops:
        return None
    top, n = tops.most_common(1)[0]
    return top if 2 * n > tops.total() else None


def in_eight_bits(image: NDArray[Any], top: int | None) -> NDArray[Any] | None:
    """A window with white at `top`, scaled to 0 to 255; None for any other image.

    Examples
    --------
    >>> import numpy as np
    >>> in_eight_bits(np.array([[0, 4095]], dtype=np.uint16), 4095).tolist()
    [[0.0, 255.0]]
    """
    if top is None or image.dtype.kind not in "ui" or image.dtype.itemsize < 2:
        return None
    if image.min() < 0 or image.max() > top:
        return None
    return image.astype(np.float32) * np.float32(255 / top)
