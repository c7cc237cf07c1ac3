"""
A detector of your own
======================

A detector is a class with two methods: ``_fit`` learns from pairs, ``_residual`` says how far each
pixel is from what was learned. Maps, scores, thresholds, p-values, pipelines and searches come with
the base class.
"""

import numpy as np
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, make_preprocessor
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark, format_table
from ctmri_detect.testing import check_detector

# %%
# The idea
# --------
# Principal components of healthy slices: a new slice is projected on them, and what is left over is
# the residual.


class PrincipalComponentsDetector(BasePairedDetector):
    """What the main components of healthy slices do not explain.

    Parameters
    ----------
    n_components : int
    map_scoring : MapScoring or None
    """

    traits = Traits(cheap=True, threadsafe=True)

    def __init__(self, n_components=10, map_scoring=None):
        self.n_components = n_components
        self.map_scoring = map_scoring

    def _fit(self, X):
        rows = np.nan_to_num(np.asarray(X)).reshape(len(X), -1)
        self.mean_ = rows.mean(axis=0)
        self.components_ = np.linalg.svd(rows - self.mean_, full_matrices=False)[2]
        self.components_ = self.components_[: self.n_components]

    def _residual(self, X):
        rows = np.nan_to_num(X).reshape(len(X), -1) - self.mean_
        return (rows - rows @ self.components_.T @ self.components_).reshape(X.shape)


# %%
# Does it keep the contract?
# --------------------------
# ``check_detector`` runs the library's own checks: shapes and types, NaN, order of the samples,
# random numbers, saving, pipelines, and more. It raises where one fails.

check_detector(PrincipalComponentsDetector())
print("all checks passed")

# %%
# How good is it?
# ---------------
# On synthetic heads, with other patients in training and test, and beside a simple baseline: an
# atlas, the mean and spread of healthy slices at each place.

data = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=104)
preprocessor = make_preprocessor("hu", size=96)
detectors = {
    "components": make_pipeline(preprocessor, PrincipalComponentsDetector()),
    "atlas": make_pipeline(preprocessor, AtlasDetector()),
}
result = benchmark(detectors, data)
print(format_table(result.table[result.table["kind"] == "all"]))
