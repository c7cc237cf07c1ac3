"""Base of the detectors: final public verbs; a method writes `_fit` and `_residual`, no more."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from sklearn.base import OutlierMixin, clone

from ctmri_detect._parameters import check_parameters
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._warnings import warn_user
from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.base.verbs import Verbs
from ctmri_detect.exceptions import InvalidPairsError, LabelsWarning, MissingModalityError
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.calibration import held_out_residuals, patient_codes
from ctmri_detect.validation import (
    PairReader,
    check_groups,
    check_pairs,
    check_target,
    coding_of,
    groups_of,
    is_target,
    missing_planes,
)


class BasePairedDetector(OutlierMixin, Verbs, PairedEstimator):
    """Base of all detectors of anomalies in pairs.

    A detector writes ``_fit(X)`` and ``_residual(X)``: `X` is a `PairReader` in the first
    (``X[rows]`` and ``X.blocks()`` give float32, `numpy.asarray` all of it, ``X.groups`` the
    patient of each sample) and a float32 array
    ``(n, 2, height, width)`` in the second, which returns how far each plane deviates from what
    the detector expects. Its `traits` say what the base class has to know of it. The public
    verbs live here once, and are final.
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}
    _resolved: ClassVar[dict[str, str]] = {"map_scoring": "_default_map_scoring"}

    map_scoring: MapScoring | None

    def _fit(self, X: PairReader) -> None:
        raise NotImplementedError(f"{type(self).__name__} has to write _fit(X).")

    def _before_fit(self, X: PairReader, codes: npt.NDArray[np.int64] | None) -> None:
        """A look at all training pairs and their patients, once a `fit`; may warn."""

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring()

    @final
    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Any:
        """Learn normal anatomy from unlabelled pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)
            CT and MRI; NaN where nothing was observed.
        y : array-like of shape (n_samples,), default=None
            Where it holds only +1 and -1, samples labelled -1 are left out of training.
            Anything else is ignored, with a warning.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample; not needed where X are `Pairs` that know them. Without
            either, contiguous blocks of rows stand for patients, and a warning says so.

        Returns
        -------
        self
            Fitted. A few training pairs with lesions do little harm. A fit that fails leaves
            the detector as it was.

        Raises
        ------
        InvalidPairsError
            Where X, y or groups are not as the contract says.
        MissingModalityError
            Where a plane is missing and the detector needs both.

        Warns
        -----
        PatientsUnknownWarning
            Without `groups`.
        LabelsWarning
            Where `y` is not coded +1 and -1.
        ThresholdWarning
            Where there are too few held-out slices for the false-positive rate.
        """
        check_parameters(self)
        with unchanged_on_failure(self):
            reader = self._check(X, min_samples=2)
            keep = _rows_to_learn_from(y, len(reader))
            groups = groups_of(X, groups)
            if groups is not None:
                groups = check_groups(groups, len(reader))[keep]
            codes = patient_codes(groups, len(keep))
            self._fit_all(PairReader(reader.array, reader.rows[keep], codes), groups)
        return self

    @final
    def fit_predict(self, X: Any, y: Any = None, *, groups: Any = None) -> npt.NDArray[np.int64]:
        """``fit(X, y, groups=groups).predict(X)``: int ``(n,)``, of all samples of X."""
        return self.fit(X, y, groups=groups).predict(X)

    def _fit_all(self, reader: PairReader, groups: npt.NDArray[np.int64] | None) -> None:
        """Fit the model, and the scoring on patients that it did not see."""
        codes = reader.groups
        assert codes is not None
        self.image_shape_ = reader.shape[2:]
        self.n_samples_fit_ = len(reader)
        given = self.map_scoring
        scoring = self._default_map_scoring() if given is None else clone(given)
        self._before_fit(reader, groups)
        residual, rows = held_out_residuals(
            self._fit,
            self._residual_of,
            reader,
            codes,
            trains=self.traits.trains,
            cross_fits=self.traits.cheap,
        )
        scoring.fit(residual, reader.take(rows), codes[rows])
        self.map_scoring_, self.offset_ = scoring, scoring.offset_

    def _check(self, X: Any, min_samples: int = 1) -> PairReader:
        reader = check_pairs(X, min_samples=min_samples)
        if not self.traits.missing_modality:
            _refuse_missing(reader, type(self).__name__)
        return reader


def _rows_to_learn_from(y: Any, n_samples: int) -> npt.NDArray[np.int64]:
    """Samples labelled +1, or all where the labels say nothing."""
    if y is None:
        return np.arange(n_samples)
    if not is_target(y):
        warn_user(
            f"y holds {coding_of(y)}, is ignored, and all samples train. Labels are +1 (normal) "
            "and -1 (anomalous, left out of training). From 0 = normal, 1 = anomalous: "
            "np.where(y == 1, -1, 1). Without labels: y=None.",
            LabelsWarning,
        )
        return np.arange(n_samples)
    keep = np.flatnonzero(check_target(y, n_samples) == 1)
    if len(keep) < 2:
        raise InvalidPairsError(
            f"y leaves {len(keep)} sample(s) labelled +1 to learn from; expected at least 2. "
            "Normal samples are labelled +1."
        )
    return keep


def _refuse_missing(reader: PairReader, name: str) -> None:
    missing = np.concatenate([missing_planes(block) for block in reader.blocks()])
    rows = np.flatnonzero(missing.any(axis=1))
    if len(rows):
        shown = ", ".join(f"{r} ({'CT' if missing[r, 0] else 'MRI'})" for r in rows[:10])
        raise MissingModalityError(
            f"A modality is missing in samples {shown}{' ...' if len(rows) > 10 else ''}; {name} "
            "compares CT with MRI and needs both. Leave these samples out, or take a detector "
            "whose traits say missing_modality, such as AtlasDetector."
        )
