"""
Real volumes, from files to maps
================================

You learn how to go from NIfTI files to anomaly maps and a ranking of patients: read volumes, check
them, train on some patients, and look through the slices of the others. DICOM series work in the
same way. This example first writes volumes of synthetic heads. With your own data, start at
``load_volume_pairs``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, detect, make_preprocessor
from ctmri_detect.datasets import check_pairing, find_pairs, load_volume_pairs, make_phantom_volumes
from ctmri_detect.evaluation import patient_scores, patient_target
from ctmri_detect.model_selection import train_validation_test_split
from ctmri_detect.plotting import AnomalyMapDisplay

# %%
# A typical folder
# ----------------
# One folder per patient, with ``ct.nii.gz`` and ``mr.nii.gz``. Some patients have a lesion, which
# extends over several slices; its segmentation is in the same folder.

folder = Path(tempfile.mkdtemp())
make_phantom_volumes(
    folder, 14, size=96, slice_spacing=9, anomalous_fraction=0.3, severity="severe",
    kinds=["haematoma", "tumour"], random_state=115,
)  # fmt: skip
print(find_pairs(folder)[["ct", "mri", "patient", "status"]].head(3).to_string())

# %%
# Read them
# ---------
# All volumes are turned to the same orientation, the CT is in Hounsfield units, and the MRI is
# resampled to the voxels of the CT. ``slice_spacing`` is the distance of the slices in mm, ``size``
# their size in pixels. For data larger than memory, use ``cache="pairs.npy"``.

data = load_volume_pairs(folder, slice_spacing=9, size=96)
print(data.data)
print("units:", data.ct_units, "| sides:", data.orientation, "| left out:", len(data.skipped))
print("same heads?", check_pairing(data.data).paired)

# %%
# Learn from some patients
# ------------------------
# If there are segmentations, ``data.target`` says which slices show a lesion, and ``fit`` leaves
# these out. Without labels, call ``fit(data.data[train])``: a few lesions in the training slices do
# little harm.

train, _, rest = train_validation_test_split(
    data.groups, data.target, fractions=(0.6, 0, 0.4), random_state=0
)
model = make_pipeline(make_preprocessor(data.ct_units, size=96), CrossModalDetector(random_state=0))
model.fit(data.data[train], data.target[train])

X = data.data[rest]
found = detect(model, X, include=["decision", "anomaly_score", "p_value", "anomaly_map"])

# %%
# Which patients first?
# ---------------------
# The score of a patient is that of the most anomalous slice. The most suspicious patients come
# first. "Decision below 0" is a threshold for slices: with eight slices per patient, it flags more
# than 5 % of the healthy patients.

patients = patient_scores(found.decision, X.groups)
patients["lesion"] = patient_target(data.target[rest], X.groups)["target"] == -1
print(patients.sort_values("decision").round(1).to_string(index=False))

slices = pd.DataFrame(
    {
        "patient": X.groups,
        "z_mm": X.frame["z_mm"].to_numpy(),
        "score": found.anomaly_score,
        "lesion": data.target[rest] == -1,
    }
)
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for _, rows in slices.groupby("patient"):
    sick = rows["lesion"].any()
    ax.plot(
        rows["z_mm"], rows["score"], "-" if sick else "--", color="#D55E00" if sick else "#0072B2"
    )
    ax.plot(*rows.loc[rows["lesion"], ["z_mm", "score"]].to_numpy().T, "ko")
ax.set(xlabel="Height of the slice (mm)", ylabel="Anomaly score")
ax.set_title("One line a patient; dots: slices with a lesion", fontsize="medium")
plt.show()

# %%
# Through the slices of one of them
# ---------------------------------

first = patients.loc[patients["decision"].idxmin(), "patient"]
shown = slices.index[slices["patient"] == first]
figure, axes = plt.subplots(2, 4, figsize=(10, 5.2), layout="constrained")
for ax, row in zip(axes.ravel(), shown, strict=True):
    AnomalyMapDisplay(
        found.anomaly_map[row],
        X[row][0],
        mask=data.masks[rest][row],
        ct_units=data.ct_units,
        orientation=data.orientation,
        z_mm=slices["z_mm"][row],
    ).plot(ax, colorbar=row == shown[-1])
    ax.set_title(f"p = {found.p_value[row]:.3f}", fontsize="medium")
figure.suptitle(f"{first}, from below upwards")
plt.show()

# %%
# Where to go on
# --------------
# These maps fit the slices of ``data.data``, not the original files. ``io.write_maps`` writes maps
# that fit the files. ``ctmri-detect score`` does all this from the shell. Layouts, DICOM, privacy
# and slices below the skull base: ``docs/data.md``. A threshold for your own scanner:
# ``10_threshold_of_your_own.py``. Decisions about patients: ``docs/statistics.md``.
