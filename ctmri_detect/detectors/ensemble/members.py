"""Members of an ensemble: fitted, and asked about slices that they did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.base.fingerprints import Fingerprints
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.scoring.calibration import Each
from ctmri_detect.scoring.withheld import without_planes
from ctmri_detect.validation import PairReader

Rows = npt.NDArray[np.int64]
_MOST = np.finfo(np.float16).max  # a MapScoring without a bound gives more


@dataclass
class Member:
    """A fitted detector, and for each of its fits the training slices that it did not see.

    Parameters
    ----------
    detector : BasePairedDetector
        Fitted.
    able : bool array (n,)
        Training slices that it can score: all, or those without a missing plane.
    fitted_before : bool
        Whether it came in a `FrozenEstimator`.
    parts : list of (int array, callable)
        Rows that one fit of it did not see, and what asks that fit.
    """

    detector: BasePairedDetector
    able: npt.NDArray[np.bool_]
    fitted_before: bool
    parts: list[tuple[Rows, Each]] = field(default_factory=list)

    @property
    def fingerprints(self) -> Fingerprints | None:
        """Of the patients that only this member knows; None if they are the ensemble's."""
        return self.detector.fingerprints_ if self.fitted_before else None

    def unseen(self) -> npt.NDArray[np.bool_]:
        """Slices that are new to one of its fits."""
        found = np.zeros(len(self.able), dtype=bool)
        for rows, _ in self.parts:
            found[rows] = True
        return found

    def evidence(
        self, X: PairReader, rows: Rows, seen: npt.NDArray[np.bool_] | None = None
    ) -> npt.NDArray[np.float16]:
        """Its evidence in slices that it did not see: ``(n_rows, height, width)``.

        NaN for slices that it can't score. If `seen` is given, it sees these planes alone.
        """
        out = np.full((len(rows), *X.shape[2:]), np.nan, np.float16)
        if seen is not None and not seen.all() and not self.detector.traits.missing_modality:
            return out
        scoring = self.detector.map_scoring_
        for part, each in self.parts:
            here = np.flatnonzero(np.isin(rows, part))
            if not len(here):
                continue
            slices = X.take(rows[here])
            if self.fitted_before:  # it knows none of these patients
                slices = slices.with_groups(np.full(len(here), -1))
            slices = slices if seen is None else without_planes(slices, seen)
            heat = each(slices, lambda residual, x: scoring.anomaly_map(residual, x) ** 2)
            out[here] = np.minimum(np.concatenate(heat), _MOST)
        return out


def fit_member(
    given: BaseEstimator,
    X: PairReader,
    groups: npt.NDArray[np.int64] | None,
    names: npt.NDArray[np.str_] | None,
) -> Member:
    """Fit a detector, in place, on these slices, or take a frozen one as it is."""
    complete = np.asarray(~_missing(X).any(axis=1))
    if isinstance(given, FrozenEstimator):
        return _fitted_before(given.estimator, X, names, complete)
    detector: Any = given
    able = complete | detector.traits.missing_modality
    rows = np.flatnonzero(able)
    if len(rows) < 2:
        raise InvalidPairsError(
            f"{len(rows)} of {len(X)} training samples have all planes, and "
            f"{type(detector).__name__} needs all; expected at least 2. Leave it out of the "
            "ensemble, or give more complete samples."
        )
    known = (None if each is None else each[rows] for each in (groups, names))
    parts = detector._fit_all(X.take(rows), *known, keeps_models=True)
    place = np.full(int(X.rows.max()) + 1, -1)
    place[X.rows] = np.arange(len(X))
    return Member(detector, able, False, [(place[part.X.rows], part.each) for part in parts])


def _fitted_before(
    detector: Any,
    X: PairReader,
    names: npt.NDArray[np.str_] | None,
    complete: npt.NDArray[np.bool_],
) -> Member:
    """A fitted member; of the slices, those of patients it was fitted on are seen."""
    detector._ready(X.take(np.flatnonzero(complete)[:1]) if complete.any() else X.take([0]))
    known = detector.fingerprints_
    seen = np.concatenate([known.seen(block) for block in X.blocks()])
    if names is not None:
        seen |= known.codes_of(names) >= 0
    able = complete | detector.traits.missing_modality
    rows = np.flatnonzero(able & ~seen)
    return Member(detector, able, True, [(rows, detector._each)])


def rows_nobody_saw(members: Sequence[Member]) -> Rows:
    """Slices that each member which can score them did not see.

    Raises
    ------
    InvalidPairsError
        If there is none.
    """
    able = np.stack([member.able for member in members])
    unseen = np.stack([member.unseen() for member in members])
    rows = np.flatnonzero((unseen | ~able).all(axis=0) & able.any(axis=0))
    if not len(rows):
        raise InvalidPairsError(
            "Each of the training samples was seen by one of the detectors, so that none is "
            "left to set the threshold of the ensemble; expected samples of patients that no "
            "fitted detector has seen. Give samples of more patients to fit, or detectors that "
            "are not fitted."
        )
    return rows


def _missing(X: PairReader) -> npt.NDArray[np.bool_]:
    assert X.missing is not None
    return X.missing
