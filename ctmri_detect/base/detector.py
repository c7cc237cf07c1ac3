"""Base of the detectors; a detector writes `_fit` and `_residual` only."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, Self, final

import numpy as np
import numpy.typing as npt
from sklearn.base import OutlierMixin, clone

from ctmri_detect._arrays import plain_array
from ctmri_detect._parameters import check_parameters
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._types import GroupsLike, LabelsLike, PairsLike
from ctmri_detect._warnings import warn_user
from ctmri_detect.base._detected import called
from ctmri_detect.base.blocks import FitFromBefore
from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.base.fingerprints import Fingerprints
from ctmri_detect.base.verbs import Verbs
from ctmri_detect.exceptions import InvalidPairsError, LabelsWarning, MissingModalityError
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.calibration import HeldOut, held_out, patient_codes
from ctmri_detect.validation import (
    PairReader,
    check_groups,
    check_left_out,
    check_pairs,
    check_target,
    coding_of,
    groups_of,
    is_target,
    were_left_out,
)


class BasePairedDetector(OutlierMixin, Verbs, PairedEstimator):
    """Base of all detectors of anomalies in pairs.

    A detector writes two methods. In ``_fit(X)``, `X` is a `PairReader`: ``X[rows]`` and
    ``X.blocks()`` give float32, `numpy.asarray` all of it, ``X.groups`` the patient of each sample.
    In ``_residual(X)``, `X` is a float32 array ``(n, n_planes, height, width)``; it returns how far
    each plane deviates from what the detector expects, in the same shape: 0 = as expected, positive
    = brighter, or all positive if there is no sign. NaN and infinity count as 0, so return NaN for
    a pixel that can't be judged only if 0 is the usual value in healthy pixels. The constructor
    takes ``map_scoring=None``. The class attribute `traits` says what the base class has to know.
    The public verbs are final.

    Examples
    --------
    >>> class Median(BasePairedDetector):
    ...     def __init__(self, map_scoring=None):
    ...         self.map_scoring = map_scoring
    ...
    ...     def _fit(self, X):
    ...         self.median_ = np.median(np.asarray(X), axis=0)
    ...
    ...     def _residual(self, X):
    ...         return X - self.median_
    >>> X = np.random.default_rng(0).normal(size=(80, 2, 16, 16))
    >>> Median().fit(X, groups=range(80)).anomaly_map(X[:3] + 0.1).shape
    (3, 16, 16)
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}
    _resolved: ClassVar[dict[str, str]] = {"map_scoring": "_default_map_scoring"}

    map_scoring: MapScoring | None

    @property
    def n_patients_fit_(self) -> int | None:
        """Number of patients that the fit has seen; None if they are unknown."""
        return len(self.fingerprints_.patients) or None

    def _fit(self, X: PairReader) -> None:
        raise NotImplementedError(f"{type(self).__name__} has to write _fit(X).")

    def _prepare(self, X: PairReader) -> None:
        """Check all training samples, once in each `fit`; may raise or warn, changes nothing.

        ``X.groups`` are codes of the patients, None if they are unknown.
        """

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring()

    def _sharing(self, X: PairReader) -> AbstractContextManager[None]:
        """Around all fits of one `fit`: sets what they share, and drops it at the end."""
        return nullcontext()

    @final
    def fit(self, X: PairsLike, y: LabelsLike = None, *, groups: GroupsLike = None) -> Self:
        """Learn normal anatomy from unlabelled pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Two planes without names are CT and MRI; NaN where nothing was observed.
        y : array-like of shape (n_samples,), default=None
            If it holds only +1 and -1, samples labelled -1 are left out of training.
            Anything else is ignored, with a warning.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample; not needed if X are `Pairs` that know them. Without
            either, contiguous blocks of rows stand for patients, and a warning says so.

        Returns
        -------
        self
            Fitted. A few training pairs with lesions do little harm. A fit that fails leaves
            the detector as it was.

        Raises
        ------
        InvalidPairsError
            If X, y or groups are not as the contract says.
        MissingModalityError
            If a plane is missing and the detector needs all planes.

        Warns
        -----
        PatientsUnknownWarning
            Without `groups`.
        LabelsWarning
            If `y` is not coded +1 and -1.
        ThresholdWarning
            If there are too few held-out slices for the false-positive rate.
        """
        check_parameters(self)
        with unchanged_on_failure(self):
            reader = self._check(X, min_samples=2)
            check_left_out(X, y=y, groups=groups)
            keep = _rows_to_learn_from(y, len(reader))
            names, known = groups_of(X, groups), None
            if names is not None:
                known = check_groups(names, len(reader))[keep]
                names = np.asarray(plain_array(names)).astype(str)[keep]
            codes = patient_codes(known, len(keep))
            if known is not None and len(np.unique(known)) == 1:
                names = None  # codes are of blocks then
            self._fit_all(reader.take(keep).with_groups(codes), known, names)
        return self

    @final
    def fit_predict(
        self, X: PairsLike, y: LabelsLike = None, *, groups: GroupsLike = None
    ) -> npt.NDArray[np.int64]:
        """``fit(X, y, groups=groups).predict(X)``: int ``(n,)``, of all samples of X.

        Takes what `fit` takes. Slices that the model was trained on look too normal.

        Raises
        ------
        InvalidPairsError
            As `fit`, and if samples were left out of X before: in a Pipeline the predictions
            would not fit the rows that it was given.
        """
        if were_left_out(X):
            raise InvalidPairsError(
                "Samples were left out of X (its frame has the column input_row), so that "
                "fit_predict of a Pipeline would return fewer predictions than it got rows; "
                "expected all samples. Call fit(X) and then predict(X), or set "
                "below_skull_base='mark' instead of 'drop'."
            )
        self.fit(X, y, groups=groups)
        score = self._scoring.score_samples
        scores = self._numbers(self._ready(X, groups), score, notice=False)
        return called(scores - self.offset_)

    def _fit_all(
        self,
        reader: PairReader,
        groups: npt.NDArray[np.int64] | None,
        names: npt.NDArray[np.str_] | None,
        *,
        keeps_models: bool = False,
    ) -> list[HeldOut]:
        """Fit the model, and the scoring on patients that it did not see, which are returned.

        `groups` are codes of the patients, None if they are unknown; `names` their names.
        """
        self._about_fit(reader)
        given = self.map_scoring
        scoring = self._default_map_scoring() if given is None else clone(given)
        self._prepare(reader.with_groups(groups))
        with self._sharing(reader):
            parts = held_out(
                FitFromBefore(self),
                reader,
                scoring.choose(reader.shape[1:]),
                trains=self.traits.trains,
                cross_fits=scoring.cross_fits(self.traits.cheap),
                cheap=self.traits.cheap,
                withhold=scoring.withhold if self.traits.missing_modality else None,
                keeps_models=keeps_models,
            )
            self._take(scoring.fit_held_out(parts))
        self.fingerprints_ = Fingerprints(reader, names)
        return parts

    def _about_fit(self, reader: PairReader) -> None:
        self.image_shape_, self.modalities_ = reader.shape[2:], reader.modalities
        self.n_samples_fit_ = len(reader)

    def _check(self, X: PairsLike, min_samples: int = 1) -> PairReader:
        reader = check_pairs(X, min_samples=min_samples)
        if not self.traits.missing_modality:
            _refuse_missing(reader, type(self).__name__)
        return reader


def _rows_to_learn_from(y: LabelsLike, n_samples: int) -> npt.NDArray[np.int64]:
    """Samples labelled +1, or all if the labels say nothing."""
    if y is None:
        return np.arange(n_samples)
    if not is_target(y):
        warn_user(
            f"y holds {coding_of(y)}; expected +1 (normal) and -1 (anomalous, left out of "
            "training). y is ignored, and all samples train. From 0 = normal, 1 = anomalous: "
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
    missing = reader.missing
    assert missing is not None
    rows = np.flatnonzero(missing.any(axis=1))
    if len(rows):
        planes = np.array(reader.modalities)
        named = [f"{row} ({', '.join(planes[missing[row]])})" for row in rows[:10]]
        raise MissingModalityError(
            f"A modality is missing in samples {', '.join(named)}{' ...' * (len(rows) > 10)}; "
            f"{name} needs all of {', '.join(reader.modalities)} (its traits lack "
            "missing_modality). Leave these samples out, or take a detector that can do without "
            "one, such as AtlasDetector."
        )
