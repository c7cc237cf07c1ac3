"""What labels, scores and lesion masks have to be."""

from __future__ import annotations

from numbers import Real

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import LabelsLike, PlanesLike
from ctmri_detect.exceptions import InvalidPairsError


def check_target(y: LabelsLike, n_samples: int | None = None) -> npt.NDArray[np.int64]:
    """Check labels coded +1 (normal) and -1 (anomalous).

    Raises
    ------
    InvalidPairsError
        For any other coding. 0/1 is refused because it would mirror an AUROC silently.

    Examples
    --------
    >>> check_target([1, -1, 1])
    array([ 1, -1,  1])
    """
    y = np.asarray(plain_array(y))
    if y.ndim != 1 or (n_samples is not None and len(y) != n_samples):
        raise InvalidPairsError(
            f"The labels have shape {y.shape}; expected ({n_samples or 'n_samples'},)."
        )
    if not is_target(y):
        raise InvalidPairsError(
            f"The labels hold {coding_of(y)}; expected +1 (normal) and -1 (anomalous), as "
            "scikit-learn's outlier detectors have it. From 0 = normal, 1 = anomalous: "
            "np.where(y == 1, -1, 1)."
        )
    return y.astype(np.int64)


def is_target(y: LabelsLike) -> bool:
    """Whether `y` is coded +1 and -1 throughout, as numbers; object arrays may hold them.

    Examples
    --------
    >>> is_target([1, -1, 1]), is_target([0, 1]), is_target(["1", "-1"])
    (True, False, False)
    """
    y = np.asarray(plain_array(y))
    if y.dtype.kind == "O":
        numbers = all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in y.flat)
        return y.size > 0 and numbers and all(v in (-1, 1) for v in y.flat)
    return y.dtype.kind in "iuf" and y.size > 0 and bool(np.isin(y, (-1, 1)).all())


def coding_of(y: LabelsLike, most: int = 6) -> str:
    """The values that labels hold, a few of them, as a message shows them.

    Examples
    --------
    >>> coding_of([0, 1, 1, 0]), coding_of(["ill", "well"]), coding_of([1, -1, np.nan])
    ('0, 1', "'ill', 'well'", '-1.0, 1.0, nan')
    """
    y = np.asarray(plain_array(y))
    found = sorted({repr(v) for v in y.ravel().tolist()})
    more = f" and {len(found) - most} more values" if len(found) > most else ""
    return f"{', '.join(found[:most]) or 'nothing'}{more}"


def check_decision(
    decision: npt.ArrayLike, n_samples: int | None = None
) -> npt.NDArray[np.float64]:
    """Check scores of samples: one finite number each, high = normal.

    Raises
    ------
    InvalidPairsError
        For another shape, NaN or infinity.

    Examples
    --------
    >>> check_decision([1, -2])
    array([ 1., -2.])
    """
    decision = np.asarray(plain_array(decision), dtype=np.float64)
    right = decision.ndim == 1 and n_samples in (None, len(decision))
    if not right or not np.isfinite(decision).all():
        found = "holds NaN or infinity" if right else f"has shape {decision.shape}"
        raise InvalidPairsError(
            f"decision {found}; expected "
            f"one finite number per sample{f' ({n_samples})' if n_samples else ''}, high = normal, "
            "as decision_function gives it. Where a detector's offset_ is -inf (too few slices for "
            "a threshold), take score_samples(X)."
        )
    return decision


def check_masks(
    masks: PlanesLike, shape: tuple[int, int, int] | None = None
) -> npt.NDArray[np.bool_]:
    """Check lesion masks: bool ``(n_samples, height, width)``, True = lesion.

    Examples
    --------
    >>> check_masks(np.zeros((3, 8, 8), int), shape=(3, 8, 8)).dtype
    dtype('bool')
    """
    masks = np.asarray(plain_array(masks))
    if masks.ndim != 3 or (shape is not None and masks.shape != shape):
        raise InvalidPairsError(
            f"masks has shape {masks.shape}; expected {shape or '(n_samples, height, width)'}."
        )
    if masks.dtype != bool:
        if not np.isin(masks, (0, 1)).all():
            raise InvalidPairsError(
                f"masks has dtype {masks.dtype} and values beside 0 and 1; expected bool, True = "
                "lesion. Threshold it: masks > 0."
            )
        masks = masks.astype(bool)
    return masks
