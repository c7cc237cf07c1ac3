"""Fluid, grey and white matter of a pair, and the MRI sequence that fits them.

Fluid is found in the CT, about 25 HU below brain. The MRI then sharpens its outline and separates
grey from white matter; the sequence says which of them is brighter.

References
----------
.. [1] Otsu (1979), "A threshold selection method from gray-level histograms", IEEE Trans. Syst.
   Man Cybern. 9(1):62-66.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu, threshold_otsu

from ctmri_detect.exceptions import InjectionError
from ctmri_detect.synthesis.signals import SEQUENCES, make_protocol
from ctmri_detect.synthesis.tissues import TISSUES

__all__ = ["TISSUE_NAMES", "find_tissues", "sequence_of"]

TISSUE_NAMES = ("csf", "wm", "gm")
_FLUID_DEPTH = TISSUES["gm"].hu - TISSUES["csf"].hu - 10.0  # HU from no fluid to all fluid
_DOUBT = 2.0  # HU below the median of the brain that may be white matter, and no fluid
_CLEAR = 0.3  # of the level of brain: with less contrast (PD), MRI shows no outline of fluid
_PARTIAL = 0.85  # share of the contrast of fluid that is left in thin sulci
Share = NDArray[np.float32]


def find_tissues(
    ct: NDArray | None,
    mri: NDArray | None,
    core: NDArray[np.bool_],
    brain: NDArray[np.bool_],
    sequence: str,
) -> dict[str, Share]:
    """Share of each tissue in each pixel of the brain, 0..1; 0 outside.

    Parameters
    ----------
    ct : ndarray of shape (height, width) or None
        HU without noise (up to a constant); None where missing.
    mri : ndarray of shape (height, width) or None
        Nearly without noise; None where missing. One of the two is there.
    core : bool ndarray of shape (height, width)
        Pixels of brain and its fluid only, observed in all planes that are not missing. Levels are
        estimated from them.
    brain : bool ndarray of shape (height, width)
        Pixels whose shares are returned.
    sequence : str
        MRI sequence.

    Returns
    -------
    dict of str to float32 ndarray

    Raises
    ------
    InjectionError
        Where all planes are constant.
    """
    planes = [plane[core] for plane in (ct, mri) if plane is not None]
    if not any(_varies(np.quantile(values, [0.05, 0.95])) for values in planes):
        raise InjectionError("its brain shows nothing but one value")
    healthy = make_protocol(sequence).healthy
    solid = 0.5 * (healthy["gm"] + healthy["wm"])
    if ct is not None:
        fluid = _fluid_by_ct(ct, core)
        if mri is not None and abs(healthy["csf"] - solid) > _CLEAR * solid:
            fluid = _sharpened(fluid, mri, core)
        grey = _upper_half(ct if mri is None else mri, core & (fluid < 0.1))
    elif mri is not None:
        fluid = _extreme_class(mri, core, np.sign(healthy["csf"] - solid))
        grey = _upper_half(mri, core & (fluid < 0.1))
    if mri is not None and healthy["gm"] < healthy["wm"]:
        grey = 1.0 - grey
    shares = {"csf": fluid, "wm": (1 - fluid) * (1 - grey), "gm": (1 - fluid) * grey}
    return {name: (share * brain).astype(np.float32) for name, share in shares.items()}


def sequence_of(ct: NDArray, mri: NDArray, core: NDArray[np.bool_]) -> str:
    """The sequence whose ratio of fluid to brain comes closest to that of the MRI.

    Parameters
    ----------
    ct, mri : ndarray of shape (height, width)
        Without noise; CT in HU up to a constant.
    core : bool ndarray of shape (height, width)

    Returns
    -------
    str
    """
    fluid = _fluid_by_ct(ct, core)
    brain = float(np.median(mri[core & (fluid < 0.1)])) if (core & (fluid < 0.1)).any() else 1.0
    ratio = float(np.average(mri[core], weights=fluid[core] ** 2 + 1e-9)) / max(brain, 1e-9)
    distance = {}
    for name in SEQUENCES:
        healthy = make_protocol(name).healthy
        expected = healthy["csf"] / (0.5 * (healthy["gm"] + healthy["wm"]))
        expected = 1.0 + _PARTIAL * (expected - 1.0)
        distance[name] = abs(np.log(max(ratio, 0.01) / expected))  # a window changes the ratio
    return min(distance, key=lambda name: distance[name])


def _fluid_by_ct(ct: NDArray, core: NDArray[np.bool_]) -> NDArray:
    below = float(np.median(ct[core])) - ct
    return np.clip((np.nan_to_num(below) - _DOUBT) / _FLUID_DEPTH, 0, 1)


def _extreme_class(mri: NDArray, core: NDArray[np.bool_], sign: float) -> NDArray:
    """The brightest (or darkest) of three classes by Otsu's thresholds [1]_."""
    values = sign * mri
    try:
        threshold = threshold_multiotsu(values[core], 3)[-1]
    except ValueError:  # fewer than three values
        return np.zeros(mri.shape)
    return np.where(values > threshold, 1.0, 0.0)


def _sharpened(fluid: NDArray, mri: NDArray, core: NDArray[np.bool_]) -> NDArray:
    """Share of fluid from the MRI level, between brain and fluid, where the CT shows fluid too."""
    solid = core & (fluid < 0.1)
    if not solid.any() or fluid[core].max() < 0.5:
        return fluid
    brain = float(np.median(mri[solid]))
    level = float(np.average(mri[core], weights=fluid[core] ** 2))
    if abs(level - brain) < 1e-6 * max(abs(brain), 1e-6):
        return fluid
    place = np.nan_to_num((mri - brain) / (level - brain))
    return np.clip(1.4 * place - 0.2, 0, 1) * (fluid > 0.05)  # grey matter is not partly fluid


def _varies(values: NDArray) -> bool:
    """Whether there is more than one value, rounding aside."""
    return bool(np.ptp(values) > 1e-6 * max(1.0, np.abs(values).max()))


def _upper_half(plane: NDArray, solid: NDArray[np.bool_]) -> NDArray:
    """How far each pixel lies above Otsu's threshold [1]_ between the two tissues of `solid`."""
    values = plane[solid]
    if values.size:
        low, high = np.quantile(values, [0.05, 0.95])  # without pixels that are partly fluid
        values = values[(values >= low) & (values <= high)]
    if not values.size or not _varies(values):
        return np.full(plane.shape, 0.5)
    threshold = float(threshold_otsu(values))
    gap = float(values[values > threshold].mean() - values[values <= threshold].mean())
    return np.clip(0.5 + (np.nan_to_num(plane) - threshold) / max(gap, 1e-9), 0, 1)
