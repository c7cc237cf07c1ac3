"""Which samples are of one patient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation.form import listed

_NO_NAME = ("", "nan", "NaT", "<NA>")


def check_groups(groups: GroupsLike, n_samples: int) -> npt.NDArray[np.int64]:
    """Patient identifiers as codes 0 .. n_patients - 1.

    Raises
    ------
    InvalidPairsError
        Where the length is wrong or an identifier is missing.

    Examples
    --------
    >>> check_groups(["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    groups = plain_array(groups)
    mixed = isinstance(groups, list | tuple)  # numpy would make text of a NaN among names
    groups = np.asarray(groups, dtype=object if mixed else None)
    if groups.shape != (n_samples,):
        raise InvalidPairsError(
            f"groups has shape {groups.shape}; expected ({n_samples},), one patient per sample."
        )
    missing = pd.isna(groups)  # None, NaN, NaT, pd.NA; below, their text forms
    if groups.dtype.kind in "OU":
        missing = missing | np.isin(groups.astype(str), _NO_NAME)
    if missing.any():
        raise InvalidPairsError(
            f"groups has no patient for samples {listed(np.flatnonzero(missing))}; expected one "
            "identifier per sample. Name the patient of each, or leave these samples out."
        )
    return np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)


def groups_of(X: PairsLike | None, groups: GroupsLike = None) -> GroupsLike:
    """Patients of the samples, from `Pairs` or from `groups`.

    Raises
    ------
    InvalidPairsError
        Where both are given and divide the samples differently. Names may differ.

    Examples
    --------
    >>> groups_of(Pairs(np.zeros((2, 2, 8, 8)), groups=["a", "b"])).tolist()
    ['a', 'b']
    """
    known = X.groups if isinstance(X, Pairs) else None
    if known is None or groups is None:
        return known if groups is None else groups
    ours, theirs = (check_groups(names, len(known)) for names in (known, groups))
    for a, b in ((ours, theirs), (theirs, ours)):
        first = np.unique(a, return_index=True)[1][np.unique(a, return_inverse=True)[1]]
        if len(rows := np.flatnonzero(b != b[first])):
            row, other = int(rows[0]), int(first[rows[0]])
            raise InvalidPairsError(
                f"X and groups disagree about the patients: rows {other} and {row} are "
                f"{known[other]!r} and {known[row]!r} in X, {np.asarray(groups)[other]!r} and "
                f"{np.asarray(groups)[row]!r} in groups. Leave out groups, or correct one of them."
            )
    return known
