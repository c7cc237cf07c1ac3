"""
When cross-modal detection fails
================================

You learn three cases in which a detector that compares CT and MRI fails: CT and MRI show different
heads, the MRI is shifted against its CT, or the same lesion is on both sides. We make each case on
purpose, show it, and measure it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, CrossModalDetector, Pairs, anomaly_map, make_preprocessor
from ctmri_detect.datasets import check_pairing, make_phantom_pairs
from ctmri_detect.evaluation import Misregistration, benchmark
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.plotting import AnomalyMapDisplay, PairDisplay, RobustnessDisplay
from ctmri_detect.preprocessing import BrainMask

healthy = make_phantom_pairs(10, 5, size=96, anomalous_fraction=0, random_state=116)
new = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=117)


def prepared(detector):
    """The detector behind the usual preprocessing."""
    return make_pipeline(make_preprocessor("hu", size=96), detector)


def changed(pairs, values):
    """Other images of the same patients."""
    return Pairs(values, groups=pairs.groups, spacing=pairs.spacing, ct_units=pairs.ct_units)


# %%
# CT and MRI of different people
# ------------------------------
# We replace the MRI of each slice by that of the next patient, at the same level. File names would
# not show this, and heads look alike. ``check_pairing`` compares the images, and ``fit`` calls it,
# too.


def with_foreign_mri(pairs):
    """Each CT with the MRI of the next patient."""
    values = np.array(pairs)
    values[:, 1] = np.roll(values[:, 1], 5, axis=0)  # five slices per patient
    return changed(pairs, values)


for name, pairs in {"own MRI": healthy.data, "foreign MRI": with_foreign_mri(healthy.data)}.items():
    check = check_pairing(pairs)
    print(f"{name:12} same heads: {check.paired!s:5} (p = {check.p_value:.3f})")

paired = prepared(CrossModalDetector(random_state=0)).fit(healthy.data)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    foreign = prepared(CrossModalDetector(random_state=0)).fit(with_foreign_mri(healthy.data))
print(said[0].category.__name__ + ":", said[0].message)

# %%
# The model still runs and gives scores, but they are much worse. The atlas compares each modality
# with itself. It gets worse, too, because CT and MRI no longer show the same lesion; but less.

atlas = prepared(AtlasDetector())
rows = {}
for name, alike in {"own MRI": lambda pairs: pairs, "foreign MRI": with_foreign_mri}.items():
    cross = paired if name == "own MRI" else foreign
    atlas.fit(alike(healthy.data))
    tested = alike(new.data)
    rows[name] = {
        "cross-modal": decision_roc_auc_score(new.target, cross.decision_function(tested)),
        "atlas": decision_roc_auc_score(new.target, atlas.decision_function(tested)),
    }
print("AUROC")
print(pd.DataFrame(rows).round(3).to_string())

# %%
# A shifted MRI
# -------------
# We shift the test MRI in a random direction. Up to ``tolerance`` pixels (4 by default, here 10
# mm), the detector registers the MRI to its own prediction. Without this, edges look like lesions.

result = benchmark(
    {
        "tolerance 4": CrossModalDetector(),
        "tolerance 0": CrossModalDetector(tolerance=0),
    },
    new,
    preprocessor=make_preprocessor("hu", size=96),
    conditions=[Misregistration(mm) for mm in (5, 10, 20)],
    progress=False,
)
curves = result.conditions.assign(condition="shift of the MRI (mm)")
figure, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
RobustnessDisplay(curves).plot(ax)
ax.legend(loc="lower left")
plt.show()
print(curves[["detector", "level", "image_auroc"]].round(3).to_string(index=False))

# %%
# With larger shifts, every healthy slice is flagged. ``check_pairing(X).shift`` finds shifts before
# training, up to a sixteenth of the image; it is NaN if the shift is larger.
# ``preprocessing.PairRegistrar`` corrects shifts.

shifted = Misregistration(20).tested(new.data, np.arange(len(new.data)), seed=0)
given = {"as it is": new.data, "shifted by 20 mm": changed(new.data, shifted)}
healthy_rows = np.flatnonzero(new.target == 1)
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for line, (name, pairs) in zip(axes, given.items(), strict=True):
    p = paired[-1].p_values(paired[:-1].transform(pairs[healthy_rows]))
    check = check_pairing(pairs)
    print(
        f"{name:17} flags {(p <= 0.05).mean():.0%} of the healthy slices; pairs whose shift was "
        f"found: {np.isfinite(check.shift).mean():.0%}"
    )
    row = healthy_rows[2]
    PairDisplay.from_pairs(pairs, row, orientation=new.orientation).plot(line[:2])
    AnomalyMapDisplay.from_estimator(paired, pairs, row, orientation=new.orientation).plot(line[2])
    line[2].set_title(f"p = {p[2]:.3f}", fontsize="medium")
    line[0].set_ylabel(name)
plt.show()

# %%
# The same lesion on both sides
# -----------------------------
# A detector that compares the two hemispheres finds what only one of them has. So a lesion that is
# the same on both sides looks like normal anatomy. Here we add the same lesion again, mirrored at
# the middle of the brain.

case = {"kinds": "infarct_subacute", "anomalous_fraction": 1.0, "severity": "severe"}
one = make_phantom_pairs(1, 1, size=96, random_state=118, **case)
same = make_phantom_pairs(1, 1, size=96, random_state=118, anomalous_fraction=0)
brain = np.isfinite(np.asarray(BrainMask().transform(same.data))[0, 0])
middle = np.nonzero(brain)[1].mean()


def mirrored(image):
    """The image, mirrored at the middle of the brain."""
    return np.roll(image[..., ::-1], round(2 * middle - 95), axis=-1) * brain


lesion = np.array(one.data) - np.array(same.data)
both = changed(one.data, np.array(one.data) + mirrored(lesion))
masks = {"one side": one.masks[0], "both sides": one.masks[0] | mirrored(one.masks[0])}

looks = {
    "by symmetry": CrossModalDetector(evidence=("symmetry",), random_state=0),
    "default": paired[-1],
}
looks["by symmetry"].fit(make_preprocessor("hu", size=96).transform(healthy.data))
figure, axes = plt.subplots(2, 4, figsize=(11, 5.6), layout="constrained")
for line, (name, pairs) in zip(
    axes, {"one side": one.data, "both sides": both}.items(), strict=True
):
    PairDisplay.from_pairs(pairs, 0, orientation=one.orientation).plot(line[:2])
    line[0].set_ylabel(name)
    for ax, (title, detector) in zip(line[2:], looks.items(), strict=True):
        model = prepared(detector)
        AnomalyMapDisplay(
            anomaly_map(model, pairs)[0],
            pairs[0][0],
            mask=masks[name],
            ct_units="hu",
            orientation=one.orientation,
        ).plot(ax, colorbar=title == "default")
        p = detector.p_values(model[:-1].transform(pairs))[0]
        ax.set_title(f"{title}: p = {p:.3f}", fontsize="medium")
plt.show()

# %%
# With symmetry alone, the detector misses the lesion on both sides. The default also uses the other
# modality and the place, and still finds it.
#
# Other failures
# --------------
# Oedema is dark in CT and bright in T2, like fluid, so one modality predicts the other correctly.
# Small and faint lesions are hidden by noise. Slices below the skull base give false positives. A
# detector that was trained on another scanner flags too much (``10_threshold_of_your_own.py``).
#
# Where to go on
# --------------
# What fails on real pairs, with numbers: ``docs/results.md``. Curves for noise, bias field, thick
# slices and few patients: ``docs/benchmark.md``. How good ``check_pairing`` is: ``docs/data.md``.
