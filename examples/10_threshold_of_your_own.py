"""
A threshold from your own healthy scans
=======================================

You learn how threshold and p-values are computed, and how to set them for your own scanner without
training again. A detector that was trained on the scans of one hospital may flag far too many
healthy scans of another.
"""

import matplotlib.pyplot as plt
import numpy as np

from ctmri_detect import CrossModalDetector, Pairs, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import Noise
from ctmri_detect.plotting import ScoreDistributionDisplay

# %%
# Two scanners
# ------------
# The training data come from the first scanner. The second scanner has more noise: we simulate it
# with ``Noise``, a condition of the benchmark (15 % of the brain window here).


def second_scanner(phantom):
    """The same heads with more noise."""
    pairs = phantom.data
    noisy = Noise(0.15).tested(pairs, np.arange(len(pairs)), seed=0)
    return Pairs(noisy, groups=pairs.groups, spacing=pairs.spacing, ct_units=pairs.ct_units)


old = make_phantom_pairs(12, 6, size=96, anomalous_fraction=0, random_state=112)
own = make_phantom_pairs(16, 4, size=96, anomalous_fraction=0, random_state=113)
new = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=114)

prepare = make_preprocessor("hu", size=96)
X_own, X_new = (prepare.transform(second_scanner(phantom)) for phantom in (own, new))
detector = CrossModalDetector(random_state=0).fit(prepare.transform(old.data))

# %%
# How the threshold is set
# ------------------------
# ``fit`` scores healthy slices with models that did not see their patients. The threshold
# ``offset_`` is set so that 5 % of these scores are below it (``false_positive_rate`` of
# ``MapScoring``). ``predict`` returns -1 below it. ``X_new`` are scans of the second scanner.


def report(title):
    """Which shares of the new slices are flagged."""
    flagged = detector.predict(X_new) == -1
    healthy = new.target == 1
    print(
        f"{title}: flags {flagged[healthy].mean():.0%} of the healthy slices and "
        f"{flagged[~healthy].mean():.0%} of those with an anomaly; offset {detector.offset_:.1f}"
    )


report("as trained")
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharex=True)
ScoreDistributionDisplay.from_estimator(
    detector, X_new, new.target, name="the threshold of the training"
).plot(axes[0])
before = detector.p_values(X_new)

# %%
# Your own healthy scans
# ----------------------
# ``recalibrate`` scores them, and sets the threshold from these scores instead of those of the
# training. The model, all scores and all maps stay the same. For a rate of 5 % it needs at least 19
# healthy slices of patients that it was not trained on; more are better. In a Pipeline, call it on
# the last step: ``model[-1].recalibrate(model[:-1].transform(own))``.

detector.recalibrate(X_own)
report("recalibrated")
ScoreDistributionDisplay.from_estimator(
    detector, X_new, new.target, name="the threshold of own healthy scans"
).plot(axes[1])
plt.show()

# %%
# p-values
# --------
# The p-value of a slice is the share of healthy slices that look at least as unusual. So the
# p-values of healthy slices should be spread evenly from 0 to 1, as on the grey line in the figure.
# Below the line, healthy slices seem more unusual than they are.

after = detector.p_values(X_new)
figure, ax = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
healthy = new.target == 1
share = (np.arange(healthy.sum()) + 1) / healthy.sum()
for p, name, style in ((before, "as trained", "--"), (after, "recalibrated", "-")):
    ax.plot(share, np.sort(p[healthy]), style, drawstyle="steps", label=name)
ax.plot([0, 1], [0, 1], color="0.5", linewidth=0.8)
ax.set(xlabel="Share of the healthy new slices", ylabel="Their p-values, sorted")
ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
ax.legend(loc="upper left")
plt.show()

# %%
# Another rate
# ------------
# ``rescore`` changes the allowed false-positive rate. No score changes. With n healthy slices, the
# smallest p-value is 1 / (n + 1). So a rate of 1 % needs 99 slices; with fewer, there is a warning,
# and nothing is flagged.

detector.rescore(false_positive_rate=0.1)
report("10 % allowed")
print(f"smallest p-value with {len(X_own)} own slices: {after.min():.3f}")

# %%
# What it can't fix
# -----------------
# The noise hides faint lesions, and no threshold can change that: the order of the slices stays the
# same. With 64 healthy slices, the rate is kept approximately, not exactly.
#
# Where to go on
# --------------
# How well promised rates are kept, and with how many patients: ``docs/statistics.md``. If you have
# enough scans of your own, train on these instead: ``02_folder_to_heat_maps.py``.
