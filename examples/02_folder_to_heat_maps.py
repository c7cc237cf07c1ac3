"""
From your own folder to anomaly maps
====================================

You learn how to read a folder of image files, check that CT and MRI belong together, fit a
detector, and write one picture for each slice that it flags. This example first writes a folder of
synthetic heads. With your own data, start at ``load_pairs``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage.io import imread, imsave
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, iter_detect, make_preprocessor
from ctmri_detect.datasets import check_pairing, load_pairs, make_phantom_pairs
from ctmri_detect.model_selection import train_validation_test_split
from ctmri_detect.plotting import OverlayWriter, PairDisplay

# %%
# A typical folder
# ----------------
# ``CT/`` and ``MRI/`` contain images with equal names. A name begins with the patient. The CT is an
# 8-bit export of the brain window (0 to 80 HU).

folder = Path(tempfile.mkdtemp())
phantom = make_phantom_pairs(10, 5, size=96, anomalous_fraction=0.2, random_state=102)
for modality in ("CT", "MRI"):
    (folder / modality).mkdir()
for i, (ct, mri) in enumerate(phantom.data):
    name = f"{phantom.groups[i]}_{i:03d}.png"
    window = np.clip(ct / 80, 0, 1)
    imsave(folder / "CT" / name, (255 * window).astype(np.uint8), check_contrast=False)
    scaled = mri / np.percentile(mri, 99.9)
    imsave(folder / "MRI" / name, (255 * scaled.clip(0, 1)).astype(np.uint8), check_contrast=False)

# %%
# Read it
# -------
# The regular expression says which part of a file name is the patient. Slices of one patient must
# never be in both training and test, so you have to know how your files name the patients.

data = load_pairs(folder, patient=r"^(sub-\d+)_")
print(data.data)
print("units of the CT:", data.ct_units)

# %%
# Look at it
# ----------
# Equal names prove nothing, so ``check_pairing`` compares the images: do CT and MRI show the same
# heads? Image files don't say where the patient's left is, so the pictures have no letters L and R.
# If you know how your files were exported, set ``orientation="radiological"``.

check = check_pairing(data.data)
print(f"do CT and MRI show the same heads? {check.paired} (p = {check.p_value:.3f})")

figure, axes = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained")
PairDisplay.from_pairs(data.data, 0).plot(axes[:2])
PairDisplay.from_pairs(data.data, 2).plot(axes[2:])
figure.suptitle("Two of the pairs as they were read")
plt.show()

# %%
# Fit on some patients, and score the others
# ------------------------------------------
# Training slices look more normal than new ones, so score other patients. ``iter_detect`` gives
# scores, maps and regions block by block, so it needs little memory. The maps fit your original
# images, pixel by pixel.

train, _, rest = train_validation_test_split(data.groups, fractions=(0.7, 0, 0.3), random_state=0)
model = make_pipeline(make_preprocessor(data.ct_units, size=96), CrossModalDetector(random_state=0))
model.fit(data.data[train])

writer, flagged = OverlayWriter(ct_units=data.ct_units), []
for block in iter_detect(model, data.data[rest], include=["prediction", "p_value", "anomaly_map"]):
    for k, row in enumerate(rest[block.samples]):
        if block.prediction[k] == -1:
            name = Path(data.frame["ct"][row]).name
            ct, mri = data.data[row]
            title = f"{name}: p = {block.p_value[k]:.3f}"
            flagged.append(
                writer.write(
                    data.data[row], block.anomaly_map[k], folder / "flagged" / name, title=title
                )
            )
            truth = phantom.frame["kind"][row]  # known for synthetic heads only
            print(f"{title} (in truth: {truth})")

print(len(flagged), "pictures in flagged, of", len(rest), "slices that were looked at")

# %%
# One of the pictures
# -------------------

figure, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
ax.imshow(imread(flagged[0]))
ax.set_axis_off()
plt.show()

# %%
# Where to go on
# --------------
# The same without Python: ``ctmri-detect fit`` and ``ctmri-detect score``. A page with the problems
# of a folder: ``ctmri-detect inspect``. Volumes: ``09_volumes_from_files.py``. A threshold
# for your own scanner: ``10_threshold_of_your_own.py``. Which folders can be read: ``docs/data.md``
# and ``docs/layouts.md``.
