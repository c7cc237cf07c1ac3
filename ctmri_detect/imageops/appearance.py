"""Tell from its values whether an image is inverted, an 8-bit window, or without skull."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.ct_units import UINT8_TO_HU, CTUnits
from ctmri_detect.imageops.brainmask import BONE_HU
from ctmri_detect.imageops.percentiles import percentiles_of

_LOOKED_AT = 128  # pixels a side that are read
_NEAR = 0.1  # of the range of values: a smaller difference counts as equal
_SATURATED = 240  # bone in an 8-bit brain window, blurred by JPEG and by resizing
_BRIGHT = 55  # brain in such a window is 64 to 143 (20 to 45 HU); in HU it is 20 to 45
_CUT_OFF = 0.02  # share of the head that is bone, and of the image that is air, in any window
_BRAIN = (0.2, 0.7)  # of a brain window, the median of the middle: 16 to 56 HU
_SHIFTED = (900, 1174)  # soft tissue in HU + 1024, of which little reaches 4095
_SOFT = (5.0, 80.0)  # HU: the median of a brain, also with much fluid or blood
_NO_BONE = 0.02  # share of the head; less is calcification, not skull
_FILLED = (0.15, 0.95)  # share of the plane that a brain takes; more means a background above air


def is_inverted(image: NDArray[Any]) -> bool:
    """Whether a CT or MRI slice shows air bright and the head dark, as 255 - x does.

    Air surrounds the head, so the rim of the image is as dark as anything in it. Here it is as
    bright as anything, and brighter than the middle.

    When it fails: an image without air around the head, or with a black frame around it, is never
    called inverted.

    Parameters
    ----------
    image : array of shape (height, width)
        Any unit; NaN where nothing was observed.

    Examples
    --------
    >>> head = np.zeros((64, 64))
    >>> head[12:52, 16:48] = 100
    >>> is_inverted(head), is_inverted(255 - head)
    (False, True)
    """
    step = max(1, min(image.shape) // _LOOKED_AT)
    small = np.asarray(image[::step, ::step], dtype=np.float32)
    width = max(1, min(small.shape) // 32)
    inner = np.zeros(small.shape, dtype=bool)
    inner[width:-width, width:-width] = True
    seen = small[np.isfinite(small)]
    rim = small[~inner & np.isfinite(small)]
    middle = middle_of(small)
    if not rim.size or not middle.size:
        return False
    low, high = percentiles_of(seen, [1, 99])
    near = _NEAR * (high - low)
    # a quarter of the rim may be head, where the image was cut close
    edge = float(np.percentile(rim, 25))
    return bool(edge > high - near and edge - float(np.median(middle)) > near)


def is_eight_bit_window(ct: NDArray[Any]) -> bool:
    """Whether a CT looks like an exported brain window, 0 to 255, whatever type it is stored in.

    It may be cut off at 255, and so may Hounsfield units: what lies in the middle of the head tells
    them apart.

    When it fails: a window other than the brain's may be recognised or not.

    Parameters
    ----------
    ct : array of shape (height, width) or (slices, height, width)
        NaN where nothing was observed.

    Examples
    --------
    >>> window = np.zeros((64, 64))
    >>> window[12:52, 16:48] = 110
    >>> is_eight_bit_window(window), is_eight_bit_window(window / 255 * 80)
    (True, False)
    """
    seen = ct[np.isfinite(ct)]
    if not seen.size or float(seen.min()) < 0 or not 1 < float(seen.max()) <= 255:
        return False
    middle = middle_of(ct)
    tissue = middle[middle > seen.min()]
    if not tissue.size:
        return float(seen.max()) >= _SATURATED
    return float(np.median(tissue)) > _BRIGHT


def window_top(ct: NDArray[Any]) -> int | None:
    """The number that stands for white where a CT holds a brain window in more than 8 bits.

    Such a file has whole numbers from 0 up to one less than a power of two (1023, 4095, 65535), or
    at most 256 different ones. Air is cut off at 0 and bone at the top, and brain lies where the
    window puts it: at 20 to 45 of 80 HU.

    When it fails: a slice without bone, or a window other than the brain's, may not be recognised.

    Parameters
    ----------
    ct : array of shape (height, width)

    Returns
    -------
    int or None
        None for 8-bit files, Hounsfield units, and any other image that is no such window.

    Examples
    --------
    >>> window = np.zeros((64, 64), dtype=np.uint16)
    >>> window[8:56, 12:52] = 4095
    >>> window[12:52, 16:48] = 1800
    >>> window_top(window), window_top(window // 16)
    (4095, None)
    """
    if ct.dtype.kind not in "ui" or ct.dtype.itemsize < 2 or not ct.size:
        return None
    low, top = int(ct.min()), int(ct.max())
    if low != 0 or top <= 255:
        return None
    if (top & (top + 1)) and np.unique(ct).size > 256:
        return None
    bone, air = np.count_nonzero(ct == top), np.count_nonzero(ct == 0)
    if bone < _CUT_OFF * np.count_nonzero(ct) or air < _CUT_OFF * ct.size:
        return None
    tissue = middle_of(ct)
    tissue = tissue[tissue > 0]
    middle = float(np.median(tissue)) if tissue.size else 0.0
    shifted = top == 4095 and _SHIFTED[0] <= middle <= _SHIFTED[1]
    return top if _BRAIN[0] <= middle / top <= _BRAIN[1] and not shifted else None


def is_brain_alone(ct: NDArray[np.floating], head: NDArray[np.bool_], units: CTUnits) -> bool:
    """Whether the head is all soft tissue, as after removal of the skull.

    Parameters
    ----------
    ct : array of shape (height, width)
    head : bool array of shape (height, width)
        Of `ctmri_detect.imageops.brainmask.head_mask`.
    units : {"hu", "uint8"}
    """
    hu = ct[head & np.isfinite(ct)] * (UINT8_TO_HU if units == "uint8" else 1.0)
    if not hu.size or not _FILLED[0] <= float(head.mean()) <= _FILLED[1]:
        return False
    bony = float((hu >= BONE_HU[units]).mean())
    return bony < _NO_BONE and _SOFT[0] <= float(np.median(hu)) <= _SOFT[1]


def middle_of(image: NDArray[Any]) -> NDArray[Any]:
    """Observed values in the middle third of each axis."""
    box = image[tuple(slice(n // 3, max(n // 3 + 1, 2 * n // 3)) for n in image.shape)]
    return box[np.isfinite(box)]
