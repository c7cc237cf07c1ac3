"""Split samples into training and validation, by patient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Split = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]


def split_patients(n: int, groups: npt.ArrayLike | None, fraction: float | None) -> Split:
    """Rows to train on, and rows of other patients for validation.

    Parameters
    ----------
    n : int
        Samples.
    groups : array-like (n,) or None
        Patient of each; None uses ten contiguous blocks of samples as patients.
    fraction : float or None
        Share of the patients kept for validation, evenly spaced, at least one; None keeps none.

    Returns
    -------
    train : int array
    valid : int array or None

    Raises
    ------
    ValueError
        Without samples, for another number of groups, and if one patient can't be divided.

    Examples
    --------
    >>> split_patients(6, [0, 0, 1, 1, 2, 2], 0.2)
    (array([0, 1, 2, 3]), array([4, 5]))
    """
    if n < 1:
        raise ValueError("There are no samples to train on; expected at least 1.")
    everything = np.arange(n)
    if fraction is None:
        return everything, None
    patients = 10 * everything // n if groups is None else np.asarray(groups)
    if len(patients) != n:
        raise ValueError(
            f"groups has {len(patients)} entries; expected {n}, the patient of each sample."
        )
    codes = np.unique(patients, return_inverse=True)[1]
    count = int(codes.max()) + 1
    if count < 2:
        raise ValueError(
            f"validation_fraction is {fraction}, but there is only one patient, and validation "
            "needs another one; expected at least two. Set patience=None and "
            "validation_fraction=None, or give samples of more patients."
        )
    chosen = min(count - 1, max(1, round(fraction * count)))
    held = np.isin(codes, (np.arange(1, chosen + 1) * count) // chosen - 1)
    return everything[~held], everything[held]
