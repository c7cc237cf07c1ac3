"""
The seven phases of a course project
====================================

You learn how a whole project looks in one script: from raw folders to conclusions, with every
figure that such a notebook plans. The data are synthetic heads, written to a folder first. To use
your own, change the folder and the regular expression.

It runs in half a minute, and that has a price: 80 pairs to learn from, images of 96 pixels, a small
network, few epochs. The figures of such a short run are worth little. They show what to compute,
not which method is good. ``docs/results.md`` has figures of long runs, and ``docs/benchmark.md``
says how to make your own.
"""

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tifffile
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    Pairs,
    ThresholdDetector,
    Training,
    make_preprocessor,
)
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.evaluation import benchmark, format_table, leaderboard, standings
from ctmri_detect.features import FilterBankFeatures
from ctmri_detect.inspection import describe_pairs
from ctmri_detect.model_selection import train_validation_test_split
from ctmri_detect.plotting import (
    AnomalyMapDisplay,
    PairDisplay,
    PrecisionRecallDisplay,
    ReconstructionDisplay,
    RocDisplay,
    ScoreDistributionDisplay,
)
from ctmri_detect.synthesis import inject_anomalies

# %%
# Phase 1: the data
# -----------------
# Twenty-four subjects with five slices each: the CT in Hounsfield units, the MRI in arbitrary
# units. ``describe_pairs`` reads every file once, and says what is odd.

folder = Path(tempfile.mkdtemp())
phantom = make_phantom_pairs(24, 5, size=96, anomalous_fraction=0, random_state=107)
for plane, (modality, kind) in enumerate({"CT": np.int16, "MRI": np.uint16}.items()):
    (folder / modality).mkdir()
    for i, pair in enumerate(phantom.data):
        name = f"{phantom.groups[i]}_{i:03d}.tif"
        tifffile.imwrite(folder / modality / name, np.rint(pair[plane]).astype(kind))

patient = r"^(sub-\d+)_"
about = describe_pairs(folder, patient=patient)
print(about.summary["headline"])
columns = ["files", "patients", "shapes", "dtypes", "units", "mean", "std", "median", "background"]
print(about.modalities[columns].T.to_string())

# %%
# Histograms of the raw values. Most of a picture is air: -1000 HU in CT, near 0 in MRI. A loader
# tells the units of the CT from such values.

figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for ax, (modality, values) in zip(axes, about.intensities.items(), strict=True):
    ax.hist(values, bins=80, color="0.4")
    ax.set(yscale="log", ylabel="Pixels", title=f"{modality}, raw")
axes[0].set_xlabel("HU")
axes[1].set_xlabel("arbitrary units")
plt.show()

data = load_pairs(folder, patient=patient)

# %%
# Phase 2: preprocessing
# ----------------------
# One Pipeline: brain mask, CT window, head upright in a box, MRI scaled. Afterwards both planes are
# in 0 to 1, and NaN outside the brain.

X = make_preprocessor(data.ct_units, size=96).transform(data.data)

# %%
# Sample pairs with their difference. It is large everywhere: fluid is dark in CT and bright in
# T2-weighted MRI. So subtracting one from the other finds no lesion. One has to be *predicted* from
# the other.

figure, axes = plt.subplots(2, 3, figsize=(8, 5), layout="constrained")
for line, row in zip(axes, (2, 54), strict=True):
    PairDisplay.from_pairs(X, row, orientation=phantom.orientation).plot(line[:2])
    shown = line[2].imshow(X[row][0] - X[row][1], cmap="RdBu_r", vmin=-1, vmax=1)
    line[2].set_title("CT minus MRI", fontsize="medium")
    line[2].set(xticks=[], yticks=[], facecolor="0.3")
    line[0].set_ylabel(data.groups[row])
    figure.colorbar(shown, ax=line[2], label="difference (0 to 1 scale)")
plt.show()

# %%
# The values after preprocessing, one line a modality.

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for plane, (name, style) in enumerate({"CT": "-", "MRI": "--"}.items()):
    values = np.asarray(X)[:, plane]
    ax.hist(values[np.isfinite(values)], bins=60, histtype="step", linestyle=style, label=name)
ax.set(xlabel="Value after preprocessing", ylabel="Pixels")
ax.legend()
plt.show()

# %%
# The parts: whole patients, never slices.

train, validation, test = train_validation_test_split(
    data.groups, fractions=(2 / 3, 1 / 6, 1 / 6), random_state=0
)
print(f"{len(train)} pairs to learn from, {len(validation)} to validate, {len(test)} to test")

# %%
# Phase 3: features
# -----------------
# Most detectors look at features, not at single pixels. The simplest are filters: brightness and
# edges at several scales. Deep features are in ``06_backbone_of_your_own.py``.

grid = FilterBankFeatures().fit(X[train]).grids(np.asarray(X[train[:1]]))
print(
    f"{grid.values.shape[-1]} features a plane, one cell for {grid.stride} x {grid.stride} pixels"
)
figure, axes = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained")
for i, ax in enumerate(axes):
    feature = np.where(grid.seen[0, 0], grid.values[0, 0, ..., 2 * i], np.nan)
    ax.imshow(feature, cmap="gray")
    ax.set_title(f"CT, feature {2 * i}", fontsize="medium")
    ax.set(xticks=[], yticks=[], facecolor="black")
plt.show()

# %%
# Phase 4: the methods
# --------------------
# Two baselines and two methods that learn. The threshold measures the distance from the median, the
# atlas the distance from healthy slices at each place. The autoencoder rebuilds a pair, and what it
# can't rebuild is anomalous. The cross-modal detector predicts each modality from the other.

autoencoder = ConvAutoencoderDetector(
    channels=(8, 16, 32),
    training=Training(
        max_epochs=20, batch_size=8, lr=2e-3, augmentation="flip", validation_fraction=0.2
    ),
    random_state=0,
)

# %%
# Phase 5: training, injection and validation
# -------------------------------------------
# Nobody labelled lesions here, and training needs none. To see whether a method works, lesions are
# put into healthy pairs of patients that it did not learn from. ``inject_anomalies`` changes
# tissue in both modalities, before preprocessing.

KINDS = ["haematoma", "infarct_subacute", "tumour", "subdural"]


def with_lesions(rows, seed):
    """Healthy pairs, and the same pairs with a lesion each, raw."""
    healthy = data.data[rows]
    odd, masks, frame = inject_anomalies(
        healthy, KINDS, sequence="t2", spacing=250 / 96, random_state=seed, on_failure="skip"
    )
    kept = np.flatnonzero(frame["kind"] != "normal")
    masks = np.concatenate([np.zeros_like(masks), masks[kept]])
    return Bunch(
        data=Pairs.concatenate([healthy, odd[kept]], same_patients=True),
        target=np.repeat([1, -1], [len(rows), len(kept)]),
        masks=masks,
        kind=np.array(["normal"] * len(rows) + frame["kind"][kept].tolist()),
    )


# %%
# The training curves. A fifth of the training patients are kept apart to watch the loss. Some more
# of them are kept apart for the threshold, by ``fit`` itself. The last fall of the training loss is
# no learning: for the first 30 % of the steps the loss is ten times the squared error, and from
# then on a likelihood. The other line is the likelihood throughout.

autoencoder.fit(X[train])
history = autoencoder.history_
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(history["epoch"], history["train_loss"], label="training patients")
ax.plot(history["epoch"], history["valid_loss"], "--", label="other patients")
ax.set(xlabel="Epoch", ylabel="Loss")
ax.legend()
plt.show()

# %%
# What the network rebuilds, for a validation slice with a lesion. The residual should be large in
# the lesion, and nowhere else.

checked = with_lesions(validation, seed=1)
prepared = make_preprocessor(data.ct_units, size=96).transform(checked.data)
row = int(np.flatnonzero(checked.kind == "haematoma")[0])
figure, axes = plt.subplots(2, 3, figsize=(8, 4.4), layout="compressed")
ReconstructionDisplay.from_estimator(
    autoencoder, prepared, [row], orientation=phantom.orientation
).plot(axes)
plt.show()

# %%
# How well healthy and anomalous slices are apart, and where the threshold lies. It was set from
# held-out training patients, for 5 % false alarms, and no lesion was needed for it.

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ScoreDistributionDisplay.from_estimator(
    autoencoder, prepared, checked.target, name="autoencoder, validation patients"
).plot(ax)
plt.show()

# %%
# Phase 6: evaluation and comparison
# ----------------------------------
# One harness for all methods: the same training patients, the same test patients, the same figures.
# The splitter below says which. By default ``benchmark`` makes folds of all patients instead. The
# autoencoder is fitted already; ``FrozenEstimator`` of scikit-learn says that it stays so. The
# benchmark makes sure that it has not seen the test slices.

tested = with_lesions(test, seed=2)
everything = Bunch(
    data=Pairs.concatenate([data.data[train], tested.data]),
    target=np.concatenate([np.ones(len(train), int), tested.target]),
    masks=np.concatenate([np.zeros((len(train), 96, 96), bool), tested.masks]),
)
everything.frame = pd.DataFrame({"kind": ["normal"] * len(train) + tested.kind.tolist()})


class TestPatients:
    """Learns from the training patients, and tests on the test patients, once."""

    def split(self, X, y=None, groups=None):
        first = len(train)
        yield np.arange(first), np.arange(first, len(X))


detectors = {
    "threshold": ThresholdDetector(),
    "atlas": AtlasDetector(),
    "autoencoder": FrozenEstimator(autoencoder),
    "cross-modal": CrossModalDetector(),
}
result = benchmark(
    detectors,
    everything,
    cv=TestPatients(),
    preprocessor=make_preprocessor(data.ct_units, size=96),
    progress=False,
)
columns = ["detector", "image_auroc", "image_ap", "pixel_ap", "fit_seconds", "score_seconds"]
print(format_table(leaderboard(result.table)[columns]))

# %%
# ROC and precision-recall curves, with intervals over the test patients.

figure, axes = plt.subplots(1, 2, figsize=(11, 5.6), layout="constrained")
RocDisplay.from_scores(result.scores).plot(axes[0])
PrecisionRecallDisplay.from_scores(result.scores).plot(axes[1])
plt.show()

# %%
# Heat maps of test slices, one line a kind, one column a method. All have the same colour scale.

figure, axes = plt.subplots(3, 4, figsize=(10, 7.4), layout="constrained")
kind = everything.frame["kind"].to_numpy()
for line, name in zip(axes, ["normal", *KINDS[:2]], strict=True):
    row = next(i for i in result.examples if kind[i] == name)
    for ax, detector in zip(line, detectors, strict=True):
        AnomalyMapDisplay(
            result.maps[detector][row],
            everything.data[row][0],
            mask=everything.masks[row],
            ct_units=data.ct_units,
            orientation=phantom.orientation,
        ).plot(ax, colorbar=detector == "cross-modal")
        ax.set_title(detector, fontsize="medium")
    line[0].set_ylabel(name)
plt.show()

# %%
# Phase 7: justification and conclusions
# --------------------------------------
# Is the order of the methods more than chance? ``standings`` gives intervals over patients and a
# test against the best one. ``normal_flagged`` is the share of healthy test slices above the
# threshold; it should be near 5 %.

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    order = standings(result.scores)
shown = ["detector", "image_auroc", "low", "high", "normal_flagged", "n_patients", "p_to_best"]
print(format_table(order[shown]))
print("warning:", said[0].message)

# %%
# What can be said, and what can't:
#
# - The two methods that learn find more than the two baselines. That is the order of the long runs,
#   too. Between the two, nothing is sure.
# - Four test patients are few: intervals and p-values are too good then, and the library warns. To
#   claim a difference, take more patients and several seeds.
# - Injected lesions are easier than real ones, and a phantom is no hospital.
#
# The questions of such a project, with the answers of long runs, also where the answer is no:
# ``docs/findings.md``.
#
# Where to go on
# --------------
# More methods in the same table: ``13_one_or_several.py``. Stored results, several seeds, curves of
# robustness, an HTML report: ``docs/benchmark.md``. What the method can't see:
# ``12_when_it_fails.py``.
