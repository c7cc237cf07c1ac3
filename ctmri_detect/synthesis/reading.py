"""Read a healthy slice: where its tissues are, and how tissue looks in its CT and MRI.

In the phantom these are known. In real images they are estimated, well enough to put a lesion into
the right tissue and to give it the right level.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
from ctmri_detect.synthesis.head_planes import HeadPlanes
from ctmri_detect.synthesis.insertion import Look
from ctmri_detect.synthesis.mri_levels import mri_levels
from ctmri_detect.synthesis.scene import Scene
from ctmri_detect.synthesis.signals import make_protocol
from ctmri_detect.synthesis.tissues import TISSUES
from ctmri_detect.validation import CT, MRI, PairReader

__all__ = ["Reading", "check_ct_values", "likeliest_sequence", "likeliest_sequences", "read_pair"]

_SKULL_AND_SCALP = 11.0  # mm from the skin to the brain, if there is only MRI (chosen)
_CORE = 4.0  # mm below the skull: deeper pixels hold brain and its fluid only
CALM = 1.5  # mm, Gaussian sigma that removes the noise of CT and leaves the larger sulci
_FINE = 0.7  # mm, the same for MRI, which has less noise
_VOTES = 15
_PREPARED = 4.0  # the values of a CT in HU or 8 bits go further from 0; windowed ones don't
_LEAST_PIXELS = 200  # fewer are not enough to estimate three tissues
_BY_CONTRAST = ("t2", "t1", "flair", "pd")
_TYPICAL_BRAIN = 0.5 * (TISSUES["gm"].hu + TISSUES["wm"].hu)


@dataclass(frozen=True)
class Reading:
    """What is estimated from a healthy slice.

    Parameters
    ----------
    scene : Scene
    look : Look
    noise : tuple of float
        Standard deviation of the noise of each plane in its own units; NaN where missing.
    sequences : tuple of str
        The sequence of each MRI, as given or as estimated.
    """

    scene: Scene
    look: Look
    noise: tuple[float, ...]
    sequences: tuple[str, ...]


def read_pair(
    planes: NDArray[np.float32],
    units: CTUnits,
    spacing: float,
    sequences: Sequence[str | None] = (None,),
) -> Reading:
    """Estimate tissue, levels and noise of a healthy slice.

    Parameters
    ----------
    planes : ndarray of shape (n_planes, height, width)
        CT, then one MRI or several; raw, or NaN outside the brain.
    units : {"hu", "uint8"}
    spacing : float
        mm per pixel.
    sequences : sequence of {"t1", "t2", "flair", "pd"} or None
        The sequence of each MRI. None: the one whose levels of fluid and brain fit best.

    Returns
    -------
    Reading

    Raises
    ------
    InjectionError
        Where no brain is found, or where there is no CT and a sequence is not given.
    """
    brain = _brain(planes, units, spacing)
    outwards = ndimage.distance_transform_edt(~brain)
    depth = (spacing * (outwards - ndimage.distance_transform_edt(brain))).astype(np.float32)
    core = depth < -_CORE
    if core.sum() < _LEAST_PIXELS:
        raise InjectionError(f"its brain has {int(core.sum())} pixels, too few to tell tissues")
    slope = 1.0 if units == "hu" else 1.0 / UINT8_TO_HU
    within = np.where(brain, planes, np.float32(np.nan))  # bone and scalp would leak into brain
    ct = _plane(within[CT] / np.float32(slope), CALM / spacing, core)
    mris = [_plane(each, _FINE / spacing, core) for each in within[MRI:]]
    for plane in (ct, *mris):
        if plane is not None:
            core &= np.isfinite(plane)
    known = [_sequence(*each, ct, core) for each in zip(mris, sequences, strict=True)]
    clearest = _clearest(mris, known)
    fractions = find_tissues(ct, mris[clearest], core, brain, known[clearest])
    tissue = core & (fractions["csf"] < 0.2)
    offset = 0.0
    if units == "uint8" and ct is not None and tissue.any():
        offset = slope * (float(np.median(ct[tissue])) - _TYPICAL_BRAIN)
    signals = [
        mri_levels(mri, fractions, core, make_protocol(name), spacing)
        for mri, name in zip(mris, known, strict=True)
    ]
    noise = [_noise(plane, spacing, tissue) for plane in within]
    look = Look(slope, offset, tuple(signals))
    return Reading(Scene(fractions, depth, spacing), look, tuple(noise), tuple(known))


def _sequence(
    mri: NDArray[np.float32] | None,
    asked: str | None,
    ct: NDArray[np.float32] | None,
    core: NDArray[np.bool_],
) -> str:
    """The sequence of an MRI, as given or by its levels."""
    if asked is not None:
        return asked
    if ct is None:
        raise InjectionError("it has no CT and its MRI sequence is not given; say sequence=")
    return "t2" if mri is None else sequence_of(ct, mri, core)


def _clearest(mris: Sequence[NDArray | None], sequences: Sequence[str]) -> int:
    """The MRI that separates tissues best: that with the most contrast in the signal equation."""
    there = [k for k, mri in enumerate(mris) if mri is not None]
    return min(there, key=lambda k: _BY_CONTRAST.index(sequences[k]), default=0)


def _plane(
    plane: NDArray[np.float32], sigma: float, core: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """The smoothed plane, or None where it is missing or nearly so."""
    if np.isfinite(plane[core]).mean() < 0.5:
        return None
    return masked_gaussian(plane, sigma)


def _brain(planes: NDArray[np.float32], units: CTUnits, spacing: float) -> NDArray[np.bool_]:
    """The brain: the observed part if a mask was applied before, else what is found."""
    seen = np.asarray(np.isfinite(planes).any(axis=0))
    ct = planes[CT][np.isfinite(planes[CT])]
    if seen.mean() < 0.9 and (not ct.size or np.mean(ct > bone_level(units)) < 0.05):
        return np.asarray(ndimage.binary_fill_holes(seen))
    if ct.size:
        mask = np.asarray(brain_mask(planes[CT], units))
    else:
        mri = next((each for each in planes[MRI:] if np.isfinite(each).any()), planes[MRI])
        head = ndimage.distance_transform_edt(mri_head_mask(mri))
        mask = np.asarray(np.greater(spacing * head, _SKULL_AND_SCALP))
    if not mask.any():
        raise InjectionError("no brain was found in it; leave out slices below the skull base")
    return np.asarray(ndimage.binary_fill_holes(mask))


def bone_level(units: CTUnits) -> float:
    """The CT value at which bone begins, in the units of the plane."""
    return BONE_HU[units] if units == "hu" else BONE_HU[units] / UINT8_TO_HU


def check_ct_values(X: PairReader, units: CTUnits, plane: int = CT) -> None:
    """Refuse a CT (this plane of X) whose values don't fit these units.

    Raises
    ------
    InvalidPairsError
    """
    low, high = np.inf, -np.inf
    for block in X.blocks():
        low = min(low, float(np.nanmin(block[:, plane], initial=np.inf)))
        high = max(high, float(np.nanmax(block[:, plane], initial=-np.inf)))
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


def likeliest_sequence(
    X: PairReader, units: CTUnits, spacings: list[float], ct: int = CT, mri: int = MRI
) -> str | None:
    """The most frequent sequence among some pairs of a set; None where none can be read.

    A data set has one sequence, but one slice can be misleading, so up to 15 are read.
    """
    votes: Counter[str] = Counter()
    for row in np.unique(np.linspace(0, len(X) - 1, _VOTES).astype(int)):
        pair = X[row : row + 1][0][[ct, mri]]
        if not np.isfinite(pair).any(axis=(1, 2)).all():
            continue
        with suppress(InjectionError):
            votes[read_pair(pair, units, spacings[row]).sequences[0]] += 1
    return votes.most_common(1)[0][0] if votes else None


def likeliest_sequences(
    X: PairReader,
    planes: HeadPlanes,
    asked: Sequence[str | None],
    units: CTUnits,
    spacings: list[float],
) -> tuple[str | None, ...]:
    """The sequence of each MRI: as given, by its name, or else by its levels."""
    if planes.ct is None or not planes.mris:
        return tuple(asked)
    ct = planes.ct
    return tuple(
        known or likeliest_sequence(X, units, spacings, ct, mri)
        for known, mri in zip(asked, planes.mris, strict=True)
    )


def _noise(plane: NDArray, spacing: float, tissue: NDArray[np.bool_]) -> float:
    """Robust standard deviation of what smoothing removes, in grey and white matter."""
    rest = (plane - masked_gaussian(plane, CALM / spacing))[tissue]
    rest = rest[np.isfinite(rest)]
    if not rest.size:
        return float("nan")
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return max(spread, 1e-3 * float(np.ptp(plane[tissue & np.isfinite(plane)])), 1e-6)
