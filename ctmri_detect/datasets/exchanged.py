"""A warning where CT and MRI planes seem to have each other's names."""

from __future__ import annotations

from typing import Any

from ctmri_detect.modalities import planes_with, roles_of
from ctmri_detect.pairing.modalities import warn_of_exchanged
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import PairReader


def ct_with_each(data: Any, modalities: tuple[str, ...]) -> dict[str, PairReader]:
    """The pairs of the CT and each MRI, by the MRI's name; empty without a CT or an MRI.

    Examples
    --------
    >>> import numpy as np
    >>> found = ct_with_each(np.zeros((1, 3, 8, 8)), ("CT", "T1", "FLAIR"))
    >>> {name: pairs.modalities for name, pairs in found.items()}
    {'T1': ('CT', 'T1'), 'FLAIR': ('CT', 'FLAIR')}
    """
    roles = roles_of(modalities)
    pairs = Pairs(data, modalities=modalities)
    return {
        modalities[mri]: PairReader(pairs.select((modalities[ct], modalities[mri])))
        for ct in planes_with(roles, "ct")
        for mri in planes_with(roles, "mri")
    }


def warn_of_exchanged_planes(data: Any, modalities: tuple[str, ...]) -> None:
    """Warn where the CT and one of the MRI seem to be exchanged."""
    for pairs in ct_with_each(data, modalities).values():
        warn_of_exchanged(pairs)
