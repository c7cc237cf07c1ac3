"""Are some training slices unlike healthy ones? Asked without labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect.detectors.synthetic.residuals import ResidualModel
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.validation import PairReader

MOST_STRANGE = 0.02  # of healthy phantoms at most 0.5 % are, of those with 20 % lesions 5 to 9 %
_FAR = 2.5  # robust standard deviations of the logarithm
_SMOOTHING, _TOP = 2.0, 0.005  # as cross-modal detectors pool
_ENOUGH = 400  # slices that are looked at


def strange_share(
    X: PairReader, half: npt.NDArray[np.int64], models: Sequence[ResidualModel]
) -> float:
    """Share of the training slices in which the modalities disagree far more than in the others.

    The evidence of a slice is the largest over its planes of the pooled squared mismatch, by the
    model of the other half of the patients. Its logarithm is nearly symmetric in healthy slices.
    So a slice counts as strange above the median plus 2.5 spreads, where the spread is that of the
    lower half, which lesions hardly reach: 1.4826 times the median distance below the median.

    Parameters
    ----------
    X : PairReader
    half : int array (n,)
        0 or 1, the same for all slices of a patient.
    models : sequence of two ResidualModel
        Fitted on the half 0, and on the half 1.

    Returns
    -------
    float
        0 to 1; 0 where there is one plane alone.

    Notes
    -----
    It sees lesions that show in one modality otherwise than in the other, and needs most slices to
    be healthy. Slices of few patients or scanners can be unlike one another for other reasons.
    """
    found: list[npt.NDArray[np.float64]] = []
    asked = evenly_spaced(len(X), _ENOUGH)
    for side in (0, 1):
        for block in X.take(asked[half[asked] == side]).blocks(16):
            parts = models[1 - side].parts(block)
            if "mismatch" not in parts:
                return 0.0
            planes = np.moveaxis(masked_gaussian(parts["mismatch"], _SMOOTHING) ** 2, 1, 0)
            found.append(np.max([pool_top(plane, _TOP) for plane in planes], axis=0))
    return far_above(np.log(np.concatenate(found) + 1e-12))


def far_above(values: npt.NDArray[np.float64]) -> float:
    """Share of the values that are far above the others.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=1000)
    >>> far_above(values) < 0.01, far_above(np.r_[values, np.full(250, 5.0)])
    (True, 0.2)
    """
    middle = np.median(values)
    spread = 1.4826 * np.median(middle - values[values <= middle])
    return float(np.mean(values > middle + _FAR * max(float(spread), 1e-6)))
