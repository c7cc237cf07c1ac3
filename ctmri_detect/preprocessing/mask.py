"""The brain mask as a step: outside the brain nothing is observed."""

from __future__ import annotations

from typing import ClassVar, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.morphology import disk

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import Constraints, OneOf, integer
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.ct_units import IS_CT_UNITS, CTUnits
from ctmri_detect.exceptions import (
    BrainNotFoundError,
    BrainNotFoundWarning,
    InvalidPairsError,
)
from ctmri_detect.imageops.appearance import is_brain_alone, is_eight_bit_window, is_inverted
from ctmri_detect.imageops.brainmask import brain_mask, head_mask, mri_head_mask
from ctmri_detect.imageops.ct_values import check_ct_values
from ctmri_detect.validation import CT, MRI, check_masks, check_pairs, listed

_NEARLY_ALL = 0.95  # share of samples without a brain above which the input must be wrong


class BrainMask(BasePairedTransformer):
    """Set everything outside the brain to NaN, in both planes.

    The brain is the soft tissue that bone surrounds in the CT (see
    `ctmri_detect.imageops.brainmask.brain_mask`). Skull and scalp would allow shortcuts: the
    outline of the head alone tells much about who was injured. Needs the raw CT, so it comes before
    `CTWindow`.

    Where no plausible brain is found (below the skull base), the head is kept, and where even
    that is empty, all that was observed; one warning names these samples. Where the skull was
    removed before, the head is the brain. A sample without CT keeps the head as the MRI shows it.

    Where (nearly) no sample of several has a brain, something is wrong with all of them: other
    units than `ct_units` says, an inverted CT, no heads. That is a `BrainNotFoundError`.

    Each sample's mask depends on that sample alone. Masks that you have already (from a
    segmentation tool, or part of the data set) are set with `apply_masks` before the
    Pipeline; tell this step with ``source="observed"``.

    Parameters
    ----------
    ct_units : {"hu", "uint8"}, default="hu"
        Units of the CT, see `ctmri_detect.ct_units`.
    dilation : int, default=0
        Pixels by which the brain mask is grown. A few pixels keep blood that lies against the
        skull, and also some bone. Not used where the mask is not found in the CT.
    source : {"auto", "ct", "mri", "observed"}, default="auto"
        Where the mask comes from. "auto": the CT, and the MRI where there is no CT. "ct" and
        "mri": that plane only; a sample without it keeps all that was observed, and is named
        in the warning. The MRI gives the head, skull and all. "observed": nothing is
        searched, and a pixel stays where it was observed in either plane.

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

    traits = Traits(threadsafe=True, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "ct_units": [IS_CT_UNITS],
        "dilation": [integer(0)],
        "source": [OneOf("auto", "ct", "mri", "observed")],
    }

    def __init__(self, ct_units: str = "hu", dilation: int = 0, source: str = "auto") -> None:
        self.ct_units = ct_units
        self.dilation = dilation
        self.source = source

    def _units_taken(self) -> str | None:
        return self.ct_units if self.source in ("auto", "ct") else None

    def _transform_block(self, X: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[int]]:
        if self.source in ("auto", "ct"):
            check_ct_values(X, self.ct_units)
        out = X.astype(np.float32)
        without_brain = []
        for i, pair in enumerate(out):
            mask, found = self._mask(pair)
            np.copyto(pair, np.nan, where=~mask)
            if not found:
                without_brain.append(i)
        return out, without_brain

    def _warn_of(self, rows: list[int], total: int) -> None:
        if total > 1 and len(rows) >= _NEARLY_ALL * total:
            raise BrainNotFoundError(_refusal(rows, total, self.ct_units, self.source))
        warn_user(_message(rows, total), BrainNotFoundWarning)

    def _mask(self, pair: NDArray[np.float32]) -> tuple[NDArray[np.bool_], bool]:
        """The mask of one pair, and whether it is what `source` asks for."""
        observed: NDArray[np.bool_] = np.asarray(np.isfinite(pair).any(axis=0))
        if self.source == "observed":
            return observed, True
        has_ct = bool(np.isfinite(pair[CT]).any())
        if self.source == "mri" or (self.source == "auto" and not has_ct):
            mask: NDArray[np.bool_] = mri_head_mask(pair[MRI])
            return (mask, True) if (mask & observed).any() else (observed, False)
        return self._mask_of_ct(pair[CT], observed)

    def _mask_of_ct(
        self, ct: NDArray[np.float32], observed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], bool]:
        units = cast(CTUnits, self.ct_units)
        # in such a wrong image a brain is found only by chance
        odd = is_inverted(ct) or (units == "hu" and is_eight_bit_window(ct))
        mask = np.zeros_like(observed) if odd else brain_mask(ct, units)
        if mask.any() and self.dilation:
            mask = cv2.dilate(mask.astype(np.uint8), disk(self.dilation)).astype(bool)
        if (mask & observed).any():
            return mask, True
        mask = head_mask(ct, units)
        if not (mask & observed).any():
            return observed, False
        return mask, not odd and is_brain_alone(ct, mask, units)


@with_default_floats
def apply_masks(X: ArrayLike, masks: ArrayLike) -> NDArray[np.float32]:
    """Set everything outside given masks to NaN, in both planes.

    For brain masks that come with the data or from a segmentation tool. A Pipeline hands its
    steps nothing but X, so masks are set before it; not-observed pixels then go with X through
    all steps. Tell `BrainMask` to keep these masks:
    ``make_preprocessor().set_params(brainmask__source="observed")``.

    Parameters
    ----------
    X : array-like of shape (n_samples, 2, height, width)
    masks : bool array-like of shape (n_samples, height, width)
        True = brain, to be kept.

    Returns
    -------
    ndarray of float32, shape (n_samples, 2, height, width)
        A copy; X is left as it was.

    Raises
    ------
    InvalidPairsError
        Where the shapes don't fit, or a mask keeps nothing that was observed.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import apply_masks
    >>> masks = np.zeros((1, 4, 4), bool)
    >>> masks[0, 1:3, 1:3] = True
    >>> int(np.isfinite(apply_masks(np.ones((1, 2, 4, 4)), masks)[0, 0]).sum())
    4
    """
    reader = check_pairs(X, n_planes=2)
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
    return out


def _message(samples: list[int], total: int) -> str:
    return (
        f"No brain found in {len(samples)} of {total} samples ({listed(samples, 20)}); the head, "
        "or all that was observed, is kept there instead. Leave out slices below the skull base."
    )


def _refusal(samples: list[int], total: int, ct_units: str, source: str) -> str:
    if source == "mri":
        cure = "Check that axis 1 of X is CT, MRI, and that the MRI shows heads."
    else:
        cure = (
            f"ct_units is {ct_units!r}: check that the CT is in these units, that air is dark in "
            "it (else it is inverted: 255 - x), and that axis 1 of X is CT, MRI. `ctmri-detect "
            "inspect` checks a folder. Where brains were cut out before, set what lies "
            "outside to NaN (apply_masks) and source='observed'."
        )
    return (
        f"No brain found in {len(samples)} of {total} samples ({listed(samples)}); expected one in "
        f"most. {cure}"
    )
