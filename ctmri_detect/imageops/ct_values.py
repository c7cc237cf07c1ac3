"""Check and recognise the units of a CT from its values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.ct_units import CT_RANGES
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.appearance import is_eight_bit_window, middle_of
from ctmri_detect.validation import listed

_MOST_BEYOND = 0.01  # of the observed pixels: filters and resizing overshoot a little
_ROUNDED = 0.5


def check_ct_values(X: NDArray[np.float32], units: str, *, planes: Sequence[int] = (0,)) -> None:
    """Refuse CT whose values can't be in these units.

    Parameters
    ----------
    X : array of shape (n_samples, n_planes, height, width)
    units : {"hu", "uint8"}
    planes : sequence of int, default=(0,)
        Which planes are CT.

    Raises
    ------
    InvalidPairsError
        If more than 1 % of a sample's observed pixels lie beyond the range of the units, or
        all of them between 0 and 1, as those of prepared pairs do.
    """
    for ct in planes:
        _check_plane(X[:, ct], units)


def _check_plane(ct: NDArray[np.float32], units: str) -> None:
    low, high = CT_RANGES[units]
    beyond, prepared = [], []
    for i, plane in enumerate(ct):  # comparisons with NaN are False
        far = np.count_nonzero((plane < low - _ROUNDED) | (plane > high + _ROUNDED))
        if far and far > _MOST_BEYOND * np.isfinite(plane).sum():
            beyond.append(i)
        elif not far and not (plane < 0).any() and not (plane > 1).any():
            between = np.count_nonzero((plane > 0) & (plane < 1))
            if between > 0.01 * np.isfinite(plane).sum():
                prepared.append(i)
    if beyond:
        worst = ct[beyond[0]]
        raise InvalidPairsError(
            f"The CT runs from {np.nanmin(worst):g} to {np.nanmax(worst):g} in sample {beyond[0]}, "
            f"and in {len(beyond)} samples ({listed(beyond)}) more than 1 % of its pixels lie "
            f"beyond {low:g} to {high:g}, what {units!r} can be. Check ct_units; export other "
            "scalings again, in Hounsfield units or as an 8-bit brain window."
        )
    if prepared:
        raise InvalidPairsError(
            f"The CT runs from 0 to 1 in {len(prepared)} samples ({listed(prepared)}), as prepared "
            f"pairs do; expected {units!r}. Give raw pairs to this step, or prepared ones to the "
            "detector alone."
        )


AIR = -300.0
"""HU, between air and any tissue of the head."""

_SHIFTS = (900, 1174)  # soft tissue (-100..150 HU) after adding 1000 or 1024
_SOFT = (-150, 300)  # HU in the middle of a head, bleeding and calcification included


def ct_units_of(values: NDArray[np.float32], *, eight_bit: bool = False) -> tuple[str | None, str]:
    """``"hu"``, ``"uint8"`` or None, and for None the reason in words.

    In Hounsfield units, the median of the middle third of the volume is that of soft tissue, and
    there is either air around the head or a masked background of 0.

    When it fails: a masked CT that was shifted and scaled so that brain lies between -150 and
    300 passes; a head at the edge of the volume does not.

    Parameters
    ----------
    values : ndarray of shape (slices, rows, columns) or (rows, columns)
        NaN where not observed.
    eight_bit : bool, default=False
        Whether the file stored 8-bit integers without a scale.

    Returns
    -------
    units : {"hu", "uint8", None}
    reason : str
        Empty if the units are known.

    Examples
    --------
    >>> from ctmri_detect.imageops.ct_values import ct_units_of
    >>> head = np.full((9, 9, 9), -1000, dtype=np.float32)
    >>> head[1:8, 1:8, 1:8] = 35
    >>> ct_units_of(head)
    ('hu', '')
    >>> ct_units_of(head + 1024)[1][:45]
    'the CT looks like HU + 1024 (soft tissue near'
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    # an exported window, whatever type it was stored in afterwards
    if low >= 0 and (eight_bit or is_eight_bit_window(values)):
        return "uint8", ""
    if low >= 0 and high <= 1:
        return None, "the CT's values run from 0 to 1; export it in HU, or as 8-bit brain window"
    middle = _middle(values)
    if low >= AIR and _SHIFTS[0] <= middle <= _SHIFTS[1]:
        return None, (
            f"the CT looks like HU + 1024 (soft tissue near {middle:.0f}, no air near -1000); "
            "subtract 1024 (or what the export added) and load again"
        )
    if _SOFT[0] <= middle <= _SOFT[1] and (low < AIR or high <= 4 * _SHIFTS[1]):
        return "hu", ""
    return None, (
        f"the CT's values run from {low:.0f} to {high:.0f}, with {middle:.0f} in the middle of the "
        "head; in Hounsfield units air is near -1000 and brain near 35. Export it again in HU"
    )


def _middle(values: NDArray[np.float32]) -> float:
    """Median of the middle third of each axis, without a constant background."""
    seen = middle_of(values)
    tissue = seen[seen > np.nanmin(values)]
    return float(np.median(tissue)) if tissue.size else float(np.nanmedian(values))
