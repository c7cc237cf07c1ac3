"""Masks that come with the data: outside them nothing is observed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PairsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import check_masks, check_pairs, listed


@with_default_floats
def apply_masks(X: PairsLike, masks: ArrayLike) -> Pairs | NDArray[np.float32]:
    """Set everything outside given masks to NaN, in all planes.

    For brain masks that come with the data or from a segmentation tool. A Pipeline hands only X to
    its steps, so apply the masks before it; all steps then keep the NaN. Make `BrainMask` keep
    these masks, too: ``make_preprocessor().set_params(brainmask__source="observed")``.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_planes, height, width)
        CT and MRI, or any 1 to 8 planes.
    masks : bool array-like of shape (n_samples, height, width)
        True = brain, to be kept.

    Returns
    -------
    Pairs or ndarray of float32, shape (n_samples, n_planes, height, width)
        A copy; X is left as it was. `Pairs` come back as `Pairs`, with the same patients,
        spacing, units and names.

    Raises
    ------
    InvalidPairsError
        If the shapes don't fit, or a mask keeps nothing that was observed.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import apply_masks
    >>> masks = np.zeros((1, 4, 4), bool)
    >>> masks[0, 1:3, 1:3] = True
    >>> int(np.isfinite(apply_masks(np.ones((1, 2, 4, 4)), masks)[0, 0]).sum())
    4
    """
    reader = check_pairs(X)
    masks = check_masks(masks, (len(reader), reader.shape[2], reader.shape[3]))
    out = np.array(reader, dtype=np.float32)
    out[np.broadcast_to(~masks[:, np.newaxis], out.shape)] = np.nan
    empty = np.flatnonzero(np.isnan(out).all(axis=(1, 2, 3)))
    if len(empty):
        raise InvalidPairsError(
            f"The masks keep nothing that was observed in {len(empty)} samples "
            f"({listed(empty.tolist())}); expected True over the brain. Check that masks and X "
            "lie on one grid, or leave these samples out."
        )
    return X.replace(array=out) if isinstance(X, Pairs) else out
