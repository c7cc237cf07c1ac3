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
# Which detectors can
# -------------------
# A tag says it. The cross-modal detector can, as long as it also looks at each modality by itself
# (``"within"``): without a second modality there is nothing to disagree with.

for detector in (
    AtlasDetector(),
    CrossModalDetector(),
    CrossModalDetector(evidence=("mismatch",)),
    DeepFeatureDetector(),
):
    print(f"{get_tags(detector).missing_modality!s:6}{detector}")

# %%
# Trained on pairs, asked about the CT alone
# ------------------------------------------
# Scores of one modality are others than scores of two. So ``fit`` withholds planes from healthy
# slices, and each pattern of observed planes gets its own threshold. Nothing has to be set.

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
# A CT tells where the brain is, because bone is so bright. The MRI doesn't: without a CT the mask
# of the preprocessing is the whole head. So bring a brain mask from a tool of your own.
# ``apply_masks`` cuts it out, and ``source="observed"`` says that it is cut out already. Here the
# mask of the CT stands for such a tool.

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
# A fresh bleed is clear in CT, and fainter in the MRI. In the third line the mask is the whole
# head. Skull and scalp were never learned from, and so they seem anomalous.

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
# The benchmark measures the same detectors with and without a modality. The fit is the same. The
# pairs are prepared before, so that brain masks are the same, too.

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
# Each modality finds less without its partner. The cross-modal detector loses more than the atlas,
# since it lives on the comparison. By the MRI alone it does no better than chance here, with some
# twenty slices to learn from.

# %%
# A set that has the CT alone
# ---------------------------
# There is no MRI to load, so make the plane of NaN yourself. Preprocessing, detectors and maps take
# it. ``evidence=("within",)`` says that no modality has to be predicted. Of a set that has the MRI
# alone, cut out the brains first, as above.

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
# What the thresholds of one modality rest on: ``docs/architecture.md``, "Calibration". Three
# modalities and more are possible, too: ``Pairs`` with one to eight planes. The Kaggle set of CT
# and MRI is of this kind, because its images are no pairs: ``docs/data.md``.
