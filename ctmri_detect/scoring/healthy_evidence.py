"""What is kept of healthy slices, so that a new setting needs no fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.evidence import pool_top

_BLOCK = 16
Evidence = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Healthy:
    """Evidence of the members in slices that they did not see.

    Parameters
    ----------
    evidence : float16 array (n, n_members, height, width)
        NaN where a member saw nothing.
    seen : bool array (n, n_planes)
        Which planes were observed.
    groups : int array (n,)
        Patients.
    patients : CalibrationPatients
        What is kept of each.
    """

    evidence: npt.NDArray[np.float16]
    seen: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.int64]
    patients: CalibrationPatients

    def scores(
        self, joined: Callable[[Evidence], Evidence], pool_fraction: float
    ) -> npt.NDArray[np.float64]:
        """A score of each slice, ``(n,)``, high = normal, from the pooled evidence.

        `joined` makes one map ``(n, height, width)`` of the evidence of the members.
        """
        starts = range(0, len(self.evidence), _BLOCK)
        blocks = (self.evidence[s : s + _BLOCK].astype(np.float32) for s in starts)
        return np.concatenate([-pool_top(joined(block), pool_fraction) for block in blocks])
