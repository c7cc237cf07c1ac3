"""Presets and their members on a folder of real pairs: real lesions, and lesions put in.

Run by hand, one seed and training a process; keeps the evidence of each member, then prints the
tables and writes rows:

    python benchmarks/real_presets.py FOLDER --labels labels.csv --patient patient --seed 0 \
        --maps maps/ --members cross-modal autoencoder
    python benchmarks/real_presets.py FOLDER --labels labels.csv --patient patient --maps maps/ \
        --report --out benchmarks/results/real_presets.jsonl

The patients that have both kinds of slice are left out in turn. `--all-slices` trains on all slices
of the other patients, lesions included, as an archive would be; else on those that the labels call
normal. Each member is fitted once a fold as the only member of an `EnsembleDetector`, and its
evidence (the square of its anomaly map) is kept for the slices of the patient that was left out,
and for those of them that look normal with one lesion each put in (`inject_anomalies`, moderate).
Sums of evidence with weights, pooled as in `EnsembleDetector`, then give every combination.
Figures: AUROC of real lesions inside each patient; AUROC of lesions put in against the same slices
without, and its difference to the best member, with DeLong's interval over patients.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from real_pairs import inside
from sklearn.utils import Bunch

from ctmri_detect import (
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    EnsembleDetector,
    SyntheticAnomalyDetector,
)
from ctmri_detect.datasets import load_pairs
from ctmri_detect.metrics import decision_roc_auc_score, delong_test
from ctmri_detect.pairs import Pairs
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.synthesis import inject_anomalies

MEMBERS: dict[str, Any] = {
    "cross-modal": CrossModalDetector,
    "autoencoder": ConvAutoencoderDetector,
    "deep features": DeepFeatureDetector,
    "synthetic": SyntheticAnomalyDetector,
}
WEIGHTS = (0.0, 0.25, 0.5, 1.0)  # of each member but the first


def tested(data: Bunch) -> list[Any]:
    """The patients that have both kinds of slice."""
    names = np.asarray(data.groups)
    return [name for name in np.unique(names) if len(set(data.target[names == name])) == 2]


def with_lesions(data: Bunch) -> tuple[Pairs, np.ndarray]:
    """Their slices that look normal, with a lesion each; which rows of `data` they are."""
    rows = np.flatnonzero((data.target == 1) & np.isin(np.asarray(data.groups), tested(data)))
    X, _, frame = inject_anomalies(data.data[rows], on_failure="skip", random_state=0)
    made = np.flatnonzero(frame["kind"] != "normal")
    return X[made], rows[made]


def evidence(data: Bunch, name: str, seed: int, all_slices: bool) -> dict[str, np.ndarray]:
    """Evidence of one member for the slices of the patients that are left out.

    The maps of their slices (of the others: zeros), of the slices with lesions, and the rows that
    these are of.
    """
    patients, (injected, rows) = np.asarray(data.groups), with_lesions(data)
    shape = (128, 128)  # of prepared slices
    real, put_in = (np.zeros((n, *shape), np.float32) for n in (len(patients), len(rows)))
    for patient in tested(data):
        learned = patients != patient
        if not all_slices:
            learned &= data.target == 1
        step = make_preprocessor(ct_units=data.ct_units)
        train = step.fit_transform(data.data[learned])
        model = EnsembleDetector([MEMBERS[name]()], random_state=seed).fit(train)
        tests = ((real, data.data, patients), (put_in, injected, patients[rows]))
        for found, X, whose in tests:
            here = np.flatnonzero(whose == patient)
            found[here] = model.anomaly_map(step.transform(X[here])) ** 2
        print(name, patient, flush=True)
    return {"real": real, "put_in": put_in, "rows": rows}


def figures(data: Bunch, real: np.ndarray, put_in: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Scores of one combination, and what they are worth."""
    patients = np.asarray(data.groups)
    scores = -pool_top(real, 0.005)
    each = inside(pd.DataFrame({"patient": patients, "target": data.target, "decision": scores}))
    both = np.concatenate([scores[rows], -pool_top(put_in, 0.005)])
    target = np.repeat([1, -1], len(rows))
    return {
        **{f"inside {who}": round(value, 3) for who, value in each.items()},
        "inside, mean": round(float(np.mean(list(each.values()))), 3),
        "lesions put in": round(decision_roc_auc_score(target, both), 3),
        "_put_in": both,
    }


def combinations(data: Bunch, kept: dict[str, dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    """Figures of each member and of each weighted sum with the first one."""
    names = list(kept)
    first, rows = names[0], kept[names[0]]["rows"]
    found = [
        {"detector": name, **figures(data, one["real"], one["put_in"], rows)}
        for name, one in kept.items()
    ]
    best = max(found, key=lambda row: row["lesions put in"])
    for weights in product(WEIGHTS, repeat=len(names) - 1):
        if not any(weights):
            continue
        parts = [(first, 1.0), *zip(names[1:], weights, strict=True)]
        real, put_in = (
            np.sum([w * kept[name][which] for name, w in parts if w], axis=0)
            for which in ("real", "put_in")
        )
        name = " + ".join(f"{w:g} {name}" if w != 1 else name for name, w in parts if w)
        found.append({"detector": name, **figures(data, real, put_in, rows)})
    target, whose = np.repeat([1, -1], len(rows)), np.tile(np.asarray(data.groups)[rows], 2)
    for row in found:
        test = delong_test(target, row["_put_in"], best["_put_in"], groups=whose)
        gain = [test.difference, *test.interval]
        row["put in - best member"] = [round(float(value), 3) for value in gain]
    return [{key: value for key, value in row.items() if key != "_put_in"} for row in found]


def main() -> None:
    """Keep the evidence of members, or print the tables of what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all-slices", action="store_true")
    parser.add_argument("--maps", type=Path, required=True)
    parser.add_argument("--members", nargs="+", default=["cross-modal", "autoencoder"])
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    data = load_pairs(arguments.folder, labels=arguments.labels, patient=arguments.patient)
    if arguments.report:
        report(data, arguments)
        return
    training = "all slices" if arguments.all_slices else "normal slices"
    arguments.maps.mkdir(parents=True, exist_ok=True)
    for name in arguments.members:
        path = arguments.maps / f"{name}; {training}; {arguments.seed}.npz"
        if not path.exists():
            found = evidence(data, name, arguments.seed, arguments.all_slices)
            np.savez_compressed(path, **found)


def report(data: Bunch, arguments: argparse.Namespace) -> None:
    """Print the tables of the chosen members, and write their rows."""
    rows = []
    for training in ("normal slices", "all slices"):
        for seed in range(10):
            paths = {
                name: arguments.maps / f"{name}; {training}; {seed}.npz"
                for name in arguments.members
            }
            if all(path.exists() for path in paths.values()):
                kept = {name: dict(np.load(path)) for name, path in paths.items()}
                about = {"training": training, "seed": seed}
                rows += [{**about, **row} for row in combinations(data, kept)]
    print(pd.DataFrame(rows).to_markdown(index=False))
    if arguments.out:
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
