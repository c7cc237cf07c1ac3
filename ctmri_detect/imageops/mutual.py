"""Normalised mutual information of two images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UNSEEN = 255
"""The code of a pixel that was not observed."""

_TAILS = (0.5, 99.5)  # percentiles between which the bins lie; the tails go to the outer bins

Codes = npt.NDArray[np.uint8]


def quantize(image: npt.ArrayLike, bins: int = 32) -> Codes:
    """Codes of an image's grey values: equal bins over its robust range.

    The range goes from the 0.5th to the 99.5th percentile of the observed pixels, so that a few
    extreme pixels don't push the rest into one bin. Values outside go to the first and the last
    bin. If these percentiles are equal (more than 99 % of the pixels have one value), the
    range is that from the least to the largest value.

    Parameters
    ----------
    image : array of any shape
        Real numbers, NaN where nothing was observed.
    bins : int, default=32
        Number of grey levels, 2 to 255. More bins resolve finer contrast and need more pixels.

    Returns
    -------
    uint8 array of the same shape
        0 to ``bins - 1``; `UNSEEN` (255) where `image` is not finite. A constant image is 0.

    Raises
    ------
    ValueError
        If `bins` is out of its range.

    Examples
    --------
    >>> quantize([0.0, 1.0, 2.0, 3.0, np.nan], bins=4).tolist()
    [0, 1, 2, 3, 255]
    """
    if not 2 <= bins <= UNSEEN:
        raise ValueError(f"bins is {bins!r}; expected an integer from 2 to {UNSEEN}.")
    image = np.asarray(image)
    image = image.astype(np.float64 if image.dtype == np.float64 else np.float32)
    codes = np.full(image.shape, UNSEEN, dtype=np.uint8)
    seen = np.isfinite(image)
    values = image[seen]
    if not values.size:
        return codes
    low, high = np.percentile(values, _TAILS)
    if not high > low:
        low, high = values.min(), values.max()
    if not high > low:
        codes[seen] = 0
        return codes
    level = (values - low) * (bins / (high - low))
    codes[seen] = np.clip(level, 0, bins - 1).astype(np.uint8)
    return codes


def normalized_mutual_information(a_codes: Codes, b_codes: Codes) -> float:
    """Normalised mutual information of two coded images, over pixels observed in both.

    ``(H(a) + H(b)) / H(a, b)`` with the entropies H of the histograms: 1 for independent images,
    2 where each image determines the other. It is the measure of
    `skimage.metrics.normalized_mutual_information`, on codes that are made once instead of
    grey values that are binned for each comparison. Pixels observed in one image only are left
    out, so compare two values only where nearly the same pixels were observed.

    Parameters
    ----------
    a_codes, b_codes : uint8 arrays of one shape
        From `quantize`.

    Returns
    -------
    float
        1.0 to 2.0. With a constant image 1.0, the lowest value, also where both are constant.
        NaN where no pixel was observed in both.

    References
    ----------
    Studholme, Hill and Hawkes (1999), An overlap invariant entropy measure of 3D medical image
    alignment, Pattern Recognition 32:71.

    Examples
    --------
    >>> a = quantize(np.arange(64.0).reshape(8, 8), bins=8)
    >>> normalized_mutual_information(a, 7 - a)   # inverted grey values: each determines the other
    2.0
    >>> normalized_mutual_information(a, np.zeros_like(a))
    1.0
    """
    a, b = np.ravel(a_codes), np.ravel(b_codes)
    if UNSEEN in (a.max(initial=0), b.max(initial=0)):
        both = (a != UNSEEN) & (b != UNSEEN)
        a, b = a[both], b[both]
    if not a.size:
        return float("nan")
    width = int(b.max()) + 1
    height = int(a.max()) + 1
    joint = np.bincount(a.astype(np.int32) * width + b, minlength=height * width)
    table = joint.reshape(height, width)
    together = _entropy(joint, a.size)
    if together <= 0:
        return 1.0
    apart = _entropy(table.sum(axis=0), a.size) + _entropy(table.sum(axis=1), a.size)
    return float(np.clip(apart / together, 1.0, 2.0))  # rounding can leave the range by 1e-16


def _entropy(counts: npt.NDArray[np.int64], total: int) -> float:
    counts = counts[counts > 0]
    return float(np.log(total) - (counts * np.log(counts)).sum() / total)
