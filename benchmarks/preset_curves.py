"""Curves of robustness of the presets, on synthetic heads.

Run by hand, with the harness's conditions; finished cells are kept, so it goes on where it stopped:

    python benchmarks/preset_curves.py --store /tmp/curves --presets fast balanced \
        --out benchmarks/results/preset_curves.jsonl
    python benchmarks/preset_curves.py --report benchmarks/results/preset_curves.jsonl

150 subjects of 6 slices, 40 % of them with a lesion; 100 subjects train, 50 others test. Lesions
among the training slices, fewer patients, misregistered test slices. Seeds 0 to 9 are for
publishing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from run_synthetic import figures
from sklearn.model_selection import PredefinedSplit

from ctmri_detect import make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import (
    Contamination,
    Misregistration,
    TrainingPatients,
    benchmark,
)
from ctmri_detect.preprocessing import make_preprocessor

CONDITIONS = [
    *(Contamination(share) for share in (0.2, 0.4)),
    *(TrainingPatients(n) for n in (6, 25)),
    *(Misregistration(mm) for mm in (1.0, 2.0, 4.0, 8.0)),
]
FIGURES = ("auroc", "pixel_ap", "false_positive_rate")


def run(arguments: argparse.Namespace) -> pd.DataFrame:
    """All figures of a seed."""
    data = make_phantom_pairs(150, 6, anomalous_fraction=0.4, random_state=arguments.seed)
    _, subjects = np.unique(data.groups, return_inverse=True)
    result = benchmark(
        {name: make_detector(name) for name in arguments.presets},
        data,
        cv=PredefinedSplit(np.where(subjects < 100, -1, 0)),
        seeds=(arguments.seed,),
        preprocessor=make_preprocessor("hu"),
        conditions=CONDITIONS,
        store=arguments.store,
        n_threads=arguments.threads,
        n_examples=0,
    )
    return figures(result)


def report(table: pd.DataFrame) -> None:
    """Print a row of each condition, with the interval of the AUROC."""
    table = table[(table["kind"] == "all") & table["metric"].isin(FIGURES)]
    table = table.assign(condition=table["condition"].fillna(""))
    keys = ["condition", "condition_level"]
    shown = table.pivot_table(index=keys, columns=["detector", "metric"], values="value")
    print(shown.round(3).to_markdown())
    auroc = table[table["metric"] == "auroc"]
    print(auroc[["detector", *keys, "value", "low", "high"]].round(3).to_markdown(index=False))


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=["fast", "balanced"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--store", type=Path, default=Path("curves-store"))
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.report:
        report(pd.read_json(arguments.report, lines=True))
        return
    table = run(arguments)
    if arguments.out:
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in table.to_dict("records"))
    report(table)


if __name__ == "__main__":
    main()
