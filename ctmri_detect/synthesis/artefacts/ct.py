"""Artefacts of CT: errors of the measured rays, carried through a reconstruction.

A polychromatic beam hardens on its way, so dense objects attenuate less than in proportion. If
the attenuation coefficient, relative to its mean over the spectrum, is gamma distributed with
variance c, a true line integral p is measured as ``log(1 + c p) / c``, to second order
p - c p^2 / 2. Every scanner corrects this for water, but not for denser material.

References
----------
.. [1] De Man et al. (1999), "Metal streak artifacts in X-ray computed tomography: a simulation
   study", IEEE Trans. Nucl. Sci. 46(3):691-696: beam hardening and noise among the causes.
.. [2] Barrett, Keat (2004), "Artifacts in CT: recognition and avoidance", RadioGraphics
   24(6):1679-1691: cupping, dark bands between dense objects, photon starvation.
.. [3] NIST, X-ray mass attenuation coefficients (Hubbell, Seltzer), 40, 60, 80 and 100 keV, which
   are given weights of 0.15, 0.35, 0.30 and 0.20 here (chosen, a 120 kV beam behind the head).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.ct_units import UINT8_TO_HU, CTUnits
from ctmri_detect.imageops.brainmask import head_mask
from ctmri_detect.synthesis.artefacts.draw import Artefact
from ctmri_detect.synthesis.artefacts.metal import place_clip
from ctmri_detect.synthesis.artefacts.projection import N_ANGLES, Rays

__all__ = ["HU_RANGE", "beam_hardening", "metal_streak"]

HU_RANGE = (-1024.0, 3071.0)  # 12 bits, as scanners store them
AIR = -1000.0  # HU, by definition
_SOFT = (-15.0, 100.0)  # HU, chosen: brain, fluid, muscle; a scanner is calibrated on them
_BONE_BEGINS = 300.0  # HU, chosen: above blood, calcified plexus and most of the diploe
_HIDDEN_BONE = 1000.0  # HU, chosen: skull that an 8-bit window shows as white
_SPREAD_BONE = 0.25  # c of cortical bone [3]_
_SPREAD_METAL = 0.7  # c, titanium 0.67, iron 0.76 [3]_
_PHOTONS = 1e7  # per ray of the grid; gives the 4 HU noise of a head CT behind 18 cm of head


def beam_hardening(
    ct: NDArray[np.floating], spacing: float, *, strength: float = 0.15
) -> NDArray[np.float32]:
    """The error that bone leaves in a CT that is corrected for water only.

    A ray through bone with the line integral p is measured too low by ``c p^2 / 2``. In the
    reconstruction this gives a dark band between dense bones, such as the petrous bones, and
    cupping beside the skull. Add the result to the CT. It is wrong for images with metal: use
    `apply_artefact` there.

    Parameters
    ----------
    ct : ndarray of shape (height, width)
        HU; NaN counts as air.
    spacing : float
        Side of a pixel in mm.
    strength : float, default=0.15
        Share of the error that the scanner's own bone correction leaves, 0 to 1. A higher value
        makes the bands darker in proportion. The default was chosen to give bands of about 10 HU
        between the petrous bones.

    Returns
    -------
    ndarray of float32, shape (height, width)
        HU to add. The mean over soft tissue is 0, because scanners are calibrated on it. It is 0
        everywhere if the image has no bone, and 0 outside the circle that a scanner reconstructs.

    References
    ----------
    .. [1] Barrett, Keat (2004), RadioGraphics 24(6):1679-1691.

    Examples
    --------
    >>> y, x = np.mgrid[-64:64, -64:64]
    >>> ct = np.where(np.hypot(x, y) < 60, 40.0, -1000.0)
    >>> ct[np.hypot(np.abs(x) - 35, y) < 12] = 1200.0
    >>> error = beam_hardening(ct, 1.5, strength=1.0)
    >>> bool(error[64, 64] < -20), bool(abs(error[20, 64]) < 20)
    (True, True)
    """
    hu = np.nan_to_num(np.asarray(ct, dtype=np.float32), nan=AIR)
    rays = Rays(hu.shape, spacing)
    bone = rays.project(_bone(hu), np.ones((rays.size, N_ANGLES), bool))
    error = rays.reconstruct(-0.5 * strength * _SPREAD_BONE * bone**2)
    soft = (hu > _SOFT[0]) & (hu < _SOFT[1])
    return (error - error[soft].mean()) * (error != 0) if soft.any() else error


def metal_streak(
    image: NDArray[np.float32], artefact: Artefact, spacing: float, units: CTUnits
) -> NDArray[np.float32]:
    """Put a metal object and its streaks into a CT.

    The rays through the object are measured too low, even more where they also pass bone, and
    are noisier because few photons are left [1]_. An object smaller than a pixel of the
    reconstruction's grid looks as large as one. Scatter and motion of the metal are not modelled.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        CT without gaps, in `units`.
    artefact : Artefact
        Of kind "metal_streak".
    spacing : float
        Side of a pixel in mm.
    units : {"hu", "uint8"}
        In "uint8", bone of 1000 HU is assumed where the image is white, and air where it is black
        outside the head.

    Returns
    -------
    ndarray of float32, shape (height, width)
        In `units`, clipped to the scanner's range or to 0..255.
    """
    head = head_mask(image, units)
    hu, unit, limits = image, 1.0, HU_RANGE
    if units == "uint8":
        hu = np.where(image >= 250, _HIDDEN_BONE, image * UINT8_TO_HU)
        hu = np.where(head | (image > 10), hu, AIR)
        unit, limits = UINT8_TO_HU, (0.0, 255.0 * UINT8_TO_HU)
    rays = Rays(image.shape, spacing)
    metal = rays.ellipse(*place_clip(artefact, head, spacing)) * artefact.values["hu"]
    spoilt = hu + rays.reconstruct(_seen(rays, hu, metal, artefact.noise))
    change = np.clip(spoilt, *limits) - np.clip(hu, *limits)
    return np.clip(image + change / unit, limits[0] / unit, limits[1] / unit)


def _bone(hu: NDArray) -> NDArray:
    return np.where(hu > _BONE_BEGINS, hu, 0.0)


def _seen(rays: Rays, hu: NDArray, metal: NDArray, noise: NDArray) -> NDArray:
    """What the metal adds to the measured line integrals, hardened and noisy."""
    hit = np.asarray(metal.max(axis=1) > 0)
    body = rays.project(np.maximum(hu, AIR) - AIR, hit)
    body = np.minimum(body, np.log(_PHOTONS))  # at least one photon gets through
    # scaled so that bone alone hardens with its own c
    bone = rays.project(_bone(hu), hit)[:, None] * np.sqrt(_SPREAD_BONE / _SPREAD_METAL)
    hardened = np.log1p(_SPREAD_METAL * metal / (1 + _SPREAD_METAL * bone)) / _SPREAD_METAL
    seen = rays.blur(hardened)
    variance = np.exp(body) * np.expm1(seen) * hit / _PHOTONS  # what metal adds, of a log count
    return seen + noise[: rays.size] * np.sqrt(variance)
