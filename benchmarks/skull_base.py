"""Are the false alarms of real pairs slices below the skull base?

Run by hand, on a folder of real pairs with labels; appends JSON lines and prints the table:

    python benchmarks/skull_base.py FOLDER --labels labels.csv --patient patient \
        --name after --out benchmarks/results/skull_base.jsonl

Leave-one-patient-out, trained on the normal slices of the other patients. Each detector is run
three times: with all slices; with those below the skull base left out of training only; and with
them left out of training and of the test. Printed are: how many of the twenty top-ranked normal
slices lie below the skull base, beside the share of such slices among all normal ones (what chance
gives); and the AUROC inside each patient. "all slices: the others" is the first run, measured
without them: what marking them gives. The rule is written here again, from two functions that
older versions have too, so that the script runs with them; `--name` tells the rows apart.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, CrossModalDetector
from ctmri_detect.datasets import load_pairs
from ctmri_detect.imageops.brainmask import brain_mask, head_mask
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.pipelines import decisions
from ctmri_detect.preprocessing import make_preprocessor

DETECTORS = {"atlas": AtlasDetector(), "cross-modal": CrossModalDetector(random_state=0)}
LEAST_SHARE, MOST_OFF_CENTRE, LEAST_PIECE = {"hu": 0.47, "uint8": 0.5}, 1 / 3, 0.05
TOP = 20


def below_skull_base(ct: np.ndarray, units: str) -> bool:
    """As `imageops.skullbase.is_below_skull_base`, from the masks of any version."""
    brain, head = brain_mask(ct, units), head_mask(ct, units)
    if not brain.any():
        return True
    share = (brain & head).sum() / head.sum()
    if not share < LEAST_SHARE[units]:
        return False
    centres = [np.mean(np.nonzero(mask), axis=1) for mask in (brain, head)]
    allowed = np.sqrt(head.sum() / np.pi) * (1 - np.sqrt(share))
    areas = cv2.connectedComponentsWithStats(brain.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    off_centre = np.linalg.norm(centres[0] - centres[1]) / allowed > MOST_OFF_CENTRE
    return bool(off_centre or (areas >= LEAST_PIECE * areas.sum()).sum() > 1)


def held_out(detector: Any, X: Any, data: Bunch, usable: np.ndarray) -> np.ndarray:
    """Decisions of all slices by models of the other patients' usable normal slices."""
    patients, decision = np.asarray(data.groups), np.full(len(data.target), np.nan)
    for patient in np.unique(patients):
        train = (patients != patient) & (data.target == 1) & usable
        test = patients == patient
        decision[test] = decisions(clone(detector).fit(X[train]), X[test])
    return decision


def measured(decision: np.ndarray, data: Bunch, below: np.ndarray, used: np.ndarray) -> dict:
    """What the top-ranked normal slices are, and the AUROC inside patients, of the used slices."""
    normal = np.flatnonzero(used & (data.target == 1))
    top = normal[np.argsort(decision[normal], kind="stable")[:TOP]]
    inside = {}
    for patient in np.unique(data.groups):
        rows = used & (np.asarray(data.groups) == patient)
        if len(np.unique(data.target[rows])) == 2:
            area = decision_roc_auc_score(data.target[rows], decision[rows])
            inside[f"inside {patient}"] = round(area, 3)
    return {
        f"below skull base, top {TOP}": int(below[top].sum()),
        "expected by chance": round(TOP * float(below[normal].mean()), 1),
        "normal": len(normal),
        "anomalous": int((used & (data.target == -1)).sum()),
        **inside,
        "inside, mean": round(float(np.mean(list(inside.values()))), 3),
        "pooled": round(decision_roc_auc_score(data.target[used], decision[used]), 3),
    }


def rows(data: Bunch, below: np.ndarray) -> Iterator[dict[str, Any]]:
    """One row a detector and way to treat the slices below the skull base."""
    every = np.full(len(below), True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few patients, slices without a brain: known here
        X = make_preprocessor(data.ct_units).fit_transform(data.data)
        for name, detector in DETECTORS.items():
            full = held_out(detector, X, data, every)
            without = held_out(detector, X, data, ~below)
            for what, decision, used in (
                ("all slices", full, every),
                ("all slices: the others", full, ~below),
                ("not in training", without, every),
                ("left out", without, ~below),
            ):
                yield {"detector": name, "slices": what, **measured(decision, data, below, used)}


def main() -> None:
    """Run the folds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--name", default="", help="of this version, kept in the rows")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    data = load_pairs(arguments.folder, labels=arguments.labels, patient=arguments.patient)
    below = np.array([below_skull_base(pair[0], data.ct_units) for pair in data.data])
    counts = {"below, normal": int((below & (data.target == 1)).sum()),
              "below, anomalous": int((below & (data.target == -1)).sum())}  # fmt: skip
    found = [{"name": arguments.name, **row, **counts} for row in rows(data, below)]
    print(pd.DataFrame(found).to_markdown(index=False))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a") as file:
            for row in found:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
