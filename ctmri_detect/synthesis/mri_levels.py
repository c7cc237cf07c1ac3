"""From the signal of the physical model to the values of one MRI slice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.synthesis.classes import TISSUE_NAMES
from ctmri_detect.synthesis.signals import Protocol
from ctmri_detect.synthesis.tissues import Tissue

__all__ = ["mri_levels"]

_BIAS_REACH = 15.0  # mm, Gaussian sigma of the bias estimate: far wider than gyri
_BIAS_RANGE = (0.7, 1.4)  # twice what scanners show at 1.5 T; beyond it is anatomy
Fractions = dict[str, NDArray[np.float32]]


def mri_levels(
    mri: NDArray[np.float32] | None,
    fractions: Fractions,
    core: NDArray[np.bool_],
    protocol: Protocol,
    spacing: float,
) -> Callable[[Tissue], float | NDArray]:
    """The function from a tissue (at 1.5 T) to its value in an MRI plane.

    The measured levels of fluid and of brain turn signals into values: linearly between them,
    proportionally above them. The result is multiplied by the bias field.

    Parameters
    ----------
    mri : ndarray of shape (height, width)
        The plane nearly without noise; None where missing.
    fractions : dict of str to ndarray
        Share of each tissue.
    core : bool ndarray of shape (height, width)
        Pixels that hold brain and its fluid only.
    protocol : Protocol
        The expected signals of healthy tissues.
    spacing : float
        mm per pixel.

    Returns
    -------
    callable
        It returns 0 where the plane is missing.
    """
    if mri is None:
        return lambda tissue: 0.0
    levels = {
        name: float(np.average(mri[core], weights=fractions[name][core] ** 2 + 1e-9))
        for name in TISSUE_NAMES
    }
    bias = _bias(mri, fractions, levels, core, spacing)
    signals, values = _anchors(protocol, levels)

    def signal(tissue: Tissue) -> float | NDArray:
        given = protocol.signal(tissue)
        if given > signals[-1]:
            return np.float32(values[-1] * given / signals[-1]) * bias
        return np.float32(np.interp(given, signals, values)) * bias

    return signal


def _anchors(protocol: Protocol, levels: dict[str, float]) -> tuple[list[float], list[float]]:
    """Pairs of signal and value, both increasing: zero, brain and fluid."""
    expected = protocol.healthy
    fluid = (expected["csf"], levels["csf"])
    brain = (0.5 * (expected["gm"] + expected["wm"]), 0.5 * (levels["gm"] + levels["wm"]))
    signals, values = [0.0], [0.0]
    for at, value in sorted((fluid, brain)):
        if at > signals[-1] + 1e-6:
            signals.append(at)
            values.append(max(value, values[-1]))
    return signals, values


def _bias(
    mri: NDArray[np.float32],
    fractions: Fractions,
    levels: dict[str, float],
    core: NDArray[np.bool_],
    spacing: float,
) -> NDArray[np.float32]:
    """The bias field: relative sensitivity of the receiver, about 1."""
    expected = np.sum([levels[name] * fractions[name] for name in TISSUE_NAMES], axis=0)
    solid = core & (fractions["csf"] < 0.1) & (expected > 0)
    if not solid.any():
        return np.ones_like(mri)
    ratio = np.where(solid, mri / np.where(solid, expected, 1.0), np.nan)
    ratio = np.where(solid, ratio, np.nanmedian(ratio)).astype(np.float32)
    return np.clip(masked_gaussian(ratio[None], _BIAS_REACH / spacing)[0], *_BIAS_RANGE)
