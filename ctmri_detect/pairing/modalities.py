"""Whether the planes of raw pairs are CT and MRI in this order, judged from the skull."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PairsLike
from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import ModalitiesExchangedWarning
from ctmri_detect.imageops.skull_look import SkullLook, skull_look
from ctmri_detect.validation import MODALITIES, PairReader, check_pairs, planes_of

__all__ = ["check_modalities", "warn_of_exchanged"]

EXCHANGED = (
    "CT and MRI seem to be exchanged: the first plane looks like an MRI (a dark skull inside the "
    "scalp), the second like a CT (a bright skull on the brain). Nothing that is computed from "
    "them then means what it says. Exchange the folders, or the planes of the array: X[:, ::-1]."
)
"""The message, wherever exchanged planes are noticed."""

_MOST = 48  # slices that are looked at; each plane takes 3 ms
_LEAST_SLICES = 3  # slices that must speak for one order; with fewer there is no verdict
_LEAST_SHARE = 0.3  # share of the slices looked at that must speak for it
_TIMES = 4  # at least so many times as many slices must speak for it as for the other order
_MARGIN = 0.5  # difference of the two planes in bright minus dark; see `skull_look`
_DARK, _BRIGHT = 0.6, 0.2  # smallest share of dark in the MRI, and of bright in the CT


@with_default_floats
def check_modalities(X: PairsLike) -> Bunch:
    """Test whether the CT looks like a CT and the MRI like an MRI.

    It looks at the skull, in at most 48 slices spread evenly over X. In a CT the skull is the
    brightest tissue and lies on the brain. In an MRI it is a dark band inside the scalp. One
    slice often can't tell, so the verdict is that of all slices together. Of several CT or MRI
    planes, the first is looked at.

    When it works: on raw slices of the brain, CT in HU or exported in any window, MRI of any
    sequence. In sets of many slices no order was mistaken, on phantoms and on real images; the
    figures are on the page ``docs/data.md``.

    When it fails: without a skull there is no verdict, so not for prepared pairs and for brains
    that were cut out. Nor is there one for slices of the face and neck, for two planes of one
    modality, with fewer than three slices that speak for an order, and for X without a CT or an
    MRI. Where a part of the set is exchanged, the larger part decides.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_planes, height, width)
        Raw pairs, NaN where nothing was observed. Give `Pairs` where the planes are not CT, MRI.

    Returns
    -------
    Bunch
        - exchanged: True, False, or None (can't be told).
        - n_looked: int, slices in which both planes could be looked at.
        - n_right, n_exchanged: int, slices that speak for each order.

    Raises
    ------
    InvalidPairsError
        If X is invalid, or if its planes have no names and are not two.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.pairing import check_modalities
    >>> y, x = np.mgrid[-1:1:96j, -1:1:96j]
    >>> r = np.hypot(y, x)
    >>> ct = np.select([r < 0.65, r < 0.75, r < 0.85], [35.0, 900.0, 10.0], -1000.0)
    >>> mri = np.select([r < 0.65, r < 0.75, r < 0.85], [110.0, 5.0, 200.0], 0.0)
    >>> X = np.stack([[ct, mri]] * 4)
    >>> check_modalities(X).exchanged, check_modalities(X[:, ::-1]).exchanged
    (False, True)
    """
    reader = check_pairs(X)
    planes_of(reader, "ct")  # refuses more than two planes without names
    return modalities_verdict(reader)


def warn_of_exchanged(X: PairReader) -> None:
    """Warn where CT and MRI of X seem to be exchanged; no warning where it can't be told.

    Parameters
    ----------
    X : PairReader of shape (n, n_planes, height, width)
        Raw pairs.

    Examples
    --------
    >>> warn_of_exchanged(PairReader(np.zeros((4, 2, 32, 32))))
    """
    if modalities_verdict(X).exchanged:
        warn_user(_said(X), ModalitiesExchangedWarning)


def _said(X: PairReader) -> str:
    if X.modalities == MODALITIES:
        return EXCHANGED
    ct, mri = (X.modalities[X.roles.index(role)] for role in ("ct", "mri"))
    return (
        f"{ct} and {mri} seem to be exchanged: what is named {ct} looks like an MRI (a dark skull "
        f"inside the scalp), and what is named {mri} like a CT (a bright skull on the brain). "
        "Nothing that is computed from them then means what it says. Exchange the folders, or the "
        "names: X.replace(modalities=...)."
    )


def modalities_verdict(X: PairReader) -> Bunch:
    """What `check_modalities` returns; it reads only the slices that it looks at."""
    n = len(X)
    looked, right, exchanged = 0, 0, 0
    planes = [X.roles.index(role) for role in ("ct", "mri") if role in X.roles]
    if n >= _LEAST_SLICES and len(planes) == 2:
        for row in np.unique(np.linspace(0, n - 1, min(n, _MOST)).round().astype(int)):
            ct, mri = (skull_look(plane) for plane in X[row : row + 1][0][planes])
            if ct is None or mri is None:
                continue
            looked += 1
            right += _in_order(ct, mri)
            exchanged += _in_order(mri, ct)
    most, least = max(right, exchanged), min(right, exchanged)
    told = most >= max(_LEAST_SLICES, _LEAST_SHARE * looked) and most >= _TIMES * least
    return Bunch(
        exchanged=exchanged > right if told else None,
        n_looked=looked,
        n_right=right,
        n_exchanged=exchanged,
    )


def _in_order(ct: SkullLook, mri: SkullLook) -> bool:
    apart = (ct.bright - ct.dark) - (mri.bright - mri.dark)
    return apart > _MARGIN and mri.dark >= _DARK and ct.bright >= _BRIGHT
