"""The only definition of a valid input: pairs, labels, masks, groups."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._arrays import plain_array
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs

CT = 0
MRI = 1
PLANES: dict[str, tuple[int, ...]] = {"ct": (CT,), "mri": (MRI,), "both": (CT, MRI)}
"""Values of the parameter `planes`, and the planes that they mean."""
MODALITIES = ("CT", "MRI")

_NO_NAME = ("", "nan", "NaT", "<NA>")
_BLOCK = 64  # samples read at a time when all of X is looked through
_SHAPE = "(n_samples, 2, height, width)"
_STACK = "Stack the planes: np.stack([ct, mri], axis=1)"


class PairReader:
    """Rows of an array-like of pairs, read in blocks as float32.

    Wraps anything with ``shape``, ``dtype`` and slicing along axis 0 (numpy, memmap, zarr,
    h5py) together with a choice of rows, so that a subset costs no copy.

    Parameters
    ----------
    array : array-like of shape (n, 2, height, width)
    rows : array of int, default=None
        Which samples, in which order; None means all.
    groups : array of int, default=None
        Patient of each chosen sample, where they are known.

    Examples
    --------
    >>> reader = PairReader(np.zeros((5, 2, 8, 8)), rows=np.array([4, 0]))
    >>> reader.shape, reader[:1].dtype
    ((2, 2, 8, 8), dtype('float32'))
    """

    def __init__(
        self, array: Any, rows: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None
    ) -> None:
        self.array = array
        self.rows = np.arange(array.shape[0]) if rows is None else np.asarray(rows, dtype=int)
        self.groups = None if groups is None else np.asarray(groups)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the chosen pairs."""
        return (len(self.rows), *(int(s) for s in self.array.shape[1:]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> npt.NDArray[np.float32]:
        rows = np.atleast_1d(self.rows[key])
        if isinstance(self.array, Pairs):
            return self.array.read(rows)
        ordered, inverse = np.unique(rows, return_inverse=True)  # h5py wants increasing rows
        # too large for float32 becomes infinity, and is refused; too small becomes 0
        with np.errstate(over="ignore", under="ignore"):
            block = np.asarray(plain_array(self.array[ordered]), dtype=np.float32)
        return block if np.array_equal(ordered, rows) else block[inverse]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def take(self, rows: npt.ArrayLike) -> PairReader:
        """The pairs in these rows of this reader and their patients, still unread."""
        rows = np.asarray(rows)
        groups = None if self.groups is None else self.groups[rows]
        return PairReader(self.array, self.rows[rows], groups)

    def blocks(self, size: int = _BLOCK) -> Iterator[npt.NDArray[np.float32]]:
        """Float32 blocks of at most `size` samples, in order."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def check_pairs(X: Any, *, min_samples: int = 1) -> PairReader:
    """Check pairs and wrap them for reading in blocks.

    Parameters
    ----------
    X : array-like of shape (n_samples, 2, height, width)
        Axis 1 is CT, MRI. NaN means "not observed"; a missing modality is a plane of NaN.
    min_samples : int, default=1
        Fewest samples allowed.

    Returns
    -------
    PairReader

    Raises
    ------
    InvalidPairsError
        For a wrong shape, a dtype that is not numeric, infinity, or a sample with nothing
        observed in either plane.

    Examples
    --------
    >>> check_pairs(np.zeros((8, 128, 128)))
    Traceback (most recent call last):
    ...
    ctmri_detect.exceptions.InvalidPairsError: X has shape (8, 128, 128); expected \
(n_samples, 2, height, width). Stack the planes: np.stack([ct, mri], axis=1).
    """
    if not isinstance(X, PairReader):
        X = X if isinstance(X, np.ma.MaskedArray) else plain_array(X)  # masked: block by block
        if not all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__")):
            X = _from_sequence(X)
        X = PairReader(_check_form(X))
    if len(X) < min_samples:
        raise InvalidPairsError(
            f"X has {len(X)} sample(s) (n_samples = {len(X)}), while a minimum of "
            f"{min_samples} is required. Give more pairs."
        )
    _check_values(X)
    return X


def _from_sequence(X: Any) -> npt.NDArray[Any]:
    if X is None or np.isscalar(X) or not hasattr(X, "__len__"):
        raise InvalidPairsError(f"X is {type(X).__name__}; expected an array {_SHAPE}. {_STACK}.")
    shapes = {np.shape(x) for x in X}
    if len(shapes) > 1:
        raise InvalidPairsError(
            f"X holds pairs of different shapes {sorted(shapes)}; expected one array {_SHAPE}. "
            "Resize them to one size first, for example with load_pairs(..., size=256)."
        )
    return np.asarray(X)


def _check_form(X: Any) -> Any:
    shape = tuple(X.shape)
    if len(shape) == 4 and shape[1] != 2 and shape[-1] == 2:
        raise InvalidPairsError(
            f"X has shape {shape}; expected {_SHAPE}. The planes seem to be last: "
            "np.moveaxis(X, -1, 1)."
        )
    if len(shape) != 4 or not 1 <= shape[1] <= 8 or 0 in shape[2:]:
        raise InvalidPairsError(f"X has shape {shape}; expected {_SHAPE}. {_STACK}.")
    kind = np.dtype(X.dtype).kind
    if kind not in "fiub":
        raise InvalidPairsError(
            f"X has dtype {X.dtype}; expected real numbers. Convert it: X.astype('float32')."
        )
    return X


def _check_values(X: PairReader) -> None:
    empty: list[int] = []
    for start, block in zip(range(0, len(X), _BLOCK), X.blocks(_BLOCK), strict=True):
        infinite = np.isinf(block).any(axis=(1, 2, 3))
        if infinite.any():
            raise InvalidPairsError(
                f"X holds infinity (or values too large for float32) in samples "
                f"{listed(start + np.flatnonzero(infinite))}; expected finite numbers, and NaN "
                "where nothing was observed. Replace it: X[~np.isfinite(X)] = np.nan."
            )
        nothing = np.isnan(block).all(axis=(1, 2, 3))
        empty.extend(start + np.flatnonzero(nothing))
    if empty:
        raise InvalidPairsError(
            f"Nothing is observed (all NaN in both planes) in samples {listed(empty)}; expected "
            "at least one plane with values. Leave these samples out."
        )


def listed(indices: Any, most: int = 10) -> str:
    """The samples, or the first of them and how many more.

    Examples
    --------
    >>> listed(range(3)), listed(range(9), most=2)
    ('0, 1, 2', '0, 1 and 7 more')
    """
    names = [str(int(i)) for i in indices[:most]]
    more = len(indices) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def missing_planes(block: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which planes hold no value at all: bool ``(n, 2)``."""
    return np.asarray(np.isnan(block).all(axis=(2, 3)))


def check_target(y: Any, n_samples: int | None = None) -> npt.NDArray[np.int64]:
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


def is_target(y: Any) -> bool:
    """Whether `y` is coded +1 and -1 throughout, as numbers; object arrays may hold them."""
    y = np.asarray(plain_array(y))
    if y.dtype.kind == "O":
        numbers = all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in y.flat)
        return y.size > 0 and numbers and all(v in (-1, 1) for v in y.flat)
    return y.dtype.kind in "iuf" and y.size > 0 and bool(np.isin(y, (-1, 1)).all())


def coding_of(y: Any, most: int = 6) -> str:
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


def check_decision(decision: Any, n_samples: int | None = None) -> npt.NDArray[np.float64]:
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
        raise InvalidPairsError(
            f"decision has shape {decision.shape}{' or holds NaN or infinity' * right}; expected "
            f"one finite number a sample{f' ({n_samples})' if n_samples else ''}, high = normal, "
            "as decision_function gives it. Where a detector's offset_ is -inf (too few slices for "
            "a threshold), take score_samples(X)."
        )
    return decision


def check_groups(groups: Any, n_samples: int) -> npt.NDArray[np.int64]:
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
            f"groups has shape {groups.shape}; expected ({n_samples},), one patient a sample."
        )
    missing = pd.isna(groups)  # None, NaN, NaT, pd.NA, and what is left of them as text
    if groups.dtype.kind in "OU":
        missing = missing | np.isin(groups.astype(str), _NO_NAME)
    if missing.any():
        raise InvalidPairsError(
            f"groups has no patient for samples {listed(np.flatnonzero(missing))}; expected one "
            "identifier a sample. Name the patient of each, or leave these samples out."
        )
    return np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)


def groups_of(X: Any, groups: Any = None) -> Any:
    """Patients of samples: those that `Pairs` know, or those that were named.

    Raises
    ------
    InvalidPairsError
        Where both are there, and don't divide the samples alike; names may differ.

    Examples
    --------
    >>> groups_of(Pairs(np.zeros((2, 2, 8, 8)), groups=["a", "b"])).tolist()
    ['a', 'b']
    """
    known = X.groups if isinstance(X, Pairs) else None
    if known is None or groups is None:
        return known if groups is None else groups
    ours, theirs = check_groups(known, len(X)), check_groups(groups, len(X))
    for a, b in ((ours, theirs), (theirs, ours)):
        first = np.unique(a, return_index=True)[1][np.unique(a, return_inverse=True)[1]]
        if len(rows := np.flatnonzero(b != b[first])):
            row, other = int(rows[0]), int(first[rows[0]])
            raise InvalidPairsError(
                f"X and groups name patients that don't fit: rows {other} and {row} are "
                f"{known[other]!r} and {known[row]!r} in X, {np.asarray(groups)[other]!r} and "
                f"{np.asarray(groups)[row]!r} in groups. Leave groups away, or mend one of them."
            )
    return known


def check_masks(masks: Any, shape: tuple[int, int, int] | None = None) -> npt.NDArray[np.bool_]:
    """Check lesion masks: bool ``(n_samples, height, width)``, True = lesion."""
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
