"""
One detector or several
=======================

You learn how to get a detector without choosing one, how to join several, and how to see which
member found what. Detectors that are wrong in different slices are better together than the best of
them. They also take the time of all.
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
# Ready-made
# ----------
# ``make_detector("fast")`` takes seconds, ``"balanced"`` minutes. Both give an ordinary detector,
# whose parts can be seen and changed.

print(make_detector("fast"))
print(make_detector("balanced"))

# %%
# Put together
# ------------
# Three members that look at different things. ``"calibrated"`` weights make them equally loud in
# healthy slices; no labels are used. The network is small and trains for a few epochs here, so that
# the example is short. ``"balanced"`` trains longer and finds more.

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
# The members are fitted detectors themselves (``members_``), so they can be asked one by one.

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
# One lesion, as each of them sees it.

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
# Here three are no better than the best of them: the network has trained for some seconds only, and
# the atlas is weak. With a network that trains for minutes, two are better than one: on the
# development phantoms of ``make_detector``, the cross-modal detector has an AUROC of .977 and .967,
# "balanced" .992 and .990. A member that is much worse than the others pulls an ensemble down.
# Leave it out, or give it a small weight, without a new fit. Choose weights on other patients than
# those you report on.

together.rescore(weights=[1.0, 0.5, 0.1])
decisions["atlas at a tenth"] = together.decision_function(X_new)
for name, decision in decisions.items():
    print(f"{name:17} AUROC {decision_roc_auc_score(new.target, decision):.3f}")

# %%
# Where to go on
# --------------
# What the presets rest on, with figures: ``docs/results.md``. How an ensemble is fitted without
# fitting anything twice: ``docs/architecture.md``, "Several detectors as one". Measure it like any
# other detector: ``03_course_project.py``.
