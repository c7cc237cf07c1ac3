"""
Write your own detector
=======================

You learn how to turn an idea into a detector. A detector is a class with two methods: ``_fit``
learns from pairs, ``_residual`` says how far each pixel is from what was learned. The base class
adds maps, scores, thresholds and p-values, and makes it work in pipelines and searches.
``check_detector`` then checks that the class follows the rules of the library.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, make_preprocessor
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark, format_table
from ctmri_detect.plotting import AnomalyMapDisplay, RocDisplay
from ctmri_detect.testing import check_detector

# %%
# The idea
# --------
# Compute the principal components of healthy slices, and project a new slice onto them. The rest is
# the residual. Two rules matter. First, the constructor only stores parameters, as everywhere in
# scikit-learn. Second, NaN means "not observed". Here we replace it by 0, and the base class puts
# NaN back into residuals and maps.


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
# ``traits`` tell the base class two things. A fit is ``cheap``, so the base class may fit five
# times to find a good threshold. And it is ``threadsafe``: several threads may call it at once.
# A residual is positive where the image is brighter than expected.
#
# Does it follow the rules?
# -------------------------
# ``check_detector`` runs the library's own checks: shapes and types, NaN, order of the samples,
# random numbers, saving, pipelines, and more. It raises an error if one fails.

check_detector(PrincipalComponentsDetector())
print("all checks passed")

# %%
# What happens if a rule is broken
# --------------------------------
# A frequent mistake is to divide by the standard deviation of the block. Then the score of a slice
# depends on the other slices.


class ScaledByItsCompany(PrincipalComponentsDetector):
    """Wrong on purpose: divides by the spread of the block."""

    def _residual(self, X):
        return super()._residual(X) / np.nanstd(X)


try:
    check_detector(ScaledByItsCompany())
except AssertionError as error:
    print(error)

# %%
# How good is it?
# ---------------
# We compare it with a simple baseline on synthetic heads, with different patients in training and
# test. The baseline is an atlas: mean and standard deviation of healthy slices at each place.

data = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=104)
preprocessor = make_preprocessor("hu", size=96)
detectors = {
    "components": make_pipeline(preprocessor, PrincipalComponentsDetector()),
    "atlas": make_pipeline(preprocessor, AtlasDetector()),
}
result = benchmark(detectors, data, progress=False)
columns = ["detector", "n_normal", "n_anomalous", "image_auroc", "image_ap", "pixel_ap"]
print(format_table(result.table.loc[result.table["kind"] == "all", columns]))

# %%
# The idea does not work well: it is not better than the atlas, and both are near chance. To find
# this out took twenty lines.

figure, ax = plt.subplots(figsize=(5.4, 5.4), layout="constrained")
RocDisplay.from_scores(result.scores).plot(ax)
plt.show()

# %%
# The maps of the largest lesion show why: its residual is hardly larger than elsewhere. The folds
# of each brain are different, and the components of other brains do not explain them.

row = int(data.frame["area_mm2"].idxmax())
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
others = (data.target == 1) & (data.groups != data.groups[row])
for ax, (name, model) in zip(axes, detectors.items(), strict=True):
    model.fit(data.data[others])
    AnomalyMapDisplay.from_estimator(
        model, data.data, row, mask=data.masks[row], orientation=data.orientation
    ).plot(ax, colorbar=ax is axes[-1])
    ax.set_title(f"{name}: {data.frame['kind'][row]}")
plt.show()

# %%
# Where to go on
# --------------
# The base class, its hooks and ``traits``: ``docs/architecture.md``. You can also replace parts of
# existing detectors: features (``06_backbone_of_your_own.py``), and the prediction of one modality
# from the other (``07_predictor_of_your_own.py``).
