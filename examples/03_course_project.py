"""
The seven phases of a course project
====================================

You learn how to write a whole project in one script: from raw folders to conclusions, with all
usual figures. The data are synthetic heads, which the script first writes to a folder. To use
your own data, change the folder and the regular expression.

The script runs in half a minute. So it has only 80 pairs for training, images of 96 pixels, a small
network and few epochs. The results of such a short run show what to compute, not which method is
good. ``docs/results.md`` has results of long runs, and ``docs/benchmark.md`` says how to run your
own.
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
    DeepFeatureDetector,
    MapScoring,
    Pairs,
    ThresholdDetector,
    Training,
    make_preprocessor,
)
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.evaluation import benchmark, format_table, leaderboard, standings
from ctmri_detect.features import FeatureConditioning, FilterBankFeatures, LatentFeatures
from ctmri_detect.inspection import describe_pairs
from ctmri_detect.metrics import decision_roc_auc_score
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
# Twenty-four patients with five slices each: the CT in Hounsfield units, the MRI in arbitrary
# units. ``describe_pairs`` reads every file once, and lists problems.

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
# Histograms of the raw values. Most pixels are air: -1000 HU in CT, near 0 in MRI. From such
# values, a loader recognises the units of the CT.

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
# One Pipeline finds the brain, applies the CT window, aligns the head and scales the MRI.
# Afterwards, both planes have values from 0 to 1, and NaN outside the brain.

X = make_preprocessor(data.ct_units, size=96).transform(data.data)

# %%
# Sample pairs with their difference. It is large everywhere: fluid is dark in CT and bright in
# T2-weighted MRI. So the difference of CT and MRI does not show lesions. A method has to *predict*
# one from the other.

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
# The values after preprocessing, one line per modality.

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for plane, (name, style) in enumerate({"CT": "-", "MRI": "--"}.items()):
    values = np.asarray(X)[:, plane]
    ax.hist(values[np.isfinite(values)], bins=60, histtype="step", linestyle=style, label=name)
ax.set(xlabel="Value after preprocessing", ylabel="Pixels")
ax.legend()
plt.show()

# %%
# Training, validation and test set: split by patients, never by slices.

train, validation, test = train_validation_test_split(
    data.groups, fractions=(2 / 3, 1 / 6, 1 / 6), random_state=0
)
print(f"{len(train)} pairs to learn from, {len(validation)} to validate, {len(test)} to test")

# %%
# Phase 3: features
# -----------------
# Most detectors use features, not single pixels. The simplest features are filter responses:
# brightness and edges at several scales. Deep features are in ``06_backbone_of_your_own.py``.

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
# Two baselines: the threshold measures the distance from the median, the atlas the distance from
# healthy slices at each place. Three families of methods that learn:
#
# - The autoencoder reconstructs a pair; what it can't reconstruct is anomalous.
# - One-class detectors learn what features of healthy pairs look like: here an Isolation Forest on
#   filters, and a detector that checks whether the latent features of CT and MRI agree.
# - The cross-modal detector predicts each modality from the other.

autoencoder = ConvAutoencoderDetector(
    channels=(8, 16, 32),
    training=Training(
        max_epochs=20, batch_size=8, lr=2e-3, augmentation="flip", validation_fraction=0.2
    ),
    random_state=0,
)
rate = MapScoring(false_positive_rate=0.1)  # 5 % need 19 held-out slices, and there are 15
encoder = ConvAutoencoderDetector(
    "variational",
    channels=(8, 16),
    training=Training(max_epochs=5, batch_size=16, lr=2e-3),
    map_scoring=rate,
)
few = FeatureConditioning(n_cells=10_000)  # cells to learn from; the default is 100,000
one_class = DeepFeatureDetector(
    "iforest", features=FilterBankFeatures(), conditioning=few, random_state=0
)
latent = DeepFeatureDetector(
    features=LatentFeatures(encoder, depth=1, apart=True),
    conditioning=few,
    map_scoring=rate,
    random_state=0,
)

# %%
# Phase 5: training, injection and validation
# -------------------------------------------
# There are no labelled lesions here, and training needs none. To test a method, we put lesions into
# healthy pairs of patients outside the training set. ``inject_anomalies`` changes tissue in both
# modalities, before preprocessing.

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
# The training curves. The validation loss comes from a fifth of the training patients, which are
# not used for training. ``fit`` holds out some more patients for the threshold. The training loss
# drops when its definition changes, not because the network learns: for the first 30 % of the steps
# it is ten times the squared error, and then a likelihood. The validation loss is always the
# likelihood.

autoencoder.fit(X[train])
history = autoencoder.history_
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(history["epoch"], history["train_loss"], label="training patients")
ax.plot(history["epoch"], history["valid_loss"], "--", label="other patients")
ax.set(xlabel="Epoch", ylabel="Loss")
ax.legend()
plt.show()

# %%
# The reconstruction of a validation slice with a lesion. The residual should be large in the
# lesion, and small elsewhere.

checked = with_lesions(validation, seed=1)
prepared = make_preprocessor(data.ct_units, size=96).transform(checked.data)
row = int(np.flatnonzero(checked.kind == "haematoma")[0])
figure, axes = plt.subplots(2, 3, figsize=(8, 4.4), layout="compressed")
ReconstructionDisplay.from_estimator(
    autoencoder, prepared, [row], orientation=phantom.orientation
).plot(axes)
plt.show()

# %%
# How well the scores separate healthy and anomalous slices, and where the threshold lies. The
# threshold was set from held-out training patients, for 5 % false positives. It needed no lesion.

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ScoreDistributionDisplay.from_estimator(
    autoencoder, prepared, checked.target, name="autoencoder, validation patients"
).plot(ax)
plt.show()

# %%
# Phase 6: evaluation and comparison
# ----------------------------------
# All methods get the same training patients, the same test patients and the same metrics. The
# splitter below defines them; by default, ``benchmark`` cross-validates over all patients. The
# autoencoder is fitted already, so scikit-learn's ``FrozenEstimator`` keeps it from being fitted
# again. The benchmark checks that it has not seen the test slices.

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
    "one-class": one_class,
    "latent": latent,
    "cross-modal": CrossModalDetector(random_state=0),
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
# Anomaly maps of test slices: one row per kind, one column per method, the same colour scale.

figure, axes = plt.subplots(3, 6, figsize=(14, 8.6), layout="constrained")
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
# Is the ranking of the methods more than chance? ``standings`` gives intervals over patients and a
# test against the best one. ``normal_flagged`` is the share of healthy test slices that are
# flagged; it should be near 5 %.

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    order = standings(result.scores)
shown = ["detector", "image_auroc", "low", "high", "normal_flagged", "n_patients", "p_to_best"]
print(format_table(order[shown]))
print("warning:", said[0].message)

# %%
# The questions that such a project asks, with the figures of this run. "Reconstruction error alone"
# is the mean absolute error of the same network, as most tutorials compute it: nothing is smoothed,
# and nothing is compared with healthy slices.

auroc = order.set_index("detector")["image_auroc"]
pixel_ap = leaderboard(result.table).set_index("detector")["pixel_ap"]
test_pairs = make_preprocessor(data.ct_units, size=96).transform(tested.data)
error = np.nanmean(np.abs(autoencoder.residual_map(test_pairs)), axis=(1, 2, 3))
plain = decision_roc_auc_score(tested.target, -error)
best = result.scores[result.scores["detector"] == auroc.idxmax()]
flagged = (best["decision"] < 0).groupby(best["target"]).mean()
answers = [
    ("the autoencoder, AUROC", auroc["autoencoder"], auroc["autoencoder"] > 0.85),
    ("one-class detectors on features, AUROC", auroc["one-class"], auroc["one-class"] > 0.85),
    ("mismatch of CT and MRI, AUROC", auroc["cross-modal"], auroc["cross-modal"] > 0.85),
    ("latent features that don't agree, AUROC", auroc["latent"], auroc["latent"] > 0.85),
    ("reconstruction error alone, AUROC", plain, plain > 0.85),
    (f"apart? slices with a lesion flagged by {auroc.idxmax()}", flagged[-1], flagged[-1] > 0.8),
    ("apart? healthy slices flagged by it", flagged[1], flagged[1] <= 0.1),
    ("maps show where: best pixel AP", pixel_ap.max(), pixel_ap.max() > 0.5),
]
for question, figure_of_it, holds in answers:
    print(f"{question:55s} {figure_of_it:.2f}  {'yes' if holds else 'no'}")

# %%
# What can be said, and what can't:
#
# - The three families find more than the two baselines, as in the long runs. Which of the three is
#   best is not certain.
# - Reconstruction error alone is not enough.
# - Four test patients are few. Intervals and p-values are then too optimistic, and the library
#   warns. To claim a difference, use more patients and several seeds.
# - Injected lesions are easier to find than real ones, and synthetic heads are not patients.
#
# ``docs/findings.md`` answers the same questions from long runs on phantoms and on real images,
# also where the answer is no.
#
# Where to go on
# --------------
# More methods in the same table: ``13_one_or_several.py``. Stored results, several seeds, curves of
# robustness, an HTML report: ``docs/benchmark.md``. Where the method fails:
# ``12_when_it_fails.py``.
