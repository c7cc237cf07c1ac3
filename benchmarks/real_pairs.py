"""Leave-one-patient-out on a folder of real pairs with labels.

Run by hand; appends JSON lines and prints the table of docs/results.md:

    python benchmarks/real_pairs.py FOLDER --labels labels.csv --patient patient \
        --out benchmarks/results/real_pairs.jsonl
    python benchmarks/real_pairs.py FOLDER --labels labels.csv --patient patient --ablation ...

Each patient's slices are scored by models that were trained on the slices of the other patients
that the labels call normal; with `--ablation`, by `CrossModalDetector` with each kind of evidence,
trained on all slices of the other patients, lesions included. Pooled figures flatter wherever a
patient's slices are mostly of one kind: so the AUROC *inside* each patient with both kinds is
printed too, and the control "patient identity alone", which scores every slice by the share of
lesions in its patient.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect import CrossModalDetector
from ctmri_detect.cli.detectors import DETECTORS, make_detector
from ctmri_detect.datasets import load_pairs
from ctmri_detect.evaluation import benchmark
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.preprocessing import make_preprocessor

EVIDENCE = {
    "mismatch alone": ("mismatch",),
    "symmetry alone": ("symmetry",),
    "within alone": ("within",),
    "mismatch and symmetry": ("mismatch", "symmetry"),
    "mismatch and within (default)": ("mismatch", "within"),
    "all three": ("mismatch", "symmetry", "within"),
}


def inside(scores: pd.DataFrame) -> dict[str, float]:
    """AUROC inside each patient that has both kinds of slice."""
    return {
        str(patient): decision_roc_auc_score(rows["target"], rows["decision"])
        for patient, rows in scores.groupby("patient")
        if rows["target"].nunique() == 2
    }


def summarise(name: str, scores: pd.DataFrame) -> dict[str, object]:
    """One detector's figures, averaged over seeds."""
    per_seed = [inside(rows) for _, rows in scores.groupby("seed")]
    within = pd.DataFrame(per_seed).mean()
    pooled = [
        decision_roc_auc_score(rows["target"], rows["decision"])
        for _, rows in scores.groupby("seed")
    ]
    flagged = scores.loc[scores["target"] == 1, "decision"] < 0
    return {
        "detector": name,
        **{f"inside {patient}": round(value, 3) for patient, value in within.items()},
        "inside, mean": round(float(within.mean()), 3),
        "pooled": round(float(np.mean(pooled)), 3),
        "normal slices flagged": round(float(flagged.mean()), 3),
    }


def all_detectors(data: Bunch, arguments: argparse.Namespace) -> tuple[pd.DataFrame, dict]:
    """Scores of the chosen detectors, trained on normal slices, and the settings of the run."""
    names = arguments.detectors.split(",")
    result = benchmark(
        {name: make_detector(name, 0, epochs=arguments.epochs) for name in names},
        data,
        cv=NormalOnlyGroupKFold(len(np.unique(data.groups))),
        seeds=range(arguments.seeds),
        preprocessor=make_preprocessor(ct_units=data.ct_units),
        n_examples=0,
    )
    return result.scores, result.settings


def ablation(data: Bunch, seeds: range) -> pd.DataFrame:
    """Scores of each kind of evidence, trained on all slices of the other patients."""
    patients, parts = np.asarray(data.groups), []
    for seed, (name, evidence), patient in product(seeds, EVIDENCE.items(), np.unique(patients)):
        train, test = patients != patient, patients == patient
        step = make_preprocessor(ct_units=data.ct_units)
        detector = CrossModalDetector(evidence=evidence, random_state=seed)
        detector.fit(step.fit_transform(data.data[train]), groups=patients[train])
        found = {"detector": name, "seed": seed, "patient": patient, "target": data.target[test]}
        decision = detector.decision_function(step.transform(data.data[test]))
        parts.append(pd.DataFrame({**found, "decision": decision}))
    return pd.concat(parts)


def identity_control(target: np.ndarray, patients: np.ndarray) -> float:
    """AUROC of a score that knows nothing but whose slice it is."""
    share = pd.Series(target == -1).groupby(patients).transform("mean")
    return decision_roc_auc_score(target, -share.to_numpy())


def main() -> None:
    """Run the folds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=None, help="of the autoencoder")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    data = load_pairs(arguments.folder, labels=arguments.labels, patient=arguments.patient)
    if arguments.ablation:
        scores, settings = ablation(data, range(arguments.seeds)), {"training": "all slices"}
    else:
        scores, settings = all_detectors(data, arguments)
    rows = [summarise(str(n), s) for n, s in scores.groupby("detector", sort=False)]
    control = identity_control(data.target, np.asarray(data.groups))
    rows.append({"detector": "control: patient identity alone", "inside, mean": 0.5,
                 "pooled": round(control, 3)})  # fmt: skip
    print(pd.DataFrame(rows).to_markdown(index=False))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a") as file:
            for row in rows:
                file.write(json.dumps({**row, **settings}) + "\n")


if __name__ == "__main__":
    main()
