"""A detector that looks at the neighbours of a slice in its scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import Constraints, Such, check_parameters
from ctmri_detect._types import PairsLike
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.detectors.ensemble.members import fit_member
from ctmri_detect.detectors.ensemble.named import of_slices, unfrozen
from ctmri_detect.detectors.ensemble.patients import EnsembleFingerprints
from ctmri_detect.detectors.volume.healthy import healthy_evidence, learned_along
from ctmri_detect.detectors.volume.neighbourhood import Neighbourhood
from ctmri_detect.detectors.volume.scans import Scans
from ctmri_detect.scoring.calibration import Finish, HeldOut
from ctmri_detect.scoring.volume_scoring import VolumeScoring
from ctmri_detect.validation import PairReader

_Made = TypeVar("_Made")


class VolumeDetector(BasePairedDetector):
    """Score slices with their neighbours in the scan as context.

    A lesion reaches through several slices; noise and most false alarms do not. The z-maps of a
    detector are smoothed along the scan by a Gaussian in mm. A pixel counts only where it deviates
    both in the slice itself and after the smoothing. Neighbours are slices of the same scan
    (`volume` in the frame of `Pairs`, not the patient), by their height `z_mm`. `load_volume_pairs`
    gives both.

    **The unit is the scan.** The score of a slice depends on the slices of its scan that are given
    with it, up to three times `smoothing_mm` away, and on nothing else: other scans, the order of
    samples and the batch size change nothing. Give whole scans. With half a scan, the slices at the
    cut have fewer neighbours and other scores; a slice without any is scored as by the detector
    alone. Thresholds are set from healthy slices that were scored with their neighbours, too.

    It helps where slices lie closer than lesions are thick. It doesn't help where they are far
    apart (more than twice `smoothing_mm`: no neighbour counts much), and where lesions lie in one
    slice. Maps are smoothed pixel by pixel, so heads have to lie alike in neighbouring slices;
    `make_preprocessor` sees to it.

    Parameters
    ----------
    detector : detector
        Any detector of single slices, such as ``make_detector("balanced")``. Put one that is fitted
        already into scikit-learn's `FrozenEstimator`; then the threshold is set from patients that
        it has not seen. An `EnsembleDetector` of fitted detectors is not possible. Parameters
        can be set by name: ``detector__map_scoring__clip``.
    smoothing_mm : float, default=6.0
        Standard deviation of the Gaussian along the scan, in mm, above 0 to 100. Raising it finds
        long lesions better, and blurs where short ones end.
    pool_fraction : float, default=0.005
        Share of the observed pixels, the most anomalous ones, whose mean is the score.
    false_positive_rate : float, default=0.05
        Share of healthy slices that `predict` may flag.

    Attributes
    ----------
    detector_ : detector
        Fitted. Its own scores are those without neighbours.
    map_scoring_ : VolumeScoring
        The smoothing (`along_`, with the correlation of healthy slices) and the thresholds.
    offset_ : float
        Score below which `predict` says -1.

    Raises
    ------
    InvalidPairsError
        By all methods, if the frame of X does not say `volume` and `z_mm` of each sample.

    Notes
    -----
    At each pixel and for each plane, with ``d_j`` the distance in mm to the slices of the scan in
    which it was observed, the slice itself among them::

        w_j = exp(-d_j^2 / (2 smoothing_mm^2)),  0 beyond 3 smoothing_mm
        z   = sum_j w_j z_j / (sqrt(sum_jk w_j w_k rho(d_jk)) e(r))

    The root is the standard deviation of the sum in healthy scans; ``rho(d)``, the correlation of
    z in slices d apart, is learned from scans that the model did not see. z of the slice alone and
    z with neighbours are then joined as scales are (see `MapScoring`): the geometric mean, 0 where
    signs differ. So the ends of a lesion stay where they are. ``e(r)`` (see
    `scoring.along_z.AlongZ`) gives that mean the unit of z alone, for any spacing, at the ends of a
    scan and beside gaps. All else is as in the detector. `residual_map` gives residuals without
    neighbours. `explain` has no members, also where the detector is an ensemble.

    Cost: scoring takes little longer than by the detector alone where the slices of a scan lie side
    by side in X. The fit scores the held-out slices once more.

    References
    ----------
    Stouffer et al. (1949), The American soldier, vol. 1: sums of z in units of one; Strube (1985),
    Psychological Bulletin 97:334, with correlation.

    Examples
    --------
    >>> import pandas as pd
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> rng = np.random.default_rng(0)
    >>> scans = pd.DataFrame({"volume": np.repeat(range(10), 6), "z_mm": 5.0 * (np.arange(60) % 6)})
    >>> X = Pairs(rng.normal(size=(60, 2, 16, 16)), groups=scans["volume"], frame=scans)
    >>> detector = VolumeDetector(AtlasDetector()).fit(X)
    >>> odd = rng.normal(size=(6, 2, 16, 16)); odd[2:5, :, 5:8, 4:7] += 1.5  # faint in each slice
    >>> new = Pairs(odd, groups=["new"] * 6, frame=scans[:6])
    >>> bool(detector.decision_function(new)[3] < detector.detector_.decision_function(new)[3])
    True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "detector": [
            Such(
                "a detector of this library that looks at single slices (no VolumeDetector, no "
                "EnsembleDetector of fitted detectors); a fitted one in a FrozenEstimator",
                of_slices,
            )
        ],
        **VolumeScoring._parameter_constraints,
    }
    _resolved: ClassVar[dict[str, str]] = {}

    fingerprints_: EnsembleFingerprints
    map_scoring_: Any

    def __init__(
        self,
        detector: Any,
        *,
        smoothing_mm: float = 6.0,
        pool_fraction: float = 0.005,
        false_positive_rate: float = 0.05,
    ) -> None:
        self.detector = detector
        self.smoothing_mm = smoothing_mm
        self.pool_fraction = pool_fraction
        self.false_positive_rate = false_positive_rate

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the detector, and that scans have to be whole."""
        inner = unfrozen(self.detector)
        known = inner.traits if of_slices(inner) else Traits()
        return replace(known, whole_scans=True)

    def _check_parameters(self) -> None:
        if not isinstance(self.detector, FrozenEstimator):
            check_parameters(self.detector)

    def _check(self, X: PairsLike, min_samples: int = 1) -> PairReader:
        reader = super()._check(X, min_samples)
        self._scans(reader.array)
        return reader

    def _scans(self, X: Any) -> Scans:
        return Scans.of(X, type(self).__name__)

    def _fit_all(
        self,
        reader: PairReader,
        groups: npt.NDArray[np.int64] | None,
        names: npt.NDArray[np.str_] | None,
        *,
        keeps_models: bool = False,
    ) -> list[HeldOut]:
        self._about_fit(reader)
        given = self.detector
        one = given if isinstance(given, FrozenEstimator) else clone(given)
        member = fit_member(one, reader, groups, names)
        self.detector_ = member.detector
        self.fingerprints_ = EnsembleFingerprints(reader, names, [member.fingerprints])
        scans = self._scans(reader.array)
        along = learned_along(member, reader, scans, self.smoothing_mm)
        scoring = VolumeScoring(self.smoothing_mm, self.pool_fraction, self.false_positive_rate)
        healthy = healthy_evidence(member, reader, scans, along, scoring)
        self._take(scoring.fit(self.detector_.map_scoring_, along, healthy))
        return []

    def _in_turn(self, reader: PairReader, finish: Finish[_Made]) -> Iterator[_Made]:
        """The results of `finish` for smoothed layers and samples, one for each block."""
        [codes] = self.fingerprints_.of_members(reader.groups)
        near = Neighbourhood(
            reader.with_groups(codes),
            self._scans(reader.array),
            self.detector_._each,
            self.detector_.map_scoring_,
        )
        for layers, X in near.smoothed(self.map_scoring_.along_):
            yield finish(layers, X)

    @with_default_floats
    def _each(self, reader: PairReader, finish: Finish[_Made]) -> list[_Made]:
        return list(self._in_turn(reader, finish))

    def _residual_of(self, reader: PairReader) -> npt.NDArray[np.float32]:
        [codes] = self.fingerprints_.of_members(reader.groups)
        return self.detector_._residual_of(reader.with_groups(codes))

    def _unlike(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        return self.detector_._unlike(X)
