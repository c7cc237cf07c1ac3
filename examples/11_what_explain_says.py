"""
Read an anomaly map with ``explain``
====================================

You learn to read more than the score of a detector. A score says that a slice is unusual.
``explain`` says where, in which modality, and in which direction: brighter or darker than healthy
slices at that place.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, explain, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.plotting import AnomalyMapDisplay, PairDisplay

# %%
# A haematoma and an early infarct
# --------------------------------
# Fresh blood (a haematoma) is bright in CT. An early infarct is bright in T2-weighted MRI and
# hardly visible in CT. We fit on healthy heads, and explain one slice with each lesion.

healthy = make_phantom_pairs(8, 6, size=96, anomalous_fraction=0.0, random_state=105)
model = make_pipeline(make_preprocessor("hu", size=96), CrossModalDetector(random_state=0))
model.fit(healthy.data)

cases, said = {}, {}
for kind in ("haematoma", "infarct_early"):
    cases[kind] = make_phantom_pairs(
        1, 1, size=96, kinds=kind, anomalous_fraction=1.0, severity="severe", random_state=106
    )
    said[kind] = explain(model, cases[kind].data)

# %%
# The table of regions
# --------------------
# Each row is one region of one modality, strongest first. ``peak`` is its largest z, in standard
# deviations of healthy slices at that place. ``y`` and ``x`` are pixels of your own image.

columns = ["modality", "sign", "y", "x", "area_mm2", "peak"]
for kind, found in said.items():
    print(f"\n{kind}: the three strongest regions")
    regions = found.regions.head(3)
    print(regions[columns].round(1).to_string(index=False) if len(regions) else "none")
    lesion = cases[kind].masks[0]
    for name, plane in zip(cases[kind].data.modalities, found.z_maps[0], strict=True):
        print(f"{name}: mean z in the lesion {np.nanmean(plane[lesion]):+.1f}")

# %%
# The maps behind it
# ------------------
# ``z_maps`` have a sign: red is brighter than healthy slices, blue is darker. The anomaly map has
# no sign. It joins both modalities, and compares with the other hemisphere.

figure, axes = plt.subplots(2, 5, figsize=(12, 5), layout="constrained")
for line, (kind, case) in zip(axes, cases.items(), strict=True):
    PairDisplay.from_pairs(case.data, 0, orientation=case.orientation).plot(line[:2])
    for ax, name, z in zip(line[2:4], case.data.modalities, said[kind].z_maps[0], strict=True):
        shown = ax.imshow(z, cmap="RdBu_r", vmin=-9, vmax=9)
        ax.contour(case.masks[0], levels=[0.5], colors="black", linewidths=0.8)
        ax.set_title(f"z of the {name}", fontsize="medium")
        ax.set(xticks=[], yticks=[], facecolor="0.8")
    figure.colorbar(shown, ax=line[2:4].tolist(), label="z (SD)")
    AnomalyMapDisplay.from_estimator(
        model, case.data, 0, mask=case.masks[0], orientation=case.orientation
    ).plot(line[4])
    line[0].set_ylabel(kind)
plt.show()

# %%
# What it means
# -------------
# The haematoma is listed in both modalities, with opposite signs: bright in CT, dark in T2-weighted
# MRI. The early infarct is faint in this slice. Its mean z is below 4.5, the default threshold of a
# region, so no region lies on it. ``explain(model, X, threshold=2)`` also lists fainter regions,
# and more false ones: only the third of these is the infarct. Regions below 4 pixels are left out.

faint = explain(model, cases["infarct_early"].data, threshold=2).regions
print(len(faint), "regions of the early infarct at a threshold of 2; the strongest:")
print(faint[columns].head(5).round(1).to_string(index=False))

# %%
# Where to go on
# --------------
# Which of several detectors found a region: ``13_one_or_several.py``. What such detectors miss:
# ``12_when_it_fails.py``. The way from residual to z and map: ``docs/maps.md``.
