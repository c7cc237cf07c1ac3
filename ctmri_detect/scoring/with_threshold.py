"""The thresholds of all classes that turn residuals into scores."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.patterns import PatternThresholds
from ctmri_detect.scoring.thresholds import Threshold
from ctmri_detect.scoring.withheld import Choice, slices_to_withhold_from
from ctmri_detect.validation import PairReader


class WithThreshold:
    """Mixin: thresholds for each pattern of observed planes, and what follows from them."""

    false_positive_rate: float
    patterns_: PatternThresholds
    threshold_: Threshold
    offset_: float
    calibration_scores_: npt.NDArray[np.float64]
    calibration_groups_: npt.NDArray[np.int64]
    patients_: CalibrationPatients

    def withhold(self, X: PairReader) -> list[Choice]:
        """From which of these held-out slices planes are withheld, to calibrate each pattern."""
        return slices_to_withhold_from(X, self.false_positive_rate)

    def with_threshold(
        self,
        scores: npt.NDArray[np.float64],
        seen: npt.NDArray[np.bool_],
        groups: npt.NDArray[np.int64],
        patients: CalibrationPatients,
    ) -> Self:
        """A copy whose thresholds rest on these scores of `pooled`, of slices of these patients.

        Patterns of planes with too few of these scores keep their own. The patients' codes have to
        begin at `next_code`.
        """
        patterns, changed = self.patterns_.with_own(scores, seen, groups), copy(self)
        changed.patients_ = self.patients_.and_own(patients, patterns.groups)
        return changed._take(patterns)

    @property
    def next_code(self) -> int:
        """The first number that is no patient's code yet."""
        return int(self.patients_.codes.max()) + 1

    @property
    def threshold_patients(self) -> CalibrationPatients:
        """The patients whose slices set the threshold, in the order of their codes."""
        return self.patients_.of(self.threshold_.groups)

    def _take(self, patterns: PatternThresholds) -> Self:
        threshold = patterns.threshold
        self.patterns_, self.threshold_, self.offset_ = patterns, threshold, threshold.offset
        self.calibration_scores_ = threshold.scores
        self.calibration_groups_ = threshold.groups
        return self
