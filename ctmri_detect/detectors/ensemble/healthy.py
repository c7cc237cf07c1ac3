"""Evidence of the members of an ensemble in slices that none of them saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect.detectors.ensemble.members import Member, Rows, rows_nobody_saw
from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.fused_scoring import FusedScoring
from ctmri_detect.scoring.healthy_evidence import Healthy
from ctmri_detect.validation import PairReader

_KEPT_BYTES = 96 * 2**20  # of healthy evidence, for the threshold and for `rescore`
_LEAST_KEPT = 64  # slices, however large


def healthy_evidence(members: Sequence[Member], X: PairReader, scoring: FusedScoring) -> Healthy:
    """Evidence of all members in slices that nobody saw, also with planes withheld."""
    assert X.missing is not None
    assert X.groups is not None
    rows = rows_nobody_saw(members)
    of_one = 2 * len(members) * int(np.prod(X.shape[2:]))
    rows = rows[evenly_spaced(len(rows), max(_KEPT_BYTES // of_one, _LEAST_KEPT))]
    parts: list[tuple[Rows, npt.NDArray[np.bool_] | None]] = [(rows, None)]
    if any(member.detector.traits.missing_modality for member in members):
        parts += [(rows[few], seen) for seen, few in scoring.withhold(X.take(rows))]
    evidence, planes = [], []
    for some, seen in parts:
        each = [member.evidence(X, some, seen) for member in members]
        evidence.append(np.stack(each, axis=1))
        planes.append(~X.missing[some] & (True if seen is None else seen))
    owners = [X.groups[some] for some, _ in parts]
    patients = CalibrationPatients.of_fit([X.take(rows)])
    joined = np.concatenate(evidence), np.concatenate(planes), np.concatenate(owners)
    return Healthy(*joined, patients)
