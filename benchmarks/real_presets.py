"""Presets and their members on a folder of real pairs: leave one patient out, inside patients.

Run by hand; appends JSON lines and prints the table:

    python benchmarks/real_presets.py FOLDER --labels labels.csv --patient patient --seed 0 \
        --out benchmarks/results/real_presets.jsonl

All members are fitted once a fold, and their maps give every combination: the mean of their
squares (and with half or a quarter of a weight for all but the cross-modal detector),
pooled as in `EnsembleDetector`. ``--all-slices`` trains on all slices of the other
patients, lesions included, as an archive would be; else on those that the labels call normal.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from real_pairs import inside

from ctmri_detect import (
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    EnsembleDetector,
)
from ctmri_detect.datasets import load_pairs
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring.evidence import pool_top

NAMES = {"crossmodaldetector": "cross-modal", "convautoencoderdetector": "autoencoder"}
NAMES |= {"deepfeaturedetector": "deep features"}


def fold_scores(train: object, test: object, seed: int) -> dict[str, np.ndarray]:
    """Scores of the members and of all sums of them, high = normal."""
    members = [CrossModalDetector(), ConvAutoencoderDetector(), DeepFeatureDetector()]
    fitted = EnsembleDetector(members, random_state=seed).fit(train)
    names = [NAMES[name] for name in fitted.names_]
    evidence = {
        name: member.anomaly_map(test) ** 2
        for name, member in zip(names, fitted.members_, strict=True)
    }
    found = {}
    for n in range(1, len(names) + 1):
        for chosen in combinations(names, n):
            each = [evidence[name] for name in chosen]
            found[" + ".join(chosen)] = -pool_top(np.mean(each, axis=0), 0.005)
            if n > 1 and chosen[0] == "cross-modal":
                for weight in (".5", ".25"):
                    joined = each[0] + float(weight) * np.sum(each[1:], axis=0)
                    found[f" + {weight} ".join(chosen)] = -pool_top(joined, 0.005)
    return found


def main() -> None:
    """Run the folds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all-slices", action="store_true")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    data = load_pairs(arguments.folder, labels=arguments.labels, patient=arguments.patient)
    patients, parts = np.asarray(data.groups), []
    for patient in np.unique(patients):
        learned, test = patients != patient, patients == patient
        if len(set(data.target[test])) < 2:
            continue  # nothing inside this patient to tell apart
        if not arguments.all_slices:
            learned &= data.target == 1
        step = make_preprocessor(ct_units=data.ct_units)
        train, new = step.fit_transform(data.data[learned]), step.transform(data.data[test])
        for name, scores in fold_scores(train, new, arguments.seed).items():
            found = {"detector": name, "patient": patient, "target": data.target[test]}
            parts.append(pd.DataFrame({**found, "decision": scores}))
        print(patient, flush=True)
    training = "all slices" if arguments.all_slices else "normal slices"
    rows = []
    for name, scores in pd.concat(parts).groupby("detector", sort=False):
        figures = {f"inside {who}": round(value, 3) for who, value in inside(scores).items()}
        mean = round(float(np.mean(list(figures.values()))), 3)
        rows.append({"detector": name, "seed": arguments.seed, "training": training, **figures})
        rows[-1]["inside, mean"] = mean
    print(pd.DataFrame(rows).to_markdown(index=False))
    if arguments.out:
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
