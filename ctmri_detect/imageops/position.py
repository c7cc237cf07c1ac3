"""Mean and spread of the training slices at each place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.imageops.steady import BLUR, FLOOR, shrink_towards_pooled
from ctmri_detect.validation import PairReader


def position_statistics(
    X: PairReader,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Per-position mean and standard deviation over the slices observed there.

    Parameters
    ----------
    X : PairReader of shape (n, n_planes, height, width)
        Read once.

    Returns
    -------
    mean, sd : float32 arrays (n_planes, height, width)
        The mean is 0 where nothing was observed. The standard deviation includes two
        pseudo-slices of the plane's pooled variance, is smoothed by 1.5 px, and is at least 0.3
        of the pooled one; it is never 0.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, The American
    Statistician 37:242, for mean and spread in one pass.

    Examples
    --------
    >>> mean, sd = position_statistics(PairReader(np.full((3, 2, 8, 8), 5.0)))
    >>> float(mean[0, 0, 0]), float(sd[0, 0, 0])
    (5.0, 0.632...)
    """
    mean, power, count = (np.zeros(X.shape[1:]) for _ in range(3))
    for block in X.blocks():  # one pass, exact to rounding
        new = (~np.isnan(block)).sum(axis=0)
        own = np.nansum(block, axis=0, dtype=np.float64) / np.maximum(new, 1)
        power += np.nansum((block - own) ** 2, axis=0)
        share = new / np.maximum(count + new, 1)
        power += (own - mean) ** 2 * count * share
        mean += (own - mean) * share
        count += new
    pooled = np.sqrt(power.sum(axis=(1, 2)) / np.maximum(count.sum(axis=(1, 2)), 1))
    pooled = np.where(pooled > 1e-6, pooled, 1.0)[:, None, None]
    shrink_towards_pooled(count, power, pooled)  # power is the variance now
    sd = np.sqrt(masked_gaussian(power.astype(np.float32), BLUR))
    return mean.astype(np.float32), np.maximum(sd, FLOOR * pooled).astype(np.float32)
