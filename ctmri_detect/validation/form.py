"""Whether X is an array of pairs: its shape, its numbers, what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import PairsLike, StoredArray, is_stored
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import DEFAULT_MODALITIES, planes_with
from ctmri_detect.validation.reader import BLOCK, PairReader

CT = 0
MRI = 1
MODALITIES = DEFAULT_MODALITIES
MOST_PLANES = 8
_STACK = "Stack the planes: np.stack([ct, mri], axis=1)"


def check_pairs(X: PairsLike, *, min_samples: int = 1, n_planes: int | None = None) -> PairReader:
    """Check samples and wrap them for reading in blocks.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_planes, height, width)
        Two planes without names are CT and MRI. NaN means "not observed"; a missing modality is
        a plane of NaN.
    min_samples : int, default=1
        Fewest samples allowed.
    n_planes : int, default=None
        How many planes there have to be; 2 means CT and MRI. None allows any number from 1 to 8.

    Returns
    -------
    PairReader

    Raises
    ------
    InvalidPairsError
        For a wrong shape, a dtype that is not numeric, infinity, or a sample with nothing
        observed in any plane.

    Examples
    --------
    >>> check_pairs(np.zeros((8, 128, 128)), n_planes=2)
    Traceback (most recent call last):
    ...
    ctmri_detect.exceptions.InvalidPairsError: X has shape (8, 128, 128); expected \
(n_samples, 2, height, width). Stack the planes: np.stack([ct, mri], axis=1).
    """
    array = X.array if isinstance(X, PairReader) else _as_array(X, n_planes)
    _check_form(array, n_planes)
    reader = X if isinstance(X, PairReader) else PairReader(array)
    if len(reader) < min_samples:
        raise InvalidPairsError(
            f"X has {len(reader)} sample(s) (n_samples = {len(reader)}), while a minimum of "
            f"{min_samples} is required. Give more pairs."
        )
    reader.missing = _check_values(reader)
    return reader


def _shape(n_planes: int | None) -> str:
    return f"(n_samples, {'n_planes' if n_planes is None else n_planes}, height, width)"


def _as_array(X: PairsLike, n_planes: int | None) -> StoredArray:
    values = X if isinstance(X, np.ma.MaskedArray) else plain_array(X)  # masked: block by block
    if is_stored(values):
        return values
    shape = _shape(n_planes)
    if instead := _not_pairs(values):
        raise InvalidPairsError(f"X is {instead[0]}; expected an array {shape}. {instead[1]}.")
    if values is None or np.isscalar(values) or not hasattr(values, "__len__"):
        kind = type(values).__name__
        raise InvalidPairsError(f"X is {kind}; expected an array {shape}. {_STACK}.")
    shapes = {np.shape(pair) for pair in values}
    if len(shapes) > 1:
        raise InvalidPairsError(
            f"X holds pairs of different shapes {sorted(shapes)}; expected one array {shape}. "
            "Resize them to one size first, for example with load_pairs(..., size=256)."
        )
    return np.asarray(values)


def _not_pairs(values: object) -> tuple[str, str] | None:
    """What `values` are where they hold pairs in another way, and what to do."""
    if isinstance(values, Mapping):
        return "a " + type(values).__name__, "Of what a loader returns, give the pairs: data.data"
    first = next(iter(values), None) if isinstance(values, list | tuple) else values
    if isinstance(first, str | PathLike):
        return "names of files", "Read them first: ctmri_detect.datasets.load_pairs(folder).data"
    return None


def _check_form(X: StoredArray, n_planes: int | None) -> None:
    shape, most = tuple(X.shape), n_planes or MOST_PLANES
    right = range(n_planes or 1, most + 1)
    if len(shape) != 4 or shape[1] not in right or 0 in shape[2:]:
        raise InvalidPairsError(
            f"X has shape {shape}; expected {_shape(n_planes)}. {_cure(shape, n_planes, right)}."
        )
    if np.dtype(X.dtype).kind not in "fiub":
        raise InvalidPairsError(
            f"X has dtype {X.dtype}; expected real numbers. Convert it: X.astype('float32')."
        )


def _cure(shape: tuple[int, ...], n_planes: int | None, right: range) -> str:
    if len(shape) == 3 and shape[0] in right and shape[0] <= 3:
        return f"One sample alone is an array of one: X[np.newaxis]. Otherwise: {_STACK}"
    if len(shape) != 4 or 0 in shape[2:]:
        return _STACK
    if shape[1] not in right and shape[-1] in right:
        return "The planes seem to be last: np.moveaxis(X, -1, 1)"
    if n_planes == 2 and shape[1] in (1, 3):
        hint = f"Axis 1 holds CT and MRI, here it has {shape[1]} plane(s). {_STACK}; "
        one = "give a missing modality as a plane of NaN"
        return hint + (one if shape[1] == 1 else "a colour image has to be made grey first")
    if n_planes is None:
        return f"Axis 1 holds {shape[1]} planes; give 1 to {MOST_PLANES}"
    return _STACK


def _check_values(X: PairReader) -> npt.NDArray[np.bool_]:
    """Refuse infinity and samples without a value; which planes of each sample are missing."""
    missing = np.zeros((len(X), X.shape[1]), dtype=bool)
    for start, block in zip(range(0, len(X), BLOCK), X.blocks(BLOCK, copy=False), strict=True):
        if _all_finite(block):
            continue
        infinite = np.isinf(block).any(axis=(1, 2, 3))
        if infinite.any():
            raise InvalidPairsError(
                f"X holds infinity (or values too large for float32) in samples "
                f"{listed(start + np.flatnonzero(infinite))}; expected finite numbers, and NaN "
                "where nothing was observed. Replace it: X[~np.isfinite(X)] = np.nan."
            )
        missing[start : start + len(block)] = missing_planes(block)
    empty = np.flatnonzero(missing.all(axis=1))
    if len(empty):
        raise InvalidPairsError(
            f"Nothing is observed (all NaN in all planes) in samples {listed(empty)}; expected "
            "at least one plane with values. Leave these samples out."
        )
    return missing


def _all_finite(block: npt.NDArray[np.float32]) -> bool:
    """True only where all values are finite; quick, because a sum is not where one of them is not.

    Examples
    --------
    >>> [_all_finite(np.float32([1, value])) for value in (2, np.nan, np.inf)]
    [True, False, False]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.add.reduce(block, axis=None)))


def missing_planes(block: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which planes hold no value at all: bool ``(n, n_planes)``.

    Examples
    --------
    >>> block = np.ones((1, 2, 8, 8), np.float32)
    >>> block[:, 1] = np.nan
    >>> missing_planes(block).tolist()
    [[False, True]]
    """
    return np.asarray(np.isnan(block).all(axis=(2, 3)))


def planes_of(X: PairsLike | PairReader, role: str) -> tuple[int, ...]:
    """Which planes of X are CT, MRI or PET.

    Parameters
    ----------
    X : Pairs, PairReader or array of shape (n_samples, n_planes, height, width)
        The samples; `Pairs` know the names of their planes.
    role : {"ct", "mri", "pet"}

    Returns
    -------
    tuple of int

    Raises
    ------
    InvalidPairsError
        Where the planes have no names; only two without names are CT and MRI.

    Examples
    --------
    >>> from ctmri_detect import Pairs
    >>> X = Pairs(np.zeros((1, 3, 8, 8)), modalities=("CT", "T1", "FLAIR"))
    >>> planes_of(X, "mri")
    (1, 2)
    """
    reader = X if isinstance(X, PairReader) else PairReader(_as_array(X, None))
    return planes_with(reader.roles, role)


def listed(indices: Sequence[int] | npt.NDArray[np.integer], most: int = 10) -> str:
    """Sample numbers as text; of many, the first ones and how many more.

    Examples
    --------
    >>> listed(range(3)), listed(range(9), most=2)
    ('0, 1, 2', '0, 1 and 7 more')
    """
    names = [str(int(i)) for i in indices[:most]]
    more = len(indices) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
