"""Everything public that draws, with random_state=None; run as a program, it names what moved.

In a process of its own, each detector's first fit is the first fit of the process.
"""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from heads import make_heads
from PIL import Image
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR
from sklearn.utils import Bunch

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    EnsembleDetector,
    PatchMemoryDetector,
    SyntheticAnomalyDetector,
    make_detector,
)
from ctmri_detect.datasets import (
    check_pairing,
    make_phantom_pairs,
    make_phantom_volumes,
)
from ctmri_detect.evaluation import (
    benchmark,
    check_exchangeable,
    controls,
    evaluate,
    evaluate_scores,
    unlabelled_roc_auc,
)
from ctmri_detect.features import FeatureConditioning, FilterBankFeatures
from ctmri_detect.inspection import describe_pairs
from ctmri_detect.metrics import decision_roc_auc_score, patient_bootstrap
from ctmri_detect.model_selection import NormalOnlyGroupKFold, train_validation_test_split
from ctmri_detect.networks import Training, fit_network
from ctmri_detect.persistence import load, save
from ctmri_detect.synthesis import inject_anomalies

X = make_heads(12, size=32, seed=0)
GROUPS = np.arange(12) // 2
Y = np.where(np.arange(12) % 4 == 0, -1, 1)
BRIEF = Training(max_epochs=1, batch_size=8)
AUTOENCODER = ConvAutoencoderDetector("variational", channels=(4, 8), latent_dim=4, training=BRIEF)


def scored(detector):
    """Fitted and asked."""
    return lambda: detector.fit(X, groups=GROUPS).score_samples(X[:2])


def deep(detector):
    """With any outlier detector behind it."""
    return scored(DeepFeatureDetector(detector, n_components=4, patches_per_slice=4))


def conditioned():
    """What remains of features, and what is remembered of it."""
    step = FeatureConditioning(n_cells=200, training=BRIEF)
    scored(
        PatchMemoryDetector(
            features=FilterBankFeatures(), conditioning=step, restricted=False, bank_size=20
        )
    )()


def pixels(predictor):
    """With any regressor behind it."""
    return scored(CrossModalDetector(predictor=predictor, pixels_per_slice=10, training=BRIEF))


def saved_and_loaded(folder):
    """Networks are built again."""
    save(AUTOENCODER.fit(X), f"{folder}/model.ctmri")
    load(f"{folder}/model.ctmri").score_samples(X[:2])


def described(folder):
    """A folder of image files."""
    for plane, name in enumerate(("CT", "MRI")):
        (Path(folder) / name).mkdir()
        for i, pair in enumerate(X):
            grey = np.nan_to_num(128 + 40 * pair[plane]).clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(f"{folder}/{name}/{i:02d}.png")
    describe_pairs(folder, random_state=None)


def injected():
    """Lesions in phantoms."""
    phantom = make_phantom_pairs(1, 2, size=64, anomalous_fraction=0)
    inject_anomalies(phantom.data, spacing=float(phantom.frame["spacing"][0]), on_failure="skip")


def calls(folder):
    """Name and call; a name begins with that of the public class or function."""
    decision = np.arange(12.0) % 5
    network = torch.nn.Conv2d(2, 2, 1)
    made = {
        "DeepFeatureDetector": deep("mahalanobis"),  # first: it reads the weights
        "PatchMemoryDetector": conditioned,
        "FeatureConditioning": conditioned,
        "Reservoir": conditioned,
        "greedy_coreset": conditioned,
        "CrossModalDetector": pixels("pixel"),
        "CrossModalDetector unet": pixels("unet"),
        "CrossModalDetector SVR": pixels(SVR()),
        "CrossModalDetector Ridge": pixels(make_pipeline(Ridge())),
        "ConvAutoencoderDetector": scored(AUTOENCODER),
        "EnsembleDetector": scored(
            EnsembleDetector([AtlasDetector(), CrossModalDetector(pixels_per_slice=10)])
        ),
        "make_detector": scored(make_detector("fast")),
        "SyntheticAnomalyDetector": scored(SyntheticAnomalyDetector(copies=1, hidden=(4,))),
        "NormalOnlyGroupKFold": lambda: list(
            NormalOnlyGroupKFold(2, shuffle=True).split(X, Y, GROUPS)
        ),
        "train_validation_test_split": lambda: train_validation_test_split(GROUPS, Y),
        "patient_bootstrap": lambda: patient_bootstrap(
            Y, decision, groups=GROUPS, metric=decision_roc_auc_score, n_resamples=9
        ),
        "unlabelled_roc_auc": lambda: unlabelled_roc_auc(
            AtlasDetector().fit(X, groups=GROUPS), 2 * X, GROUPS + 6, n_resamples=9
        ),
        "check_exchangeable": lambda: check_exchangeable(
            AtlasDetector().fit(X, groups=GROUPS), 2 * X, GROUPS + 6, false_alarm_rate=0.1
        ),
        "check_pairing": lambda: check_pairing(X, groups=GROUPS, random_state=None),
        "describe_pairs": lambda: described(folder),
        "fit_network": lambda: fit_network(
            network, np.nan_to_num(X), lambda out, x, _: ((out - x) ** 2).mean(), BRIEF,
            random_state=0,
        ),
        "benchmark": lambda: benchmark(
            {"atlas": AtlasDetector()},
            Bunch(data=X, target=Y, groups=GROUPS, masks=None),
        ),
        "controls": lambda: controls(X, Y, groups=GROUPS, n_resamples=9),
        "evaluate_scores": lambda: evaluate_scores(Y, decision, GROUPS, n_resamples=9),
        "evaluate": lambda: evaluate(
            benchmark(
                {"atlas": AtlasDetector()},
                Bunch(data=X, target=Y, groups=GROUPS, masks=None),
                store=f"{folder}/store",
            ),
            n_resamples=9,
        ),
        "save and load": lambda: saved_and_loaded(folder),
    }  # fmt: skip
    others = ("ocsvm", make_pipeline(IsolationForest()))
    return made | {f"DeepFeatureDetector {each}": deep(each) for each in others}


def phantom_calls(folder):
    """Apart, for a process that has read the template of the head already."""
    return {
        "make_phantom_pairs": lambda: make_phantom_pairs(1, 1, size=64),
        "make_phantom_volumes": lambda: make_phantom_volumes(
            f"{folder}/volumes", 1, size=64, slice_spacing=40
        ),
        "inject_anomalies": injected,
    }


def movers(calls_by_name):
    """Lines of what moved which generator."""
    for name, call in calls_by_name.items():
        before = state()
        call()
        moved = [key for key, value in state().items() if value != before[key]]
        if moved:
            yield f"{name} moves the generator of {', '.join(moved)}\n"


def state():
    """Of every global generator."""
    kind, values, *rest = np.random.get_state()
    states = {"numpy": (kind, values.tobytes(), *rest), "python": random.getstate()}
    states["torch"] = torch.get_rng_state().numpy().tobytes()
    if torch.cuda.is_available():
        torch.cuda.init()
        states["cuda"] = torch.cuda.get_rng_state().numpy().tobytes()
    return states


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as own_folder:
        sys.stdout.writelines(movers(calls(own_folder)))
