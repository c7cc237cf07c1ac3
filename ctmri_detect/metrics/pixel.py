"""Metrics of maps against masks, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_masks


def pixel_average_precision_score(masks: Any, maps: Any) -> float:
    """Average precision of the pixels of all samples together.

    Parameters
    ----------
    masks : bool array (n, height, width)
        True = lesion.
    maps : float array (n, height, width)
        High = anomalous; NaN = not observed. A lesion pixel that is NaN counts as missed (it
        ranks last), a healthy one is left out.

    Returns
    -------
    float
        From the share of lesion pixels (chance) to 1.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, or masks without a lesion pixel.

    Examples
    --------
    >>> masks = np.zeros((1, 4, 4), bool); masks[0, 1, 1] = True
    >>> pixel_average_precision_score(masks, masks.astype(float))
    1.0
    """
    maps = np.asarray(maps)
    masks = check_masks(masks, maps.shape)
    if np.isinf(maps).any():
        raise InvalidPairsError("maps holds infinity; expected finite numbers and NaN.")
    if not masks.any():
        raise InvalidPairsError(
            "masks holds no lesion pixel; the metric needs at least one. Give samples with lesions."
        )
    unseen = np.isnan(maps)
    if (unseen | masks).all():
        raise InvalidPairsError(
            "maps observed no healthy pixel, so nothing can be ranked; expected numbers outside "
            "the lesions too. Check that the maps lie on the masks' grid."
        )
    used = ~unseen | masks
    heat = maps.astype(np.float64)
    heat[unseen] = np.nextafter(np.nanmin(heat), -np.inf)
    return float(average_precision_score(masks[used], heat[used]))
