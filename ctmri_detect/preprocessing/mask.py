"""The brain mask as a step: outside the brain nothing is observed."""

from __future__ import annotations

import sys
import warnings
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import disk

from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.exceptions import BrainNotFoundWarning
from ctmri_detect.imageops.brainmask import CTUnits, brain_mask, head_mask, mri_head_mask
from ctmri_detect.preprocessing._checks import check_ct_units, check_number
from ctmri_detect.validation import CT, MRI


class BrainMask(BasePairedTransformer):
    """Set everything outside the brain to NaN, in both planes.

    The brain is the soft tissue that bone surrounds in the CT (see
    `ctmri_detect.imageops.brainmask.brain_mask`). Skull and scalp left in invite
    shortcuts: the outline of the head alone tells much about who was injured. Needs the
    raw CT, so it comes before `CTWindow`.

    Where no plausible brain is found (below the skull base, skull removed before), the
    head is kept, and where even that is empty, all that was observed; one warning names
    these samples. A sample without CT keeps the head as the MRI shows it.

    Each sample's mask depends on that sample alone.

    Parameters
    ----------
    ct_units : {"hu", "uint8"}, default="hu"
        What the CT plane holds: Hounsfield units, or an exported brain window as 0..255.
    dilation : int, default=0
        Pixels by which the brain mask is grown. A few keep blood that lies against the
        skull, and let bone in.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import BrainMask
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> r = np.hypot(y, x)
    >>> ct = np.select([r < 0.6, r < 0.75], [30.0, 1000.0], default=-1000.0)
    >>> X = np.stack([ct, np.ones_like(ct)])[None]
    >>> masked = BrainMask().fit_transform(X)
    >>> bool(np.isnan(masked[0, 1, 0, 0])), float(masked[0, 0, 32, 32])
    (True, 30.0)
    """

    _per_sample = sys.maxsize  # all in one block, so that one warning names the right rows

    def __init__(self, ct_units: str = "hu", dilation: int = 0) -> None:
        self.ct_units = ct_units
        self.dilation = dilation

    def _fit(self, X: Any) -> None:
        check_ct_units(self.ct_units, "ct_units")
        check_number(self.dilation, "dilation", 0, integer=True)

    def _transform(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        out = X.astype(np.float32)
        without_brain = []
        for i, pair in enumerate(out):
            mask, found = self._mask(pair)
            pair[:, ~mask] = np.nan
            if not found:
                without_brain.append(i)
        if without_brain:
            warnings.warn(_message(without_brain, len(out)), BrainNotFoundWarning, stacklevel=2)
        return out

    def _mask(self, pair: NDArray[np.float32]) -> tuple[NDArray[np.bool_], bool]:
        """The mask of one pair, and whether it is a brain as the CT shows it."""
        units = cast(CTUnits, self.ct_units)
        observed: NDArray[np.bool_] = np.asarray(np.isfinite(pair).any(axis=0))
        if np.isnan(pair[CT]).all():
            mask: NDArray[np.bool_] = mri_head_mask(pair[MRI])
            return (mask, True) if (mask & observed).any() else (observed, False)
        mask = brain_mask(pair[CT], units)
        if mask.any() and self.dilation:
            mask = cv2.dilate(mask.astype(np.uint8), disk(self.dilation)).astype(bool)
        if (mask & observed).any():
            return mask, True
        mask = head_mask(pair[CT], units)
        return (mask, False) if (mask & observed).any() else (observed, False)


def _message(samples: list[int], total: int) -> str:
    shown = ", ".join(str(i) for i in samples[:20]) + (", ..." if len(samples) > 20 else "")
    return (
        f"No brain found in {len(samples)} of {total} samples ({shown}); the head, or all that "
        "was observed, is kept there instead. Leave out slices below the skull base; if it is "
        "every sample, check ct_units."
    )
