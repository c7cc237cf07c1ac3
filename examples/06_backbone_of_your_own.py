"""
Use your own backbone
=====================

A backbone is a network whose layers describe patches of an image. You learn how to replace the
pretrained backbone by your own network. ``BackboneFeatures`` reads the outputs of any layers of a
``torch.nn.Module``. An outlier detector then learns which features healthy slices have.
"""

from collections import OrderedDict

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from ctmri_detect import DeepFeatureDetector, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark, format_table, leaderboard
from ctmri_detect.features import BackboneFeatures, JointFeatures
from ctmri_detect.plotting import AnomalyMapDisplay

# %%
# The network
# -----------
# Two layers with random weights. They have learned nothing, so they are a baseline for other
# networks. Put your own network here, and load its weights:
# ``network.load_state_dict(torch.load("weights.pt", weights_only=True))``. Its input is grey images
# in three channels, ``(n, 3, height, width)``, with values of about -1 to 1.

torch.manual_seed(0)
network = torch.nn.Sequential(
    OrderedDict(
        fine=torch.nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2),
        first=torch.nn.ReLU(),
        coarse=torch.nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
        second=torch.nn.ReLU(),
    )
)
print("layers that can be read:", [name for name, _ in network.named_modules() if name])

# %%
# Which layers
# ------------
# Early layers see edges, later ones larger structures. Each plane is described separately, with one
# feature vector for each cell (a small square of pixels). ``grids`` computes them for a few pairs,
# so you can look at them before you fit a detector. The figure shows their first principal
# component.

data = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=108)
X = make_preprocessor("hu", size=96).transform(data.data)
own = BackboneFeatures(network, layers=["first", "second"], cell=4)
backbones = {"random": own, "pretrained": BackboneFeatures()}

figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
for k, (name, features) in enumerate(backbones.items()):
    grid = features.fit(X).grids(np.asarray(X[:1]))
    print(f"{name}: {grid.values.shape[-1]} features for each {grid.stride} x {grid.stride} pixels")
    for plane, modality in enumerate(data.data.modalities):
        seen = grid.seen[0, plane]
        shown = np.full(seen.shape, np.nan)
        cells = grid.values[0, plane][seen].astype(float)
        shown[seen] = PCA(1, random_state=0).fit_transform(cells)[:, 0]
        ax = axes[2 * k + plane]
        ax.imshow(shown, cmap="gray")
        ax.set_title(f"{modality}, {name}", fontsize="medium")
        ax.set(xticks=[], yticks=[], facecolor="black")
plt.show()

# %%
# In a detector
# -------------
# ``JointFeatures`` joins the features of both modalities at each place. ``conditioning=False``
# leaves out the step that subtracts what the other modality and similar slices predict. That step
# makes these detectors much better, but takes minutes; see the table in ``docs/results.md``.

detectors = {
    name: DeepFeatureDetector(features=JointFeatures(features), conditioning=False)
    for name, features in backbones.items()
}
result = benchmark(detectors, data, preprocessor=make_preprocessor("hu", size=96), progress=False)
columns = ["detector", "image_auroc", "image_ap", "pixel_ap", "fit_seconds", "score_seconds"]
print(format_table(leaderboard(result.table)[columns]))

# %%
# The pretrained network is better than the random one, as it should be. With so few slices, even
# that may be chance, and without conditioning both are weak. Your own network is worth its time if
# it is better than both on enough patients.
#
# The maps of one lesion. With the preprocessing in the same Pipeline, they fit the raw images.

row = int(data.frame["cnr_mri"].where(~data.frame["whole_slice"]).abs().idxmax())
others = data.groups != data.groups[row]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, (name, detector) in zip(axes, detectors.items(), strict=True):
    model = make_pipeline(make_preprocessor("hu", size=96), detector.set_params(random_state=0))
    model.fit(data.data[others], data.target[others])
    AnomalyMapDisplay.from_estimator(
        model, data.data, row, mask=data.masks[row], orientation=data.orientation
    ).plot(ax, colorbar=ax is axes[-1])
    ax.set_title(f"{name}: {data.frame['kind'][row]}", fontsize="medium")
plt.show()

# %%
# Where to go on
# --------------
# Features without a network, features from an encoder that was trained on your own pairs
# (``LatentFeatures``), and your own class in twenty lines: ``docs/architecture.md``, "Feature
# extractors". A search reaches all settings of the features, such as
# ``deepfeaturedetector__features__features__enlargement``; see ``04_patient_safe_grid_search.py``.
