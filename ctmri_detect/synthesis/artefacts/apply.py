"""Put a drawn artefact into a pair of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmri_detect.ct_units import CTUnits, check_ct_units
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.synthesis.artefacts.ct import AIR, metal_streak
from ctmri_detect.synthesis.artefacts.draw import ARTEFACT_KINDS, Artefact
from ctmri_detect.synthesis.artefacts.mri import MRI_ARTEFACTS
from ctmri_detect.validation import CT, MODALITIES, check_pairs

__all__ = ["apply_artefact"]


def apply_artefact(
    artefact: Artefact,
    pair: ArrayLike,
    *,
    spacing: float,
    ct_units: CTUnits = "hu",
    plane: int | None = None,
) -> NDArray[np.float32]:
    """Put an artefact into one plane; all other planes keep their bits.

    The error is made where the scanner makes it: in k-space (motion, bursts), at the edge of the
    field of view (wrap-around) or in the projections (metal). The same artefact and pair give the
    same bits. It is not realistic if the tissue that causes the artefact is masked out: NaN is
    taken for background, so after a brain mask there are no ghosts of the scalp.

    Parameters
    ----------
    artefact : Artefact
        What `draw_artefact` returned.
    pair : array-like of shape (n_planes, height, width)
        CT and MRI, or other planes if `plane` is given; NaN = not observed. It is not changed.
    spacing : float
        Side of a pixel in mm, above 0.
    ct_units : {"hu", "uint8"}, default="hu"
        Units of the CT, see `ctmri_detect.ct_units`.
    plane : int or None, default=None
        The plane to spoil: a CT for "metal_streak", an MRI for the others. None means that the
        first of two planes is the CT, and the second the MRI.

    Returns
    -------
    ndarray of float32, shape (n_planes, height, width)
        NaN where the pair is NaN. CT stays within -1024..3071 HU or 0..255; a plane of integers
        from 0 to 255 stays one (a CT only with ``ct_units="uint8"``).

    Raises
    ------
    InvalidPairsError
        If the pair has another shape or holds infinity, or if the plane to spoil is all NaN.
    ValueError
        If spacing, ct_units or plane is not as above.

    References
    ----------
    .. [1] Zhuo, Gullapalli (2006), RadioGraphics 26(1):275-297 (MRI).
    .. [2] Barrett, Keat (2004), RadioGraphics 24(6):1679-1691 (CT).
    .. [3] De Man et al. (1999), IEEE Trans. Nucl. Sci. 46(3):691-696 (metal).

    Examples
    --------
    >>> from ctmri_detect.synthesis.artefacts import apply_artefact, draw_artefact
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> head = np.hypot(x, y) < 0.7
    >>> pair = np.stack([np.where(head, 35.0, -1000.0), np.where(head, 400.0, 0.0)])
    >>> artefact = draw_artefact("motion_ghosting", "moderate", np.random.default_rng(0))
    >>> spoilt = apply_artefact(artefact, pair, spacing=4.0)
    >>> bool((spoilt[0] == pair[0]).all()), bool(np.abs(spoilt[1] - pair[1]).max() > 10)
    (True, True)
    """
    out = _checked(pair, spacing, ct_units, plane)
    concerned = ARTEFACT_KINDS[artefact.kind].plane
    plane = concerned if plane is None else plane
    gaps = np.isnan(out[plane])
    if gaps.all():
        raise InvalidPairsError(
            f"the {MODALITIES[concerned]} of the pair is missing (all NaN); {artefact.kind!r} "
            "needs it. Draw one of "
            f"{[k for k, v in ARTEFACT_KINDS.items() if v.plane != concerned]}."
        )
    if concerned == CT:
        spoilt = _spoil_ct(out[plane], artefact, spacing, ct_units)
    else:
        spoilt = _spoil_mri(out[plane], artefact, spacing)
    out[plane] = np.where(gaps, np.nan, spoilt)
    return out


def _checked(
    pair: ArrayLike, spacing: float, ct_units: str, plane: int | None
) -> NDArray[np.float32]:
    """A float32 copy of the pair."""
    array = np.asarray(pair)
    if array.ndim != 3 or (plane is None and array.shape[0] != 2):
        cure = "np.stack([ct, mri]); with other planes, say which one to spoil: plane=1"
        raise InvalidPairsError(
            f"pair has shape {array.shape}; expected (2, height, width). Stack the planes: {cure}."
        )
    if plane is not None and plane not in range(array.shape[0]):
        raise ValueError(f"plane is {plane!r}; expected 0 to {array.shape[0] - 1}.")
    if not 0 < spacing < np.inf:
        raise ValueError(f"spacing is {spacing!r}; expected mm per pixel, above 0.")
    check_ct_units(ct_units, "ct_units")
    return check_pairs(array[None])[:][0]


def _spoil_ct(
    ct: NDArray[np.float32], artefact: Artefact, spacing: float, units: CTUnits
) -> NDArray[np.float32]:
    filled = np.nan_to_num(ct, nan=AIR if units == "hu" else 0.0)
    spoilt = metal_streak(filled, artefact, spacing, units)
    return np.rint(spoilt) if units == "uint8" and _is_8_bit(ct) else spoilt


def _spoil_mri(mri: NDArray[np.float32], artefact: Artefact, spacing: float) -> NDArray:
    floor = min(0.0, float(np.nanmin(mri)))  # a magnitude is not negative: lift standardised MRI
    spoilt = MRI_ARTEFACTS[artefact.kind](np.nan_to_num(mri - floor), artefact, spacing) + floor
    return np.clip(np.rint(spoilt), 0, 255) if _is_8_bit(mri) else spoilt


def _is_8_bit(plane: NDArray[np.float32]) -> bool:
    """Whether all observed values are integers from 0 to 255."""
    seen = plane[~np.isnan(plane)]
    return bool(((seen == np.rint(seen)) & (seen >= 0) & (seen <= 255)).all())
