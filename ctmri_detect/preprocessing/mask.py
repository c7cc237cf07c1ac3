"""The brain mask as a step: outside the brain nothing is observed."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.morphology import disk

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import Constraints, OneOf, check_parameters, integer
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedTransformer, Block, Traits
from ctmri_detect.base.learnt import recall
from ctmri_detect.ct_units import IS_CT_UNITS, CTUnits
from ctmri_detect.exceptions import (
    BrainNotFoundError,
    BrainNotFoundWarning,
    InvalidPairsError,
)
from ctmri_detect.imageops.appearance import is_brain_alone, is_eight_bit_window, is_inverted
from ctmri_detect.imageops.brainmask import both_brain_masks, head_mask
from ctmri_detect.imageops.ct_values import check_ct_values
from ctmri_detect.imageops.skullbase import brain_share, is_below_skull_base
from ctmri_detect.modalities import Roles, planes_with
from ctmri_detect.pairing.modalities import warn_of_exchanged
from ctmri_detect.pairs import Pairs
from ctmri_detect.preprocessing import _by_role as by_role
from ctmri_detect.preprocessing._grid import each_back
from ctmri_detect.preprocessing._no_brain import no_brain_in_most, no_brain_in_some
from ctmri_detect.preprocessing._reach import Reach, back_to_reach, packed_reach
from ctmri_detect.preprocessing._skull_base import DROP_AND_LABELS, IS_CHOICE, check_use
from ctmri_detect.validation import PairReader

_NEARLY_ALL = 0.95  # share of samples without a brain above which the input must be wrong


class _Found(NamedTuple):
    """The mask of a sample, and what is known of the slice."""

    mask: NDArray[np.bool_]
    found: bool  # whether the mask is what `source` asks for
    share: float = float("nan")  # share of the head that is brain; NaN without a mask from CT
    below: bool = False  # whether the slice lies below the skull base
    reach: Reach = None  # how far its maps reach


class BrainMask(BasePairedTransformer):
    """Set everything outside the brain to NaN, in all planes.

    The brain is the soft tissue that bone surrounds in the CT (see
    `ctmri_detect.imageops.brainmask.brain_mask`). Skull and scalp would allow shortcuts: the
    outline of the head alone tells much about who was injured. It needs the raw CT, so put it
    before `CTWindow`.

    Pixels of the rim show brain and bone together, and their values would disturb what detectors
    learn and compare. So the mask leaves the rim out. `inverse_transform_map` extends maps over it
    by their nearest values, to the inner table of the skull, so that maps mark thin blood there.

    Where no plausible brain is found (below the skull base), the head is kept, and where even
    that is empty, all that was observed. One warning names these samples. Where the skull was
    removed before, the head is the brain. A sample without CT keeps the head as the MRI shows it.
    X without any CT plane is an error: cut the brains out first, and use ``source="observed"``.

    Where at least 95 % of several samples have no brain, something is wrong with all of them: other
    units than `ct_units` says, an inverted CT, no heads. That is a `BrainNotFoundError`. Where the
    CT look like MRI and the MRI like CT, a `ModalitiesExchangedWarning` says so (see
    `ctmri_detect.pairing.check_modalities`).

    Each sample's mask depends on that sample alone. If you have masks already, from a segmentation
    tool or with the data, call `apply_masks` before the Pipeline, and set ``source="observed"``
    here.

    Parameters
    ----------
    ct_units : {"hu", "uint8"}, default="hu"
        Units of the CT, see `ctmri_detect.ct_units`.
    dilation : int, default=0
        Pixels by which the brain mask is grown, at least 0. A few pixels keep blood that lies
        against the skull, and also some bone. Maps are then not extended over the rim. Not used
        where the mask is not found in the CT.
    source : {"auto", "ct", "mri", "observed"}, default="auto"
        Where the mask comes from. "auto": the CT, and the MRI where a sample has no CT. "ct" and
        "mri": that plane only; a sample without it keeps all that was observed, and is named
        in the warning. The MRI gives the whole head, with the skull. Of several CT or MRI planes,
        the first that a sample has is used. "observed": nothing is searched for, and a pixel stays
        where it was observed in any plane. In X without a CT plane, pixels of exactly 0 in all
        planes are the background of stripped images (BraTS) and become NaN.
    below_skull_base : {"keep", "mark", "drop"}, default="keep"
        What to do with slices that hold little brain: skull base, face and neck (see
        `ctmri_detect.imageops.skullbase.is_below_skull_base`), and slices without a found brain.
        "keep": nothing. "mark": the frame of the `Pairs` gets two columns. `below_skull_base` is
        True for these slices. `brain_share` is the share of the head that is brain, from 0 to 1
        (NaN without CT). "drop": `fit_transform` and `transform_to` leave these slices out, and
        the column `input_row` gives the row of X of each sample that stays. `transform` then raises
        an error, because a Pipeline that scores has to return one score for each row.
        "mark" and "drop" need `Pairs` and a CT, and take some ms for each pair.

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

    Marked slices can be left out together with their labels:

    >>> from ctmri_detect import Pairs
    >>> marked = BrainMask(below_skull_base="mark").fit_transform(Pairs(X))
    >>> marked.frame.round(2).to_dict("list")
    {'brain_share': [0.64], 'below_skull_base': [False]}
    >>> len(marked[~marked.frame["below_skull_base"]])
    1
    """

    traits = Traits(threadsafe=True, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "ct_units": [IS_CT_UNITS],
        "dilation": [integer(0)],
        "source": [OneOf("auto", "ct", "mri", "observed")],
        "below_skull_base": [IS_CHOICE],
    }

    def __init__(
        self,
        ct_units: str = "hu",
        *,
        dilation: int = 0,
        source: str = "auto",
        below_skull_base: str = "keep",
    ) -> None:
        self.ct_units = ct_units
        self.dilation = dilation
        self.source = source
        self.below_skull_base = below_skull_base

    def _units_taken(self) -> str | None:
        return self.ct_units if self.source in ("auto", "ct") else None

    def fit_transform(self, X: PairsLike, y: LabelsLike = None) -> Pairs | NDArray[np.float32]:
        """``fit(X).transform(X)``, but slices may be left out (``below_skull_base="drop"``).

        Raises
        ------
        InvalidPairsError
            If slices are left out and `y` is given: the labels would no longer fit.
        """
        if self.below_skull_base == "drop" and y is not None:
            raise InvalidPairsError(DROP_AND_LABELS)
        return super().fit_transform(X)

    def _check_use(self, X: PairsLike, *, may_leave_out: bool) -> None:
        check_use(self.below_skull_base, self.source, X, may_leave_out=may_leave_out)

    def _look(self, X: PairReader) -> None:
        if self.source == "observed":
            by_role.warn_of_whole_heads(X)
        else:
            warn_of_exchanged(X)

    def _transform_block(self, X: NDArray[np.float32], roles: Roles) -> Block:
        by_role.check_source(self.source, roles)
        if self.source in ("auto", "ct"):
            check_ct_values(X, self.ct_units, planes=planes_with(roles, "ct"))
        out = X.astype(np.float32)
        found = [self._mask(pair, roles) for pair in out]
        for pair, known in zip(out, found, strict=True):
            np.copyto(pair, np.nan, where=~known.mask)
        named = [i for i, known in enumerate(found) if not known.found]
        learnt = [known.reach for known in found]
        if self.below_skull_base == "keep":
            return Block(out, named, learnt=learnt)
        below = np.array([known.below or not known.found for known in found])
        share = np.array([known.share for known in found])
        columns = {"brain_share": share, "below_skull_base": below}
        kept = ~below if self.below_skull_base == "drop" else None
        return Block(out, named, columns, kept, learnt)

    @with_default_floats
    def inverse_transform_map(self, maps: ArrayLike, X: PairsLike) -> NDArray[np.float32]:
        """Extend maps to the inner table of the skull, where the mask was found in the CT.

        Parameters
        ----------
        maps : array of shape (n_samples, height, width) or (n_samples, channels, ...)
            NaN where there is no value.
        X : array-like of shape (n_samples, n_planes, height, width)
            This step's input.

        Returns
        -------
        ndarray of float32 of the shape of `maps`
            NaN outside the skull. A channel that is NaN all over stays so.

        Raises
        ------
        InvalidPairsError
            If the shapes of maps and X don't fit together.
        """
        check_parameters(self)
        return each_back(maps, X, None, recall(self), self._learn, back_to_reach)

    def _learn(self, pair: NDArray[np.float32], roles: Roles) -> Reach:
        return self._mask(pair, roles).reach

    def _odd(self, ct: NDArray[np.float32]) -> bool:
        """Whether the CT is inverted or in other units, so that a brain is found only by chance."""
        return is_inverted(ct) or (self.ct_units == "hu" and is_eight_bit_window(ct))

    def _warn_of(self, rows: list[int], total: int) -> None:
        if total > 1 and len(rows) >= _NEARLY_ALL * total:
            raise BrainNotFoundError(no_brain_in_most(rows, total, self.ct_units, self.source))
        warn_user(no_brain_in_some(rows, total, self.below_skull_base), BrainNotFoundWarning)

    def _mask(self, pair: NDArray[np.float32], roles: Roles) -> _Found:
        observed: NDArray[np.bool_] = np.asarray(np.isfinite(pair).any(axis=0))
        ct = by_role.plane_with(pair, roles, "ct")
        if ct is not None and self.source in ("auto", "ct"):
            return self._mask_of_ct(ct, observed)
        mask = by_role.mask_without_ct(pair, roles, self.source)
        return _Found(mask, True) if (mask & observed).any() else _Found(observed, False)

    def _mask_of_ct(self, ct: NDArray[np.float32], observed: NDArray[np.bool_]) -> _Found:
        units = cast(CTUnits, self.ct_units)
        odd = self._odd(ct)
        brain, grown = (np.zeros_like(observed),) * 2 if odd else both_brain_masks(ct, units)
        reach = None if odd or self.dilation else packed_reach(grown & observed)
        mask = brain
        if brain.any() and self.dilation:
            mask = cv2.dilate(brain.astype(np.uint8), disk(self.dilation)).astype(bool)
        if (mask & observed).any():
            if self.below_skull_base == "keep":
                return _Found(mask, True, reach=reach)
            head = head_mask(ct, units)
            below = is_below_skull_base(brain, head, units)
            return _Found(mask, True, brain_share(brain, head), below, reach)
        mask = head_mask(ct, units)
        if not (mask & observed).any():
            return _Found(observed, False, reach=reach)
        alone = not odd and is_brain_alone(ct, mask, units)
        return _Found(mask, alone, float(alone), reach=reach)
