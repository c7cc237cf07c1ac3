"""Labels, patients and masks beside pairs of which some were left out."""

from __future__ import annotations

from typing import Any

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs

INPUT_ROW = "input_row"
"""Column of the frame where a step left out samples: the row of its input that a sample was."""


def were_left_out(X: Any) -> bool:
    """Whether X says that samples were left out before.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> X = Pairs(np.zeros((2, 2, 8, 8)), frame=pd.DataFrame({INPUT_ROW: [0, 3]}))
    >>> were_left_out(X), were_left_out(np.zeros((2, 2, 8, 8)))
    (True, False)
    """
    frame = X.frame if isinstance(X, Pairs) else None
    return frame is not None and INPUT_ROW in frame


def check_left_out(X: Any, **beside: Any) -> None:
    """Refuse labels, patients or masks of another length, where samples of X were left out.

    Raises
    ------
    InvalidPairsError
        Names them, and says how to choose the same samples.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> X = Pairs(np.zeros((2, 2, 8, 8)), frame=pd.DataFrame({"input_row": [0, 2]}))
    >>> check_left_out(X, y=np.array([1, 1, -1])[X.frame["input_row"]])
    """
    if not were_left_out(X):
        return
    for name, values in beside.items():
        if values is not None and len(values) != len(X):
            raise InvalidPairsError(
                f"{name} has {len(values)} entries and X has {len(X)} samples, because some were "
                "left out (below_skull_base='drop'); expected one entry for each sample that is "
                f"left. Choose the same ones: numpy.asarray({name})[X.frame['{INPUT_ROW}']]."
            )
