"""What is kept of healthy slices, so that a new setting needs no fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.calibration_patients import CalibrationPatients


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
