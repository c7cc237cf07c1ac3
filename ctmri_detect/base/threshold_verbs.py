"""Verbs that change the threshold, or recognise training samples, of a fitted detector."""

from __future__ import annotations

from typing import Any, Self, TypeVar, final

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.base.blocks import Blockwise
from ctmri_detect.base.noticing import Noticed, warn_of_known
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.calibration import Finish
from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.thresholds import slices_needed
from ctmri_detect.scoring.withheld import without_planes
from ctmri_detect.validation import PairReader, check_groups, groups_of

_Made = TypeVar("_Made")

_MOST_AT_WORST = 0.5  # share of healthy samples with the highest anomaly score


class ThresholdVerbs(Blockwise):
    """Other scoring settings, or your own threshold, without a new fit."""

    offset_: float

    @final
    def rescore(self, **params: Any) -> Self:
        """Change `MapScoring` settings of the fitted detector; the model is not fitted again.

        Parameters
        ----------
        **params
            Parameters of `MapScoring`, such as ``pool_fraction=0.05`` or
            ``false_positive_rate=0.01``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an unknown parameter, a value out of its range, and a parameter that needs a new
            fit: `cross_fit`, and with ``bank="summary"`` all but `false_positive_rate`.

        Notes
        -----
        A new `false_positive_rate` alone uses all scores that the threshold rests on, and changes
        no score but those of samples with missing planes, which follow their threshold. Any other
        setting scores the slices of the reference bank again (at most 512), and those from which
        planes were withheld (at most 200 of each pattern); the thresholds then rest on these:
        recalibrate again if you had recalibrated before.

        Examples
        --------
        >>> from ctmri_detect import AtlasDetector
        >>> X = np.random.default_rng(0).normal(size=(40, 2, 16, 16))
        >>> detector = AtlasDetector().fit(X, groups=range(40))
        >>> before = detector.offset_
        >>> bool(detector.rescore(false_positive_rate=0.2).offset_ > before)
        True
        """
        return self._take(clone(self._scoring).set_params(**params).fit_again(self._scoring))

    @final
    def recalibrate(self, X: PairsLike, groups: GroupsLike = None) -> Self:
        """Set the threshold from your own healthy scans; the model is not fitted again.

        Use it if your scanner differs from that of the training data, and healthy scans are
        flagged more often than `false_positive_rate` says.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Healthy samples of patients that the detector was not fitted on, prepared like the
            training data. For a rate of 5 % at least 19.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample; not needed if X are `Pairs` that know them. Without either,
            each sample stands for a patient, and `evaluation.patient_predict` refuses.

        Returns
        -------
        self
            With a new `offset_`. Maps and scores of complete samples stay as they are. Each
            pattern of observed planes gets its threshold from the samples that have these planes;
            a pattern with too few of them keeps its threshold: scans of the CT alone change
            nothing for the MRI.

        Raises
        ------
        InvalidPairsError
            If X has too few samples of any one pattern of observed planes for the
            false-positive rate, does not fit the detector, or half of it has the highest anomaly
            score there is, as images that were not preprocessed. The detector stays as it was.

        Warns
        -----
        TrainingDataWarning
            If some of X are training slices, or of patients that `fit` knows by name. The
            threshold is too low or too high then: these were compared with themselves, or left
            out of their own reference.
        UnlikeTrainingWarning
            As `score_samples`.

        See Also
        --------
        recalibration.recalibrate : The same for a Pipeline, with images as its first step takes.

        Examples
        --------
        >>> from ctmri_detect import AtlasDetector
        >>> rng = np.random.default_rng(0)
        >>> X, own = rng.normal(size=(2, 40, 2, 16, 16))
        >>> detector = AtlasDetector().fit(X, groups=range(40)).recalibrate(1.5 * own)
        >>> int((detector.predict(1.5 * own) == -1).sum())
        1
        """
        reader, scoring = self._ready(X, groups), self._scoring
        needed = slices_needed(scoring.false_positive_rate)
        if len(reader) < needed:
            raise InvalidPairsError(
                f"X has {len(reader)} samples; a threshold for a false-positive rate of "
                f"{scoring.false_positive_rate:g} needs at least {needed}. Give more healthy "
                "samples, or ask for a higher rate first: rescore(false_positive_rate=...)."
            )
        own, patients = self._own(X, reader, groups)
        pool, noticed = self._noticing(scoring.pooled, always=True)
        pooled, owners = self._each(reader, pool), [own]
        _refuse_unprepared(np.concatenate([found for found, _ in pooled]), scoring.worst_score)
        noticed.warn(self, len(reader))
        choices = scoring.withhold(reader.with_groups(own))
        for planes, rows in choices if self.traits.missing_modality else []:
            pooled += self._each(without_planes(reader.take(rows), planes), scoring.pooled)
            owners.append(own[rows])
        scores, shown = map(np.concatenate, zip(*pooled, strict=True))
        return self._take(scoring.with_threshold(scores, shown, np.concatenate(owners), patients))

    def _own(
        self, X: PairsLike, reader: PairReader, groups: GroupsLike
    ) -> tuple[npt.NDArray[np.int64], CalibrationPatients]:
        """Codes of the patients of X, and what is kept of them; warns of patients of `fit`."""
        names = groups_of(X, groups)
        seen = np.concatenate([self.fingerprints_.seen(block) for block in reader.blocks()])
        codes = np.arange(len(reader)) if names is None else check_groups(names, len(reader))
        if names is not None:
            warn_of_known(self, names)
            seen = seen | (np.asarray(reader.groups) >= 0)
        codes = codes + self._scoring.next_code
        own = reader.with_groups(codes)
        return codes, CalibrationPatients.of_own(own, named=names is not None, seen=seen)

    @final
    def seen_in_fit(self, X: PairsLike) -> npt.NDArray[np.bool_]:
        """Which samples are exactly equal to a slice of `fit`: bool ``(n_samples,)``.

        A copy that was changed in any pixel is not recognised.
        """
        known = self._ready(X)
        return np.concatenate([self.fingerprints_.seen(block) for block in known.blocks()])

    def _numbers(
        self, reader: PairReader, finish: Finish[npt.NDArray[np.float64]], notice: bool = True
    ) -> npt.NDArray[np.float64]:
        """One number for each sample; with `notice`, warnings that follow from the samples."""
        number, noticed = self._noticing(finish)
        found = np.concatenate(self._each(reader, number))
        if notice:
            noticed.warn(self, len(reader))
        return found

    def _noticing(
        self, finish: Finish[_Made], always: bool = False
    ) -> tuple[Finish[_Made], Noticed]:
        """`finish`, and what is noticed of the samples meanwhile."""
        noticed = Noticed()
        summary = self._scoring.bank == "summary"  # then a slice is part of its own reference
        if not (self.traits.trains or summary or always):
            return finish, noticed

        def both(residual: npt.NDArray[np.float32], X: PairReader) -> _Made:
            noticed.add(self, np.asarray(X.array))
            return finish(residual, X)

        return both, noticed

    def _take(self, scoring: MapScoring) -> Self:
        self.map_scoring_, self.offset_ = scoring, scoring.offset_
        return self


def _refuse_unprepared(scores: npt.NDArray[np.float64], worst_score: float) -> None:
    """Refuse healthy samples of which half could not score worse: something else is wrong."""
    worst = scores <= worst_score * (1 - 1e-6)
    if worst.mean() >= _MOST_AT_WORST:
        raise InvalidPairsError(
            f"{worst.sum()} of {len(worst)} healthy samples have the highest anomaly score there "
            f"is ({-worst_score:g}); expected samples that look like those of the fit. Were they "
            "preprocessed as those? For a Pipeline: ctmri_detect.recalibrate(model, X). Otherwise "
            "look at them, or fit on samples of this kind."
        )
