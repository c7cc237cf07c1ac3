"""Read a healthy pair: where its tissues are, and how tissue looks in it.

The phantom knows these; of real images they are estimated, well enough to put a lesion where
its tissue is and to give it the level that its physics says.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctmri_detect.ct_units import CT_RANGES, UINT8_TO_HU, CTUnits
from ctmri_detect.exceptions import InjectionError, InvalidPairsError
from ctmri_detect.imageops.brainmask import (
    BONE_HU,
    brain_mask,
    mri_head_mask,
)
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.synthesis.classes import find_tissues, sequence_of
from ctmri_detect.synthesis.insertion import Look
from ctmri_detect.synthesis.mri_levels import mri_levels
from ctmri_detect.synthesis.scene import Scene
from ctmri_detect.synthesis.signals import make_protocol
from ctmri_detect.synthesis.tissues import TISSUES
from ctmri_detect.validation import CT, MRI, PairReader

__all__ = ["Reading", "check_ct_values", "likeliest_sequence", "read_pair"]

_SKULL_AND_SCALP = 11.0  # mm from the skin to the brain, where an MRI alone shows the head (chosen)
_CORE = 4.0  # mm below the skull: deeper pixels hold brain and its fluid only
CALM = 1.5  # mm, Gaussian sigma that takes the noise of CT away and leaves the larger sulci
_FINE = 0.7  # mm, the same for MRI, whose noise is weaker
_VOTES = 15
_PREPARED = 4.0  # no CT in HU or 8 bits stays this close to 0; windowed ones do
_LEAST_PIXELS = 200  # fewer say nothing about three tissues
_TYPICAL_BRAIN = 0.5 * (TISSUES["gm"].hu + TISSUES["wm"].hu)


@dataclass(frozen=True)
class Reading:
    """What is estimated from a healthy pair.

    Parameters
    ----------
    scene : Scene
    look : Look
    noise : (float, float)
        Standard deviation of the noise of CT and MRI in their own units; NaN where missing.
    sequence : str
        The MRI sequence, as given or as estimated.
    """

    scene: Scene
    look: Look
    noise: tuple[float, float]
    sequence: str


def read_pair(
    pair: NDArray[np.float32], units: CTUnits, spacing: float, sequence: str | None
) -> Reading:
    """Estimate tissue, levels and noise of a healthy pair.

    Parameters
    ----------
    pair : ndarray of shape (2, height, width)
        Raw, or NaN outside the brain.
    units : {"hu", "uint8"}
    spacing : float
        mm per pixel.
    sequence : {"t1", "t2", "flair", "pd"} or None
        None: the one whose levels of fluid and brain fit best.

    Returns
    -------
    Reading

    Raises
    ------
    InjectionError
        Where no brain is found, or a lone MRI comes without its sequence.
    """
    brain = _brain(pair, units, spacing)
    outwards = ndimage.distance_transform_edt(~brain)
    depth = (spacing * (outwards - ndimage.distance_transform_edt(brain))).astype(np.float32)
    core = depth < -_CORE
    if core.sum() < _LEAST_PIXELS:
        raise InjectionError(f"its brain has {int(core.sum())} pixels, too few to tell tissues")
    slope = 1.0 if units == "hu" else 1.0 / UINT8_TO_HU
    within = np.where(brain, pair, np.float32(np.nan))  # bone and scalp would leak into brain
    ct = _plane(within[CT] / np.float32(slope), CALM / spacing, core)
    mri = _plane(within[MRI], _FINE / spacing, core)
    for plane in (ct, mri):
        if plane is not None:
            core &= np.isfinite(plane)
    if sequence is None:
        if ct is None:
            raise InjectionError("it has no CT and its MRI sequence is not given; say sequence=")
        sequence = "t2" if mri is None else sequence_of(ct, mri, core)
    fractions = find_tissues(ct, mri, core, brain, sequence)
    tissue = core & (fractions["csf"] < 0.2)
    offset = 0.0
    if units == "uint8" and ct is not None and tissue.any():
        offset = slope * (float(np.median(ct[tissue])) - _TYPICAL_BRAIN)
    signal = mri_levels(mri, fractions, core, make_protocol(sequence), spacing)
    noise = [_noise(within[plane], spacing, tissue) for plane in (CT, MRI)]
    look = Look(slope, offset, (signal,))
    return Reading(Scene(fractions, depth, spacing), look, (noise[0], noise[1]), sequence)


def _plane(
    plane: NDArray[np.float32], sigma: float, core: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """The smoothed plane, or None where it is missing or nearly so."""
    if np.isfinite(plane[core]).mean() < 0.5:
        return None
    return masked_gaussian(plane, sigma)


def _brain(pair: NDArray[np.float32], units: CTUnits, spacing: float) -> NDArray[np.bool_]:
    """The brain: what an earlier mask left of the pair, or else found."""
    seen = np.asarray(np.isfinite(pair).any(axis=0))
    ct = pair[CT][np.isfinite(pair[CT])]
    if seen.mean() < 0.9 and (not ct.size or np.mean(ct > bone_level(units)) < 0.05):
        return np.asarray(ndimage.binary_fill_holes(seen))
    if ct.size:
        mask = np.asarray(brain_mask(pair[CT], units))
    else:
        head = ndimage.distance_transform_edt(mri_head_mask(pair[MRI]))
        mask = np.asarray(np.greater(spacing * head, _SKULL_AND_SCALP))
    if not mask.any():
        raise InjectionError("no brain was found in it; leave out slices below the skull base")
    return np.asarray(ndimage.binary_fill_holes(mask))


def bone_level(units: CTUnits) -> float:
    """The CT value at which bone begins, in the units of the plane."""
    return BONE_HU[units] if units == "hu" else BONE_HU[units] / UINT8_TO_HU


def check_ct_values(X: PairReader, units: CTUnits) -> None:
    """Refuse a CT whose values can't be in these units.

    Raises
    ------
    InvalidPairsError
    """
    low, high = np.inf, -np.inf
    for block in X.blocks():
        low = min(low, float(np.nanmin(block[:, CT], initial=np.inf)))
        high = max(high, float(np.nanmax(block[:, CT], initial=-np.inf)))
    if low > high:
        return  # no CT at all
    came = f"The CT of X lies between {low:g} and {high:g}"
    if max(abs(low), abs(high)) <= _PREPARED:
        raise InvalidPairsError(
            f"{came}; expected {units} values. Inject into raw pairs, before CTWindow and scaling."
        )
    least, most = CT_RANGES["uint8"]
    if units == "uint8" and (low < least or high > most):
        raise InvalidPairsError(f"{came}; ct_units='uint8' means 0 to 255. Pass ct_units='hu'.")
    if units == "hu" and (low, high) == (least, most):
        raise InvalidPairsError(
            f"{came}, as 8-bit images do; expected Hounsfield units. Pass ct_units='uint8'."
        )


def likeliest_sequence(X: PairReader, units: CTUnits, spacings: list[float]) -> str | None:
    """The most frequent sequence among some pairs of a set; None where none can be read.

    One data set holds one sequence, and one slice can mislead: up to 15 are read.
    """
    votes: Counter[str] = Counter()
    for row in np.unique(np.linspace(0, len(X) - 1, _VOTES).astype(int)):
        pair = X[row : row + 1][0]
        if not np.isfinite(pair).any(axis=(1, 2)).all():
            continue
        with suppress(InjectionError):
            votes[read_pair(pair, units, spacings[row], None).sequence] += 1
    return votes.most_common(1)[0][0] if votes else None


def _noise(plane: NDArray, spacing: float, tissue: NDArray[np.bool_]) -> float:
    """Robust standard deviation of what smoothing takes away, within grey and white matter."""
    rest = (plane - masked_gaussian(plane, CALM / spacing))[tissue]
    rest = rest[np.isfinite(rest)]
    if not rest.size:
        return float("nan")
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return max(spread, 1e-3 * float(np.ptp(plane[tissue & np.isfinite(plane)])), 1e-6)
