"""
What ``explain`` says
=====================

A score says that a slice is unusual. ``explain`` says where, in which modality, and in which
direction: brighter or darker than in healthy slices of that place.
"""

import numpy as np
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, explain, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs

# %%
# A bleed and an early infarct
# ----------------------------
# Fresh blood is bright in CT. An early infarct is bright in T2-weighted MRI and hardly visible in
# CT.

healthy = make_phantom_pairs(8, 6, size=96, anomalous_fraction=0.0, random_state=105)
model = make_pipeline(make_preprocessor("hu", size=96), CrossModalDetector(random_state=0))
model.fit(healthy.data)

for kind in ("haematoma", "infarct_early"):
    new = make_phantom_pairs(
        1, 1, size=96, kinds=kind, anomalous_fraction=1.0, severity="severe", random_state=106
    )
    said = explain(model, new.data)
    regions = said.regions.head(3)  # strongest first
    print(f"\n{kind}: the three strongest regions")
    columns = ["modality", "sign", "y", "x", "area_mm2", "peak"]
    print(regions[columns].round(1).to_string(index=False) if len(regions) else "none")

    # how much of the true lesion each modality marks
    z, lesion = said.z_maps[0], new.masks[0]
    for name, plane in zip(new.data.modalities, z, strict=True):
        print(f"{name}: mean z in the lesion {np.nanmean(plane[lesion]):+.1f}")

# %%
# What to make of it
# ------------------
# The bleed is listed in both modalities, with opposite signs: bright in CT, dark in T2-weighted
# MRI. The early infarct is faint in this slice. Its mean z is below 4.5, the default threshold of a
# region, so no region lies on it. ``explain(model, X, threshold=2)`` lists fainter regions, and
# more false ones.
