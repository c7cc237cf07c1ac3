"""Splitters that train on normal samples and never split a patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_groups, check_target


class NormalOnlyGroupKFold(GroupKFold):
    """K folds by patient; the training side keeps its normal samples only.

    A patient is on one side of each split, so that no test image has a neighbour of the same
    head in training; splitting by slice inflates accuracy by a third and more (Yagis et al.
    2021).

    Parameters
    ----------
    n_splits : int, default=5
        Folds, at most as many as patients.
    shuffle : bool, default=False
        Assign patients to folds at random, instead of by size.
    random_state : int, RandomState or None, default=None
        Seed of the shuffling.

    References
    ----------
    Yagis et al. (2021), Effect of data leakage in brain MRI classification using 2D
    convolutional neural networks, Scientific Reports 11:22544.

    Examples
    --------
    >>> X = np.zeros((6, 2, 8, 8)); y = [1, -1, 1, 1, 1, -1]; patient = list("aabbcc")
    >>> for train, test in NormalOnlyGroupKFold(3).split(X, y, patient):
    ...     print(train, test)
    [0 2 3] [4 5]
    [0 4] [2 3]
    [2 3 4] [0 1]
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, random_state: Any = None
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield training and test rows.

        Parameters
        ----------
        X : array-like of n samples
        y : array-like (n,), default=None
            +1 normal, -1 anomalous; None takes every sample for normal.
        groups : array-like (n,)
            Patient of each sample.

        Raises
        ------
        InvalidPairsError
            For labels coded otherwise, without groups, or where a fold leaves no normal
            sample to train on.
        """
        n = len(X) if hasattr(X, "__len__") else X.shape[0]
        if groups is None:
            raise InvalidPairsError(
                "groups is None; expected the patient of each sample, so that no patient stands "
                "on both sides. Give it to split or fit: search.fit(X, y, groups=patients)."
            )
        codes = check_groups(groups, n)
        target = np.ones(n, dtype=np.int64) if y is None else check_target(y, n)
        for train, test in super().split(np.zeros(n), None, codes):
            normal = train[target[train] == 1]
            if len(normal) < 2:
                raise InvalidPairsError(
                    f"A fold leaves {len(normal)} normal sample(s) to train on; expected at least "
                    "2. Take fewer splits, or give more normal samples."
                )
            yield normal, test
