"""Training slices and patients of an ensemble, and of members that were fitted before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ctmri_detect._types import StoredArray
from ctmri_detect.base.fingerprints import Fingerprints
from ctmri_detect.validation import PairReader

Codes = npt.NDArray[np.int64]


class EnsembleFingerprints(Fingerprints):
    """Recognises slices and patients that the ensemble, or a fitted member, was fitted on.

    A patient has one code for all of them: the codes that the ensemble and each fitted member give
    are the digits of one number.

    Parameters
    ----------
    X, names
        See `Fingerprints`.
    fitted : sequence of Fingerprints or None
        Of each member; None for one that was fitted with the ensemble.
    """

    def __init__(
        self,
        X: PairReader,
        names: npt.NDArray[np.str_] | None,
        fitted: Sequence[Fingerprints | None],
    ) -> None:
        super().__init__(X, names)
        self.fitted = list(fitted)
        known = [self.codes, *(one.codes for one in self.fitted if one is not None)]
        self.sizes = tuple(int(codes.max(initial=-1)) + 2 for codes in known)

    def seen(self, X: StoredArray) -> npt.NDArray[np.bool_]:
        """Which slices are exactly equal to a training slice: bool ``(n,)``."""
        found = super().seen(X)
        for one in self.fitted:
            if one is not None:
                found |= one.seen(X)
        return found

    def codes_of(self, names: Iterable[object]) -> Codes:
        """The codes of patients by their names; -1 for those that nobody knows."""
        asked = list(names)
        digits = [super().codes_of(asked)]
        digits += [one.codes_of(asked) for one in self.fitted if one is not None]
        return np.ravel_multi_index(tuple(each + 1 for each in digits), self.sizes) - 1

    def of_members(self, codes: Codes | None) -> list[Codes | None]:
        """The codes of each member; those of members fitted with the ensemble are the ensemble's.

        Examples
        --------
        >>> X = PairReader(np.arange(2.0).reshape(2, 1, 1, 1), groups=[0, 1])
        >>> before = Fingerprints(X, np.array(["bob", "eve"]))
        >>> both = EnsembleFingerprints(X, np.array(["ann", "bob"]), [None, before])
        >>> [each.tolist() for each in both.of_members(both.codes_of(["ann", "bob", "eve"]))]
        [[0, 1, -1], [-1, 0, 1]]
        """
        if codes is None:
            return [None] * len(self.fitted)
        digits = iter(np.unravel_index(codes + 1, self.sizes))
        own = next(digits) - 1
        return [own if one is None else next(digits) - 1 for one in self.fitted]
