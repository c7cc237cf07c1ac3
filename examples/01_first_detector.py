"""
Your first detector
===================

Learn healthy anatomy from pairs of CT and MRI without labels, then ask which new slices deviate.
The heads are synthetic (a digital phantom), so the example needs no data.
"""

from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, detect, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs

# %%
# Ten lines
# ---------
# Eight healthy subjects to learn from, and four other subjects to score. Half of the slices of the
# second group hold a lesion. ``data`` knows which slices belong to which patient, so nothing else
# has to be said.

healthy = make_phantom_pairs(8, 6, size=96, anomalous_fraction=0.0, random_state=100)
new = make_phantom_pairs(4, 6, size=96, random_state=101)

model = make_pipeline(make_preprocessor("hu", size=96), CrossModalDetector(random_state=0))
model.fit(healthy.data)
found = detect(model, new.data)

# %%
# What came out
# -------------
# ``anomaly_score`` is high for anomalous slices. ``p_value`` says how often a healthy slice looks
# at least as unusual. ``prediction`` is -1 where the p-value is at most 5 %.

for row, truth in enumerate(new.target):
    kind = new.frame["kind"][row] if truth == -1 else "healthy"
    print(
        f"slice {row:2d}  {kind:24s} score {found.anomaly_score[row]:5.1f}  "
        f"p {found.p_value[row]:.3f}  {'flagged' if found.prediction[row] == -1 else ''}"
    )
