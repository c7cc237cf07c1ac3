"""Settings of the pixel form of `CrossModalDetector`: accuracy, and CPU seconds of a fit.

Run by hand; prints a row for each setting, the rows of docs/trials.md:

    OMP_NUM_THREADS=1 python benchmarks/cross_modal_trials.py phantoms --slices 400
    python benchmarks/cross_modal_trials.py pairs FOLDER --labels labels.csv --patient patient

"phantoms": fitted on healthy slices of seed 130, tested on seeds 131 and 132. "pairs": real pairs,
each patient left out in turn, trained on the normal slices of the others, AUROC inside patients.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from deep_features import by_kind

from ctmri_detect import CrossModalDetector, Training
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.detectors.cross_modal.pixel_predictor import PixelPredictor
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.networks.regression import NetworkRegressor
from ctmri_detect.preprocessing import make_preprocessor

SLOW = {"max_epochs": 8, "batch_size": 2048, "lr": 5e-3, "schedule": "onecycle"}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # of training and of the regressor
    "standardised features": (SLOW, {}),
    "5 epochs at 1e-2": (SLOW | {"max_epochs": 5, "lr": 1e-2}, {}),
    "4 epochs at 2e-2": (SLOW | {"max_epochs": 4, "lr": 2e-2}, {}),
    "3 epochs at 2e-2": (SLOW | {"max_epochs": 3, "lr": 2e-2}, {}),
    "4 epochs": (SLOW | {"max_epochs": 4}, {}),
    "batches of 4096 at 7e-3": (SLOW | {"batch_size": 4096, "lr": 7e-3}, {}),
    "32 units, 3 epochs at 2e-2": (SLOW | {"max_epochs": 3, "lr": 2e-2}, {"width": 32}),
}


def made(name: str, seed: int) -> CrossModalDetector:
    """A detector with these settings."""
    training, more = SETTINGS[name]
    regressor = NetworkRegressor(Training(**training), 0.02, "auto", 0, **more)
    return CrossModalDetector(predictor=PixelPredictor(regressor, 400), random_state=seed)


def phantoms(names: list[str], slices: int, seed: int) -> None:
    """A row for each setting."""
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=130)
    step = make_preprocessor("hu", size=128)
    train = step.fit_transform(healthy.data)[:slices]
    tests = [make_phantom_pairs(45, 8, anomalous_fraction=0.5, random_state=s) for s in (131, 132)]
    prepared = [step.transform(test.data) for test in tests]
    for name in names:
        detector, start = made(name, seed), time.process_time()
        detector.fit(train, groups=healthy.groups[:slices])
        row: dict[str, Any] = {"fit, CPU s": round(time.process_time() - start, 1)}
        for s, test, X in zip((131, 132), tests, prepared, strict=True):
            decision = detector.decision_function(X)
            kinds = by_kind(decision, test.frame["kind"].to_numpy())
            row[f"AUROC {s}"] = round(decision_roc_auc_score(test.target, decision), 3)
            row[f"flagged {s}"] = round(float((decision[test.target == 1] < 0).mean()), 3)
            for kind in ("infarct_early", "infarct_subacute", "tumour"):
                row[f"{kind} {s}"] = round(kinds[kind], 2)
        print(name, row, flush=True)


def pairs(names: list[str], folder: str, labels: str, patient: str, seed: int) -> None:
    """AUROC inside each patient with both kinds of slices, for each setting."""
    data = load_pairs(folder, labels=labels, patient=patient)
    patients = np.asarray(data.groups)
    both = [p for p in np.unique(patients) if len(set(data.target[patients == p])) > 1]
    for name in names:
        found = []
        for who in both:
            learned, test = (patients != who) & (data.target == 1), patients == who
            step = make_preprocessor(ct_units=data.ct_units)
            detector = made(name, seed).fit(step.fit_transform(data.data[learned]))
            scores = detector.score_samples(step.transform(data.data[test]))
            found.append(round(decision_roc_auc_score(data.target[test], scores), 3))
        print(
            name, dict(zip(both, found, strict=True)), round(float(np.mean(found)), 3), flush=True
        )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("phantoms", "pairs"))
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--labels")
    parser.add_argument("--patient")
    parser.add_argument("--slices", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(SETTINGS))
    given = parser.parse_args()
    if given.what == "phantoms":
        phantoms(given.only, given.slices, given.seed)
    else:
        pairs(given.only, given.folder, given.labels, given.patient, given.seed)


if __name__ == "__main__":
    main()
