"""
Your first detector in ten lines
================================

You learn how to fit a detector on healthy pairs of CT and MRI, without labels, and how to find out
which new slices are unusual, and where. The heads are synthetic (a phantom), so you need no data.
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
# We fit on eight healthy patients, and score four other patients. Half of the new slices have a
# lesion. ``healthy.data`` are ``Pairs``: they know which slices belong to which patient, so ``fit``
# needs no other argument.

healthy = make_phantom_pairs(8, 6, size=96, anomalous_fraction=0.0, random_state=100)
new = make_phantom_pairs(4, 6, size=96, random_state=101)

model = make_pipeline(make_preprocessor("hu", size=96), CrossModalDetector(random_state=0))
model.fit(healthy.data)
found = detect(model, new.data)

# %%
# The result
# ----------
# ``anomaly_score`` is high for anomalous slices. ``p_value`` says how often a healthy slice looks
# at least as unusual. ``prediction`` is -1 if the p-value is at most 5 %. We know the ``truth``,
# because these heads are synthetic. The detector never saw it.

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
# The figure shows the slice with the highest score, and below it a slice with a low one. The maps
# have the same colour scale, so the lower map stays dark. The outline is the true lesion.

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
