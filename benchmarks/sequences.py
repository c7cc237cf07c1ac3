"""CT with one to three MRI sequences: what each more sequence finds, and what a missing one costs.

Run by hand; one seed a process, then the tables of docs/results.md and the figure:

    python benchmarks/sequences.py --seed 0 --out benchmarks/results/sequences.jsonl
    python benchmarks/sequences.py --figure docs/images/sequences.png
    python benchmarks/write_tables.py

A seed is 96 healthy phantom slices of 16 subjects for training and 128 slices of 16 other subjects
for the test, half of them with a lesion of the default kinds, made and prepared at 128 pixels.
`CrossModalDetector` with its defaults sees CT and T2, with FLAIR, and with T1, too; the same slices
each time. "One missing": from each test slice, one plane drawn at random is taken away after the
preparation. Seeds 0 to 9 are for publishing; what was chosen, was chosen on other heads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from run_synthetic import commit
from sklearn.utils import Bunch

from ctmri_detect import CrossModalDetector, Pairs
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.metrics import anomaly_map_average_precision_score, decision_roc_auc_score
from ctmri_detect.pipelines import Route, flat_steps
from ctmri_detect.preprocessing import make_preprocessor

SETS = (("CT", "T2"), ("CT", "T2", "FLAIR"), ("CT", "T1", "T2", "FLAIR"))
SUBJECTS, SLICES, SIZE = 16, (6, 8), 128
ROWS = Path(__file__).resolve().parent / "results" / "sequences.jsonl"


def phantom(seed: int, n_slices: int, share: float) -> Bunch:
    """CT, T1, T2 and FLAIR of the same heads."""
    return make_phantom_pairs(
        SUBJECTS,
        n_slices,
        size=SIZE,
        anomalous_fraction=share,
        sequence=("t1", "t2", "flair"),
        random_state=seed,
    )


def with_one_missing(X: Pairs, seed: int) -> Pairs:
    """The same samples, from each of which one plane is taken."""
    values = np.asarray(X).copy()
    lost = np.random.default_rng(seed).integers(values.shape[1], size=len(values))
    values[np.arange(len(values)), lost] = np.nan
    return X.replace(array=values)


class Test:
    """Test slices, and the way of a map back to their grid."""

    def __init__(self, data: Bunch) -> None:
        self.data = data
        preprocessor = make_preprocessor("hu", size=SIZE).fit(data.data)
        self.route = Route(data.data).walk(flat_steps(preprocessor))
        self.X = Pairs(self.route.X)

    def row(self, detector: CrossModalDetector, X: Pairs) -> dict[str, Any]:
        """Figures of a detector on these slices."""
        found = detector.detect(X, include=("decision", "anomaly_map"))
        maps = self.route.back(found.anomaly_map).astype(np.float16)
        kinds, normal = self.data.frame["kind"].to_numpy(), self.data.target == 1
        of_kinds = {}
        for kind in np.unique(kinds[~normal]):
            rows = normal | (kinds == kind)
            pixels = anomaly_map_average_precision_score(self.data.masks[rows], maps[rows])
            auroc = decision_roc_auc_score(self.data.target[rows], found.decision[rows])
            of_kinds[str(kind)] = [round(float(auroc), 4), round(float(pixels), 4)]
        return {
            "auroc": round(float(decision_roc_auc_score(self.data.target, found.decision)), 4),
            "pixel_ap": round(float(anomaly_map_average_precision_score(self.data.masks, maps)), 4),
            "flagged": round(float(np.mean(found.decision[normal] < 0)), 4),
            "kinds": of_kinds,
        }


def run(seed: int) -> Iterator[dict[str, Any]]:
    """All rows of one seed."""
    here, healthy = commit(), phantom(seed, SLICES[0], 0)
    train = make_preprocessor("hu", size=SIZE).fit_transform(healthy.data)
    test = Test(phantom(1000 + seed, SLICES[1], 0.5))
    for planes in SETS:
        detector = CrossModalDetector(random_state=seed, device="cpu").fit(train.select(planes))
        X = test.X.select(planes)
        for missing, samples in ((0, X), (1, with_one_missing(X, seed))):
            about = {"seed": seed, "planes": " + ".join(planes), "missing": missing}
            about["commit"] = here
            yield about | test.row(detector, samples)


def figure(path: Path) -> None:
    """AUROC by kind, a bar for each set of planes; the mean of all seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = pd.read_json(ROWS, lines=True)
    rows = rows[rows["missing"] == 0]
    sets = list(dict.fromkeys(rows["planes"]))
    kinds = sorted(rows["kinds"].iloc[0])
    fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for axis, figure_, title in zip(axes, (0, 1), ("image AUROC", "pixel AP"), strict=True):
        for k, planes in enumerate(sets):
            of = rows.loc[rows["planes"] == planes, "kinds"]
            values = [np.mean([one[kind][figure_] for one in of]) for kind in kinds]
            places = np.arange(len(kinds)) + 0.25 * (k - (len(sets) - 1) / 2)
            axis.barh(places, values, 0.25, label=planes)
        axis.set(xlabel=title, xlim=(0, 1))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(np.arange(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axes[0].invert_yaxis()
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    fig.savefig(path, dpi=120)


def main() -> None:
    """Measure and append, or draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    if given.figure:
        figure(given.figure)
        return
    for row in run(given.seed):
        line = json.dumps(row)
        print(line, flush=True)
        if given.out:
            with given.out.open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
