"""A detector that counts how often it is asked for the residual of each sample."""

from collections import Counter
from typing import ClassVar

import numpy as np

from ctmri_detect.base import BasePairedDetector, Traits


class CountingDetector(BasePairedDetector):
    """The mean of the training pairs; `asked` counts residuals of samples, told by their values."""

    traits = Traits(trains=False)
    asked: ClassVar[Counter[bytes]] = Counter()

    def __init__(self, map_scoring=None):
        self.map_scoring = map_scoring

    def _fit(self, X):
        self.mean_ = np.nanmean(np.asarray(X), axis=0)

    def _residual(self, X):
        # a set, because the last block is filled up with its last sample
        CountingDetector.asked.update({sample.tobytes() for sample in X})
        return X - self.mean_
