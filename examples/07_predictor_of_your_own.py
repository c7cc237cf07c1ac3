"""
Your own predictor for the cross-modal detector
===============================================

You learn how to replace the main part of ``CrossModalDetector``, its predictor. It predicts the MRI
from the CT, and the CT from the MRI. Where the prediction is wrong, something is anomalous. A
predictor is a regressor of scikit-learn, or your own class with ``fit`` and ``predict``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression

from ctmri_detect import CrossModalDetector, make_preprocessor
from ctmri_detect.base import Traits
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.detectors.cross_modal import Predictor
from ctmri_detect.evaluation import benchmark, format_table, leaderboard
from ctmri_detect.plotting import ReconstructionDisplay

# %%
# The idea
# --------
# The predictor is a table. For each grey value of the CT: which values does the MRI have there in
# healthy heads? Their mean is the prediction, their variance its uncertainty. A second table
# predicts the CT from the MRI.
#
# A *view set* says what a predictor may use as input. With ``evidence=("mismatch", "within")``, the
# default, there is one view set, ``("other",)``: the other modality. The ``traits`` say that a fit
# takes seconds, that several threads may call it, and that a modality may be missing: then the
# prediction is NaN.


class TablePredictor(Predictor):
    """Mean and variance of a modality for each grey value of the other.

    Parameters
    ----------
    n_bins : int
        Grey values of the table, from 0 to 1.
    """

    traits = Traits(cheap=True, threadsafe=True, missing_modality=True)

    def __init__(self, n_bins=50):
        self.n_bins = n_bins

    def fit(self, X, view_sets, rng):
        if list(view_sets) != [("other",)]:
            raise ValueError("TablePredictor looks at the other modality only.")
        planes = np.moveaxis(np.asarray(X), 1, 0)
        both = planes[:, ~np.isnan(planes).any(axis=0)]
        self.tables_ = [self._table(both[1 - plane], both[plane]) for plane in (0, 1)]
        return self

    def _bins(self, values):
        return np.clip(values * self.n_bins, 0, self.n_bins - 1).astype(int)

    def _table(self, shown, wanted):
        bins = self._bins(shown)
        n = np.bincount(bins, minlength=self.n_bins) + 20  # as if 20 pixels were average ones
        total = np.bincount(bins, wanted, minlength=self.n_bins) + 20 * wanted.mean()
        mean = total / n
        error = (wanted - mean[bins]) ** 2
        total = np.bincount(bins, error, minlength=self.n_bins) + 20 * error.mean()
        return mean, total / n

    def predict(self, block):
        mean, variance = np.full((2, *block.shape), np.nan, np.float32)
        for plane, table in enumerate(self.tables_):
            seen = ~np.isnan(block[:, 1 - plane])
            bins = self._bins(block[:, 1 - plane][seen])
            mean[:, plane][seen], variance[:, plane][seen] = (column[bins] for column in table)
        return [(mean, variance)]  # one pair of arrays for each view set


# %%
# What it learned
# ---------------
# The tables, with one standard deviation on both sides. Fluid is dark in CT and bright in
# T2-weighted MRI. Most of the brain has nearly the same value in CT, so the CT hardly predicts grey
# and white matter in the MRI.

data = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=109)
X = make_preprocessor("hu", size=96).transform(data.data)
row = int(data.frame["cnr_mri"].where(data.frame["kind"] == "haematoma").abs().idxmax())
others = data.groups != data.groups[row]
detector = CrossModalDetector(predictor=TablePredictor(), random_state=0)
detector.fit(X[others], data.target[others])

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
grey = (np.arange(50) + 0.5) / 50
for plane, (ax, name) in enumerate(zip(axes, data.data.modalities, strict=True)):
    mean, variance = detector.predictor_.tables_[plane]
    ax.plot(grey, mean)
    ax.fill_between(grey, mean - variance**0.5, mean + variance**0.5, alpha=0.2)
    other = data.data.modalities[1 - plane]
    ax.set(xlabel=f"{other}, 0 to 1", ylabel=f"{name}, 0 to 1", xlim=(0, 1), ylim=(0, 1))
    ax.set_title(f"{name} from {other}", fontsize="medium")
plt.show()

# %%
# What it predicts
# ----------------
# A haematoma is bright in CT and dark in MRI. No healthy tissue looks like that, so the prediction
# is wrong in both.

figure, axes = plt.subplots(2, 3, figsize=(8, 4.4), layout="compressed")
ReconstructionDisplay.from_estimator(detector, X, [row], orientation=data.orientation).plot(axes)
plt.show()

# %%
# How good is it?
# ---------------
# We compare the table with the default, a small network that uses a neighbourhood of each pixel,
# and with a linear regression on the same neighbourhood. Any regressor of scikit-learn can replace
# the network.

detectors = {
    "table": CrossModalDetector(predictor=TablePredictor()),
    "straight line": CrossModalDetector(predictor=LinearRegression()),
    "network (default)": CrossModalDetector(),
}
result = benchmark(detectors, data, preprocessor=make_preprocessor("hu", size=96), progress=False)
columns = ["detector", "image_auroc", "image_ap", "pixel_ap", "fit_seconds", "score_seconds"]
print(format_table(leaderboard(result.table)[columns]))

# %%
# The three are close, and with so few slices their order is chance. A table of fifty numbers is
# already quite good, in a tenth of the time.
#
# Where to go on
# --------------
# A predictor that also uses the mirrored hemisphere, and how it can share work with the
# registration: ``docs/architecture.md``, "Predicting one plane from the others". A search reaches
# its parameters as ``crossmodaldetector__predictor__n_bins``: ``04_patient_safe_grid_search.py``.
