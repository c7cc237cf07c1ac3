"""The simplest baseline: how far a pixel is from its plane's median."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ctmri_detect._parameters import Constraints
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader


class ThresholdDetector(BasePairedDetector):
    """Bright and dark pixels are anomalies.

    Every method has to beat this baseline: on some lesions a plain threshold was better than
    autoencoders (Meissen et al. 2021). It knows no anatomy: healthy structures that are bright
    or dark, such as ventricles, count as anomalies too.

    Parameters
    ----------
    map_scoring : MapScoring, default=None
        None means no comparison with other slices: ``MapScoring(reference=None, symmetry=False)``.

    Attributes
    ----------
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    ``residual = x - median(x)``, the median over the observed pixels of each plane of each
    sample.

    References
    ----------
    Meissen, Kaissis, Rueckert (2021), Challenging current semi-supervised anomaly segmentation
    methods for brain MRI, arXiv:2109.06023.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(24, 2, 32, 32))
    >>> odd = X[:1].copy(); odd[0, 0, 8:12, 8:12] = 9
    >>> int(ThresholdDetector().fit(X, groups=range(24)).predict(odd)[0])
    -1
    """

    traits = Traits(trains=False, missing_modality=True)

    _parameter_constraints: ClassVar[Constraints] = {"map_scoring": [MapScoring, None]}

    def __init__(self, *, map_scoring: MapScoring | None = None) -> None:
        self.map_scoring = map_scoring

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(reference=None, symmetry=False)

    def _fit(self, X: PairReader) -> None:
        """Nothing to learn."""

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        planes = X.reshape(*X.shape[:2], -1)
        median = np.zeros(X.shape[:2], np.float32)
        seen = ~np.isnan(planes).all(axis=-1)
        median[seen] = np.nanmedian(planes[seen], axis=-1)
        return X - median[:, :, None, None]
