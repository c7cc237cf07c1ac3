"""
One modality only
=================

You learn what to do where the MRI, or the CT, is missing: for some new scans, or for all. NaN means
"not observed", and a missing modality is a plane of NaN. Nothing else changes.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch, get_tags

from ctmri_detect import (
    AtlasDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    Pairs,
    detect,
    make_preprocessor,
)
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import MissingModality, benchmark, format_table
from ctmri_detect.plotting import AnomalyMapDisplay, PairDisplay
from ctmri_detect.preprocessing import BrainMask, apply_masks

# %%
# Which detectors can do it
# -------------------------
# A tag says it. The cross-modal detector can, if it also looks at each modality separately
# (``"within"``): with one modality, CT and MRI can't disagree.

for detector in (
    AtlasDetector(),
    CrossModalDetector(),
    CrossModalDetector(evidence=("mismatch",)),
    DeepFeatureDetector(),
):
    print(f"{get_tags(detector).missing_modality!s:6}{detector}")

# %%
# Fitted on pairs, used on the CT alone
# -------------------------------------
# With one modality, scores are different from those with two. So ``fit`` also scores healthy slices
# with a plane removed, and CT alone, MRI alone and complete pairs each get their own threshold. You
# need no setting for this.

healthy = make_phantom_pairs(16, 5, size=96, anomalous_fraction=0, random_state=110)
new = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=111)
model = make_pipeline(make_preprocessor("hu", size=96), CrossModalDetector(random_state=0))
model.fit(healthy.data)


def without(pairs, plane):
    """The same pairs, one plane of them not observed."""
    values = np.array(pairs)
    values[:, plane] = np.nan
    return Pairs(values, groups=pairs.groups, spacing=pairs.spacing, ct_units=pairs.ct_units)


# %%
# A CT shows where the brain is, because bone is so bright. An MRI does not: without the CT, the
# preprocessing uses the whole head as brain mask. So you need a brain mask from another tool.
# ``apply_masks`` applies it, and ``source="observed"`` says that the skull is removed already. Here
# we use the mask from the CT instead of another tool.

brain = np.isfinite(np.asarray(BrainMask().transform(new.data))[:, 0])
mri = without(new.data, 0)
given = {
    "both": new.data,
    "CT alone": without(new.data, 1),
    "MRI alone": mri,
    "MRI alone, brain mask": apply_masks(mri, brain),
}
found = {}
for name, X in given.items():
    model.set_params(pipeline__brainmask__source="observed" if "mask" in name else "auto")
    found[name] = detect(model, X, include=["prediction", "anomaly_map"])
    flagged = found[name].prediction == -1
    print(
        f"{name:22} flags {flagged[new.target == 1].sum():2} of {(new.target == 1).sum()} healthy "
        f"slices, {flagged[new.target == -1].sum():2} of {(new.target == -1).sum()} others"
    )

# %%
# A fresh haematoma is clear in CT, and fainter in MRI. In the third row the mask is the whole head.
# The training slices had no skull and scalp, so these seem anomalous.

row = int(new.frame["cnr_ct"].where(new.frame["kind"] == "haematoma").idxmax())
figure, axes = plt.subplots(4, 3, figsize=(8.4, 10.6), layout="constrained")
for line, (name, X) in zip(axes, given.items(), strict=True):
    PairDisplay.from_pairs(X, row, ct_units="hu", orientation=new.orientation).plot(line[:2])
    plane = 1 if name.startswith("MRI") else 0  # what lies beneath the map
    AnomalyMapDisplay(
        found[name].anomaly_map[row],
        X[row][plane],
        modality=new.data.modalities[plane],
        mask=new.masks[row],
        ct_units="hu",
        orientation=new.orientation,
    ).plot(line[2])
    line[0].set_ylabel(name)
plt.show()

# %%
# What it costs
# -------------
# The benchmark measures the same detectors with and without a modality, after the same fit. We
# prepare the pairs first, so that the brain masks are the same, too.

prepared = Bunch(
    data=make_preprocessor("hu", size=96).transform(new.data), target=new.target, frame=new.frame
)
result = benchmark(
    {"atlas": AtlasDetector(), "cross-modal": CrossModalDetector()},
    prepared,
    conditions=[MissingModality(modality="MRI"), MissingModality(modality="CT")],
    progress=False,
)
print(format_table(result.conditions[["detector", "condition", "image_auroc", "image_ap"]]))

# %%
# With one modality, both detectors find less. The cross-modal detector loses more than the atlas,
# because it relies on the comparison. With MRI alone it is no better than chance here, after a fit
# on about twenty slices.

# %%
# A data set of CT alone
# ----------------------
# The new scans above have two planes, so the training pairs need two, too: here the second plane is
# NaN. ``evidence=("within",)`` says that no modality is predicted. To load a folder of CT as one
# plane, use ``load_pairs(folder, modality="ct")``. For MRI alone, remove the skull first, as above.

ct = np.asarray(healthy.data)[:, 0]  # (n, height, width), in HU
X = np.stack([ct, np.full_like(ct, np.nan)], axis=1)
ct_only = Pairs(X, groups=healthy.groups, ct_units="hu")
alone = make_pipeline(
    make_preprocessor("hu", size=96), CrossModalDetector(evidence=("within",), random_state=0)
).fit(ct_only)
scores = alone.decision_function(given["CT alone"])
print("most anomalous by the CT alone:", new.frame["kind"].iloc[np.argsort(scores)[:5]].tolist())

# %%
# Where to go on
# --------------
# How the thresholds for one modality are set: ``docs/architecture.md``, "Calibration". ``Pairs``
# can have one to eight planes. The Kaggle set of CT and MRI also needs one modality at a time,
# because its images are no pairs: ``docs/data.md``.
