"""Evidence of healthy slices that a model did not see, scored with their neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect.detectors.ensemble.members import Member, rows_nobody_saw
from ctmri_detect.detectors.volume.neighbourhood import Neighbourhood
from ctmri_detect.detectors.volume.scans import Rows, Scans
from ctmri_detect.scoring.along_z import REACH, AlongZ
from ctmri_detect.scoring.calibration import Each
from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.correlation import Correlation, slice_correlations
from ctmri_detect.scoring.healthy_evidence import Healthy
from ctmri_detect.scoring.with_threshold import WithThreshold
from ctmri_detect.scoring.withheld import without_planes
from ctmri_detect.validation import PairReader

_KEPT_BYTES = 96 * 2**20  # of healthy evidence, for the threshold and for `rescore`
_LEAST_KEPT = 64  # slices, however large
_FEW = 12  # scans, for the correlation
_MOST = np.finfo(np.float16).max  # a MapScoring without a bound gives more

Seen = npt.NDArray[np.bool_]


def learned_along(member: Member, X: PairReader, scans: Scans, width_mm: float) -> AlongZ:
    """The smoothing, with the correlation in scans that the model did not see."""
    found = []
    for asked, left, each in _parts(member, X, scans, rows_nobody_saw([member])):
        near = Neighbourhood(asked, left, each, member.detector.map_scoring_)
        known = np.unique(left.scan[left.scan >= 0])
        for scan in known[evenly_spaced(len(known), -(-_FEW // len(member.parts)))]:
            layers, z_mm = near.whole(int(scan))
            found.append(slice_correlations(layers, z_mm, 2 * REACH * width_mm))
    return AlongZ(width_mm, Correlation(*map(np.concatenate, zip(*found, strict=True))))


def healthy_evidence(
    member: Member, X: PairReader, scans: Scans, along: AlongZ, scoring: WithThreshold
) -> Healthy:
    """Evidence in slices that the model did not see, also with planes withheld."""
    assert X.missing is not None
    assert X.groups is not None
    rows = rows_nobody_saw([member])
    most = max(_KEPT_BYTES // (2 * int(np.prod(X.shape[2:]))), _LEAST_KEPT)
    rows = rows[evenly_spaced(len(rows), most)]
    asked: list[tuple[Rows, Seen | None]] = [(rows, None)]
    if member.detector.traits.missing_modality:
        asked += [(rows[few], seen) for seen, few in scoring.withhold(X.take(rows))]
    inner, evidence, planes, owners = member.detector.map_scoring_, [], [], []
    for some, seen in asked:
        for slices, left, each in _parts(member, X, scans, some, seen):
            for layers, _ in Neighbourhood(slices, left, each, inner).smoothed(along):
                evidence.append(np.minimum(inner.evidence_of(layers), _MOST).astype(np.float16))
        for part, _ in member.parts:
            here = some[np.isin(some, part)]
            planes.append(~X.missing[here] & (True if seen is None else seen))
            owners.append(X.groups[here])
    joined = np.concatenate(evidence)[:, None], np.concatenate(planes), np.concatenate(owners)
    return Healthy(*joined, CalibrationPatients.of_fit([X.take(rows)]))


def _parts(
    member: Member, X: PairReader, scans: Scans, rows: Rows, seen: Seen | None = None
) -> Iterator[tuple[PairReader, Scans, Each]]:
    """For each fit of the model: the slices that it did not see, their scans, and what asks it."""
    for part, each in member.parts:
        here = rows[np.isin(rows, part)]
        if not len(here):
            continue
        slices = X.take(here)
        if member.fitted_before:  # it knows none of these patients
            slices = slices.with_groups(np.full(len(here), -1))
        slices = slices if seen is None else without_planes(slices, seen)
        yield slices, scans.only(X.rows[part]), each
