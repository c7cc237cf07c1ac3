"""
Four MRI sequences, no CT
=========================

You learn how to work with a set such as BraTS: a folder per patient, one NIfTI file for each
sequence, no CT, and the skull removed, with 0 around the brain. Loading, preprocessing, training,
maps and report are the same as for CT and MRI. This example first writes files of synthetic heads.
With your own data, start at ``load_volume_pairs``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, anomaly_map, detect, make_preprocessor
from ctmri_detect.datasets import find_pairs, load_volume_pairs, make_phantom_volumes
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.model_selection import train_validation_test_split
from ctmri_detect.plotting import AnomalyMapDisplay
from ctmri_detect.preprocessing import BrainMask
from ctmri_detect.reports import write_patients

# %%
# A folder like that of BraTS
# ---------------------------
# Synthetic heads have a CT, and ``BrainMask`` finds the brain in it. Everything outside becomes 0.
# The lesion masks are written to files that end in ``_seg``. The synthetic heads have no contrast
# agent, so we use proton density instead of ``t1ce``.

SEQUENCES = ("t1", "t2", "flair", "pd")
raw, folder = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
make_phantom_volumes(
    raw, 14, size=96, slice_spacing=9, sequence=SEQUENCES, anomalous_fraction=0.4,
    severity="severe", kinds=["haematoma", "tumour"], random_state=116,
)  # fmt: skip
heads = load_volume_pairs(raw, sequence=SEQUENCES, slice_spacing=9, size=96)
brains = BrainMask().fit_transform(heads.data)
step = float(heads.data.spacing[0, 0])
affine = np.diag([-step, -step, 9, 1])  # columns run to the left, rows to the back
for number, patient in enumerate(np.unique(heads.groups), 1):
    rows = np.flatnonzero(heads.groups == patient)
    name = f"BraTS20_Training_{number:03d}"
    (folder / name).mkdir()
    planes = np.nan_to_num(np.asarray(brains[rows]))[:, 1:]  # without the CT
    stacks = dict(zip(SEQUENCES, planes.swapaxes(0, 1), strict=True))
    stacks["seg"] = heads.masks[rows]
    for sequence, stack in stacks.items():
        image = nib.Nifti1Image(stack.transpose(2, 1, 0).astype("float32"), affine)
        nib.save(image, folder / name / f"{name}_{sequence}.nii.gz")

# %%
# Read it
# -------
# ``sequence`` names the planes, and ``modality="mri"`` says that there is no CT. ``find_pairs``
# shows which file becomes which plane. If a patient lacks a sequence, that plane is NaN.

found = find_pairs(folder, sequence=SEQUENCES, modality="mri")
print(found[["t1", "patient", "status"]].head(3).to_string())
data = load_volume_pairs(folder, sequence=SEQUENCES, modality="mri")
print(data.data)

# %%
# Fit and score
# -------------
# The skull is removed already, so pixels that are not 0 are brain: ``source="observed"``.

train, _, test = train_validation_test_split(
    data.groups, data.target, fractions=(0.6, 0, 0.4), random_state=0
)
steps = make_preprocessor(size=96).set_params(brainmask__source="observed")
model = make_pipeline(steps, AtlasDetector())
model.fit(data.data[train], data.target[train])

X, truth = data.data[test], data.target[test]
scores = detect(model, X, include=["decision", "anomaly_score", "p_value", "regions"])
print(f"image AUROC {decision_roc_auc_score(truth, scores.decision):.2f}")

# %%
# Explain the most anomalous slice
# --------------------------------
# Each region names the sequence in which it shows most, and whether it is too bright or too dark.

worst = int(np.argmin(scores.decision))
regions = scores.regions
print(regions[regions["sample"] == worst].head(3).round(1).to_string(index=False))
AnomalyMapDisplay.from_estimator(model, X, sample=worst, mask=data.masks[test][worst]).plot()
plt.show()

# %%
# One page of patients
# --------------------
# The page shows the sequences of each slice together with its map.

page = write_patients(
    scores, X, folder / "report.html",
    maps=lambda rows: anomaly_map(model, X[rows]), orientation=data.orientation, threshold=False,
)  # fmt: skip
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")

# %%
# Where to go on
# --------------
# ``CrossModalDetector`` predicts each sequence from the others and finds more; it takes longer.
# ``docs/layouts.md`` lists the file names that can be read. From the command line::
#
#     ctmri-detect fit folder/ --modality mri --sequence t1,t2 --mask observed --out m.ctmri
#     ctmri-detect score m.ctmri new/ --out scores/
