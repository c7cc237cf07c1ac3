"""From held-out residuals to a fitted bank and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import CheckedParameters, check_parameters
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect.scoring.calibration import HeldOut
from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.evidence import fused_evidence
from ctmri_detect.scoring.judging import Planes
from ctmri_detect.scoring.patterns import PatternThresholds, Scored
from ctmri_detect.scoring.reference import ReferenceBank
from ctmri_detect.scoring.standardising import Standardising
from ctmri_detect.scoring.summary_bank import GroupedBank
from ctmri_detect.scoring.with_threshold import WithThreshold
from ctmri_detect.scoring.withheld import Withheld
from ctmri_detect.scoring.z_score import Reference
from ctmri_detect.validation import missing_planes

_KEPT = {"residual_", "descriptors_", "codes_", "withheld_"}  # of slices, for another bank


class Fitting(WithThreshold, Standardising, CheckedParameters, BaseEstimator):
    """How a `MapScoring` is fitted on held-out slices, and again on those that it kept."""

    reference: Reference
    n_neighbors: int
    fusion: Literal["mean", "max"]
    cross_fit: bool | Literal["auto"]
    bank: Literal["slices", "summary"]
    residual_: Planes
    descriptors_: npt.NDArray[np.float64]
    codes_: npt.NDArray[np.int64]
    withheld_: list[Withheld]

    @property
    def worst_score(self) -> float:
        """The lowest score there is: that of evidence clipped in all pooled pixels."""
        return -(self.clip**2)

    def cross_fits(self, cheap: bool) -> bool:
        """Whether a detector leaves out each part of the patients in turn; `cheap`: its trait."""
        return cheap if isinstance(self.cross_fit, str) else bool(self.cross_fit)

    def fit_held_out(self, parts: Sequence[HeldOut]) -> Self:
        """Learn from what `calibration.held_out` gives; all slices of it set the threshold.

        The residuals of slices that are no references are made and scored block by block.
        """
        with unchanged_on_failure(self):
            self.residual_ = np.concatenate([part.residual for part in parts])
            self.descriptors_ = np.concatenate([part.descriptors for part in parts])
            self.codes_ = np.concatenate([part.X.take(part.bank).groups for part in parts])
            self.withheld_ = [one for part in parts for one in part.withheld]
            self.patients_ = CalibrationPatients.of_fit([part.X for part in parts])
            pooled, groups = self._build()
            for part in parts:
                if len(others := part.others):
                    pooled.extend(part.each(others, self.pooled))
                    groups.append(np.asarray(others.groups))
            return self._keep(pooled, groups)

    def fit_again(self, fitted: Fitting) -> Self:
        """Fit on the slices that another, fitted MapScoring kept; no residual is needed.

        If only the false-positive rate differs, all scores stay. Otherwise the slices of the
        bank are scored again, and the threshold rests on these.

        Raises
        ------
        ValueError
            For another `cross_fit`, and for anything but another `false_positive_rate` if the
            other MapScoring keeps a summary: both need a new fit of the detector.
        """
        check_is_fitted(fitted, "threshold_")
        check_parameters(self)
        with unchanged_on_failure(self):
            rate, before = self.false_positive_rate, fitted.get_params()
            now = self.get_params().items()
            changed = {name for name, value in now if not np.array_equal(value, before[name])}
            _refuse_what_needs_a_fit(changed, fitted)
            for name in {"patients_"} | _KEPT & vars(fitted).keys():
                setattr(self, name, getattr(fitted, name))
            if changed <= {"false_positive_rate"}:
                self.bank_, self.sd_ = fitted.bank_, fitted.sd_
                return self._take(fitted.patterns_.at_rate(rate))
            return self._keep(*self._build())

    def lean(self) -> Self:
        """A copy without what `restored` can make again, exactly, from the slices that are kept."""
        bank = getattr(self, "bank_", None)
        if type(bank) is not ReferenceBank:
            return self
        small = copy(self)
        small.bank_ = bank.forgetful()
        small.descriptors_ = self.descriptors_.astype(np.float32)  # their values are float32
        return small

    def restored(self) -> Self:
        """Make again what `lean` left out; does nothing if all is there."""
        bank = getattr(self, "bank_", None)
        if type(bank) is ReferenceBank and not hasattr(bank, "values_"):
            self.descriptors_ = self.descriptors_.astype(np.float64)
            evidence = with_default_floats(self._evidence_of)(self.residual_)
            bank.remember(evidence, self.descriptors_, self.codes_)
        return self

    def _fused(self, z: Planes) -> Planes:
        return fused_evidence(z, self.fusion, self.symmetry)

    def _keep(self, pooled: Sequence[Scored], groups: Sequence[npt.NDArray[np.int64]]) -> Self:
        """Take thresholds of these scores, and keep no more of the slices than `bank` says."""
        if isinstance(self.bank_, GroupedBank):
            self.bank_ = self.bank_.summary()
            for name in _KEPT:
                delattr(self, name)
        scores, seen = map(np.concatenate, zip(*pooled, strict=True))
        rate = self.false_positive_rate
        return self._take(PatternThresholds(scores, seen, np.concatenate(groups), rate))

    @with_default_floats
    def _build(self) -> tuple[list[Scored], list[npt.NDArray[np.int64]]]:
        """Build the bank from the kept slices, under the present parameters.

        Returns scores and patients of these slices, and of those from which planes were withheld.
        """
        kind = ReferenceBank if self.bank == "slices" else GroupedBank
        self.bank_ = kind(self.reference, self.n_neighbors)
        self.bank_.fit(self._evidence_of(self.residual_), self.descriptors_, self.codes_)
        kept = self.residual_, self.descriptors_, self.codes_
        self.sd_ = self._spread(*kept)
        parts = [kept, *(one.whole() for one in self.withheld_)]
        pooled = [
            Scored(np.concatenate(self._gather(*part, self._score)), ~missing_planes(part[0]))
            for part in parts
        ]
        return pooled, [part[2] for part in parts]


def _refuse_what_needs_a_fit(changed: set[str], fitted: Fitting) -> None:
    if "cross_fit" in changed:
        raise ValueError(
            "cross_fit can't change without a new fit: it says which patients each fit of the "
            "model leaves out. Set it in the detector's map_scoring, and call fit again."
        )
    needy = sorted(changed - {"false_positive_rate"})
    if fitted.bank == "summary" and needy:
        raise ValueError(
            f"{', '.join(needy)} can't change without a new fit: with bank='summary' no slices are "
            "kept that could be scored again; only false_positive_rate can change. Fit with "
            "MapScoring(bank='slices'), choose the settings, then rescore(bank='summary')."
        )
