"""Compare intensities with healthy slices; nothing is trained."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ctmri_detect._parameters import Constraints
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader


class AtlasDetector(BasePairedDetector):
    """Compare each pixel with the same place in healthy slices like this one.

    The residual is the difference to the mean of the training slices. `MapScoring` does the
    rest: z-scores against the most similar healthy slices, and a comparison with the other
    hemisphere. A fit takes a second. It is a simple and strong baseline.
    ``AtlasDetector(map_scoring=MapScoring(reference="position", symmetry=False))`` is the
    classical per-position atlas z-score.

    It fails where each plane looks normal by itself and only the combination of planes is
    abnormal, and on slices that are not aligned.

    Parameters
    ----------
    map_scoring : MapScoring, default=None
        None means ``MapScoring(fusion="max")``: a lesion is often odd in one plane only (chosen
        on seeds 110 to 112; on three real patients the mean was better by .03).

    Attributes
    ----------
    mean_ : float32 array (n_planes, height, width)
        Mean of the training slices at each place, 0 where none was observed.
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    ``residual = x - mean_training(x)`` at each place of each plane.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(24, 2, 32, 32))
    >>> odd = X[:1].copy(); odd[0, 1, 8:12, 4:9] += 5
    >>> detector = AtlasDetector().fit(X, groups=range(24))  # each of another patient
    >>> detector.explain(odd).regions.loc[0, ["modality", "sign"]].tolist()
    ['MRI', 'brighter']
    """

    traits = Traits(trains=False, threadsafe=True, missing_modality=True)

    _parameter_constraints: ClassVar[Constraints] = {"map_scoring": [MapScoring, None]}

    def __init__(self, *, map_scoring: MapScoring | None = None) -> None:
        self.map_scoring = map_scoring

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(fusion="max")

    def _fit(self, X: PairReader) -> None:
        self.mean_, _ = position_statistics(X)

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return X - self.mean_
