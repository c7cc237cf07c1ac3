"""Five numbers that say what a slice looks like as a whole, and hardly move with a lesion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.percentiles import percentiles_of

LOOKS = ("level", "width", "asymmetry", "noise", "unevenness")
"""What `slice_looks` gives of each plane."""

_CELLS = 8  # a side: too coarse for anatomy, fine enough for the field of a coil
_NOISE_GAIN = 6.0  # of the two second differences, for white noise (Immerkaer 1996)
_MAD = 1.4826  # median absolute deviation to standard deviation


def slice_looks(X: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """What planes look like as a whole: scanner, sequence, preprocessing.

    Parameters
    ----------
    X : float32 array (n, n_planes, height, width)
        NaN where nothing was observed.

    Returns
    -------
    float64 array (n, n_planes, 5)
        Of the observed pixels of each plane: *level*, the median; *width*, from the first to the
        last decile; *asymmetry*, see `asymmetry`; *noise*, the robust standard deviation of
        second differences along both axes [1]_; *unevenness*, the standard deviation of the
        means of 8 x 8 cells. NaN where a plane is missing.

    References
    ----------
    .. [1] Immerkaer (1996), Fast noise variance estimation, Computer Vision and Image
       Understanding 64:300-302; here with the median, so that edges count little.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(5.0, 2.0, (1, 1, 64, 64)).astype("float32")
    >>> level, width, asymmetry, noise, unevenness = slice_looks(X)[0, 0]
    >>> [round(float(number)) for number in (level, noise, unevenness)]
    [5, 2, 0]
    """
    out = np.full((*X.shape[:2], len(LOOKS)), np.nan)
    for n, plane in np.ndindex(X.shape[:2]):
        image = X[n, plane]
        values = image[~np.isnan(image)]
        if values.size:
            low, middle, high = percentiles_of(values, (10, 50, 90))
            shape = asymmetry(low, middle, high)
            out[n, plane] = middle, high - low, shape, _noise(image), _unevenness(image)
    return out


def asymmetry(low: float, middle: float, high: float) -> float:
    """Whether the bright or the dark values lie farther from the median, from -1 to 1.

    Bowley's, of the first, the fifth and the last decile: ``(q90 + q10 - 2 q50) / (q90 - q10)``.

    Examples
    --------
    >>> asymmetry(0.0, 1.0, 2.0), asymmetry(0.0, 1.0, 5.0), asymmetry(3.0, 3.0, 3.0)
    (0.0, 0.6, 0.0)
    """
    width = high - low
    return (high + low - 2 * middle) / width if width > 0 else 0.0


def _noise(image: npt.NDArray[np.float32]) -> float:
    """Where a neighbour was not observed, the difference is NaN and doesn't count."""
    down = image[2:] - 2 * image[1:-1] + image[:-2]
    both = down[:, 2:] - 2 * down[:, 1:-1] + down[:, :-2]
    size = np.abs(both[~np.isnan(both)])
    return _MAD * float(np.median(size)) / _NOISE_GAIN if size.size else np.nan


def _unevenness(image: npt.NDArray[np.float32]) -> float:
    seen = ~np.isnan(image)
    total, share = (
        cv2.resize(plane, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        for plane in (np.where(seen, image, np.float32(0)), seen.astype(np.float32))
    )
    full = share > 0.5
    return float(np.std(total[full] / share[full])) if full.any() else np.nan
