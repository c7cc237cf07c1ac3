"""Which two planes of a sample are compared, where it has more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect.modalities import DEFAULT_MODALITIES, Roles
from ctmri_detect.validation import PairReader, missing_planes

__all__ = ["Compared", "compared"]


class Compared(NamedTuple):
    """Two planes by their number, and their names; the second is compared with the first.

    Examples
    --------
    >>> Compared().of(np.arange(3.0)[:, None, None]).ravel().tolist()
    [0.0, 1.0]
    """

    first: int = 0
    second: int = 1
    names: tuple[str, str] = DEFAULT_MODALITIES
    with_ct: bool = True  # whether the first is a CT

    def of(self, sample: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The two planes of one sample, ``(2, height, width)``."""
        return sample[[self.first, self.second]]

    def lacking(self, X: PairReader) -> npt.NDArray[np.bool_]:
        """Samples of X in which one of the two is missing."""
        missing = np.concatenate([missing_planes(block) for block in X.blocks(copy=False)])
        return np.asarray(missing[:, [self.first, self.second]].any(axis=1))


CT_AND_MRI = Compared()


def compared(X: PairReader) -> Compared | None:
    """The planes of X that are compared; None where there are fewer than two, or without names.

    The first CT and the first MRI; where one of the two is not there, the first two planes that are
    not PET.

    Examples
    --------
    >>> from ctmri_detect import Pairs
    >>> X = Pairs(np.zeros((1, 3, 8, 8)), modalities=("T1", "FLAIR", "CT"))
    >>> compared(PairReader(X))[:3]
    (2, 0, ('CT', 'T1'))
    """
    planes = _chosen(X.roles)
    if planes is None:
        return None
    first, second = planes
    names = X.modalities[first], X.modalities[second]
    return Compared(first, second, names, X.roles[first] == "ct")


def _chosen(roles: Roles) -> tuple[int, int] | None:
    if "ct" in roles and "mri" in roles:
        return roles.index("ct"), roles.index("mri")
    others = [i for i, role in enumerate(roles) if role not in ("pet", None)]
    return (others[0], others[1]) if len(others) > 1 else None
