"""The other planes moved onto the CT, sample by sample."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import Constraints, OneOf, number
from ctmri_detect._threads import map_threads
from ctmri_detect._types import PairsLike
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.imageops.registration import Motion, alignment, motion_of, register
from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.modalities import Roles, planes_with
from ctmri_detect.validation import check_pairs


class PairRegistrar(BasePairedTransformer):
    """Move each MRI and PET onto its CT by mutual information, or leave it where it is.

    For pairs that show the same slice, but not exactly on the same pixels. A motion is used only
    where it stays within the bounds and raises the normalised mutual information by more than
    `min_gain`. That gain is measured on the same pixels before and after, not by the search itself
    (`ctmri_detect.imageops.registration.alignment`). Otherwise the pair stays exactly as it is.
    `estimate` reports the motion and both values. The search
    (`ctmri_detect.imageops.registration.register`) is deterministic, and a sample's motion depends
    on that sample alone.

    With more than two planes, each is registered by itself, to the first CT; where no plane has
    that role, to the first plane. On more than CT and MRI it has not been measured.

    Only the MRI and PET move. Maps lie on the CT's grid, before and after, so this step needs no
    ``inverse_transform_map``. Pixels of the moved MRI that lay outside the image become NaN.
    The warp smooths the MRI a little (linear interpolation).

    Where it belongs: first, on raw pairs, before `BrainMask`. Skull and scalp are the edges
    that both modalities share, and a mask made from the CT cuts a displaced MRI in the wrong
    place; what it cut off is lost. After `BrainMask` it works a little less exactly;
    benchmarks/registration.py has figures for both.

    When it fails: a motion in the plane can't correct a head that was tilted between the two
    scans, or a slice at another level; register the volumes for that. Distortions of the MRI, and
    motion beyond the bounds, are not corrected either. Pixels are taken as square. A nearly empty
    slice, or CT and MRI of different people, may be aligned by chance: run
    `ctmri_detect.datasets.check_pairing` first, and look at `estimate`. On real 8-bit pairs (brain
    window, where all of the skull is white) the search is less reliable than on phantoms: after a
    known extra motion its answer agreed with the first one to 1 pixel in 74 % of 95 pairs. The
    default of `min_gain` was set on these, to leave out motions that looked wrong; 8 pairs
    were moved. It takes about 0.3 s for a pair of 256 x 256 pixels on each core; pairs are shared
    between threads.

    Needs SimpleITK: ``pip install "ctmri_detect[itk]"``.

    Parameters
    ----------
    motion : {"rigid", "affine"}, default="rigid"
        "affine" adds stretch and shear, for images whose pixel sizes differ a little; it takes
        about twice the time and follows distortions and lesions more easily.
    max_shift : float, default=20.0
        Largest shift of the image's centre along either axis, in pixels, above 0. Time grows with
        its square, and a wrong alignment becomes more likely.
    max_rotation : float, default=10.0
        Largest rotation, in degrees, above 0 and at most 45. Raising it makes a wrong alignment
        more likely.
    max_stretch : float, default=0.1
        Largest stretch or shrinkage in any direction, as a share, 0 to 0.5; only for "affine".
    min_gain : float, default=0.01
        By how much the normalised mutual information (1 to 2) has to rise for a motion to be
        used, 0 or more. Raising it leaves more pairs as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing.registration import PairRegistrar
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> ct = (np.hypot(x / 0.6, y / 0.8) < 1) + 1.0 * (np.hypot(x - 0.2, y + 0.3) < 0.2)
    >>> X = np.stack([ct, np.roll(2 - ct, (3, -2), axis=(0, 1))])[None]
    >>> table = PairRegistrar(max_shift=6).estimate(X)
    >>> table[["shift_y", "shift_x"]].round().to_numpy().tolist()
    [[-3.0, 2.0]]
    """

    traits = Traits(threadsafe=True, missing_modality=True)
    _block = 1  # one sample alone takes long
    _parameter_constraints: ClassVar[Constraints] = {
        "motion": [OneOf("rigid", "affine")],
        "max_shift": [number(above=0)],
        "max_rotation": [number(above=0, most=45)],
        "max_stretch": [number(0, 0.5)],
        "min_gain": [number(0)],
    }

    def __init__(
        self,
        motion: str = "rigid",
        *,
        max_shift: float = 20.0,
        max_rotation: float = 10.0,
        max_stretch: float = 0.1,
        min_gain: float = 0.01,
    ) -> None:
        self.motion = motion
        self.max_shift = max_shift
        self.max_rotation = max_rotation
        self.max_stretch = max_stretch
        self.min_gain = min_gain

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        out = X.astype(np.float32)
        still, moving = _still_and_moving(roles)
        for sample in out:
            for plane in moving:
                found = self._register(sample[[still, plane]])
                if not found.reason:
                    sample[plane] = warp_observed(sample[plane], found.matrix, sample.shape[1:])
        return out

    @with_default_floats
    def estimate(self, X: PairsLike) -> pd.DataFrame:
        """The motion of each MRI, and whether `transform` would use it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs of CT and MRI, or other planes with names.

        Returns
        -------
        DataFrame
            One row for each sample; with more than two planes, one for each plane that may move.
            A motion is reported even if it was not accepted; NaN where none was found.

            - sample: row of `X`. modality: name of the plane, with more than two.
            - shift_y, shift_x: how far the registration moves the MRI at the image's centre, in
              pixels, positive = down, right.
            - rotation: in degrees, positive = counter-clockwise as seen in the image.
            - scale_min, scale_max: smallest and largest stretch; 1 is none.
            - nmi_before, nmi_after: normalised mutual information on the same pixels.
            - accepted: bool. reason: "" where accepted, else "a plane is missing", "nothing to
              register", "beyond the bounds" or "no gain".

        Raises
        ------
        InvalidPairsError, ValueError, ImportError
            For bad pairs, for a bad parameter, and if SimpleITK is not installed.
        """
        self._check_ready()
        reader = check_pairs(X)
        still, moving = _still_and_moving(reader.roles)
        found: list[_Found] = []
        for block in reader.blocks():
            pairs = [sample[[still, plane]] for sample in block for plane in moving]
            found += map_threads(self._register, pairs)
        table = pd.DataFrame([each.as_row() for each in found], columns=_COLUMNS)
        table.insert(0, "sample", np.repeat(np.arange(len(reader)), len(moving)))
        if reader.shape[1] > 2:
            names = [reader.modalities[plane] for plane in moving]
            table.insert(1, "modality", names * len(reader))
        return table

    def _register(self, pair: NDArray[np.float32]) -> _Found:
        if np.isnan(pair).all(axis=(1, 2)).any():
            return _Found(reason="a plane is missing")
        matrix = register(
            pair[0],
            pair[1],
            transform=self.motion,
            max_shift=self.max_shift,
            max_rotation=self.max_rotation,
        )
        if matrix is None:
            return _Found(reason="nothing to register")
        motion = motion_of(matrix, pair.shape[1:])
        before, after = alignment(pair[0], pair[1], matrix)
        reason = ""
        if not self._within(motion):
            reason = "beyond the bounds"
        elif not after - before > self.min_gain:  # also where it is NaN
            reason = "no gain"
        return _Found(reason, matrix, motion, before, after)

    def _within(self, motion: Motion) -> bool:
        shift = max(abs(motion.shift_y), abs(motion.shift_x))
        stretch = max(motion.scale_max - 1, 1 - motion.scale_min)
        slack = 1e-6  # a rigid motion has scale 1 up to rounding
        return (
            shift <= self.max_shift
            and abs(motion.rotation) <= self.max_rotation
            and stretch <= self.max_stretch + slack
        )


class _Found(NamedTuple):
    """The motion that was found for one pair; `reason` says why it is not used ("" = it is)."""

    reason: str
    matrix: NDArray[np.float64] = np.eye(2, 3)
    motion: Motion = Motion(*[float("nan")] * 5)
    before: float = float("nan")
    after: float = float("nan")

    def as_row(self) -> tuple[Any, ...]:
        """In the order of `_COLUMNS`."""
        return (*self.motion, self.before, self.after, not self.reason, self.reason)


_COLUMNS = [*Motion._fields, "nmi_before", "nmi_after", "accepted", "reason"]


def _still_and_moving(roles: Roles) -> tuple[int, tuple[int, ...]]:
    """The plane to which the others are registered, and those that may move."""
    still = (*planes_with(roles, "ct"), 0)[0]
    may_move = (i for i, role in enumerate(roles) if role != "ct" and i != still)
    return still, tuple(may_move)
