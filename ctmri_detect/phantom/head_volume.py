"""One subject as volumes of CT and MRI, with a lesion in all slices that it reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ctmri_detect._floats import with_default_floats
from ctmri_detect.exceptions import InjectionError
from ctmri_detect.phantom.compose import (
    Cut,
    Person,
    Setting,
    cut,
    draw_person,
    noise_sds,
    render,
)
from ctmri_detect.synthesis.contrast import LEAST_CNR, TRIES, contrast_to_noise
from ctmri_detect.synthesis.kinds import LESION_KINDS
from ctmri_detect.synthesis.lesions import Lesion, draw_lesion

_LAYER_HEIGHT = 0.7  # of the half length: how far a layer under the skull reaches up and down


@dataclass(frozen=True)
class PairedVolume:
    """CT, MRI and lesion of one subject, slices from inferior to superior.

    Parameters
    ----------
    pair : float32 ndarray of shape (n_planes, n_slices, height, width)
        CT, then each MRI.
    mask : bool ndarray of shape (n_slices, height, width)
    levels : ndarray of shape (n_slices,)
        z of each slice, mm.
    cnr : tuple of float, one per plane
        As in `contrast_to_noise`, over the whole lesion; NaN without one.
    """

    pair: NDArray[np.float32]
    mask: NDArray[np.bool_]
    levels: NDArray[np.float64]
    cnr: tuple[float, ...]


@with_default_floats
def make_volume(
    seed: SeedSequence, n_slices: int, slice_spacing: float, setting: Setting, kind: str | None
) -> PairedVolume:
    """All slices of one subject, healthy (`kind` None) or with one lesion.

    Raises
    ------
    InjectionError
        Where no drawn lesion would be visible.
    """
    person_seed, kind_seed = seed.spawn(2)
    person = draw_person(person_seed, n_slices, slice_spacing, len(setting.protocols))
    cuts = [
        cut(person, float(z), noise, setting)
        for z, noise in zip(person.levels, person.slice_seeds, strict=True)
    ]
    healthy = np.stack([render(made, person, setting)[0] for made in cuts], axis=1)
    if kind is None:
        nothing = np.zeros(healthy.shape[1:], bool)
        return PairedVolume(healthy, nothing, person.levels, (np.nan,) * len(healthy))
    for each in kind_seed.spawn(TRIES):
        made = _with_lesion(cuts, healthy, person, setting, kind, each)
        if made is not None:
            return made
    raise InjectionError(
        f"A phantom volume of {setting.size} pixels has no room for a visible {kind} "
        f"({setting.severity}); expected a change above the noise in {TRIES} draws. Take a larger "
        "size, another severity, or leave the kind out."
    )


def _with_lesion(
    cuts: list[Cut],
    healthy: NDArray[np.float32],
    person: Person,
    setting: Setting,
    kind: str,
    seed: SeedSequence,
) -> PairedVolume | None:
    """The volume with a lesion around a random slice; None if it would not be visible."""
    rng = np.random.default_rng(seed)
    middle = int(rng.integers(len(cuts)))
    try:
        lesion = draw_lesion(kind, setting.severity, cuts[middle].scene, rng)
    except InjectionError:
        return None
    pair, mask = healthy.copy(), np.zeros(healthy.shape[1:], bool)
    for k, made in enumerate(cuts):
        scale = _scale(lesion, float(person.levels[k] - person.levels[middle]))
        if scale > 0:
            pair[:, k], mask[k] = render(made, person, setting, lesion, scale)
    cnr = contrast_to_noise(healthy, pair, mask, noise_sds(person, setting))
    if not mask.any() or max(map(abs, cnr)) < LEAST_CNR:
        return None
    return PairedVolume(pair, mask, person.levels, cnr)


def _scale(lesion: Lesion, away: float) -> float:
    """Size of an ellipsoid's section `away` mm from its middle, relative to the middle section."""
    layer = LESION_KINDS[lesion.kind].shape in ("crescent", "lens")
    height = _LAYER_HEIGHT * lesion.radius[0] if layer else float(np.sqrt(np.prod(lesion.radius)))
    return float(np.sqrt(max(0.0, 1.0 - (away / height) ** 2)))
