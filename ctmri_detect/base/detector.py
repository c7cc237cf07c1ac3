"""Base of the detectors: final public verbs; a method writes `_fit` and `_residual`, no more."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from sklearn.base import OutlierMixin, clone
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._calibration import held_out_residuals, patient_codes
from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import check_parameters
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._threads import map_threads
from ctmri_detect._warnings import warn_user
from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.exceptions import InvalidPairsError, LabelsWarning, MissingModalityError
from ctmri_detect.scoring import MapScoring, region_table
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


class BasePairedDetector(OutlierMixin, PairedEstimator):
    """Base of all detectors of anomalies in pairs.

    A detector writes ``_fit(X)`` and ``_residual(X)``: `X` is a `PairReader` in the first
    (``X[rows]`` and ``X.blocks()`` give float32, `numpy.asarray` all of it, ``X.groups`` the
    patient of each sample) and a float32 array
    ``(n, 2, height, width)`` in the second, which returns how far each plane deviates from what
    the detector expects. The public verbs live here once, and are final.
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}
    _resolved: ClassVar[dict[str, str]] = {"map_scoring": "_default_map_scoring"}
    _trains = True  # whether training residuals flatter, so that patients are held out
    _cross_fits = False  # whether fitting is so cheap that each quarter is held out in turn
    _block = 16  # samples scored at a time, the last block padded
    _threaded = False  # whether `_residual` is numpy's work, which several threads can share

    map_scoring: MapScoring | None

    def _fit(self, X: PairReader) -> None:
        raise NotImplementedError(f"{type(self).__name__} has to write _fit(X).")

    def _before_fit(self, X: PairReader, codes: npt.NDArray[np.int64] | None) -> None:
        """A look at all training pairs and their patients, once a `fit`; may warn."""

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _residual(X).")

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
            trains=self._trains,
            cross_fits=self._cross_fits,
        )
        scoring.fit(residual, reader.take(rows), codes[rows])
        self.map_scoring_, self.offset_ = scoring, scoring.offset_

    @final
    def residual_map(self, X: Any) -> npt.NDArray[np.float32]:
        """How far each plane deviates from what the detector expects.

        Returns
        -------
        float32 array (n_samples, 2, height, width)
            Positive = brighter than expected, where the method has a sign; NaN where nothing
            was observed.
        """
        return self._residual_of(self._ready(X))

    @final
    def anomaly_map(self, X: Any) -> npt.NDArray[np.float32]:
        """Where each sample deviates: float32 ``(n, height, width)``, high = anomalous.

        In standard deviations of what healthy slices leave; NaN where neither plane was
        observed.
        """
        return self._scored(X, self._scoring.anomaly_map)

    @final
    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        """Minus the pooled evidence of each sample: float64 ``(n,)``, high = normal."""
        return self._scored(X, self._scoring.score_samples)

    @final
    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:
        """``score_samples(X) - offset_``: float64 ``(n,)``, below 0 = anomalous.

        Infinite where `offset_` is ``-inf`` (too few held-out slices for a threshold):
        `score_samples` ranks then, too.
        """
        return self.score_samples(X) - self.offset_

    @final
    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """+1 for normal, -1 for anomalous samples: int ``(n,)``."""
        return np.where(self.decision_function(X) < 0, -1, 1).astype(np.int64)

    @final
    def _z_maps(self, X: Any) -> npt.NDArray[np.float32]:
        """Signed z of each plane: float32 ``(n, 2, height, width)``, positive = brighter."""
        return self._scored(X, self._scoring.z_maps)

    @final
    @with_default_floats
    def explain(self, X: Any, *, threshold: float = 3.0, spacing: Any = None) -> Bunch:
        """Which modality deviates, where, and in which direction.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)
        threshold : float, default=3.0
            Least absolute z of a region's pixels.
        spacing : float or array (n_samples,), default=None
            Millimetres a pixel; adds the column `area_mm2`.

        Returns
        -------
        Bunch
            `z_maps` (float32 ``(n, 2, h, w)``, signed) and `regions` (DataFrame: sample,
            region, modality, sign, y, x, area_px, area_mm2, peak).
        """
        maps = self._z_maps(X)
        return Bunch(z_maps=maps, regions=region_table(maps, threshold=threshold, spacing=spacing))

    @final
    def rescore(self, **params: Any) -> Any:
        """Change `MapScoring` settings of the fitted detector; the model is not fitted again.

        Parameters
        ----------
        **params
            Parameters of `MapScoring`, such as ``pool_fraction=0.05`` or
            ``false_positive_rate=0.01``.

        Returns
        -------
        self
        """
        scoring = clone(self._scoring).set_params(**params)
        scoring.fit_again(self._scoring)
        self.map_scoring_, self.offset_ = scoring, scoring.offset_
        return self

    @property
    def _scoring(self) -> MapScoring:
        check_is_fitted(self, "map_scoring_")
        return self.map_scoring_

    def _check(self, X: Any, min_samples: int = 1) -> PairReader:
        reader = check_pairs(X, min_samples=min_samples)
        if not self.__sklearn_tags__().missing_modality:
            _refuse_missing(reader, type(self).__name__)
        return reader

    def _ready(self, X: Any) -> PairReader:
        check_is_fitted(self, "map_scoring_")
        reader = self._check(X)
        if reader.shape[2:] != self.image_shape_:
            raise InvalidPairsError(
                f"X has planes of {reader.shape[2:]} pixels; {type(self).__name__} was fitted on "
                f"{self.image_shape_}. Bring them to one grid, for example with make_preprocessor."
            )
        return reader

    def _residual_of(self, reader: PairReader) -> npt.NDArray[np.float32]:
        return np.concatenate(self._blockwise(reader, lambda residual, _: residual))

    def _scored(self, X: Any, finish: Any) -> npt.NDArray[Any]:
        """Score block by block: the residuals of all of X never stand in memory."""
        return np.concatenate(self._blockwise(self._ready(X), finish))

    @with_default_floats
    def _blockwise(self, reader: PairReader, finish: Callable[..., Any]) -> list[Any]:
        """What `finish` makes of residuals and pairs, in blocks; company changes nothing."""
        reading = Lock()  # what X is read from need not bear two threads

        def one(start: int) -> Any:
            with reading:
                rows = np.minimum(np.arange(start, start + self._block), len(reader) - 1)
                block = reader[rows]
            residual, real = self._residual_block(block), min(self._block, len(reader) - start)
            return finish(residual[:real], PairReader(block[:real]))

        starts = range(0, len(reader), self._block)
        return map_threads(one, starts) if self._threaded else [one(start) for start in starts]

    def _residual_block(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Residuals of a block of the one fixed length."""
        with np.errstate(over="ignore"):  # too large for float32 becomes infinity, then 0
            residual = np.asarray(self._residual(block), dtype=np.float32)
        residual = np.nan_to_num(residual, posinf=0.0, neginf=0.0)
        return np.where(np.isnan(block), np.float32(np.nan), residual)


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
            "with the tag missing_modality, such as AtlasDetector."
        )
