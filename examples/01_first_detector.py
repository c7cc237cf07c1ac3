"""
Your first detector in ten lines
================================

You learn how to fit a detector on healthy pairs of CT and MRI, without labels, and how to ask which
new slices deviate, and where. The heads are synthetic (a digital phantom), so you need no data.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, detect, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.plotting import AnomalyMapDisplay, PairDisplay

# %%
# Ten lines
# ---------
# Eight healthy subjects to learn from, and four other subjects to score. Half of the slices of the
# second group hold a lesion. ``healthy.data`` are ``Pairs``: they know which slices belong to which
# patient, so nothing else has to be said.

healthy = make_phantom_pairs(8, 6, size=96, anomalous_fraction=0.0, random_state=100)
new = make_phantom_pairs(4, 6, size=96, random_state=101)

model = make_pipeline(make_preprocessor("hu", size=96), CrossModalDetector(random_state=0))
model.fit(healthy.data)
found = detect(model, new.data)

# %%
# What came out
# -------------
# ``anomaly_score`` is high for anomalous slices. ``p_value`` says how often a healthy slice looks
# at least as unusual. ``prediction`` is -1 where the p-value is at most 5 %. The column ``truth``
# is known because these heads are synthetic. The detector never saw it.

table = pd.DataFrame(
    {
        "truth": new.frame["kind"],
        "score": found.anomaly_score.round(1),
        "p_value": found.p_value.round(3),
        "flagged": found.prediction == -1,
    }
)
print(table.sort_values("score", ascending=False).to_string())

# %%
# Where it is
# -----------
# The slice with the highest score, and below it a healthy slice with a low one. The map has the
# same colour scale in both rows. So a healthy slice stays dark. The true lesion is outlined.

figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for row_of_axes, row in zip(axes, table["score"].sort_values().index[[-1, 1]], strict=True):
    PairDisplay.from_pairs(new.data, row, orientation=new.orientation).plot(row_of_axes[:2])
    display = AnomalyMapDisplay.from_estimator(
        model, new.data, row, mask=new.masks[row], orientation=new.orientation
    )
    display.plot(row_of_axes[2])
    row_of_axes[0].set_ylabel(table["truth"][row])
plt.show()

# %%
# Where to go on
# --------------
# Your own files: ``02_folder_to_heat_maps.py`` for images, ``09_volumes_from_files.py`` for NIfTI
# and DICOM. What a region of the map means: ``11_what_explain_says.py``. Where such a detector
# fails: ``12_when_it_fails.py``.
