"""Residuals of samples, block by block; all blocks have one length."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._particulars import checked_modalities
from ctmri_detect._threads import map_threads, threads_allowed
from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.base.fingerprints import Fingerprints
from ctmri_detect.base.traits import Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.calibration import Each, Finish
from ctmri_detect.validation import PairReader, groups_of

_NOT_FITTED = (
    "This %(name)s is not fitted yet, or was fitted by an earlier version of ctmri_detect. "
    "Call fit first."
)
_Made = TypeVar("_Made")
_Number = TypeVar("_Number", bound=np.generic)


class Blockwise:
    """Computes residuals block by block."""

    _block = 16  # samples scored at a time, the last block padded

    traits: Traits
    map_scoring_: MapScoring
    fingerprints_: Fingerprints
    image_shape_: tuple[int, ...]
    modalities_: tuple[str, ...]

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _residual(X).")

    def _residual_of_patients(
        self, X: npt.NDArray[np.float32], codes: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        """`_residual`, for a detector that compares with slices of other patients.

        `codes` are those of the fit's patients, None if the patients of X are not known.
        """
        return self._residual(X)

    def _unlike(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Which planes look unlike training slices as a whole ``(n, n_planes)``; for a warning.

        None of them, unless a detector knows better.
        """
        return np.zeros(X.shape[:2], dtype=bool)

    def _check(self, X: PairsLike, min_samples: int = 1) -> PairReader:
        raise NotImplementedError

    def _check_fitted(self) -> None:
        check_is_fitted(self, ["map_scoring_", "fingerprints_"], msg=_NOT_FITTED)

    @property
    def _scoring(self) -> MapScoring:
        self._check_fitted()
        return self.map_scoring_

    def _ready(self, X: PairsLike, groups: GroupsLike = None) -> PairReader:
        """X, checked against the fitted detector, with its patients as codes of the fit."""
        self._check_fitted()
        reader = self._check(X)
        if reader.shape[2:] != self.image_shape_:
            raise InvalidPairsError(
                f"X has planes of {reader.shape[2:]} pixels; {type(self).__name__} was fitted on "
                f"{self.image_shape_}. Bring them to one grid, for example with make_preprocessor."
            )
        if not _same_planes(reader.modalities, self.modalities_):
            raise InvalidPairsError(
                f"X has {reader.shape[1]} plane(s), {', '.join(reader.modalities)}; "
                f"{type(self).__name__} was fitted on {', '.join(self.modalities_)}. Give the same "
                "planes in the same order."
            )
        names = groups_of(X, groups)
        codes = None if names is None else self.fingerprints_.codes_of(np.asarray(names).tolist())
        return reader.with_groups(codes)

    def _residual_of(self, reader: PairReader) -> npt.NDArray[np.float32]:
        return np.concatenate(self._each(reader, lambda residual, _: residual))

    def _scored(self, X: PairsLike, finish: Finish[npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
        """Score block by block, because the residuals of all of X may not fit in memory."""
        return np.concatenate(self._each(self._ready(X), finish))

    def _in_turn(self, reader: PairReader, finish: Finish[_Made]) -> Iterator[_Made]:
        """`_each`, a few blocks at a time: at most one for each thread."""
        at_once = self._block * (threads_allowed() if self.traits.threadsafe else 1)
        for start in range(0, len(reader), at_once):
            rows = np.arange(start, min(start + at_once, len(reader)))
            yield from self._each(reader.take(rows), finish)

    @with_default_floats
    def _each(self, reader: PairReader, finish: Finish[_Made]) -> list[_Made]:
        """The results of `finish` for residuals and samples, one for each block."""
        reading = Lock()  # the source of X may not be thread-safe

        def one(start: int) -> _Made:
            rows = np.minimum(np.arange(start, start + self._block), len(reader) - 1)
            with reading:
                block = reader[rows]
            codes = None if reader.groups is None else reader.groups[rows]
            residual, real = self._residual_block(block, codes), len(reader) - start
            known = None if codes is None else codes[:real]
            return finish(residual[:real], PairReader(block[:real], groups=known))

        starts = range(0, len(reader), self._block)
        return (
            map_threads(one, starts) if self.traits.threadsafe else [one(start) for start in starts]
        )

    def _residual_block(
        self, block: npt.NDArray[np.float32], codes: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        """Residuals of a block of the one fixed length."""
        found = self._residual_of_patients(block.copy(), codes)  # which may write into its copy
        _check_shape(found, block.shape, type(self).__name__)
        with np.errstate(over="ignore"):  # too large for float32 becomes infinity, then 0
            residual = np.asarray(found, dtype=np.float32)
        residual = np.nan_to_num(residual, posinf=0.0, neginf=0.0)
        return np.where(np.isnan(block), np.float32(np.nan), residual)


class FitFromBefore:
    """A detector in the form that `scoring.calibration.held_out` needs.

    Each fit starts from the unfitted state, so it keeps nothing of other fits' patients.
    """

    def __init__(self, detector: BaseEstimator) -> None:
        self.detector = detector
        self.before = vars(detector).copy()

    def fit(self, X: PairReader) -> None:
        """Fit the model on these samples."""
        vars(self.detector).clear()
        vars(self.detector).update(self.before)
        self.detector._fit(X)

    def each(self, X: PairReader, finish: Finish[_Made]) -> list[_Made]:
        """The results of `finish` for residuals and samples, one for each block."""
        return self.detector._each(X, finish)

    def frozen(self) -> Each:
        """`each` of the model as it is now."""
        return deepcopy(self.detector)._each


def _check_shape(found: Any, expected: tuple[int, ...], name: str) -> None:
    """Refuse residuals that would be spread over planes or samples without a word."""
    if found is None or np.shape(found) != expected:
        got = "None" if found is None else f"an array of shape {np.shape(found)}"
        raise ValueError(
            f"_residual of {name} returned {got}; expected {expected}, the shape of X: a number "
            "for each pixel of each plane. Repeat a number that belongs to all planes together."
        )


def _same_planes(given: tuple[str, ...], fitted: tuple[str, ...]) -> bool:
    """Whether number and names of the planes agree; default names agree with any."""
    if len(given) != len(fitted):
        return False
    unnamed = checked_modalities(None, len(fitted))
    return given == fitted or (unnamed in (given, fitted) and set(given) != set(fitted))
