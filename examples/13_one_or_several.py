"""
One detector or several
=======================

You learn how to use a preset instead of choosing a detector, how to build an ensemble of several
detectors, and how to see which member found what. Detectors that make different errors are better
together than the best of them. But an ensemble takes the time of all its members.
"""

import matplotlib.pyplot as plt
import numpy as np

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    EnsembleDetector,
    Training,
    make_detector,
    make_preprocessor,
)
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.plotting import AnomalyMapDisplay, RocDisplay

# %%
# Presets
# -------
# ``make_detector("fast")`` takes seconds to fit, ``"balanced"`` minutes. Both return a normal
# detector, and you can see and change its parts.

print(make_detector("fast"))
print(make_detector("balanced"))

# %%
# Your own ensemble
# -----------------
# Three members that work in different ways. ``"calibrated"`` weights make all members equally
# strong in healthy slices, without labels. The network is small and trains for a few epochs only,
# so that the example is short. ``"balanced"`` trains longer and finds more.

healthy = make_phantom_pairs(12, 7, size=96, anomalous_fraction=0, random_state=119)
new = make_phantom_pairs(8, 6, size=96, anomalous_fraction=0.5, random_state=120)
prepare = make_preprocessor("hu", size=96)
X, X_new = prepare.transform(healthy.data), prepare.transform(new.data)

network = ConvAutoencoderDetector(
    channels=(8, 16, 32),
    training=Training(max_epochs=16, batch_size=8, lr=2e-3, augmentation="flip"),
)
together = EnsembleDetector(
    [("cross-modal", CrossModalDetector()), ("autoencoder", network), ("atlas", AtlasDetector())],
    weights="calibrated",
    random_state=0,
).fit(X)
for name, weight in zip(together.names_, together.map_scoring_.weights_, strict=True):
    print(f"weight of {name}: {weight:.2f}")

# %%
# Better together?
# ----------------
# The members are fitted detectors (``members_``), so each can also score slices alone.

decisions = {"all three": together.decision_function(X_new)}
for name, member in zip(together.names_, together.members_, strict=True):
    decisions[name] = member.decision_function(X_new)
figure, ax = plt.subplots(figsize=(5.6, 5.6), layout="constrained")
RocDisplay.from_predictions(new.target, decisions, groups=new.groups).plot(ax)
plt.show()

# %%
# Who found what
# --------------
# ``explain`` of an ensemble has two more entries: the share of each member in the score of each
# slice, and for each region the member with the most evidence there.

said = together.explain(X_new)
shares = said.members.pivot_table(index="sample", columns="member", values="share")
shares = shares.groupby(new.frame["kind"]).mean()
print(shares.round(2).to_string())
print(said.regions[["sample", "modality", "sign", "peak", "member"]].head(5).to_string(index=False))

figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
left = np.zeros(len(shares))
for name, colour in zip(shares, ("#0072B2", "#D55E00", "#009E73"), strict=True):
    ax.barh(shares.index, shares[name], left=left, color=colour, label=name)
    left = left + shares[name].to_numpy()
ax.set(xlabel="Share of the score", xlim=(0, 1))
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
plt.show()

# %%
# The maps of one lesion, by each member and by the ensemble.

row = int(new.frame["cnr_mri"].where(new.frame["kind"] == "tumour").abs().idxmax())
figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
models = {**dict(zip(together.names_, together.members_, strict=True)), "all three": together}
for ax, (name, model) in zip(axes, models.items(), strict=True):
    AnomalyMapDisplay.from_estimator(model, X_new, row, orientation=new.orientation).plot(
        ax, colorbar=name == "all three"
    )
    ax.set_title(name, fontsize="medium")
plt.show()

# %%
# Other weights
# -------------
# Here three members are no better than the best of them: the network was trained for a few seconds
# only, and the atlas is weak. With minutes of training, two are better than one: on two sets of
# development phantoms, the cross-modal detector has an AUROC of .977 and .967, "balanced" .992 and
# .990. A member that is much worse than the others makes the ensemble worse. Leave it out, or give
# it a small weight; this needs no new fit. Choose the weights on other patients than those of your
# final test.

together.rescore(weights=[1.0, 0.5, 0.1])
decisions["atlas at a tenth"] = together.decision_function(X_new)
for name, decision in decisions.items():
    print(f"{name:17} AUROC {decision_roc_auc_score(new.target, decision):.3f}")

# %%
# Where to go on
# --------------
# Measurements of the presets: ``docs/results.md``. How an ensemble is fitted without fitting
# anything twice: ``docs/architecture.md``, "Several detectors as one". Benchmark it like any other
# detector: ``03_course_project.py``.
