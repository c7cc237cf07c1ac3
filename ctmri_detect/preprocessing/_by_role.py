"""The plane of a sample that a step looks at, by the roles of the planes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.imageops.brainmask import mri_head_mask
from ctmri_detect.modalities import Roles, planes_with
from ctmri_detect.validation import PairReader

Plane = NDArray[np.float32]
_LOOKED_AT, _LEAST_AROUND = 16, 0.02  # samples; share of a slice around a brain
_MOST_FILLED = 0.1  # share of samples that may have less around it, such as a cropped slice


def plane_with(sample: NDArray[np.float32], roles: Roles, role: str) -> Plane | None:
    """The first plane of this role that a sample has; None where it has none.

    Examples
    --------
    >>> sample = np.array([[[np.nan]], [[1.0]], [[2.0]]], np.float32)
    >>> plane_with(sample, ("mri", "mri", "ct"), "mri").tolist()
    [[1.0]]
    """
    for plane in planes_with(roles, role):
        if np.isfinite(sample[plane]).any():
            return sample[plane]
    return None


def mask_without_ct(sample: NDArray[np.float32], roles: Roles, source: str) -> NDArray[np.bool_]:
    """The mask of a sample by a `source` other than its CT; empty where it shows nothing.

    Where no plane of X is a CT, "observed" takes pixels that are 0 in all planes for background.

    Examples
    --------
    >>> stripped = np.array([[[0.0, 5.0]], [[0.0, 0.0]]], np.float32)
    >>> mask_without_ct(stripped, ("mri", "mri"), "observed").tolist()
    [[False, True]]
    """
    seen = np.isfinite(sample)
    if source == "observed":
        if not planes_with(roles, "ct"):
            seen &= sample != 0
        return np.asarray(seen.any(axis=0))
    mri = None if source == "ct" else plane_with(sample, roles, "mri")
    return np.zeros(sample.shape[1:], bool) if mri is None else mri_head_mask(mri)


def check_source(source: str, roles: Roles) -> None:
    """Refuse X that has no plane in which `BrainMask` could look for the brain.

    Raises
    ------
    InvalidPairsError
    """
    has_ct, has_mri = (bool(planes_with(roles, role)) for role in ("ct", "mri"))
    if source in ("auto", "ct") and not has_ct:
        raise InvalidPairsError(
            f"No plane of X has the role 'ct' (the roles are {_listed(roles)}); expected a CT, in "
            f"which BrainMask(source={source!r}) finds the brain. Brain extraction from MRI or PET "
            "is not offered. Cut the brains out first with a tool for it, such as SynthStrip or "
            "HD-BET. Then set source='observed' for images with the background at 0; where you "
            "have masks, call apply_masks first. Where a plane is a CT, say so: "
            "Pairs(X, roles={'its name': 'ct'})."
        )
    if source == "mri" and not has_mri:
        raise InvalidPairsError(
            f"No plane of X has the role 'mri' (the roles are {_listed(roles)}); expected one, in "
            "which BrainMask(source='mri') finds the head. Take source='auto' where there is a CT, "
            "or 'observed'."
        )


def _listed(roles: Roles) -> str:
    return ", ".join(map(repr, roles))


def warn_of_whole_heads(X: PairReader) -> None:
    """Warn where the images seem to show whole heads, although the brains should be cut out."""
    if None in X.roles or "ct" in X.roles:
        return
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), _LOOKED_AT)).astype(int))
    around = np.array(
        [1 - mask_without_ct(X[i : i + 1][0], X.roles, "observed").mean() for i in rows]
    )
    filled = (around < _LEAST_AROUND).mean()
    if filled >= _MOST_FILLED:
        warn_user(
            f"{filled:.0%} of the samples have hardly any pixel that is 0 or NaN in all planes, so "
            "these images seem to show whole heads, or a background that is not 0. With "
            "source='observed' the brains have to be cut out before, with 0 or NaN around them. "
            "Cut the brains out with a tool such as SynthStrip or HD-BET. Otherwise maps show "
            "skull, eyes and air.",
            BrainNotFoundWarning,
        )
